"""Bytes out of a container: read anywhere, hand out in bounded pieces, count what was really produced."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from threading import Lock
from typing import BinaryIO

from safeconduct.archives.trouble import BROKEN, trouble

PIECE = 1 << 16


class RandomFile:
    """Reads at any offset; several members may be read at once, from several threads."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = Lock()
        self.size = file.seek(0, io.SEEK_END)

    def read_at(self, offset: int, count: int, member: str = "") -> bytes:
        """Exactly ``count`` bytes.  Raises ``ArchiveError`` (``truncated``)."""
        with self._lock:
            self._file.seek(offset)
            data = self._file.read(count)
        if len(data) != count:
            raise trouble("truncated", member, "reaches past the end of the file" if member else "ends early", BROKEN)
        return data

    def pieces(self, offset: int, count: int, member: str) -> Iterator[bytes]:
        """``count`` bytes from ``offset`` on, at most 64 KiB at a time."""
        for start in range(offset, offset + count, PIECE):
            yield self.read_at(start, min(PIECE, offset + count - start), member)

    def close(self) -> None:
        self._file.close()


def digest(file: BinaryIO) -> str:
    """Hex SHA-256 of a whole file."""
    file.seek(0)
    whole = hashlib.sha256()
    while piece := file.read(1 << 20):
        whole.update(piece)
    return whole.hexdigest()


class Produced(io.BufferedIOBase):
    """A readable stream over pieces; ``name`` is the member's.  Whatever the pieces raise, ``read`` raises."""

    def __init__(self, name: str, pieces: Iterator[bytes]) -> None:
        self.name = name
        self._pieces = pieces
        self._rest, self._at = b"", 0

    def readable(self) -> bool:
        return True

    def peek(self, size: int = 0, /) -> bytes:
        """What is at hand, without passing it; ``readline`` needs it to be quick."""
        if self._at == len(self._rest):
            self._rest, self._at = self._next(), 0
        return self._rest[self._at :]

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = -1 if size is None else size
        got = [self._rest[self._at :] if wanted < 0 else self._rest[self._at : self._at + wanted]]
        have = len(got[0])
        self._at += have
        while have != wanted and (piece := self._next()):
            part = piece if wanted < 0 else piece[: wanted - have]
            self._rest, self._at = piece, len(part)
            got.append(part)
            have += len(part)
        return got[0] if len(got) == 1 else b"".join(got)

    def read1(self, size: int = -1, /) -> bytes:
        at_hand = self.peek()
        return self.read(len(at_hand) if size < 0 else min(size, len(at_hand)))

    def close(self) -> None:
        stop = getattr(self._pieces, "close", None)
        if stop is not None:
            stop()
        self._rest, self._at = b"", 0
        super().close()

    def _next(self) -> bytes:
        if self.closed:
            raise ValueError("this file has been closed")
        return next((piece for piece in self._pieces if piece), b"")
