"""One reading of an archive in Mastodon's layout, from its first block to its last picture.

The order is law 7's: protection first, then people, then the profile, then what the person wrote and kept, last the
files themselves (only then is it known which of them a post shows).  Every member of the archive is accounted for.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import BinaryIO

from safeconduct.activitystreams import names
from safeconduct.activitystreams.visibility import effective
from safeconduct.archives import json_stream
from safeconduct.errors import ArchiveError
from safeconduct.model import Item, Json, Kind, Medium, Total, Unreadable, Visibility
from safeconduct.sources._activities import Ids, Owner, activity, owner, when
from safeconduct.sources._media import Files, portraits
from safeconduct.sources._opened import Opened
from safeconduct.sources._relations import BOOKMARKS, PEOPLE, PROTECTION, TABLES, Table, relations

FILTERS = "custom_filters.json"
COLLECTIONS: Mapping[str, tuple[Kind, str]] = {
    "blocked_domains.json": (Kind.DOMAIN_BLOCK, "DomainBlock"),
    "blocked_accounts.json": (Kind.BLOCK, "Block"),
    "muted_accounts.json": (Kind.MUTE, "Mute"),
    "lists.json": (Kind.LIST, "ListMember"),
    "following.json": (Kind.FOLLOW, "Follow"),
    "followers.json": (Kind.FOLLOWER, "Follower"),
    "followed_tags.json": (Kind.HASHTAG, "Hashtag"),
    "featured.json": (Kind.PIN, "Pin"),
    "likes.json": (Kind.LIKE, "Like"),
    "bookmarks.json": (Kind.BOOKMARK, "Bookmark"),
}
_PROTECTING = ("blocked_domains.json", "blocked_accounts.json", "muted_accounts.json")
_OF_PEOPLE = ("lists.json", "following.json", "followers.json", "followed_tags.json")
_KEPT = ("featured.json", "likes.json", "bookmarks.json")
_ABOUT_SOMEBODY = frozenset({Kind.BLOCK, Kind.MUTE, Kind.FOLLOW, Kind.FOLLOWER, Kind.LIST})
_TYPES = mimetypes.MimeTypes()  # Python's own table: the same on every machine

Found = Iterator[Item | Unreadable]


class Reading:
    """Reads everything once.  ``folder`` ("" or ``activitypub/``) holds the files; ``hidden`` members are left alone.

    ``beside`` are tables that lie next to the archive, because Mastodon gives them out one by one.
    """

    def __init__(
        self,
        archive: Opened,
        folder: str = "",
        beside: Mapping[str, Path] | None = None,
        hidden: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self.totals: list[Total] = []
        self.notes: list[str] = []
        self.owner = Owner()
        self._archive, self._folder, self._beside = archive, folder, beside or {}
        self._hidden = hidden
        self._numbers = count()
        self._read: set[str] = set()
        self._files = Files({name: member.size for name, member in archive.members.items()})
        self._signed = self._empty = 0

    def items(self) -> Found:
        """Every record, in order."""
        self.owner = self._owner()
        for table in PROTECTION:
            yield from self._table(table)
        yield from self._collections(_PROTECTING)
        yield from self._guarded(self._folder + FILTERS, self._filters())
        for table in PEOPLE:
            yield from self._table(table)
        yield from self._collections(_OF_PEOPLE)
        yield from self._profile()
        yield from self._outbox("outbox.json")
        yield from self._collections(_KEPT)
        yield from self._table(BOOKMARKS)
        yield from self._outbox("other.json")
        yield from self._media()
        self._remark()

    # --- whose it is -----------------------------------------------------------------------------------

    def whose(self) -> Owner:
        """The owner, before anything else is read."""
        return self.owner if self.owner.id else self._owner()

    def _owner(self) -> Owner:
        actor = self._actor()
        said = actor.value if isinstance(actor, json_stream.Document) else None
        found = owner(said) if isinstance(said, Mapping) else Owner()
        return found if found.id else owner(self._first_actor())

    def _actor(self) -> json_stream.Document | str:
        """The profile's file, or why there is none."""
        member = self._folder + "actor.json"
        if member not in self._archive.members:
            return ""
        try:
            with self._archive.open(member) as stream:
                return json_stream.load(stream)
        except ArchiveError as error:
            if error.code != "json":
                raise
            return str(error)

    def _first_actor(self) -> Mapping[str, Json]:
        """Without an actor.json: the actor of the first activity, which has a name only if its id shows it."""
        member = self._folder + "outbox.json"
        if member not in self._archive.members:
            return {}
        with self._archive.open(member) as stream:
            for record in json_stream.Collection(stream):
                value = record.value
                id = names.link(value.get("actor") or value.get("attributedTo")) if isinstance(value, dict) else ""
                if id:
                    return {"id": id, "preferredUsername": names.acct(id).partition("@")[0]}
        return {}

    def _profile(self) -> Found:
        member = self._folder + "actor.json"
        document = self._actor()
        if document == "":
            self.notes.append(f"There is no {member}: the profile is missing, and whose archive this is, is a guess.")
            return
        self._read.add(member)
        if isinstance(document, str) or not isinstance(document.value, dict):
            why = document if isinstance(document, str) else "the profile is not a JSON object"
            yield Unreadable(next(self._numbers), member, why)
            return
        value = document.value
        yield Item(
            number=next(self._numbers),
            kind=Kind.PROFILE,
            origin=f"{member}#",
            raw=bytes(document.raw),
            record=value,
            object=value,
            id=names.text(value.get("id")),
            actor=names.text(value.get("id")),
            visibility=Visibility.PUBLIC,
            published=when(value.get("published")),
            media=portraits(value, self._files),
            notes=tuple(document.notes),
        )

    # --- what the person wrote -------------------------------------------------------------------------

    def _outbox(self, file: str) -> Found:
        member = self._folder + file
        if member not in self._archive.members:
            return
        if file != "outbox.json" and not self._folder:
            return  # only a container of ours has the others
        self._read.add(member)
        ids, owner, files, prefix = Ids(), self.owner, self._files, member + "#"
        first = next(self._numbers)
        number, signed = first - 1, 0
        with self._archive.open(member) as stream:
            collection = json_stream.Collection(stream)
            for number, record in enumerate(collection, first):
                value, origin = record.value, prefix + record.pointer
                if record.problem or type(value) is not dict:
                    yield Unreadable(number, origin, record.problem or _strange(value))
                else:
                    signed += "signature" in value
                    yield activity(number, origin, record.raw, value, owner, files, ids, record.notes)
        self._numbers = count(number + 1)
        self._signed += signed
        self._total(member, collection, number + 1 - first)

    # --- everything that is a list ---------------------------------------------------------------------

    def _collections(self, files: tuple[str, ...]) -> Found:
        for file in files:
            member = self._folder + file
            if member in self._archive.members:
                self._read.add(member)
                yield from self._guarded(member, self._collection(member, *COLLECTIONS[file]))

    def _guarded(self, member: str, found: Found) -> Found:
        """A small file that is no JSON at all is one loss, reported; the rest of the archive is still good."""
        try:
            yield from found
        except ArchiveError as error:
            if error.code != "json":
                raise
            yield Unreadable(next(self._numbers), member, str(error))

    def _collection(self, member: str, kind: Kind, type: str) -> Found:
        found = 0
        with self._archive.open(member) as stream:
            collection = json_stream.Collection(stream)
            for record in collection:
                found += 1
                origin, value = f"{member}#{record.pointer}", record.value
                thing = _related(value, kind, type)
                if record.problem or thing is None:
                    yield Unreadable(next(self._numbers), origin, record.problem or _strange(value))
                    continue
                yield Item(
                    number=next(self._numbers),
                    kind=kind,
                    origin=origin,
                    raw=record.raw,
                    record=thing,
                    object=thing,
                    id=names.text(thing.get("id")),
                    actor=names.link(thing.get("actor") or thing.get("attributedTo")),
                    visibility=effective(thing, thing, self.owner.followers),
                    published=when(thing.get("published")),
                    notes=tuple(record.notes),
                )
        self._total(member, collection, found)

    def _filters(self) -> Found:
        member = self._folder + FILTERS
        if member not in self._archive.members:
            return
        self._read.add(member)
        found = 0
        with self._archive.open(member) as stream:
            collection = json_stream.Collection(stream, arrays=("custom_filters", "orderedItems", "items"))
            for record in collection:
                found += 1
                number, origin, value = next(self._numbers), f"{member}#{record.pointer}", record.value
                if record.problem or not isinstance(value, dict):
                    yield Unreadable(number, origin, record.problem or _strange(value))
                else:
                    yield Item(number, Kind.FILTER, origin, record.raw, value, value, notes=tuple(record.notes))
        self._total(member, collection, found)

    def _table(self, table: Table) -> Found:
        for file in table.files:
            member = self._folder + file
            if member in self._archive.members:
                self._read.add(member)
                with self._archive.open(member) as stream:
                    yield from self._rows(stream, table, member)
            if file in self._beside:
                self.notes.append(f"{file} lay beside the archive and was read as a part of it.")
                with self._beside[file].open("rb") as stream:
                    yield from self._rows(stream, table, file)

    def _rows(self, stream: BinaryIO, table: Table, member: str) -> Found:
        found = 0
        for item in relations(stream, table, member, self.owner.host, self._numbers):
            found += 1
            yield item
        self.totals.append(Total(member, None, found))

    # --- files -----------------------------------------------------------------------------------------

    def _media(self) -> Found:
        """Every member that was not read as records, by name: that order survives being packed anew."""
        for name, member in sorted(self._archive.members.items()):
            if name in self._read or self._hidden(name):
                continue
            kind = Kind.MEDIA if _is_media(name) else Kind.OTHER
            self._empty += member.size == 0 and kind is Kind.MEDIA
            short, used = name.rpartition("/")[2], self._files.used.get(name, 0)
            thing = {"type": "Document", "name": short, "member": name, "size": member.size, "usedBy": used}
            medium = Medium("", name, _TYPES.guess_type(short, strict=False)[0] or "", short)
            notes = ("this file is empty (0 bytes)",) if member.size == 0 else ()
            yield Item(next(self._numbers), kind, name, b"", thing, thing, media=(medium,), notes=notes)

    # --- what is to be said about the whole ------------------------------------------------------------

    def _total(self, member: str, collection: json_stream.Collection, found: int) -> None:
        declared = collection.members.get("totalItems")
        known = isinstance(declared, int) and not isinstance(declared, bool)
        self.totals.append(Total(member, declared if known else None, found))
        self.notes.extend(f"{member}: {note}" for note in collection.notes)

    def _remark(self) -> None:
        if self._signed:
            self.notes.append(
                f"{self._signed} activities carry a signature of the old server (as exports of 2022 do); "
                "it cannot be checked without that server's key."
            )
        if self._empty:
            files = "file is" if self._empty == 1 else "files are"
            self.notes.append(f"{self._empty} {files} empty (0 bytes): a known fault of exports from object storage.")


def _related(value: Json, kind: Kind, type: str) -> dict[str, Json] | None:
    """A bare address becomes an object that says what it means; an object stays as it is."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str) or not value:
        return None
    if kind in _ABOUT_SOMEBODY:
        return {"type": type, "acct": names.acct(value)} | ({"href": value} if "://" in value else {})
    if kind is Kind.HASHTAG:
        return {"type": type, "name": "#" + value.rpartition("/")[2].lstrip("#")}
    return (
        {"type": type, "domain": names.domain(value)} if kind is Kind.DOMAIN_BLOCK else {"type": type, "object": value}
    )


def _is_media(name: str) -> bool:
    guess = _TYPES.guess_type(name, strict=False)[0] or ""
    return guess.startswith(("image/", "audio/", "video/")) or "media_attachments/" in name or "/attachments/" in name


def _strange(value: Json) -> str:
    shape = {
        type(None): "empty",
        bool: "yes or no",
        int: "a number",
        float: "a number",
        str: "bare text",
        list: "a list",
    }
    return f"this record is {shape.get(type(value), 'something else')}, where an object is expected"


def tables_beside(path: Path) -> dict[str, Path]:
    """The tables with well-known names in the folder of an archive, as people download them."""
    files = (file for table in TABLES for file in table.files)
    return {file: found for file in files if (found := path.parent / file).is_file() and not found.is_symlink()}
