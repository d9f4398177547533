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
_CHUNK = 65_536  # pairs handled at once: memory must not grow with the import


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
        posts = posts[census.column("text")[posts] != 0]
        if len(posts) < self._copies:
            return
        group = numpy.arange(len(posts), dtype=numpy.int32)
        for band in numpy.array_split(numpy.arange(_SHINGLES), _SHINGLES - self._alike + 1):
            for left, right in self._pairs(census, posts, band.tolist()):
                for start in range(0, len(left), _CHUNK):
                    _join(group, left[start : start + _CHUNK], right[start : start + _CHUNK])
        yield from self._found(census.column("text"), posts, group)

    def _pairs(self, census: Census, posts: _Array, band: list[int]) -> Iterator[tuple[_Array, _Array]]:
        """Rows that agree in this band and in enough of all samples.

        With at most ``8 - alike`` differences, one of ``8 - alike + 1`` bands is free of them: sorting by each band in
        turn brings every such pair together.  Each row is held against the first of its band and against its neighbour,
        never against all, so that ten thousand copies cost ten thousand comparisons.
        """
        order, fresh = _sorted(census, posts, band)
        follows = numpy.flatnonzero(~fresh).astype(numpy.int32)
        for way in ("first", "neighbour"):
            if way == "first":
                places = numpy.where(fresh, numpy.arange(len(order), dtype=numpy.int32), numpy.int32(0))
                left = order[numpy.maximum.accumulate(places)[follows]]
            else:
                left = order[follows - 1]
            right = order[follows]
            enough = _agreeing(census, posts, left, right) >= self._alike
            yield left[enough], right[enough]

    def _found(self, text: _Array, posts: _Array, group: _Array) -> Iterator[Finding]:
        order = numpy.argsort(group, kind="stable").astype(numpy.int32)
        sizes = numpy.bincount(group)
        ends = numpy.cumsum(sizes, dtype=numpy.int32)
        for head in numpy.flatnonzero(sizes >= self._copies).tolist():
            members = posts[order[ends[head] - sizes[head] : ends[head]]]
            texts = text[members]
            if (texts == texts[0]).all():
                continue  # word for word the same: that is "duplicate"
            first = int(members[0])
            reason = f"Nearly the same text as item {first}; {len(members)} items are alike"
            for number in members[1:]:
                place = whole()
                yield Finding(
                    int(number), self.name, Confidence.MEDIUM, Basis.STATISTICAL, reason, place, f"text:{first}"
                )


def _sorted(census: Census, posts: _Array, band: list[int]) -> tuple[_Array, _Array]:
    """The places of ``posts`` in the order of this band, and where another value begins."""
    key = numpy.zeros(len(posts), dtype=numpy.uint64)
    for number in band:
        key *= numpy.uint64(0x9E3779B97F4A7C15)
        key ^= census.column(f"shingle{number}")[posts].astype(numpy.uint64)
    order = numpy.argsort(key, kind="stable").astype(numpy.int32)
    key = key[order]
    return order, numpy.concatenate(([True], key[1:] != key[:-1]))


def _agreeing(census: Census, posts: _Array, left: _Array, right: _Array) -> _Array:
    """How many of the eight samples agree, for each pair."""
    equal = numpy.zeros(len(left), dtype=numpy.uint8)
    for number in range(_SHINGLES):
        column = census.column(f"shingle{number}")[posts]
        for start in range(0, len(left), _CHUNK):
            part = slice(start, start + _CHUNK)
            equal[part] += column[left[part]] == column[right[part]]
    return equal


def _join(group: _Array, left: _Array, right: _Array) -> None:
    """Give all that hang together the smallest number among them, in place."""
    while True:
        unsettled = group[left] != group[right]
        if not unsettled.any():
            return
        left, right = left[unsettled], right[unsettled]
        one, two = group[left], group[right]
        low = numpy.minimum(one, two)
        # the heads go along, so that those joined to them earlier follow; the largest number is written first
        for head in (one, two):
            numpy.minimum.at(group, head, low)
        while True:
            flat = group[group]
            if (flat == group).all():
                break
            group[:] = flat
