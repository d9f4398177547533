"""Zip files, read by our own parser.

Python's ``zipfile`` is not used: before 3.13 it lets overlapping members turn 10 KB into 200 MiB (measured), it
cuts names at NUL, and it keeps about a kilobyte per member before anybody can object.  Written from PKWARE's
APPNOTE 6.3.10; section numbers below are of that text.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from struct import Struct as Layout
from typing import BinaryIO

from isal import isal_zlib
from msgspec import Struct

from safeconduct.archives import names
from safeconduct.archives.archive import Member, refuse_count
from safeconduct.archives.bytesource import RandomFile, digest
from safeconduct.archives.expanding import FAULTS, deflate, stream
from safeconduct.archives.limits import Limits
from safeconduct.archives.trouble import BROKEN, REPACK, trouble

_END = Layout("<4s4H2LH")  # 4.3.16
_LOCATOR = Layout("<4sLQL")  # 4.3.15
_END64 = Layout("<4sQ2H2L4Q")  # 4.3.14
_CENTRAL = Layout("<4s6H3L5H2L")  # 4.3.12
_LOCAL = Layout("<4s5H3L2H")  # 4.3.7
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_STORED, _DEFLATED, _AES = 0, 8, 99
_ENCRYPTED, _STREAMED, _PATCH, _STRONG, _UTF8, _MASKED = 1, 1 << 3, 1 << 5, 1 << 6, 1 << 11, 1 << 13


class End(Struct, frozen=True):
    """Where the central directory lies: offsets are in the file, ``base`` is what stands before the archive."""

    count: int
    start: int
    size: int
    base: int
    notes: tuple[str, ...]


class Packed(Member, frozen=True, gc=False):
    """A member of a zip.  ``offset`` is where its packed bytes begin, once the local header has been seen."""

    offset: int = 0
    packed: int = 0
    method: int = 0
    flags: int = 0
    crc: int = 0
    raw: bytes = b""


class Zip:
    """The container behind an archive that is a zip."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = RandomFile(file)
        self._handle = file

    def listing(self, limits: Limits) -> tuple[list[Member], list[str]]:
        """Every file of the archive, checked against its local header and its neighbours; and notes."""
        end = _find_end(self._file)
        refuse_count(end.count, limits)
        if end.size > limits.directory_bytes:
            raise trouble("count", "", f"the table of contents alone is {end.size:,} bytes long")
        notes = list(end.notes)
        listed = _central(self._file.read_at(end.start, end.size), end, limits, notes)
        located = _located(self._file, listed, end)
        return [member for member in located if not _folder(member)], notes

    def pieces(self, member: Member) -> Iterator[bytes]:
        assert isinstance(member, Packed)
        made, crc = 0, 0
        for piece in self._unpacked(member):
            made += len(piece)
            if made > member.size:
                raise trouble("size", member.name, f"holds more than the {member.size:,} bytes it declares")
            crc = isal_zlib.crc32(piece, crc)
            if piece:
                yield piece
        if made != member.size:
            raise trouble("size", member.name, f"holds {made:,} bytes and not the {member.size:,} it declares", BROKEN)
        if crc != member.crc:
            raise trouble("checksum", member.name, "is damaged: its checksum does not match", BROKEN)

    def _unpacked(self, member: Packed) -> Iterator[bytes]:
        packed = self._file.pieces(member.offset, member.packed, member.name)
        if member.method == _STORED:
            yield from packed
            return
        decoder = deflate()
        try:
            yield from stream(decoder, packed)
        except FAULTS as fault:
            raise trouble("broken", member.name, f"cannot be unpacked ({fault})", BROKEN) from fault
        if not decoder.eof:
            raise trouble("truncated", member.name, "ends in the middle", BROKEN)
        if decoder.unused_data or next(packed, b""):
            raise trouble("size", member.name, "has bytes behind its end that no reader would show")

    def sha256(self) -> str:
        return digest(self._handle)

    def close(self) -> None:
        self._file.close()


def _folder(member: Member) -> bool:
    return not member.name


# --- the end of the file -----------------------------------------------------------------------------


def has_end(file: BinaryIO) -> bool:
    """Whether an end record lies where one may lie, for zips with something before them."""
    return bool(_ends(RandomFile(file)))


def _ends(file: RandomFile) -> list[tuple[int, bytes, bool]]:
    """Every possible end record: position, bytes, and whether its comment ends exactly where the file does."""
    length = min(file.size, _END.size + _FULL16)
    tail = file.read_at(file.size - length, length)
    found, at = [], tail.find(b"PK\x05\x06")
    while at >= 0:
        record = tail[at : at + _END.size]
        if len(record) == _END.size:
            comment = int.from_bytes(record[20:22], "little")
            found.append((file.size - length + at, record, at + _END.size + comment == length))
        at = tail.find(b"PK\x05\x06", at + 1)
    return found


def _find_end(file: RandomFile) -> End:
    """The one end record.  Two that could both be meant make two readers see two archives: refused."""
    ends = _ends(file)
    exact = [end for end in ends if end[2]]
    if not ends:
        raise trouble("truncated", "", "the end of this zip file is missing", BROKEN)
    if len(exact) > 1 or (not exact and len(ends) > 1):
        raise trouble("ambiguous", "", "this zip has more than one table of contents, and readers would disagree")
    position, record, clean = (exact or ends)[0]
    notes = () if clean else ("Something follows the end of the zip file; it was not read.",)
    return _read_end(file, position, record, notes)


def _read_end(file: RandomFile, position: int, record: bytes, notes: tuple[str, ...]) -> End:
    _, disk, first, here, count, size, offset, _ = _END.unpack(record)
    limit = position
    wide = _end64(file, position)
    if wide:
        limit, wide_disk, wide_here, wide_count, wide_size, wide_offset = wide
        small = ((disk, _FULL16, wide_disk), (here, _FULL16, wide_here), (count, _FULL16, wide_count))
        large = ((size, _FULL32, wide_size), (offset, _FULL32, wide_offset))
        if any(value not in (full, other) for value, full, other in (*small, *large)):
            raise trouble("ambiguous", "", "the two end records of this zip contradict each other")
        disk, here, count, size, offset = wide_disk, wide_here, wide_count, wide_size, wide_offset
    elif offset == _FULL32 or size == _FULL32:
        raise trouble("broken", "", "this zip is larger than its old format can say (over 4 GiB without zip64)", REPACK)
    if disk or first not in (0, _FULL16) or here != count:
        raise trouble("broken", "", "this zip is one of several parts", "Join the parts first.")
    base = limit - size - offset
    if base < 0:
        raise trouble("broken", "", "the table of contents would begin before the file does", BROKEN)
    if base:
        notes = (*notes, f"{base:,} bytes stand before the zip file; they were not read.")
    return End(count=count, start=offset + base, size=size, base=base, notes=notes)


def _end64(file: RandomFile, position: int) -> tuple[int, int, int, int, int, int] | None:
    """The zip64 end record: its position, disk, entries here, entries, size and offset of the directory."""
    at = position - _LOCATOR.size
    if at < 0:
        return None
    magic, _, stated, _ = _LOCATOR.unpack(file.read_at(at, _LOCATOR.size))
    if magic != b"PK\x06\x07":
        return None
    for start in (stated, at - _END64.size):
        if not 0 <= start <= at - _END64.size:
            continue
        magic, length, _, _, disk, _, here, count, size, offset = _END64.unpack(file.read_at(start, _END64.size))
        if magic == b"PK\x06\x06" and start + 12 + length == at:
            return start, disk, here, count, size, offset
    raise trouble("broken", "", "the zip64 end record is not where it should be", BROKEN)


# --- the central directory ---------------------------------------------------------------------------


def _central(data: bytes, end: End, limits: Limits, notes: list[str]) -> list[Packed]:
    """Every entry, folders too (with an empty name), in the order of the directory."""
    listed: list[Packed] = []
    at, guessed = 0, 0
    while at < len(data):
        if len(listed) >= limits.members:
            raise trouble("count", "", f"the archive has more than {limits.members:,} members")
        if len(data) - at < _CENTRAL.size or data[at : at + 4] != b"PK\x01\x02":
            raise trouble("broken", "", "the table of contents is damaged", BROKEN)
        member, following, certain = _entry(data, at, end, limits)
        guessed += not certain
        listed.append(member)
        at = following
    if at != len(data) or end.count not in (len(listed), len(listed) & _FULL16, min(len(listed), _FULL16)):
        raise trouble("count", "", f"the zip says it has {end.count:,} members, but lists {len(listed):,}", BROKEN)
    if guessed:
        notes.append(f"{guessed} names are not UTF-8 and were read in the old code page 437: letters may be wrong.")
    return listed


def _entry(data: bytes, at: int, end: End, limits: Limits) -> tuple[Packed, int, bool]:
    fields = _CENTRAL.unpack_from(data, at)
    _, _, _, flags, method, _, _, crc, packed, size, named, extended, commented, disk, _, attributes, offset = fields
    start = at + _CENTRAL.size
    raw, extra = data[start : start + named], data[start + named : start + named + extended]
    following = start + named + extended + commented
    if following > len(data):
        raise trouble("broken", "", "the table of contents is damaged", BROKEN)
    name, certain = _name(raw, extra, flags)
    _refuse_kind(name, flags, method, attributes)
    size, packed, offset, disk = _wide(name, extra, (size, packed, offset, disk))
    if disk:
        raise trouble("broken", name, "lies in another part of a zip in several parts", "Join the parts first.")
    _refuse_claims(name, method, size, packed, limits)
    key = names.clean(name, limits)
    if name.endswith("/") or stat.S_ISDIR(attributes >> 16):
        if size:
            raise trouble("broken", name, "says it is a folder but has contents")
        key = ""
    elif not key:
        raise trouble("name", name, "has no name")
    member = Packed(key, size, offset + end.base, packed, method, flags, crc, raw)
    return member, following, certain


def _name(raw: bytes, extra: bytes, flags: int) -> tuple[str, bool]:
    """The name: UTF-8, or Info-ZIP's Unicode path (4.6.9) if it belongs to these bytes, or code page 437."""
    unicode_path = _fields(extra).get(0x7075, b"")
    if unicode_path[:1] == b"\x01" and unicode_path[1:5] == isal_zlib.crc32(raw).to_bytes(4, "little"):
        raw = unicode_path[5:]
    name, certain = names.decode(raw, "cp437")
    if flags & _UTF8 and not certain:
        raise trouble("name", name, "says its name is UTF-8, but it is not", BROKEN)
    return name, certain


def _fields(extra: bytes) -> dict[int, bytes]:
    """The extra fields (4.5.1); what is left over at the end is padding (Android writes such)."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(extra):
        kind, length = int.from_bytes(extra[at : at + 2], "little"), int.from_bytes(extra[at + 2 : at + 4], "little")
        found.setdefault(kind, extra[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def _wide(name: str, extra: bytes, values: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Size, packed size, offset and disk with zip64's wider values (4.5.3), in that order, where they are full."""
    full = (_FULL32, _FULL32, _FULL32, _FULL16)
    if all(value != top for value, top in zip(values, full, strict=True)):
        return values
    wide, at, read = _fields(extra).get(0x0001, b""), 0, list(values)
    for place, width in enumerate((8, 8, 8, 4)):
        if values[place] != full[place]:
            continue
        if at + width > len(wide):
            raise trouble("broken", name, "is larger than its entry can say (no zip64 field)", REPACK)
        read[place] = int.from_bytes(wide[at : at + width], "little")
        at += width
    return read[0], read[1], read[2], read[3]


def _refuse_kind(name: str, flags: int, method: int, attributes: int) -> None:
    """Links, devices, encryption and packing methods we do not read.  The upper half of attributes is Unix's mode."""
    mode = attributes >> 16
    if stat.S_ISLNK(mode):
        raise trouble("link", name, "is a symbolic link")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise trouble("device", name, "is a device, pipe or socket and not a file")
    if flags & (_ENCRYPTED | _STRONG | _MASKED) or method == _AES:
        raise trouble("encrypted", name, "is encrypted", "Unpack it with your password and give the folder instead.")
    if method not in (_STORED, _DEFLATED) or flags & _PATCH:
        raise trouble("method", name, f"is packed in a way that we do not read (method {method})", REPACK)


def _refuse_claims(name: str, method: int, size: int, packed: int, limits: Limits) -> None:
    """What the entry says of its sizes; reading holds it to exactly that."""
    if method == _STORED and size != packed:
        raise trouble("size", name, f"is not compressed, yet says {packed:,} bytes are {size:,}")
    if size > limits.ratio_floor and size > packed * limits.ratio:
        raise trouble("ratio", name, f"would grow from {packed:,} to {size:,} bytes, as only a bomb does")


# --- the local headers -------------------------------------------------------------------------------


def _located(file: RandomFile, listed: Sequence[Packed], end: End) -> list[Packed]:
    """The members with the true places of their bytes.  No two may share a byte, none may reach the directory.

    CPython's guard (3.13) compares with the central directory only; here the local header's own lengths count.
    """
    order = sorted(listed, key=lambda member: member.offset)
    located = []
    following = [member.offset for member in order[1:]] + [end.start]
    for member, limit in zip(order, following, strict=False):
        begin = _local(file, member)
        if begin + member.packed > limit:
            raise trouble("overlap", member.name or member.raw.decode("cp437"), "shares its bytes with another member")
        located.append(Packed(member.name, member.size, begin, member.packed, member.method, member.flags, member.crc))
    return located


def _local(file: RandomFile, member: Packed) -> int:
    """Where the bytes begin.  The local header must say what the central directory says."""
    name = member.name or member.raw.decode("cp437")
    header = file.read_at(member.offset, _LOCAL.size + len(member.raw), name)
    magic, _, flags, method, _, _, crc, packed, size, named, extended = _LOCAL.unpack_from(header)
    if magic != b"PK\x03\x04":
        raise trouble("broken", name, "is not where the table of contents says", BROKEN)
    if header[_LOCAL.size :] != member.raw or named != len(member.raw):
        raise trouble("mismatch", name, "has another name in its own header")
    if method != member.method or (flags ^ member.flags) & _ENCRYPTED:
        raise trouble("mismatch", name, "is packed differently according to its own header")
    if not flags & _STREAMED:
        said = ((crc, member.crc), (packed, member.packed), (size, member.size))
        if any(own not in (other, _FULL32) for own, other in said):
            raise trouble("mismatch", name, "has other sizes in its own header")
    return int(member.offset + _LOCAL.size + named + extended)
