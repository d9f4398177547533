"""Which characters of an original string a character of a reading stands for; worked out only when a hit asks.

A *trace* is one ``(start, end)`` pair of source offsets for every character of a reading.  Traces compose: the
trace of leet over skeleton over folded over HTML leads back to the string as it lay in the archive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Span = tuple[int, int]
Trace = list[Span]


def identity(length: int) -> Trace:
    """Each character stands for itself."""
    return [(place, place + 1) for place in range(length)]


def whole(length: int, source: int) -> Trace:
    """The honest fallback where the exact place cannot be told: every character stands for the whole field."""
    return [(0, source)] * length


def substituted(pattern: re.Pattern[str], put: Callable[[re.Match[str]], str], text: str) -> tuple[str, Trace]:
    """``pattern.sub(put, text)`` together with its trace: what was put stands for all that was taken away."""
    made: list[str] = []
    trace: Trace = []
    last = 0
    for match in pattern.finditer(text):
        start, end = match.span()
        new = put(match)
        made += (text[last:start], new)
        trace += [(place, place + 1) for place in range(last, start)]
        trace += [(start, end)] * len(new)
        last = end
    made.append(text[last:])
    trace += [(place, place + 1) for place in range(last, len(text))]
    return "".join(made), trace


def pieces(parts: Iterable[str], change: Callable[[str], str]) -> tuple[str, Trace]:
    """Change a text piece by piece (character or combining sequence): each result stands for its piece."""
    made: list[str] = []
    trace: Trace = []
    place = 0
    for part in parts:
        new = change(part)
        made.append(new)
        trace += [(place, place + len(part))] * len(new)
        place += len(part)
    return "".join(made), trace


def through(outer: Trace, inner: Trace) -> Trace:
    """``outer`` maps a reading to a middle text, ``inner`` the middle text to the original: the two as one."""
    return [cover(inner, start, end) for start, end in outer]


def cover(trace: Trace, start: int, end: int) -> Span:
    """The smallest stretch of the source that holds everything the characters ``start:end`` stand for."""
    if start >= end or not trace:
        return (0, 0)
    part = trace[start:end]
    return (min(span[0] for span in part), max(span[1] for span in part))
