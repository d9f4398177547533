"""Tar files, read by our own parser; compressed ones are unpacked once into a nameless temporary file.

Python's ``tarfile`` is not used: in the versions we support, negative sizes can make it loop for ever
(CVE-2025-8194), its reading of pax headers backtracks (CVE-2024-6232), and it takes a header of any length into
memory.
Written from POSIX.1-2017 ``pax`` and the GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import errno
import io
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from msgspec import Struct

from safeconduct.archives import names
from safeconduct.archives.archive import Member, refuse_count
from safeconduct.archives.bytesource import PIECE, RandomFile, digest
from safeconduct.archives.expanding import compression, expand
from safeconduct.archives.limits import MIB, Limits
from safeconduct.archives.trouble import BROKEN, HOSTILE, REPACK, trouble
from safeconduct.errors import ArchiveError

BLOCK = 512
GLANCE = 16 * MIB
_ZEROS = bytes(BLOCK)
_OCTAL = re.compile(rb"[ 0]*([0-7]*)[ \0]*", re.DOTALL)
_FULL = 0o77777777777  # what a writer puts where the true size does not fit
_DEVICES = {b"3": "a character device", b"4": "a block device", b"6": "a named pipe"}
_OTHER = {b"M": "continues in another part", b"D": "is an incremental dump", b"N": "has an old GNU long name"}


class Stored(Member, frozen=True, gc=False):
    """A member of a tar and where its bytes begin."""

    offset: int = 0


class Header(Struct, frozen=True):
    """One header block.  ``size`` counts the bytes that follow, before they are padded to 512."""

    name: str
    kind: bytes
    size: int
    certain: bool


class Tar:
    """The container behind an archive that is a tar, compressed or not."""

    def __init__(self, handle: BinaryIO, limits: Limits, folder: Path | None) -> None:
        self._handle = handle
        kind = compression(handle.read(8))
        handle.seek(0)
        self._data = _spooled(kind, handle, limits, folder) if kind else handle
        self._file = RandomFile(self._data)

    def listing(self, limits: Limits) -> tuple[list[Member], list[str]]:
        """Every regular file, in the order of the tar; and notes."""
        walk = _Walk(self._file, limits)
        return list(walk.members()), walk.notes

    def pieces(self, member: Member) -> Iterator[bytes]:
        assert isinstance(member, Stored)
        return self._file.pieces(member.offset, member.size, member.name)

    def sha256(self) -> str:
        return digest(self._handle)

    def close(self) -> None:
        self._file.close()
        self._handle.close()


def is_header(block: bytes) -> bool:
    """Whether 512 bytes are a tar header: its checksum fits.  (A tar may also be empty: all zeros.)"""
    return len(block) == BLOCK and block != _ZEROS and _checked(block)


def first_names(handle: BinaryIO, limits: Limits) -> list[str]:
    """The names in the first 16 MiB of a compressed tar: enough to recognise it by, and nothing is spooled."""
    kind = compression(handle.read(8))
    handle.seek(0)
    data = bytearray()
    for piece in expand(kind, iter(lambda: handle.read(PIECE), b""), limits):
        if len(data) < BLOCK:
            _refuse_other(bytes(data), piece, kind)
        data += piece
        if len(data) > GLANCE:
            break
    found: list[str] = []
    try:
        found += (member.name for member in _Walk(RandomFile(io.BytesIO(data)), limits).members())
    except ArchiveError as error:
        if error.code != "truncated":
            raise
        found.append(names.clean(error.member, limits))
    return [name for name in found if name]


# --- unpacking ---------------------------------------------------------------------------------------


def _spooled(kind: str, handle: BinaryIO, limits: Limits, folder: Path | None) -> BinaryIO:
    """The tar inside, in a file without a name (readable by nobody else, gone with the process)."""
    spool = cast(BinaryIO, tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
    try:
        _spool(kind, handle, spool, limits, folder or Path(tempfile.gettempdir()))
    except BaseException as error:
        spool.close()
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise _no_room() from error
        raise
    return spool


def _spool(kind: str, handle: BinaryIO, spool: BinaryIO, limits: Limits, folder: Path) -> None:
    made, looked = 0, 0
    head = b""
    for piece in expand(kind, iter(lambda: handle.read(PIECE), b""), limits):
        if made < BLOCK:
            head = _refuse_other(head, piece, kind)
        made += len(piece)
        spool.write(piece)
        if made > limits.total_bytes:
            raise trouble("too-big", "", f"the archive is more than {limits.total_bytes:,} bytes when unpacked", REPACK)
        if made > limits.spool_floor and made > handle.tell() * limits.ratio:
            raise trouble("ratio", "", f"the {kind} file grows more than {limits.ratio}-fold, as only a bomb does")
        if made - looked >= limits.spool_floor:
            looked = made
            if shutil.disk_usage(folder).free < limits.room:
                raise _no_room()
    if made < BLOCK:
        raise trouble("unknown", "", f"there is no tar inside this {kind} file", BROKEN)


def _refuse_other(head: bytes, piece: bytes, kind: str) -> bytes:
    """Refuse what is not a tar before more of it is unpacked."""
    head = (head + piece)[:BLOCK]
    if compression(head):
        raise trouble("nested", "", f"inside this {kind} file is another compressed file", "Unpack the outer one.")
    if len(head) == BLOCK and head != _ZEROS and not is_header(head):
        raise trouble("unknown", "", f"there is no tar inside this {kind} file", "Give the file an export consists of.")
    return head


def _no_room() -> Exception:
    return trouble("no-room", "", "there is not enough room on the disk to unpack this", "Make room and try again.")


# --- walking -----------------------------------------------------------------------------------------


class _Walk:
    """One pass over the headers."""

    def __init__(self, file: RandomFile, limits: Limits) -> None:
        self._file, self._limits = file, limits
        self._at = 0
        self._guessed = 0
        self.notes: list[str] = []

    def members(self) -> Iterator[Member]:
        count = 0
        while (header := self._next()) is not None:
            count += 1
            refuse_count(count, self._limits)
            size = 0 if header.kind == b"5" else header.size
            member = Stored(names.clean(header.name, self._limits), size, self._at)
            if self._at + size > self._file.size:
                raise trouble("truncated", header.name, "is cut off: the archive ends before it", BROKEN)
            self._at += _padded(size)
            if header.kind != b"5" and not (header.kind == b"\0" and header.name.endswith("/")):
                yield _named(member, header)
        self._finish()

    def _next(self) -> Header | None:
        """The next member with what the extension headers before it say of it; ``None`` at the end mark."""
        said: dict[str, str] = {}
        for _ in range(8):
            block = self._block()
            if block is None:
                return None
            header = _header(block)
            self._guessed += not header.certain
            if header.kind == b"x":
                said |= _pax(self._body(header), header.name)
            elif header.kind == b"g":
                _refuse_global(_pax(self._body(header), header.name))
            elif header.kind == b"L":
                said["path"] = names.decode(self._body(header).split(b"\0")[0], "latin-1")[0]
            elif header.kind == b"K":
                self._body(header)
            else:
                return _effective(header, said)
        raise trouble("broken", "", "the tar has too many extension headers in a row")

    def _block(self) -> bytes | None:
        if self._at == self._file.size and self._at:
            self.notes.append("The tar has no end mark; it may have been cut short.")
            return None
        block = self._file.read_at(self._at, BLOCK)
        self._at += BLOCK
        return None if block == _ZEROS else block

    def _body(self, header: Header) -> bytes:
        if header.size > self._limits.header_bytes:
            raise trouble("long-name", header.name, f"has a header of {header.size:,} bytes")
        data = self._file.read_at(self._at, header.size, header.name)
        self._at += _padded(header.size)
        return data

    def _finish(self) -> None:
        rest = self._file.size - self._at
        if rest > 0 and self._file.read_at(self._at, min(rest, PIECE)).strip(b"\0"):
            self.notes.append("Something follows the end mark of the tar; it was not read.")
        if self._guessed:
            self.notes.append(f"{self._guessed} names are not UTF-8 and were read as Latin-1: letters may be wrong.")


def _named(member: Stored, header: Header) -> Stored:
    if not member.name:
        raise trouble("name", header.name, "has no name")
    return member


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _checked(block: bytes) -> bool:
    """The checksum: the sum of all bytes with its own field as blanks; very old writers summed signed bytes."""
    try:
        stated = _number(block[148:156])
    except ValueError:
        return False
    rest = block[:148] + b" " * 8 + block[156:]
    unsigned = sum(rest)
    return stated in (unsigned, unsigned - 256 * sum(byte > 127 for byte in rest))


def _number(field: bytes) -> int:
    """Octal, or GNU's base 256 when the first bit is set (0xFF at the front: negative)."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big") - (256 ** (len(field) - 1) if field[0] == 0xFF else 0)
    octal = _OCTAL.fullmatch(field)
    if octal is None:
        raise ValueError(field)
    return int(octal[1] or b"0", 8)


def _header(block: bytes) -> Header:
    if not _checked(block):
        raise trouble("broken", "", "the tar is damaged: a header's checksum does not match", BROKEN)
    raw = block[:100].split(b"\0")[0]
    if block[257:263] == b"ustar\0" and block[345]:
        raw = block[345:500].split(b"\0")[0] + b"/" + raw
    name, certain = names.decode(raw, "latin-1")
    try:
        size = _number(block[124:136])
    except ValueError:
        raise trouble("broken", name, "has no readable size", BROKEN) from None
    if size < 0:
        raise trouble("size", name, "declares a negative size")
    return Header(name, block[156:157], size, certain)


def _pax(data: bytes, name: str) -> dict[str, str]:
    """The records of an extended header, ``LENGTH KEY=VALUE\\n`` each.  Raises ``ArchiveError`` (``broken``)."""
    said: dict[str, str] = {}
    at = 0
    while at < len(data):
        blank = data.find(b" ", at, at + 20)
        digits = data[at:blank] if blank > at else b""
        length = int(digits) if digits.isdigit() else 0
        record = data[blank + 1 : at + length]
        key, equals, value = record.partition(b"=")
        if length <= blank + 1 - at or at + length > len(data) or not equals or record[-1:] != b"\n":
            raise trouble("broken", name, "has a damaged extended header", BROKEN)
        said[key.decode("utf-8", "replace")] = value[:-1].decode("utf-8", "surrogateescape")
        at += length
    return said


def _refuse_global(said: dict[str, str]) -> None:
    """A header for all members may carry remarks (git does), not what they are called or how long they are."""
    if {"path", "size", "linkpath"} & said.keys() or any(key.startswith("GNU.sparse") for key in said):
        raise trouble("ambiguous", "", "one header gives every member of this tar the same name or size")


def _effective(header: Header, said: dict[str, str]) -> Header:
    name = said.get("path", header.name)
    if any("\udc80" <= letter <= "\udcff" for letter in name):
        name = name.encode("utf-8", "surrogateescape").decode("latin-1")
    _refuse_kind(name, header.kind, said)
    size = header.size
    if "size" in said:
        if not said["size"].isascii() or not said["size"].isdigit() or len(said["size"]) > 19:
            raise trouble("size", name, "declares a size that is no number")
        size = int(said["size"])
        # Readers that trust one or the other would walk to different places from here (CVE-2025-62518).
        if header.size not in (0, _FULL, size):
            raise trouble("ambiguous", name, "declares two different sizes")
    return Header(name, header.kind, size, header.certain)


def _refuse_kind(name: str, kind: bytes, said: dict[str, str]) -> None:
    if kind in (b"1", b"2"):
        raise trouble("link", name, "is a link to another file")
    if kind in _DEVICES:
        raise trouble("device", name, f"is {_DEVICES[kind]} and not a file")
    if kind == b"S" or any(key.startswith("GNU.sparse") for key in said):
        raise trouble("sparse", name, "is a sparse file: its holes could hide any size", REPACK)
    if kind not in (b"0", b"\0", b"7", b"5"):
        what = _OTHER.get(kind, f"is of a kind that we do not read ({kind!r})")
        raise trouble("broken", name, what, REPACK if kind in _OTHER else HOSTILE)
