"""Bytes in packed segments: many small items in few files, scoped to one transfer.

Keys are SHA-256 digests.  Each segment is a file of frames (key, length, bytes); an index in memory is rebuilt by
reading the frames' headers, so a crash can at most lose the frame that was being written.  ``forget`` overwrites the
bytes with zeros and leaves the key with a mark, so that *forgotten* is never mistaken for *never known*.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import ClassVar

from safeconduct.errors import CustodyError

HEADER = struct.Struct(">32sBQ")
KEPT, FORGOTTEN = 1, 2
SEGMENT = 64 * 2**20


class Segments:
    """A store in the folder ``place`` (made if absent, readable by its owner only)."""

    name: ClassVar[str] = "segments"

    def __init__(self, place: Path) -> None:
        self._place = place
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._frames: dict[bytes, tuple[Path, int, int, int]] = {}
        for path in sorted(place.glob("*.segment")):
            self._index(path)

    def put(self, data: bytes) -> str:
        """Keep the bytes; returns their key.  Putting twice is putting once; putting after ``forget`` keeps again."""
        key = hashlib.sha256(data).digest()
        known = self._frames.get(key)
        if known is None or known[3] == FORGOTTEN:
            path = self._current()
            with path.open("ab") as segment:
                start = segment.seek(0, os.SEEK_END)
                segment.write(HEADER.pack(key, KEPT, len(data)) + data)
            self._frames[key] = (path, start, len(data), KEPT)
        return key.hex()

    def get(self, key: str) -> bytes:
        """The bytes of ``key``.  ``CustodyError`` if forgotten, never known, or not what they were."""
        path, start, length, state = self._frame(key)
        if state == FORGOTTEN:
            raise CustodyError(f"{key[:12]}… was forgotten on request: its bytes are gone for good.")
        with path.open("rb") as segment:
            segment.seek(start + HEADER.size)
            data = segment.read(length)
        if hashlib.sha256(data).hexdigest() != key:
            raise CustodyError(f"{key[:12]}… was changed on disk in {path.name}: do not use it, compare with a backup.")
        return data

    def forget(self, key: str) -> None:
        """Overwrite the bytes and remember only that they were forgotten.  Forgetting twice is forgetting once."""
        path, start, length, state = self._frame(key)
        if state == FORGOTTEN:
            return
        with path.open("r+b") as segment:
            segment.seek(start)
            segment.write(HEADER.pack(bytes.fromhex(key), FORGOTTEN, length) + b"\0" * length)
            segment.flush()
            os.fsync(segment.fileno())
        self._frames[bytes.fromhex(key)] = (path, start, length, FORGOTTEN)

    def _frame(self, key: str) -> tuple[Path, int, int, int]:
        try:
            return self._frames[bytes.fromhex(key)]
        except (KeyError, ValueError):
            raise CustodyError(f"{key[:12]}… was never known here.") from None

    def _current(self) -> Path:
        paths = sorted(self._place.glob("*.segment"))
        if paths and paths[-1].stat().st_size < SEGMENT:
            return paths[-1]
        path = self._place / f"{len(paths):06}.segment"
        path.touch(mode=0o600)
        return path

    def _index(self, path: Path) -> None:
        size = path.stat().st_size
        with path.open("r+b") as segment:
            start = 0
            while start + HEADER.size <= size:
                segment.seek(start)
                key, state, length = HEADER.unpack(segment.read(HEADER.size))
                if start + HEADER.size + length > size:
                    break
                self._frames[key] = (path, start, length, state)
                start += HEADER.size + length
            if start < size:
                segment.truncate(start)
