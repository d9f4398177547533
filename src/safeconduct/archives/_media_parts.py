"""How picture and film files are put together: segments, chunks, blocks and boxes, walked without decoding any.

Every walker takes hostile bytes: it ends at the first thing that makes no sense, and never reads past the end.
Runs inside the limited child process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # a JPEG marker that is neither stuffing nor a restart
BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # JPEG markers without a length: restarts and the start
MOST = 200_000  # parts of one file


class Part(NamedTuple):
    """One piece of a file: what it is called, where it starts and ends, and where its own content starts."""

    name: bytes
    start: int
    end: int
    body: int


def jpeg(data: bytes) -> Iterator[Part]:
    """JPEG segments (ITU-T T.81); the picture data after a ``SOS`` belong to it.  Ends with the ``EOI``."""
    at = 0
    while at + 2 <= len(data) and data[at] == 0xFF:
        code = data[at + 1]
        name = bytes((code,))
        if code == 0xFF:  # fill bytes may stand before any marker
            at += 1
            continue
        if code in BARE or code == 0xD9:
            yield Part(name, at, at + 2, at + 2)
            if code == 0xD9:
                return
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if code == 0xDA:
            found = MARKER.search(data, end)
            end = found.start() if found else len(data)
        if end <= at + 2 or end > len(data):
            return
        yield Part(name, at, end, at + 4)
        at = end


def png(data: bytes) -> Iterator[Part]:
    """PNG chunks with their length and checksum fields; ends with ``IEND``."""
    at = 8
    while at + 12 <= len(data):
        name, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        yield Part(name, at, end, at + 8)
        if name == b"IEND":
            return
        at = end


def riff(data: bytes) -> Iterator[Part]:
    """RIFF chunks (WebP, WAV), padding included, up to the length the file itself states."""
    at, stop = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= stop:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + (size & 1)
        if at + 8 + size > stop:
            return
        yield Part(data[at : at + 4], at, min(end, stop), at + 8)
        at = end


def gif(data: bytes) -> Iterator[Part]:
    """GIF blocks: ``head``, ``frame``, extensions as ``!`` and their label byte, and ``;`` at the end."""
    at = 13 + 3 * (2 << (data[10] & 7)) if len(data) > 10 and data[10] & 0x80 else 13
    yield Part(b"head", 0, min(at, len(data)), 13)
    while at < len(data):
        if data[at] == 0x3B:
            yield Part(b";", at, at + 1, at + 1)
            return
        if data[at] == 0x21 and at + 2 < len(data):
            name, body = data[at : at + 2], at + 2
        elif data[at] == 0x2C and at + 10 < len(data):
            table = 3 * (2 << (data[at + 9] & 7)) if data[at + 9] & 0x80 else 0
            name, body = b"frame", at + 11 + table
        else:
            return
        end = _sub_blocks(data, body)
        if end < 0:
            return
        yield Part(name, at, end, body)
        at = end


def _sub_blocks(data: bytes, at: int) -> int:
    while at < len(data):
        if data[at] == 0:
            return at + 1
        at += 1 + data[at]
    return -1


def boxes(data: bytes, start: int = 0, stop: int = -1) -> Iterator[Part]:
    """ISO base media boxes on one level (ISO/IEC 14496-12), 64-bit sizes and "to the end" included."""
    at, stop = start, len(data) if stop < 0 else min(stop, len(data))
    while at + 8 <= stop:
        size, body = int.from_bytes(data[at : at + 4], "big"), at + 8
        if size == 1:
            size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        end = stop if size == 0 else at + size
        if end < body or end > stop:
            return
        yield Part(data[at + 4 : at + 8], at, end, body)
        at = end


WALKERS: dict[str, Callable[[bytes], Iterator[Part]]] = {
    "image/jpeg": jpeg,
    "image/png": png,
    "image/webp": riff,
    "image/gif": gif,
    "image/avif": boxes,
    "image/heic": boxes,
}
LAST = {"image/jpeg": b"\xd9", "image/png": b"IEND", "image/gif": b";"}


def parts(type: str, data: bytes) -> list[Part]:
    """All parts of a picture, at most ``MOST``; none for types we cannot take apart."""
    found: list[Part] = []
    if type in WALKERS:
        for part in WALKERS[type](data):
            found.append(part)
            if len(found) >= MOST:
                break
    return found


def end(type: str, found: list[Part]) -> int:
    """Where the picture is over, or 0 if it never says so."""
    if not found or found[-1].name != LAST.get(type, found[-1].name):
        return 0
    return found[-1].end


DROPPED = (b"mdat", b"free", b"skip", b"wide", b"idat")


class Boxes:
    """Keeps a film's boxes while its bytes stream by and drops the pictures and sound, whatever their size."""

    def __init__(self, most: int) -> None:
        self.kept = bytearray()
        self.cut = False
        self._most = most
        self._count = 0
        self._head = bytearray()
        self._left = 0
        self._keep = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        view = memoryview(chunk)
        while view:
            if self._left:
                taken = min(self._left, len(view))
                self._store(view[:taken])
                self._left -= taken
            else:
                taken = min(self._wanted() - len(self._head), len(view))
                self._head += view[:taken]
                if len(self._head) == self._wanted():
                    self._open()
            view = view[taken:]

    def _wanted(self) -> int:
        return 16 if len(self._head) >= 4 and self._head[:4] == b"\0\0\0\x01" else 8

    def _open(self) -> None:
        head, self._head = bytes(self._head), bytearray()
        size = int.from_bytes(head[:4], "big")
        size = int.from_bytes(head[8:16], "big") if size == 1 else size
        name = head[4:8]
        self._count += 1
        if self._count > MOST:  # gigabytes of empty boxes would cost hours
            self.cut, self._keep, self._left = True, False, 1 << 62
            return
        self._keep = name not in DROPPED
        # A size below the header's is nonsense: the rest is kept as it comes, so that nothing hides behind it.
        self._left = size - len(head) if size > len(head) else (0 if size == len(head) else 1 << 62)
        if self._keep:
            self._store(memoryview(head))

    def _store(self, piece: memoryview) -> None:
        if self._keep:
            self.kept += piece[: max(0, self._most - len(self.kept))]


class Ends:
    """Keeps the first and the last bytes of a long file while it streams by."""

    def __init__(self, first: int, last: int) -> None:
        self.cut = False
        self._first, self._last = first, last
        self._head, self._tail = bytearray(), bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        room = max(0, self._first - len(self._head))
        self._head += chunk[:room]
        self._tail += chunk[room:]
        if len(self._tail) > 2 * self._last + 65536:
            self.cut = True
            del self._tail[: -self._last or None]

    @property
    def kept(self) -> bytes:
        """What is left of it: all, if it was short."""
        if self.cut or len(self._tail) > self._last:
            self.cut = True
            return bytes(self._head + (self._tail[-self._last :] if self._last else b""))
        return bytes(self._head + self._tail)
