"""Findings on disk, read back item by item: memory stays small however long the history is.

They lie in pages of consecutive items.  Beside them, two bytes an item, lies its *mark*: items of equal mark were
told the same (all of ``FACTS``, in order), so whoever wants only that need not read findings at all.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from os import SEEK_END
from pathlib import Path

import msgspec
import numpy

from safeconduct.model import WHOLE, Basis, Confidence, Finding
from safeconduct.policy.rules import BROKEN, NOT_ASSESSED

Marks = numpy.ndarray[tuple[int], numpy.dtype[numpy.uint16]]
Fact = tuple[str, str, Confidence, Basis, str]

PAGE = 512  # items
ROOM = 4096  # marks: beyond that, what was told is too various to be remembered
DEEP = 12  # findings of one item: with more, hardly two items are alike
NOTHING, APART = 0, 1
FACTS = attrgetter("question", "criterion", "confidence", "basis", "value")
_item = attrgetter("item")


class Spool:
    """Append findings in any order; iterate them grouped by item number, ascending, as often as needed.

    Mark ``NOTHING``: no finding.  Mark ``APART``: like no other item, its findings must be read; also whatever broke or
    was not assessed, because there the sentence counts and differs from item to item.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._marks = path.with_name(path.name + ".marks").open("w+b")
        self._pages = array("q")
        self._offsets = array("Q")
        self._told: list[tuple[Fact, ...]] = [(), ()]
        self._next: dict[tuple[int, Fact], int] = {}
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[Finding]).decode

    def add(self, findings: Iterable[Finding]) -> None:
        """Keep these; the findings of one item stay in the order they came.  ``ValueError`` for no item's number."""
        ordered = sorted(findings, key=_item)
        numbers = list(map(_item, ordered))
        if numbers and numbers[0] < WHOLE:
            raise ValueError(f"a finding about item {numbers[0]}, which cannot be")
        place = self._file.seek(0, SEEK_END)
        written: list[bytes] = []
        first = 0
        while first < len(numbers):
            page = numbers[first] // PAGE
            last = bisect_left(numbers, (page + 1) * PAGE, first)
            self._pages.append(page)
            self._offsets.append(place)
            written.append(self._encode(ordered[first:last]))
            place += len(written[-1])
            if page >= 0:
                self._mark(page, numbers[first:last], ordered[first:last])
            first = last
        self._file.write(b"".join(written))

    def __iter__(self) -> Iterator[tuple[int, Sequence[Finding]]]:
        """(item number, its findings), ascending; findings about the whole import come first, under ``WHOLE``."""
        for findings in self._read():
            for number, group in groupby(findings, key=_item):
                yield number, list(group)

    def whole(self) -> Sequence[Finding]:
        """The findings about the whole import."""
        return next(self._read(frozenset({WHOLE // PAGE})), [])

    def apart(self, marks: Marks) -> Iterator[tuple[int, Sequence[Finding]]]:
        """The same, of items marked ``APART`` only; pages without any are not read."""
        pages = frozenset((numpy.flatnonzero(marks == APART) // PAGE).tolist())
        for findings in self._read(pages):
            for number, group in groupby(findings, key=_item):
                if marks[number] == APART:
                    yield number, list(group)

    def marks(self, count: int) -> Marks:
        """The marks of ``count`` items.  ``ValueError`` if a finding was about none of these."""
        size = self._marks.seek(0, SEEK_END)
        self._marks.seek(0)
        known = numpy.frombuffer(self._marks.read((count + PAGE) * 2), dtype=numpy.uint16)
        if size > known.nbytes or known[count:].any():
            raise ValueError(f"a finding about an item beyond the {count} that were read")
        marks = numpy.zeros(count, dtype=numpy.uint16)
        marks[: len(known)] = known[:count]
        return marks

    def told(self, mark: int, number: int) -> Sequence[Finding]:
        """What was found in every item of this mark, as if in item ``number``; without reasons and places."""
        return [
            Finding(number, criterion, confidence, basis, "", (), value, question)
            for question, criterion, confidence, basis, value in self._told[mark]
        ]

    def questions(self) -> list[frozenset[str]]:
        """For each mark the questions that were answered."""
        return [frozenset(fact[0] for fact in told) for told in self._told]

    def close(self) -> None:
        self._file.close()
        self._marks.close()

    def _mark(self, page: int, numbers: Sequence[int], findings: Sequence[Finding]) -> None:
        """Each finding leads from the mark its item had to the next."""
        self._marks.seek(page * PAGE * 2)
        marks = array("H", self._marks.read(PAGE * 2))
        marks.extend([NOTHING] * (PAGE - len(marks)))
        first, known = page * PAGE, self._next
        for number, fact in zip(numbers, map(FACTS, findings), strict=True):
            mark = marks[number - first]
            following = known.get((mark, fact))
            marks[number - first] = self._learn(mark, fact) if following is None else following
        self._marks.seek(page * PAGE * 2)
        self._marks.write(marks)

    def _learn(self, mark: int, fact: Fact) -> int:
        _, criterion, _, _, value = fact
        told = (*self._told[mark], fact)
        if mark == APART or criterion == BROKEN or value == NOT_ASSESSED or len(told) > DEEP:
            return APART
        if len(self._told) >= ROOM:
            return APART
        self._told.append(told)
        self._next[mark, fact] = len(self._told) - 1
        return len(self._told) - 1

    def _read(self, only: frozenset[int] | None = None) -> Iterator[list[Finding]]:
        """Page by page its findings, in the order of their items."""
        self._file.flush()
        ends = array("Q", [*self._offsets[1:], self._file.seek(0, SEEK_END)])
        order = numpy.argsort(numpy.array(self._pages, dtype=numpy.int64), kind="stable").tolist()
        for page, places in groupby(order, key=self._pages.__getitem__):
            if only is None or page in only:
                findings = [one for place in places for one in self._decoded(place, ends[place])]
                yield sorted(findings, key=_item)

    def _decoded(self, place: int, end: int) -> list[Finding]:
        self._file.seek(self._offsets[place])
        return self._decode(self._file.read(end - self._offsets[place]))
