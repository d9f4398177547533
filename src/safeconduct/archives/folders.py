"""An archive that somebody has already unpacked: a folder, read without following a single link."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from safeconduct.archives import names
from safeconduct.archives.archive import Member, refuse_count
from safeconduct.archives.bytesource import PIECE
from safeconduct.archives.limits import Limits
from safeconduct.archives.trouble import trouble

_AGAIN = "Do not change the folder while it is read; try again."
_COPY = "Put the file itself there, or take the link out of the folder."


class Kept(Member, frozen=True):
    """A file of the folder.  ``place`` is where the disk itself said it is."""

    place: str = ""


class Folder:
    """The container behind an archive that is a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: list[Kept] = []

    def listing(self, limits: Limits) -> tuple[list[Member], list[str]]:
        """Every regular file below the folder, sorted by name."""
        for member in _files(os.fspath(self._path), "", limits):
            self._found.append(member)
            refuse_count(len(self._found), limits)
        self._found.sort(key=lambda member: member.name)
        return list(self._found), []

    def pieces(self, member: Member) -> Iterator[bytes]:
        assert isinstance(member, Kept)
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            handle = os.fdopen(os.open(member.place, flags), "rb", buffering=0)
        except OSError as error:
            raise trouble("unreadable", member.name, f"cannot be opened ({error.strerror})", _AGAIN) from error
        made = 0
        with handle:
            while piece := handle.read(PIECE):
                made += len(piece)
                if made > member.size:
                    break
                yield piece
        if made != member.size:
            raise trouble("size", member.name, "was changed while it was read", _AGAIN)

    def sha256(self) -> str:
        """SHA-256 over one line per file, sorted by name: name, NUL, size, NUL, hex SHA-256 of the contents."""
        whole = hashlib.sha256()
        for member in self._found:
            one = hashlib.sha256()
            for piece in self.pieces(member):
                one.update(piece)
            whole.update(f"{member.name}\0{member.size}\0{one.hexdigest()}\n".encode())
        return whole.hexdigest()

    def close(self) -> None:
        """Nothing is held open between readings."""


def _files(folder: str, inside: str, limits: Limits) -> Iterator[Kept]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(islice(entries, limits.members + 1), key=lambda entry: entry.name)
        refuse_count(len(found), limits)
    except OSError as error:
        raise trouble("unreadable", inside, f"cannot be listed ({error.strerror})", _AGAIN) from error
    for entry in found:
        name = f"{inside}{entry.name}"
        key = names.clean(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), limits)
        about = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(about.st_mode):
            raise trouble("link", name, "is a symbolic link, which could lead out of the folder", _COPY)
        if stat.S_ISDIR(about.st_mode):
            yield from _files(entry.path, f"{name}/", limits)
        elif stat.S_ISREG(about.st_mode):
            yield Kept(key, about.st_size, entry.path)
        else:
            raise trouble("device", name, "is a device, pipe or socket and not a file", _COPY)
