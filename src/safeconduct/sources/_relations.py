"""Whom and what a person follows, blocks, mutes, lists and keeps: Mastodon's CSV files and their dialects.

Columns as Mastodon 4 writes them (``app/models/export.rb``); GoToSocial, snac, Takahe, Misskey, Bonfire and
FEP-6fcd differ in file names, headers and columns, and are read too.  Every cell stays in ``object["columns"]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from msgspec import Struct

from safeconduct.activitystreams import names
from safeconduct.model import Item, Json, Kind, Unreadable
from safeconduct.sources._csv import Columns, Row, rows, truth

_HEADERS = {
    "account address": "acct",
    "account": "acct",
    "acct": "acct",
    "address": "acct",
    "show boosts": "showBoosts",
    "notify on new posts": "notify",
    "languages": "languages",
    "hide notifications": "hideNotifications",
    "domain": "domain",
    "severity": "severity",
    "reject media": "rejectMedia",
    "reject reports": "rejectReports",
    "public comment": "publicComment",
    "private comment": "privateComment",
    "obfuscate": "obfuscate",
    "list name": "title",
    "list": "title",
    "title": "title",
    "uri": "uri",
    "url": "uri",
    "hashtag": "tag",
    "tag": "tag",
}
_FLAGS = ("showBoosts", "notify", "hideNotifications", "rejectMedia", "rejectReports", "obfuscate")
_TEXTS = ("severity", "publicComment", "privateComment")


class Table(Struct, frozen=True):
    """What one file of relations holds, and the names it goes by: first Mastodon's own, then the others'."""

    kind: Kind
    type: str
    files: tuple[str, ...]
    columns: Columns


def _table(kind: Kind, type: str, files: str, columns: str, key: str, greedy: str = "", joint: str = ", ") -> Table:
    return Table(kind, type, tuple(files.split()), Columns(columns.split(), key, _HEADERS, greedy, joint))


_DOMAIN = "domain severity rejectMedia rejectReports publicComment obfuscate"
PROTECTION = (  # law 7: protection before posts, the widest first
    _table(
        Kind.DOMAIN_BLOCK, "DomainBlock", "blocked_domains.csv domain_blocks.csv", _DOMAIN, "domain", "publicComment"
    ),
    _table(Kind.BLOCK, "Block", "blocked_accounts.csv blocks.csv blocked.csv", "acct", "acct"),
    _table(Kind.MUTE, "Mute", "muted_accounts.csv mutes.csv muted.csv", "acct hideNotifications", "acct"),
)
PEOPLE = (
    _table(Kind.LIST, "ListMember", "lists.csv", "title acct", "acct", "title"),
    _table(
        Kind.FOLLOW,
        "Follow",
        "following_accounts.csv follows.csv following.csv",
        "acct showBoosts notify languages",
        "acct",
        "languages",
    ),
    _table(Kind.FOLLOWER, "Follower", "followers.csv", "acct", "acct"),
    _table(Kind.HASHTAG, "Hashtag", "followed_tags.csv followed_hashtags.csv", "tag", "tag"),
)
BOOKMARKS = _table(Kind.BOOKMARK, "Bookmark", "bookmarks.csv", "uri", "uri", "uri", ",")
TABLES = (*PROTECTION, *PEOPLE, BOOKMARKS)
FILES = frozenset(file for table in TABLES for file in table.files)


def relations(
    stream: BinaryIO, table: Table, file: str, home: str, numbers: Iterator[int]
) -> Iterator[Item | Unreadable]:
    """Every row of one file.  ``home`` is the account's own server: a bare name in a list means somebody there."""
    for row in rows(stream, table.columns):
        origin = f"{file}#L{row.line}"
        thing = row.problem or _trap(row) or _thing(row, table, home)
        if isinstance(thing, str):
            yield Unreadable(next(numbers), origin, thing)
        else:
            yield Item(next(numbers), table.kind, origin, row.raw, thing, thing)


def _thing(row: Row, table: Table, home: str) -> dict[str, Json] | str:
    """The row as an object, or why it is none."""
    cell = row.cells.get(table.columns.key, "")
    found = _KEYS[table.columns.key](cell, home)
    if isinstance(found, str):
        return found
    thing: dict[str, Json] = {"type": table.type, **found}
    for name, value in row.cells.items():
        if name in _FLAGS and (flag := truth(value)) is not None:
            thing[name] = flag
        elif name in _TEXTS and value:
            thing[name] = value
    if title := row.cells.get("title"):
        thing["title"] = title
    if languages := row.cells.get("languages"):
        thing["languages"] = [code for code in languages.replace(",", " ").split() if code]
    thing["columns"] = dict(row.cells)
    return thing


def _account(cell: str, home: str) -> dict[str, Json] | str:
    found = names.acct(cell, home)
    address = {"href": cell} if "://" in cell else {}
    if found or (address and names.host(cell)):
        return {"acct": found, **address}
    return f"this line names no account: {_short(cell)}" if cell else "this line names no account"


def _domain(cell: str, home: str) -> dict[str, Json] | str:
    del home
    found = names.host(cell) if "://" in cell else names.domain(cell)
    if found.startswith("#"):
        return f"this line is commented out: {_short(cell)}"
    if "*" in found:
        return f"a pattern and not a domain: {_short(cell)}.  Block the domains it stands for by hand."
    if "." not in found or any(mark.isspace() or mark in "@/:,;" for mark in found):
        return f"this line names no domain: {_short(cell)}"
    return {"domain": found}


def _uri(cell: str, home: str) -> dict[str, Json] | str:
    del home
    if names.host(cell) or cell.startswith(("at://", "did:")):
        return {"object": cell}
    return f"this line is no address: {_short(cell)}"


def _tag(cell: str, home: str) -> dict[str, Json] | str:
    del home
    word = cell.lstrip("#＃")
    return {"name": "#" + word} if word and not any(mark.isspace() for mark in word) else f"no hashtag: {_short(cell)}"


_KEYS: Mapping[str, Callable[[str, str], dict[str, Json] | str]] = {
    "acct": _account,
    "domain": _domain,
    "uri": _uri,
    "tag": _tag,
}


def _trap(row: Row) -> str:
    """Publishers of blocklists add invented rows to see who copies them unread (``ap.invalid``, ``iftas:canary``)."""
    cell = row.cells.get("domain") or row.cells.get("acct") or ""
    server = names.domain(cell.rsplit("@", 1)[-1])
    marked = any(value.lower().endswith(":canary") for value in row.cells.values())
    if marked or server.endswith(".invalid") or server.startswith(("canary.", "000delete.this.line.")):
        return f"a canary, put there by the publisher of the list to see who copies it: {_short(cell)}"
    return ""


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 60 else cell[:59] + "…")
