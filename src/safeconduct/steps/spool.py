"""Findings on disk, read back item by item: memory stays small however long the history is."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from os import SEEK_END
from pathlib import Path

import msgspec
import numpy

from safeconduct.model import Finding

LENGTH = struct.Struct("<I")
_item = attrgetter("item")


class Spool:
    """Append findings in any order; iterate them grouped by item number, ascending, as often as needed."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._numbers = array("q")
        self._offsets = array("Q")
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[Finding]).decode

    def add(self, findings: Iterable[Finding]) -> None:
        """Keep these; findings of one item that come together are kept together, in the order they came."""
        place = self._file.seek(0, SEEK_END)
        written = bytearray()
        for number, group in groupby(sorted(findings, key=_item), key=_item):
            data = self._encode(list(group))
            self._numbers.append(number)
            self._offsets.append(place + len(written))
            written += LENGTH.pack(len(data)) + data
        self._file.write(written)

    def __iter__(self) -> Iterator[tuple[int, Sequence[Finding]]]:
        """(item number, its findings), ascending; findings about the whole import come first, under ``WHOLE``."""
        self._file.flush()
        numbers = numpy.frombuffer(self._numbers, dtype=numpy.int64) if self._numbers else numpy.empty(0, numpy.int64)
        order = numpy.argsort(numbers, kind="stable")
        for number, places in groupby(order, key=lambda place: self._numbers[place]):
            yield number, [finding for place in places for finding in self._read(int(place))]

    def _read(self, place: int) -> list[Finding]:
        self._file.seek(self._offsets[place])
        (length,) = LENGTH.unpack(self._file.read(LENGTH.size))
        return self._decode(self._file.read(length))

    def close(self) -> None:
        self._file.close()
