"""timing: posts that follow each other too regularly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy

from safeconduct.contracts import Census
from safeconduct.criteria._posts import rows
from safeconduct.model import WHOLE, Basis, Confidence, Finding

_Array = numpy.ndarray[tuple[int], numpy.dtype[Any]]


class Timing:
    """An import whose posts follow each other too regularly for a person.

    ``posts``: fewer are not judged.  ``gaps``: the share of equal gaps, to the second, that is too much.
    ``second``: the share of posts made at the same second of the minute that is too much.

    **Why** A history that was made up is often made by a loop: every ten minutes, or always on the full minute.

    **Mind** Bots, scheduled posts and daily pictures are regular and honest.  Some software keeps dates without
    seconds, which looks like the full minute every time.  A forger who adds a little chance is not found.
    """

    name: ClassVar[str] = "timing"

    def __init__(self, posts: int = 50, gaps: float = 0.5, second: float = 0.8) -> None:
        self._posts, self._gaps, self._second = max(3, posts), gaps, second

    def conclude(self, census: Census) -> Iterable[Finding]:
        times = census.column("published")[rows(census)].astype(numpy.float64)
        times = numpy.sort(numpy.floor(times[~numpy.isnan(times)]))
        if len(times) < self._posts:
            return
        found = self._equal(numpy.diff(times)) or self._minute(times)
        if found:
            yield Finding(WHOLE, self.name, found[0], Basis.STATISTICAL, found[1], value=found[2])

    def _equal(self, gaps: _Array) -> tuple[Confidence, str, str] | None:
        lengths, counts = numpy.unique(gaps, return_counts=True)
        most = int(counts.argmax())
        length, count = float(lengths[most]), int(counts[most])
        if count < self._gaps * len(gaps):
            return None
        how = f"{length / 60:g} min" if length >= 60 else f"{length:g} s"
        reason = f"{count} of {len(gaps)} gaps between posts are {how} long, to the second"
        return Confidence.MEDIUM, reason, "gaps"

    def _minute(self, times: _Array) -> tuple[Confidence, str, str] | None:
        counts = numpy.bincount((times % 60).astype(numpy.int64), minlength=60)
        second = int(counts.argmax())
        if int(counts[second]) < self._second * len(times):
            return None
        reason = f"{counts[second]} of {len(times)} posts were made at second {second} of the minute"
        return Confidence.LOW, reason, "second"
