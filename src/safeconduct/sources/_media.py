"""From an attachment's address to the file in the archive that holds its bytes.

Real Mastodon archives write the same file in four ways: ``media_attachments/files/…`` (local storage),
``/media_attachments/files/…`` (S3 or CDN), ``/<bucket>/media_attachments/files/…`` (path-style S3), and tar.gz of
before 4.2 keep it under ``opt/mastodon/public/system/media_attachments/…``.  So the longest common suffix decides.
An address is only ever a key to look up among the members: no ``..`` in it can lead anywhere else.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Mapping
from urllib.parse import unquote

from safeconduct.activitystreams import names
from safeconduct.model import Json, Medium, Object

ROOM = 200  # characters of a file name shown in a note
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*+)++")  # a path with nothing in it to resolve, and no server


class Files:
    """The files of one archive by the end of their path, and how often each was referred to."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.used: dict[str, int] = {}
        ends = sorted((_end(member.split("/")), member) for member in sizes)
        self._ends = [end for end, _ in ends]
        self._members = [member for _, member in ends]

    def find(self, address: str) -> str | None:
        """The member an address means; ``None`` if there is none, or if several fit equally well."""
        if _PLAIN.fullmatch(address):
            if address[1:] in self.sizes:
                return address[1:]
            if not self._called(address[address.rindex("/") + 1 :] + "/"):
                return None
        steps, remote = _path(address)
        found = self._longest(steps, remote)
        if found is None and "%" in address:
            return self._longest([unquote(step) for step in steps], remote)
        return found

    def use(self, address: str) -> str | None:
        """``find``, counted."""
        found = self.find(address)
        if found is not None:
            self.used[found] = self.used.get(found, 0) + 1
        return found

    def _called(self, name: str) -> bool:
        at = bisect_left(self._ends, name)
        return at < len(self._ends) and self._ends[at].startswith(name)

    def _longest(self, steps: list[str], remote: bool) -> str | None:
        """A search among sorted reversed paths: neither many members nor many equal names make it slow."""
        wanted = _end(steps)
        at = bisect_left(self._ends, wanted)
        shared = max((_shared(wanted, end) for end in self._ends[max(at - 1, 0) : at + 1]), key=len, default="")
        if not shared:
            return None
        first = bisect_left(self._ends, shared)
        whole = self._ends[first] == shared
        if not whole and first + 1 < len(self._ends) and self._ends[first + 1].startswith(shared):
            return None
        depth = shared.count("/")  # one equal file name on another server is chance
        return self._members[first] if depth >= 2 or (not remote and (whole or shared == wanted)) else None


def attachments(thing: Object, files: Files) -> tuple[tuple[Medium, ...], tuple[str, ...]]:
    """The media an object shows, and what is to be said about them."""
    media: list[Medium] = []
    notes: list[str] = []
    for pointer, part in _parts(thing.get("attachment")):
        url = part.get("url")
        address = url if type(url) is str else names.href(url)
        if not address and names.text(part.get("type")) not in names.MEDIA:
            continue  # a link preview (Mastodon since 4.6 writes ``Link`` without ``url``) is not a medium
        medium = _medium(pointer, part, address, files)
        media.append(medium)
        if medium.empty or not address:
            notes.append(_oddity(medium))
        if icon := part.get("icon"):
            files.use(names.href(_url(icon)))  # a video's still picture is spoken for
    return tuple(media), tuple(notes)


def portraits(actor: Object, files: Files) -> tuple[Medium, ...]:
    """An actor's avatar and header."""
    media = []
    for name in ("icon", "image"):
        for pointer, part in _parts(actor.get(name), f"/{name}"):
            if address := names.href(part.get("url")):
                media.append(_medium(pointer, part, address, files))
    return tuple(media)


def _medium(pointer: str, part: Object, address: str, files: Files) -> Medium:
    member = files.use(address) if address else None
    return Medium(
        pointer=pointer,
        member=member,
        type=names.text(part.get("mediaType")),
        name=address.partition("?")[0].partition("#")[0].rpartition("/")[2],
        alt=names.text(part.get("name")) or names.text(part.get("summary")),
        focus=_focus(part.get("focalPoint")),
        empty=member is not None and files.sizes[member] == 0,
    )


def _oddity(medium: Medium) -> str:
    if not medium.empty:
        return "an attachment gives no address for its file"
    name = (medium.name or "an attachment without a name")[:ROOM]
    return f"{name} is empty in the archive (0 bytes); the old server may still have it"


def _parts(value: Json, at: str = "/attachment") -> list[tuple[str, Object]]:
    if isinstance(value, list):
        return [(f"{at}/{index}", part) for index, part in enumerate(value) if isinstance(part, dict)]
    return [(at, value)] if isinstance(value, dict) else []


def _url(icon: Json) -> Json:
    if isinstance(icon, list) and icon:
        icon = icon[0]
    return icon.get("url") if isinstance(icon, Mapping) else None


def _focus(point: Json) -> tuple[float, float] | None:
    if not isinstance(point, list) or len(point) != 2:
        return None
    if any(isinstance(side, bool) or not isinstance(side, int | float) or not -1 <= side <= 1 for side in point):
        return None
    return float(point[0]), float(point[1])


def _path(address: str) -> tuple[list[str], bool]:
    """An address as path components with ``.`` and ``..`` resolved and contained; whether it names a server."""
    scheme, found, rest = address.partition("://")
    remote = bool(found) and "/" not in scheme
    path = rest.partition("/")[2] if remote else address
    path = path.partition("?")[0].partition("#")[0]
    steps: list[str] = []
    for step in path.split("/"):
        if step == ".." and steps:
            steps.pop()
        elif step not in ("", ".", ".."):
            steps.append(step)
    return steps, remote


def _end(steps: list[str]) -> str:
    """A path from its end: ``b/a/`` for ``a/b``.  macOS re-zips with decomposed names, so all are composed."""
    end = "".join(step + "/" for step in reversed(steps))
    return end if end.isascii() else unicodedata.normalize("NFC", end)


def _shared(one: str, other: str) -> str:
    """The whole components that two such ends have in common."""
    if other.startswith(one):
        return one
    length = 0
    for mine, theirs in zip(one.split("/")[:-1], other.split("/")[:-1], strict=False):
        if mine != theirs:
            break
        length += len(mine) + 1
    return one[:length]
