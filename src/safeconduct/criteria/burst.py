"""burst: very many posts in a short time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy

from safeconduct.contracts import Census
from safeconduct.criteria._posts import rows, whole
from safeconduct.model import Basis, Confidence, Finding

_Array = numpy.ndarray[tuple[int], numpy.dtype[Any]]


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
        numbers = rows(census)
        times = census.column("published")[numbers]
        numbers = numbers[numpy.argsort(times, kind="stable")]  # those without a date (NaN) go to the end
        times = numpy.sort(times)
        times = times[: len(times) - numpy.count_nonzero(numpy.isnan(times))]
        for start, end in self._runs(times):
            minutes = max(1, round((float(times[end - 1]) - float(times[start])) / 60))
            when = _date(float(times[start]))
            reason = f"One of {end - start} posts within {minutes} min on {when}"
            for number in numpy.sort(numbers[start:end]):
                yield Finding(int(number), self.name, Confidence.MEDIUM, Basis.EXACT, reason, whole(), when)

    def _runs(self, times: _Array) -> Iterator[tuple[int, int]]:
        """Stretches of the sorted times that are covered by windows with too many posts."""
        first = numpy.searchsorted(times, times - self._seconds, side="left").astype(numpy.int32)
        places = numpy.arange(len(times), dtype=numpy.int32)
        full = numpy.flatnonzero(places - first + 1 > self._posts)  # the windows that end here are too full
        start = end = -1
        for place, begin in zip(full, first[full], strict=True):
            if begin >= end:
                if end > 0:
                    yield start, end
                start = int(begin)
            end = int(place) + 1
        if end > 0:
            yield start, end


def _date(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return "an unknown day"
