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
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = -1 if size is None else size
        got, have = [self._rest], len(self._rest)
        while wanted < 0 or have < wanted:
            piece = next(self._pieces, b"")
            if not piece:
                break
            got.append(piece)
            have += len(piece)
        data = b"".join(got)
        if wanted < 0 or have <= wanted:
            self._rest = b""
            return data
        self._rest = data[wanted:]
        return data[:wanted]

    def read1(self, size: int = -1, /) -> bytes:
        return self.read(PIECE if size < 0 else min(size, PIECE))

    def close(self) -> None:
        stop = getattr(self._pieces, "close", None)
        if stop is not None:
            stop()
        self._rest = b""
        super().close()
