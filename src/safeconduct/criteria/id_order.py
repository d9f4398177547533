"""id-order: a post whose number does not fit its date."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy

from safeconduct.contracts import Census
from safeconduct.criteria._posts import rows, whole
from safeconduct.model import WHOLE, Basis, Confidence, Finding

_Array = numpy.ndarray[tuple[int], numpy.dtype[Any]]
_DAY = 86_400.0
# Mastodon's numbers since 2.0 (October 2017) are milliseconds since 1970, shifted left by sixteen bits.
_FIRST = numpy.uint64(1_506_816_000_000 << 16)
_MOST = 0.8  # so many must follow Mastodon's way before the others are measured by it


class IdOrder:
    """A post whose number, given by its server, does not fit the date it claims; and once for the import, how many.

    ``days``: how far apart number and date may be.

    **Why** Servers number posts as they are written; Mastodon even writes the time into the number.  A post slipped
    in later under an old date keeps a young number, or has one that was made up.

    **Mind** It can be calculated, yet it proves nothing: posts brought from another server, restored from a backup
    or written by other software get young numbers honestly.  Where numbers do not carry the time, the date is
    estimated from the neighbours, with low confidence.  Ids without a number are not assessed.
    """

    name: ClassVar[str] = "id-order"

    def __init__(self, days: float = 1.0) -> None:
        self._apart = days * _DAY

    def conclude(self, census: Census) -> Iterable[Finding]:
        posts = rows(census)
        serials = census.column("serial")[posts].astype(numpy.uint64)
        times = census.column("published")[posts].astype(numpy.float64)
        known = (serials > 0) & ~numpy.isnan(times)
        posts, serials, times = posts[known], serials[known], times[known]
        if len(posts) < 3:
            return
        expected, carried = _carried(serials, times, self._apart)
        if not carried:
            expected = _estimated(serials, times)
        wrong = numpy.flatnonzero(numpy.abs(times - expected) > self._apart)
        for row in wrong.tolist():
            yield self._found(int(posts[row]), float(times[row]), float(expected[row]), carried)
        if len(wrong):
            share = f"{len(wrong)} of {len(posts)} numbered posts have a number that does not fit their date"
            confidence = Confidence.MEDIUM if carried else Confidence.LOW
            yield Finding(WHOLE, self.name, confidence, Basis.STATISTICAL, share)

    def _found(self, number: int, claimed: float, expected: float, carried: bool) -> Finding:
        verb = "was given out on" if carried else "was given out about"
        reason = f"Dated {_day(claimed)}, but its number {verb} {_day(expected)}"
        confidence = Confidence.MEDIUM if carried else Confidence.LOW
        return Finding(number, self.name, confidence, Basis.STATISTICAL, reason, whole())


def _carried(serials: _Array, times: _Array, apart: float) -> tuple[_Array, bool]:
    """The times inside Mastodon's numbers, and whether this archive is numbered in that way at all."""
    inside = (serials >> numpy.uint64(16)).astype(numpy.float64) / 1000
    agree = numpy.abs(times - inside) <= apart
    # numbers from before 2.0 were counted one by one and carry no time: they are held against nothing
    young = serials >= _FIRST
    follows = bool(young.any()) and float(agree[young].mean()) >= _MOST and int(agree.sum()) >= 2
    return numpy.where(young, inside, times), follows


def _estimated(serials: _Array, times: _Array) -> _Array:
    """When each number was given out, judging by the longest run of posts whose numbers and dates grow together."""
    order = numpy.lexsort((serials, times))
    sorted_serials = serials[order]
    if bool((sorted_serials[1:] >= sorted_serials[:-1]).all()):
        return times
    run = order[_longest(sorted_serials.tolist())]
    return numpy.interp(serials.astype(numpy.float64), serials[run].astype(numpy.float64), times[run])


def _longest(values: list[int]) -> list[int]:
    """Places of a longest non-decreasing subsequence; O(n log n)."""
    tails: list[int] = []
    places: list[int] = []
    before = [-1] * len(values)
    for place, value in enumerate(values):
        at = bisect_right(tails, value)
        before[place] = places[at - 1] if at else -1
        tails[at : at + 1] = [value]
        places[at : at + 1] = [place]
    chain = [places[-1]]
    while before[chain[-1]] >= 0:
        chain.append(before[chain[-1]])
    return chain[::-1]


def _day(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "an impossible day"
