"""What the policies say of items, asked once for each *kind* of item instead of once for each item.

A policy looks only at an item's kind, visibility and date and at what was found (``Policy.decide``), and most items
of an import are alike in all of that: the spool's marks say which, and their findings are never read again.  Dates
count only where a rule minds age; what broke or was not assessed is always asked anew, because its sentence differs
from item to item.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy

from safeconduct.model import Decision, Finding, Item, Kind, Visibility
from safeconduct.policy import Policy, strictest
from safeconduct.policy.rules import BROKEN, NOT_ASSESSED
from safeconduct.screening.census import Census
from safeconduct.steps.spool import APART, Spool

KINDS = tuple(Kind)
ROOM = 20_000
SLICE = 1 << 16  # items compared with each other at once
Said = TypeVar("Said")
Spoken = tuple[tuple[str, ...], tuple[str, ...]]
Numbers = numpy.ndarray[tuple[int], numpy.dtype[numpy.int64]]


class Verdicts:
    """The policies of one inspection, over its census."""

    def __init__(self, policies: Sequence[Policy], census: Census) -> None:
        self._policies, self._census = policies, census
        self._kinds = census.column("kind").tobytes()
        self._audiences = census.column("visibility").tobytes()
        self._aged = frozenset(rule.question for policy in policies for rule in policy.rules if rule.where.minds_age)
        self._dates = array("d", census.column("published").tobytes() if self._aged else b"")
        self._decisions: dict[Hashable, Decision] = {}
        self._spoken: dict[Hashable, Spoken] = {}

    def decision(self, number: int, findings: Sequence[Finding]) -> Decision:
        """The strictest of what all policies say of item ``number`` (law 3)."""
        return self._once(self._decisions, number, findings, lambda item: self._decide(item, findings))

    def spoken(self, number: int, findings: Sequence[Finding]) -> Spoken:
        """Ids of the live rules that would act on the item, and of the shadow rules."""
        return self._once(self._spoken, number, findings, lambda item: self._speak(item, findings))

    def alike(self, spool: Spool) -> Iterator[tuple[Numbers, Sequence[Finding]]]:
        """Every item with findings, those together that all policies say the same of, and what was found in each.

        Some ten thousand items at a time; of these, in the order of the first of each group.  Items of which the spool
        knows no more than that they are like no other, or whose age matters, stand alone.
        """
        marks = spool.marks(self._census.count)
        alone = numpy.array([mark == APART or bool(asked & self._aged) for mark, asked in enumerate(spool.questions())])
        read = spool.apart(marks)
        for first in range(0, len(marks), SLICE):
            numbers = first + numpy.flatnonzero(marks[first : first + SLICE])
            for group in _groups(numbers, self._likeness(numbers, marks[numbers], alone)):
                number, mark = int(group[0]), int(marks[group[0]])
                yield group, next(read)[1] if mark == APART else spool.told(mark, number)

    def _likeness(self, numbers: Numbers, marks: Any, alone: Any) -> Numbers:
        """One number for each item; equal where all that a policy may look at is equal."""
        kinds = numpy.frombuffer(self._kinds, dtype=numpy.uint8)[numbers].astype(numpy.int64)
        audiences = numpy.frombuffer(self._audiences, dtype=numpy.uint8)[numbers]
        return numpy.where(alone[marks], -1 - numbers, marks.astype(numpy.int64) << 16 | kinds << 8 | audiences)

    def _decide(self, item: Item, findings: Sequence[Finding]) -> Decision:
        return strictest([policy.decide(item, findings, self._census) for policy in self._policies])

    def _speak(self, item: Item, findings: Sequence[Finding]) -> Spoken:
        as_of = self._census.as_of
        return (
            tuple(rule for policy in self._policies for rule in policy.touched(item, findings, as_of)),
            tuple(rule for policy in self._policies for rule in policy.shadowed(item, findings, as_of)),
        )

    def _once(
        self, known: dict[Hashable, Said], number: int, findings: Sequence[Finding], ask: Callable[[Item], Said]
    ) -> Said:
        if any(one.criterion == BROKEN or one.value == NOT_ASSESSED for one in findings):
            return ask(self._item(number))
        seen = tuple([(one.question, one.criterion, one.confidence, one.basis) for one in findings])
        when = self._dates[number] if self._minds_age(findings) else 0.0
        key = (self._kinds[number], self._audiences[number], when, seen)
        said = known.get(key)
        if said is None:
            said = ask(self._item(number))
            if len(known) < ROOM:
                known[key] = said
        return said

    def _item(self, number: int) -> Item:
        """What a policy may look at, without reading the archive again."""
        return Item(
            number=number,
            kind=KINDS[self._kinds[number]],
            origin="",
            raw=b"",
            record={},
            object={},
            visibility=Visibility(self._audiences[number]),
            published=_moment(self._dates[number]) if self._aged else None,
        )

    def _minds_age(self, findings: Sequence[Finding]) -> bool:
        return bool(self._aged) and any(one.question in self._aged for one in findings)


def _groups(numbers: Numbers, likeness: Numbers) -> Iterator[Numbers]:
    """``numbers`` (ascending) of equal likeness together, in the order of the first of each."""
    _, firsts, inverse, sizes = numpy.unique(likeness, return_index=True, return_inverse=True, return_counts=True)
    order, ends = numpy.argsort(inverse, kind="stable"), numpy.cumsum(sizes)
    for group in numpy.argsort(firsts):
        yield numbers[order[ends[group] - sizes[group] : ends[group]]]


def _moment(when: float) -> datetime | None:
    try:
        return None if when != when else datetime.fromtimestamp(when, UTC)
    except (OverflowError, ValueError, OSError):
        return None
