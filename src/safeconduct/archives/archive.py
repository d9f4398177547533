"""An opened archive: which members it has, and their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self, cast

from msgspec import Struct
from msgspec.structs import replace

from safeconduct.archives import names
from safeconduct.archives.bytesource import Produced
from safeconduct.archives.limits import Limits
from safeconduct.archives.trouble import BROKEN, HOSTILE, REPACK, trouble


class Member(Struct, frozen=True):
    """One file of an archive.  ``size`` is what the archive says, a claim until it has been read."""

    name: str
    size: int


class Body(Protocol):
    """The container behind an archive: zip, tar or folder."""

    def listing(self, limits: Limits) -> tuple[Sequence[Member], list[str]]:
        """Every regular file, each entry checked; and notes.  Raises ``ArchiveError``."""

    def pieces(self, member: Member) -> Iterator[bytes]:
        """The bytes of a member it listed.  Raises ``ArchiveError`` when they are not what was promised."""

    def sha256(self) -> str: ...

    def close(self) -> None: ...


class Archive:
    """A zip, tar or folder whose listing has been checked; nothing has been written by the members' names.

    ``members`` are keyed by NFC name, without the one folder that wraps everything (``wrapper``, "" if none) and
    without macOS bookkeeping.  ``notes`` are sentences for the report.  Use it as a context manager.
    """

    def __init__(self, path: Path, body: Body, found: Sequence[Member], notes: Sequence[str], limits: Limits) -> None:
        self.path = path
        self._body = body
        self.members, self.wrapper, more = arrange(found, limits)
        self.notes = (*notes, *more)

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the file as it lies on disk; for a folder, over its sorted names and contents.

        Computed when first asked for: it reads everything.
        """
        return self._body.sha256()

    def open(self, name: str) -> BinaryIO:
        """The bytes of a member, counted as they are produced.

        Reading raises ``ArchiveError``: ``size`` (more or fewer bytes than declared), ``checksum``, ``truncated``,
        ``broken``.  The checksum can only be known at the end: do not trust a member before it is read to its end.
        """
        member = self.members.get(name)
        if member is None:
            raise trouble("missing", name, "is not in this archive", "Ask for a complete export if it should be.")
        return cast(BinaryIO, Produced(name, self._body.pieces(member)))

    def close(self) -> None:
        """Close the file; a spooled tar is gone with it."""
        self._body.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def arrange(found: Sequence[Member], limits: Limits) -> tuple[Mapping[str, Member], str, list[str]]:
    """Members by name, the wrapping folder that was taken off, and notes.  Raises ``ArchiveError``.

    Everything found counts against the limits and collisions, also what is then left aside as bookkeeping.
    """
    _refuse_sizes(found, limits)
    names.refuse_collisions([member.name for member in found])
    kept = [member for member in found if not names.junk(member.name)]
    notes = []
    if len(kept) < len(found):
        notes.append(f"{len(found) - len(kept)} files of macOS bookkeeping were left aside.")
    if not kept:
        raise trouble("empty", "", "there is no file in this archive", BROKEN)
    top = names.wrapper([member.name for member in kept])
    if top:
        kept = [replace(member, name=member.name[len(top) + 1 :]) for member in kept]
    return {member.name: member for member in kept}, top, notes


def _refuse_sizes(found: Sequence[Member], limits: Limits) -> None:
    total = 0
    for member in found:
        total += member.size
        if member.size > limits.member_bytes:
            raise trouble("too-big", member.name, f"would be {member.size:,} bytes when unpacked", REPACK)
    if total > limits.total_bytes:
        raise trouble("too-big", "", f"the archive would be {total:,} bytes when unpacked", REPACK)


def refuse_count(count: int, limits: Limits) -> None:
    """Raise ``ArchiveError`` (``count``) before a listing of absurd length is built."""
    if count > limits.members:
        raise trouble("count", "", f"the archive says it has {count:,} members, more than {limits.members:,}", HOSTILE)
