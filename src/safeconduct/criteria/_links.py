"""What the criteria about addresses share: going through them once for all, and finding those to listed hosts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from safeconduct.contracts import Batch
from safeconduct.model import Item, Link
from safeconduct.screening.domains import DomainSet


class Linked(NamedTuple):
    """The items of a batch that have addresses, each with its index and its links; ``hosts``: each role with a host."""

    items: list[tuple[int, Item, Sequence[Link]]]
    hosts: frozenset[tuple[str, str]]


# Several criteria go through the links of a batch one after the other; nothing outlives the batch itself.
_known: WeakKeyDictionary[Batch, Linked] = WeakKeyDictionary()


def linked(batch: Batch) -> Linked:
    """All addresses of the batch."""
    known = _known.get(batch)
    if known is None:
        items = [(index, item, links) for index, item in enumerate(batch.items) if (links := batch.links(index))]
        hosts = {(link.role, link.host) for _, _, links in items for link in links}
        known = _known[batch] = Linked(items, frozenset(hosts))
    return known


Listed = dict[tuple[str, str], list[Link]]  # by entry of the list as it was written, and role


def listed(batch: Batch, hosts: DomainSet, roles: Collection[str]) -> dict[int, Listed]:
    """The addresses on listed hosts that play one of these roles, by the index of their item."""
    every = linked(batch)
    entries = {pair: entry for pair in every.hosts if pair[0] in roles and pair[1] and (entry := hosts.find(pair[1]))}
    found: dict[int, Listed] = {}
    for index, _, links in every.items if entries else ():
        for link in links:
            if named := entries.get((link.role, link.host)):
                found.setdefault(index, {}).setdefault((named, link.role), []).append(link)
    return found


def towards(batch: Batch, hosts: DomainSet) -> dict[int, dict[str, list[Link]]]:
    """The links to listed hosts: index of the item, then entry of the list as it was written, then the links."""
    found = listed(batch, hosts, ("link",))
    return {index: {entry: links for (entry, _), links in one.items()} for index, one in found.items()}
