"""near-duplicate: nearly the same text as an earlier item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy

from safeconduct.contracts import Census
from safeconduct.criteria._posts import rows, whole
from safeconduct.model import Basis, Confidence, Finding

_Array = numpy.ndarray[tuple[int], numpy.dtype[Any]]
_SHINGLES = 8


class NearDuplicate:
    """A post with nearly the same text as an earlier one.  The first of them is not found.

    ``alike``: how many of the eight samples of two texts must agree (5 to 8). ``copies``: how many such posts there
    must be, the first included.

    **Why** Spam changes a word here and a name there.  Read together, twenty such posts are one decision.

    **Mind** Eight samples are a rough measure: six in eight agree when about three quarters of the text does, give
    or take a sixth.  Series with a fixed opening, weekly lists and game results are nearly the same and quite
    innocent.
    """

    name: ClassVar[str] = "near-duplicate"

    def __init__(self, alike: int = 6, copies: int = 3) -> None:
        self._alike = min(max(alike, 5), _SHINGLES)
        self._copies = max(2, copies)

    def conclude(self, census: Census) -> Iterable[Finding]:
        posts = rows(census)
        texts = census.column("text")[posts]
        posts, texts = posts[texts != 0], texts[texts != 0]
        if len(posts) < self._copies:
            return
        group = numpy.arange(len(posts), dtype=numpy.int32)
        for band in numpy.array_split(numpy.arange(_SHINGLES), _SHINGLES - self._alike + 1):
            left, right = self._pairs(census, posts, band.tolist())
            _join(group, left, right)
        yield from self._found(posts, texts, group)

    def _pairs(self, census: Census, posts: _Array, band: list[int]) -> tuple[_Array, _Array]:
        """Rows that agree in this band and in enough of all samples.

        With at most ``8 - alike`` differences, one of ``8 - alike + 1`` bands is free of them: sorting by each band
        in turn brings every such pair together.  Each row is held against the first of its band and against its
        neighbour, never against all, so that ten thousand copies cost ten thousand comparisons.
        """
        key = numpy.zeros(len(posts), dtype=numpy.uint64)
        for number in band:
            key *= numpy.uint64(0x9E3779B97F4A7C15)
            key ^= census.column(f"shingle{number}")[posts].astype(numpy.uint64)
        order = numpy.argsort(key, kind="stable").astype(numpy.int32)
        key = key[order]
        fresh = numpy.concatenate(([True], key[1:] != key[:-1]))
        del key
        leader = order[numpy.maximum.accumulate(numpy.where(fresh, numpy.arange(len(order), dtype=numpy.int32), 0))]
        follows = numpy.flatnonzero(~fresh)
        left = numpy.concatenate((leader[follows], order[follows - 1]))
        right = numpy.concatenate((order[follows], order[follows]))
        equal = numpy.zeros(len(left), dtype=numpy.uint8)
        for number in range(_SHINGLES):
            column = census.column(f"shingle{number}")[posts]
            equal += column[left] == column[right]
        enough = equal >= self._alike
        return left[enough], right[enough]

    def _found(self, posts: _Array, texts: _Array, group: _Array) -> Iterator[Finding]:
        order = numpy.argsort(group, kind="stable")
        bounds = numpy.flatnonzero(numpy.diff(group[order])) + 1
        starts, ends = numpy.append(0, bounds), numpy.append(bounds, len(order))
        for place in numpy.flatnonzero(ends - starts >= self._copies).tolist():
            members = order[starts[place] : ends[place]]
            if len(numpy.unique(texts[members])) < 2:
                continue  # word for word the same: that is "duplicate"
            first = int(posts[members[0]])
            reason = f"Nearly the same text as item {first}; {len(members)} items are alike"
            for row in members[1:].tolist():
                number = int(posts[row])
                yield Finding(number, self.name, Confidence.MEDIUM, Basis.STATISTICAL, reason, whole(), f"text:{first}")


def _join(group: _Array, left: _Array, right: _Array) -> None:
    """Give all that hang together the smallest number among them, in place."""
    while True:
        low = numpy.minimum(group[left], group[right])
        if (group[left] == low).all() and (group[right] == low).all():
            return
        for side in (left, right):
            # the old group's head goes along, so that those joined to it earlier follow
            numpy.minimum.at(group, group[side], low)
            numpy.minimum.at(group, side, low)
        while not (group[group] == group).all():
            group[:] = group[group]
