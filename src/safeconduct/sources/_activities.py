"""From one record of an outbox to one item.

Written for speed: an archive has half a million of these.  Known shapes take the short way (no search, no copy);
everything else takes the long way in ``activitystreams.names``.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

from safeconduct.activitystreams import names
from safeconduct.activitystreams.visibility import effective
from safeconduct.model import Item, Json, Kind, Medium, Object, Reply
from safeconduct.sources._media import Files, attachments

_NONE: tuple[Medium, ...] = ()
_POST, _BOOST = Kind.POST, Kind.BOOST  # looking one up in its enumeration costs time


class Owner(Struct, frozen=True):
    """Whose archive it is.  ``own`` are the beginnings of all addresses of this person's posts."""

    id: str = ""
    acct: str = ""
    host: str = ""
    followers: frozenset[str] = frozenset()
    own: tuple[str, ...] = ()


class Ids:
    """Addresses seen, in eight bytes each: half a million must not cost a set of strings."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 1024))
        self._count = 0

    def add(self, address: str) -> None:
        """Remember one."""
        if self._count * 2 > len(self._slots):
            old, self._slots = self._slots, array("Q", bytes(32 * len(self._slots)))
            for key in old:
                if key:
                    self._slots[self._slot(key)] = key
        key = _key(address)
        slot = self._slot(key)
        self._count += not self._slots[slot]
        self._slots[slot] = key

    def __contains__(self, address: str) -> bool:
        key = _key(address)
        return self._slots[self._slot(key)] == key

    def _slot(self, key: int) -> int:
        size = len(self._slots)
        at = key % size
        while self._slots[at] not in (0, key):
            at = (at + 1) % size
        return at


def _key(address: str) -> int:
    return hash(address) & 0xFFFF_FFFF_FFFF_FFFF or 1


def owner(actor: Object) -> Owner:
    """The owner from their actor object; its parts are "" or empty where it does not say.

    Mastodon has written ids as ``/users/alice/statuses/1`` and, since 4.5, ``/ap/users/123/statuses/1``; people
    also meet the same post as ``/@alice/1``.
    """
    id, name = names.text(actor.get("id")), names.text(actor.get("preferredUsername"))
    server = names.host(id)
    own = [f"{id}/"] if server else []
    if address := names.href(actor.get("url")):
        own.append(address.rstrip("/") + "/")
    if server and name:
        origin = id.partition("://")[0] + "://" + id.partition("://")[2].partition("/")[0]
        own += [f"{origin}/users/{name}/", f"{origin}/@{name}/"]
    followers = {names.link(actor.get("followers")), f"{id}/followers" if id else ""} - {""}
    acct = names.acct(f"{name}@{server}") if name and server else ""
    return Owner(id, acct, server, frozenset(followers), tuple(dict.fromkeys(own)))


def activity(
    number: int,
    origin: str,
    raw: bytes,
    record: dict[str, Json],
    owner: Owner,
    files: Files,
    ids: Ids,
    notes: tuple[str, ...],
) -> Item:
    """The item of one record: a Create with what it creates, an Announce, a bare object, or something else."""
    thing = record.get("object")
    kind = _POST
    if type(thing) is not dict or record.get("type") != "Create" or thing.get("type") == names.POLL:
        kind, thing = _kind(record)
    inner: Object = thing
    if kind is _BOOST:
        boosted = record.get("object")
        inner = boosted if isinstance(boosted, Mapping) else thing
    id = thing.get("id")
    parent = thing.get("inReplyTo")
    media = _NONE
    if thing.get("attachment"):
        media, remarks = attachments(thing, files)
        notes += remarks
    if type(id) is not str:
        id = ""
    elif (
        not id.startswith(owner.own) and id and kind is not _BOOST and names.link(thing.get("attributedTo")) == owner.id
    ):
        ids.add(id)
    actor = record.get("actor")
    return Item(
        number,
        kind,
        origin,
        raw,
        record,
        thing,
        id,
        actor if type(actor) is str else _actor(record),
        effective(record, inner, owner.followers),
        when(thing.get("published") or record.get("published")),
        media,
        _reply(parent, owner, ids) if parent else None,
        notes,
    )


def when(claim: Json) -> datetime | None:
    """A date as claimed, in UTC; without a zone it counts as UTC; ``None`` if it is no date."""
    try:
        date: datetime | None = datetime.fromisoformat(claim)
    except (TypeError, ValueError):
        date = _loosely(claim)
    if date is None or date.tzinfo is UTC:
        return date
    if date.tzinfo is None:
        return date.replace(tzinfo=UTC)
    try:
        return date.astimezone(UTC)
    except OverflowError:  # the last hours of the year 9999, west of Greenwich
        return None


def _loosely(claim: Json) -> datetime | None:
    """Dates of mail (RFC 2822), and ``2022-11-10 06:29:44 UTC`` as Ruby prints them."""
    if not isinstance(claim, str) or len(claim) > 64:
        return None
    try:
        return datetime.fromisoformat(claim.removesuffix(" UTC") + "Z" if claim.endswith(" UTC") else "")
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(claim)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _kind(record: dict[str, Json]) -> tuple[Kind, dict[str, Json]]:
    what, thing = record.get("type"), record.get("object")
    if isinstance(what, list):
        what = next((name for name in what if isinstance(name, str)), None)
    if what == "Create" and isinstance(thing, dict):
        return (Kind.POLL if thing.get("type") == names.POLL else Kind.POST), thing
    if what == "Announce":
        return Kind.BOOST, record
    if what == names.POLL:
        return Kind.POLL, record
    if isinstance(what, str) and what in names.POSTS:
        return Kind.POST, record
    return Kind.OTHER, record


def _actor(record: dict[str, Json]) -> str:
    return names.link(record.get("actor")) or names.link(record.get("attributedTo"))


def _reply(parent: Json, owner: Owner, ids: Ids) -> Reply | None:
    to = parent if isinstance(parent, str) else names.link(parent)
    return Reply(to, to.startswith(owner.own) or to in ids) if to else None
