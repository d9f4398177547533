"""Which part of an original string a part of a reading stands for; worked out only when a hit asks.

A *trace* leads from offsets in a reading to offsets in what it was made from.  Traces are chained: leet over skeleton
over folded over HTML leads back to the string as it lay in the archive.  A trace holds one stretch for each change,
not one entry for each character, so that a hit costs little even in a long text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Protocol

Span = tuple[int, int]


class Trace(Protocol):
    """The way back from a reading."""

    def cover(self, start: int, end: int) -> Span:
        """The smallest stretch of the source that holds everything ``start:end`` stands for."""


class Stretches:
    """A trace in stretches: each stands for a stretch of the source, letter by letter if both are equally long."""

    __slots__ = ("_at", "_spans", "length")

    def __init__(self) -> None:
        self._at: list[int] = []
        self._spans: list[Span] = []
        self.length = 0

    def add(self, length: int, start: int, end: int) -> None:
        """The next ``length`` characters of the reading stand for ``start:end`` of the source."""
        if length:
            self._at.append(self.length)
            self._spans.append((start, end))
            self.length += length

    def cover(self, start: int, end: int) -> Span:
        if not 0 <= start < end <= self.length:
            return (0, 0)
        first, last = bisect_right(self._at, start) - 1, bisect_right(self._at, end - 1) - 1
        if first == last:
            return self._part(first, start, end)
        edges = [self._part(first, start, self._at[first + 1]), self._part(last, self._at[last], end)]
        spans = edges + self._spans[first + 1 : last]
        return (min(span[0] for span in spans), max(span[1] for span in spans))

    def _part(self, number: int, start: int, end: int) -> Span:
        at = self._at[number]
        following = self._at[number + 1] if number + 1 < len(self._at) else self.length
        source, source_end = self._spans[number]
        if source_end - source == following - at:
            return (source + start - at, source + end - at)
        return (source, source_end)


class Chain:
    """A trace to a middle text, then one from there; ``lead`` characters of the first were cut from its front."""

    __slots__ = ("_inner", "_lead", "_outer")

    def __init__(self, outer: Trace, inner: Trace, lead: int = 0) -> None:
        self._outer, self._inner, self._lead = outer, inner, lead

    def cover(self, start: int, end: int) -> Span:
        return self._inner.cover(*self._outer.cover(start + self._lead, end + self._lead))


def identity(length: int) -> Stretches:
    """Each character stands for itself."""
    trace = Stretches()
    trace.add(length, 0, length)
    return trace


class Whole:
    """The honest fallback where the exact place cannot be told: everything stands for the whole field."""

    __slots__ = ("_source",)

    def __init__(self, source: int) -> None:
        self._source = source

    def cover(self, start: int, end: int) -> Span:
        return (0, self._source)


def substituted(pattern: re.Pattern[str], put: Callable[[re.Match[str]], str], text: str) -> tuple[str, Stretches]:
    """``pattern.sub(put, text)`` together with its trace: what was put stands for all that was taken away."""
    made: list[str] = []
    trace = Stretches()
    last = 0
    for match in pattern.finditer(text):
        start, end = match.span()
        new = put(match)
        made += (text[last:start], new)
        trace.add(start - last, last, start)
        trace.add(len(new), start, end)
        last = end
    made.append(text[last:])
    trace.add(len(text) - last, last, len(text))
    return "".join(made), trace


def pieces(parts: Iterable[str], change: Callable[[str], str]) -> tuple[str, Stretches]:
    """Change a text piece by piece (a run of ASCII, a combining sequence): each result stands for its piece."""
    made: list[str] = []
    trace = Stretches()
    place = 0
    for part in parts:
        new = change(part)
        made.append(new)
        trace.add(len(new), place, place + len(part))
        place += len(part)
    return "".join(made), trace
