"""The whole import in columns on disk: what criteria need that look at everything at once.

Row = ``Item.number``; unreadable records have a row too.  One file a column, little-endian, no header:

| column | type | what |
|---|---|---|
| ``kind`` | uint8 | place in ``model.Kind``; ``UNREADABLE`` (255) |
| ``visibility`` | uint8 | ``model.Visibility`` |
| ``published`` | float64 | seconds since 1970 UTC; NaN if not known |
| ``serial`` | uint64 | the number at the end of ``Item.id``; 0 if none |
| ``ident`` | uint64 | digest of ``Item.id``; 0 if it has none |
| ``parent`` | uint64 | digest of the id it answers, if that is the same actor's; else 0 |
| ``text`` | uint64 | digest of the folded body; 0 if it has fewer than 20 characters |
| ``letters`` | uint32 | characters of the folded body |
| ``media`` | uint64 | digest of the SHA-256s of its media, or of their names in the source; 0 if none |
| ``shingle0`` … ``shingle7`` | uint32 | MinHash of the 5-character shingles of the folded body; all ones if too short |
| ``own`` | uint8 | 1 if its actor is the owner |

Equal MinHashes in k of 8 columns estimate a Jaccard similarity of k/8 (Broder 1997).  Digests are the first eight
bytes of BLAKE2b: the same in every process.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy

from safeconduct.errors import CustodyError
from safeconduct.model import Item, Kind, Total
from safeconduct.screening.batch import Batch

Column = numpy.ndarray[tuple[int], numpy.dtype[numpy.generic]]

UNREADABLE = 255
KINDS = {kind: place for place, kind in enumerate(Kind)}
SHINGLES = 8
_SHINGLE = 5
_SHORTEST = 20
_NONE = 0xFFFFFFFF
_PART = 200  # texts sketched at once: more no longer stay in the processor's cache (measured: twice as slow)
_NOTHING = bytes(8)
_NEVER = float("nan")
_TOGETHER = 8192  # rows written at once: opening a file costs more than writing a thousand rows
_SERIAL = re.compile(r"(\d{1,20})(?:/activity)?/?$")
_TYPES: dict[str, str] = {
    "kind": "u1",
    "visibility": "u1",
    "published": "<f8",
    "serial": "<u8",
    "ident": "<u8",
    "parent": "<u8",
    "text": "<u8",
    "letters": "<u4",
    "media": "<u8",
    "own": "u1",
} | {f"shingle{place}": "<u4" for place in range(SHINGLES)}
_EMPTY: dict[str, float] = {"kind": UNREADABLE, "published": _NEVER} | {
    f"shingle{place}": _NONE for place in range(SHINGLES)
}
# Odd 32-bit multipliers, written down once and for all: stored sketches must stay comparable.
_MULTIPLIERS = (
    0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1, 0xD3A2646D, 0xFD7046C5, 0xB55A4F09,
)  # fmt: skip


def digest(text: str) -> int:
    """Eight bytes of BLAKE2b as a number; the same in every process; never 0."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") or 1


def digests(texts: Sequence[str | None]) -> Column:
    """The ``digest`` of each of many texts, and 0 for ``None``."""
    marks = [
        _NOTHING if text is None else blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for text in texts
    ]
    made = numpy.frombuffer(b"".join(marks), dtype="<u8")
    if numpy.count_nonzero(made) + texts.count(None) == len(texts):
        return made
    return numpy.array([0 if text is None else digest(text) for text in texts], dtype="<u8")


class Census:
    """The ``contracts.Census``: columns are read from disk each time they are asked for."""

    def __init__(self, folder: Path, count: int, totals: Sequence[Total], owner: str, as_of: datetime) -> None:
        self.folder = folder
        self.count = count
        self.totals = tuple(totals)
        self.owner = owner
        self.as_of = as_of
        self.touched: dict[str, int] = {}
        self._types = dict(_TYPES)

    def column(self, name: str) -> Column:
        """One column.  Raises ``KeyError`` for a name nobody put there, ``CustodyError`` if its file was cut."""
        column = numpy.fromfile(self.folder / name, dtype=self._types[name])
        if len(column) != self.count:
            raise CustodyError(f"The census column {name} has {len(column)} rows, not {self.count}; inspect again.")
        return column

    def put(self, name: str, column: Column) -> None:
        """Add or replace a column of the caller's own (the planner's ``action``), one row for each record."""
        if len(column) != self.count or not name.isidentifier():
            raise ValueError(f"column {name!r} has {len(column)} rows, not {self.count}")
        column.tofile(self.folder / name)
        self._types[name] = column.dtype.str


class CensusWriter:
    """Writes the columns batch by batch; memory does not grow with the import."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in _TYPES:
            (folder / name).write_bytes(b"")
        self._next = 0
        self._written = 0
        self._waiting = {name: bytearray() for name in _TYPES}

    def add(self, batch: Batch) -> None:
        """Append the rows of one batch; batches must come in the source's order."""
        numbers = [item.number for item in batch.items] + [one.number for one in batch.unreadable]
        if not numbers:
            return
        if min(numbers) < self._next:
            raise ValueError(f"record {min(numbers)} comes after record {self._next - 1}")
        first, self._next = self._next, max(numbers) + 1
        rows = [item.number - first for item in batch.items]
        whole = rows == list(range(self._next - first))
        for name, values in _columns(batch).items():
            column = values if whole else _spread(name, values, rows, self._next - first)
            self._waiting[name] += column.tobytes()
        if self._next - self._written >= _TOGETHER:
            self._flush()

    def close(self, totals: Sequence[Total], owner: str, as_of: datetime) -> Census:
        """Nothing more will come; the census can then be read."""
        self._flush()
        return Census(self._folder, self._next, totals, owner, as_of)

    def _flush(self) -> None:
        for name, waiting in self._waiting.items():
            # Opened each time: whatever ends a run early, no file is left open.
            with (self._folder / name).open("ab") as file:
                file.write(waiting)
            waiting.clear()
        self._written = self._next


def _columns(batch: Batch) -> dict[str, Column]:
    items = batch.items
    bodies = [batch.folded(index) for index in range(len(items))]
    replies = [item.reply for item in items]
    columns: dict[str, Column] = {
        "kind": _bytes([KINDS[item.kind] for item in items]),
        "visibility": _bytes([item.visibility for item in items]),
        "published": numpy.array([_seconds(item.published) for item in items], dtype=_TYPES["published"]),
        "serial": numpy.array([_serial(item.id) for item in items], dtype=_TYPES["serial"]),
        "ident": digests([item.id or None for item in items]),
        "parent": digests([reply.to if reply is not None and reply.mine else None for reply in replies]),
        "text": digests([body if len(body) >= _SHORTEST else None for body in bodies]),
        "letters": numpy.array([len(body) for body in bodies], dtype=_TYPES["letters"]),
        "media": digests([_media(batch, index, item) if item.media else None for index, item in enumerate(items)]),
        "own": _bytes([item.actor == batch.owner for item in items] if batch.owner else [False] * len(items)),
    }
    return columns | {f"shingle{place}": row for place, row in enumerate(sketches(bodies))}


def _spread(name: str, values: Column, rows: Sequence[int], count: int) -> Column:
    column = numpy.full(count, _EMPTY.get(name, 0), dtype=_TYPES[name])
    column[rows] = values
    return column


def _seconds(moment: datetime | None) -> float:
    if moment is None:
        return _NEVER
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return _NEVER


def _bytes(numbers: Sequence[int]) -> Column:
    return numpy.frombuffer(bytes(numbers), dtype="u1")


def _serial(ident: str) -> int:
    tail = ident[ident.rfind("/") + 1 :]
    if len(tail) < 20 and tail.isascii() and tail.isdecimal():  # as nearly all end
        return int(tail)
    match = _SERIAL.search(ident[-40:])
    number = int(match[1]) if match else 0
    return number if number < 1 << 64 else 0


def _media(batch: Batch, index: int, item: Item) -> str:
    marks = [facts.sha256 for _, facts in batch.facts(index) if facts is not None and facts.sha256]
    if len(marks) != len(item.media):
        marks = [medium.member or "" for medium in item.media]
    return "\n".join(sorted(marks))


def sketches(texts: Sequence[str]) -> numpy.ndarray[tuple[int, int], numpy.dtype[numpy.uint32]]:
    """The MinHashes of many texts at once: one row a hash function, one column a text."""
    parts = [_sketched(texts[start : start + _PART]) for start in range(0, max(1, len(texts)), _PART)]
    return numpy.concatenate(parts, axis=1)


def _sketched(texts: Sequence[str]) -> numpy.ndarray[tuple[int, int], numpy.dtype[numpy.uint32]]:
    made = numpy.full((SHINGLES, len(texts)), _NONE, dtype=numpy.uint32)
    lengths = numpy.array([len(text) for text in texts], dtype=numpy.int64)
    long = numpy.flatnonzero(lengths >= _SHINGLE)
    if not len(long):
        return made
    joined = "".join(texts[place] for place in long.tolist())
    letters = numpy.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    ends = numpy.cumsum(lengths[long])
    starts = ends - lengths[long]
    hashed = _shingles(letters, starts, ends)
    mixed = numpy.empty_like(hashed)
    for place, multiplier in enumerate(_MULTIPLIERS):
        # An odd multiplier permutes the numbers; what was mixed well before needs no more.
        numpy.multiply(hashed, numpy.uint32(multiplier), out=mixed)
        made[place, long] = numpy.minimum.reduceat(mixed, starts)
    return made


def _shingles(letters: Any, starts: Any, ends: Any) -> Any:
    """The hash of the shingle at every letter; in place of one that reaches into the next text, its text's first."""
    hashed = letters[: len(letters) - _SHINGLE + 1] * numpy.uint32(0x9E3779B1)
    spare = numpy.empty_like(hashed)
    for place in range(1, _SHINGLE):
        hashed *= numpy.uint32(0x01000193)
        hashed += letters[place : place + len(hashed)]
    for shift, multiplier in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        hashed ^= numpy.right_shift(hashed, numpy.uint32(shift), out=spare)
        hashed *= numpy.uint32(multiplier)
    hashed ^= numpy.right_shift(hashed, numpy.uint32(16), out=spare)
    for back in range(1, _SHINGLE):  # the smallest counts, so that one met twice changes nothing
        hashed[ends[:-1] - back] = hashed[starts[:-1]]
    return hashed
