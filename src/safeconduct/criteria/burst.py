"""burst: very many posts in a short time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar

import numpy

from safeconduct.contracts import Census
from safeconduct.criteria._posts import rows, whole
from safeconduct.model import Basis, Confidence, Finding, Kind


class Burst:
    """A post that is one of very many in a short time.

    ``posts``: how many are still usual.  ``minutes``: in how short a time.

    **Why** Nobody writes forty posts in ten minutes by hand.  A script does, or somebody who invents a history in
    one afternoon.

    **Mind** Live reports, long threads posted at once and imports from another service look the same.  The times
    are what the archive claims.
    """

    name: ClassVar[str] = "burst"

    def __init__(self, posts: int = 30, minutes: int = 10) -> None:
        self._posts = max(1, posts)
        self._seconds = minutes * 60.0

    def conclude(self, census: Census) -> Iterable[Finding]:
        numbers = rows(census, Kind.POST, Kind.POLL)
        times = census.column("published")[numbers].astype(numpy.float64)
        numbers, times = numbers[~numpy.isnan(times)], times[~numpy.isnan(times)]
        order = numpy.argsort(times, kind="stable")
        numbers, times = numbers[order], times[order]
        first = numpy.searchsorted(times, times - self._seconds, side="left")
        size = numpy.arange(len(times)) - first + 1
        full = numpy.flatnonzero(size > self._posts)  # the windows that end here are too full
        change = numpy.zeros(len(times) + 1, dtype=numpy.int32)
        numpy.add.at(change, first[full], 1)
        numpy.add.at(change, full + 1, -1)
        inside = numpy.concatenate(([0], (numpy.cumsum(change)[:-1] > 0).astype(numpy.int8), [0]))
        for start, end in zip(
            numpy.flatnonzero(numpy.diff(inside) > 0).tolist(),
            numpy.flatnonzero(numpy.diff(inside) < 0).tolist(),
            strict=True,
        ):
            minutes = max(1, round((float(times[end - 1]) - float(times[start])) / 60))
            when = _date(float(times[start]))
            reason = f"One of {end - start} posts within {minutes} min on {when}"
            for number in numpy.sort(numbers[start:end]).tolist():
                yield Finding(number, self.name, Confidence.MEDIUM, Basis.EXACT, reason, whole(), when)


def _date(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return "an unknown day"
