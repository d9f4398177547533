"""What the criteria about addresses share: going through them once for all, and finding those to listed hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from safeconduct.contracts import Batch
from safeconduct.model import Item, Link
from safeconduct.screening.domains import DomainSet


class Linked(NamedTuple):
    """The items of a batch that have addresses, each with its index and its links; ``hosts``: of those in texts."""

    items: list[tuple[int, Item, Sequence[Link]]]
    hosts: frozenset[str]


# Several criteria go through the links of a batch one after the other; nothing outlives the batch itself.
_known: WeakKeyDictionary[Batch, Linked] = WeakKeyDictionary()


def linked(batch: Batch) -> Linked:
    """All addresses of the batch."""
    known = _known.get(batch)
    if known is None:
        items = [(index, item, links) for index, item in enumerate(batch.items) if (links := batch.links(index))]
        hosts = {link.host for _, _, links in items for link in links if link.role == "link"}
        known = _known[batch] = Linked(items, frozenset(hosts - {""}))
    return known


def towards(batch: Batch, hosts: DomainSet) -> dict[int, dict[str, list[Link]]]:
    """The links to listed hosts: index of the item, then entry of the list as it was written, then the links."""
    every = linked(batch)
    listed = {host: entry for host in every.hosts if (entry := hosts.find(host))}
    found: dict[int, dict[str, list[Link]]] = {}
    for index, _, links in every.items if listed else ():
        for link in links:
            if link.role == "link" and link.host in listed:
                found.setdefault(index, {}).setdefault(listed[link.host], []).append(link)
    return found
