"""The nearest of many 256-bit hashes within so many differing bits: exact, also for millions.

Multi-index hashing by pigeonhole (Norouzi, Punjani, Fleet: "Fast Search in Hamming Space with Multi-Index Hashing"):
of sixteen pieces of sixteen bits, two hashes that differ in at most 31 bits have one piece that differs in at most one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

PIECES = 16
FEW = 2_000  # below this, comparing with all of them is faster than looking up
# How many bits each 16-bit number has: its highest one, and those of the rest.
BITS = numpy.zeros(1 << 16, dtype=numpy.uint8)
for _power in range(16):
    BITS[1 << _power : 2 << _power] = BITS[: 1 << _power] + 1


class Near(NamedTuple):
    """The closest pair: how many bits differ, which of the listed hashes, which of those asked for."""

    distance: int
    listed: int
    asked: int


class Nearest:
    """Listed hashes, 32 bytes each; memory about 96 bytes each above ``FEW``, 32 below."""

    def __init__(self, hashes: Sequence[bytes]) -> None:
        flat = numpy.frombuffer(b"".join(hashes), dtype=numpy.uint16)
        self._hashes: NDArray[numpy.uint16] = flat.reshape(-1, PIECES)
        self._rows: list[NDArray[numpy.uint32]] = []
        self._starts: list[NDArray[numpy.int64]] = []
        if len(hashes) > FEW:
            self._build()

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, asked: Sequence[bytes], distance: int) -> Near | None:
        """The closest listed hash to any of these, if at most ``distance`` bits differ; the first of equals."""
        if not len(self) or not asked:
            return None
        wanted = numpy.frombuffer(b"".join(asked), dtype=numpy.uint16).reshape(-1, PIECES)
        pairs = self._likely(wanted, distance) if self._rows and distance < 2 * PIECES else None
        if pairs is None:
            return self._all(wanted, distance)
        queries, rows = pairs
        return self._best(queries, rows, BITS[self._hashes[rows] ^ wanted[queries]].sum(axis=1), distance)

    def _build(self) -> None:
        for piece in range(PIECES):
            column = self._hashes[:, piece]
            order = numpy.argsort(column, kind="stable")
            self._rows.append(order.astype(numpy.uint32))
            counts = numpy.bincount(column, minlength=1 << 16)
            self._starts.append(numpy.concatenate(([0], numpy.cumsum(counts))))

    def _likely(self, wanted: NDArray[numpy.uint16], distance: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Every listed hash that shares a piece, or all but one bit of it: no other can be near enough."""
        flips = [0] if distance < PIECES else [0, *(1 << bit for bit in range(16))]
        masks = numpy.array(flips, dtype=numpy.uint16)
        queries: list[NDArray[Any]] = []
        rows: list[NDArray[Any]] = []
        for piece in range(PIECES):
            probes = (wanted[:, piece, None] ^ masks).ravel()
            starts = self._starts[piece][probes]
            lengths = self._starts[piece][probes.astype(numpy.int64) + 1] - starts
            offsets = numpy.arange(lengths.sum()) - numpy.repeat(numpy.cumsum(lengths) - lengths, lengths)
            rows.append(self._rows[piece][numpy.repeat(starts, lengths) + offsets])
            queries.append(numpy.repeat(numpy.arange(len(probes)) // len(masks), lengths))
        return numpy.concatenate(queries), numpy.concatenate(rows)

    def _all(self, wanted: NDArray[numpy.uint16], distance: int) -> Near | None:
        """One question at a time, so that a long list never needs eight times its own memory."""
        found = []
        every = numpy.arange(len(self))
        for number, question in enumerate(wanted):
            bits = BITS[self._hashes ^ question].sum(axis=1)
            best = self._best(numpy.full(len(self), number), every, bits, distance)
            found += [best] if best else []
        return min(found, default=None)

    def _best(self, queries: NDArray[Any], rows: NDArray[Any], bits: NDArray[Any], distance: int) -> Near | None:
        if not len(bits) or (least := int(bits.min())) > distance:
            return None
        at = bits == least
        row = int(rows[at].min())
        return Near(least, row, int(queries[at][rows[at] == row].min()))
