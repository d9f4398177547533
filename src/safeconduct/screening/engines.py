"""Two engines with the same answers: Hyperscan where there is a wheel for it, RE2 and Aho-Corasick elsewhere.

An engine says where literals may be and which expressions may match; ``automaton.py`` verifies every one of them with
the same code, so an engine may only be too generous.
"""

from __future__ import annotations

import importlib
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy
import re2
from ahocorasick_rs import BytesAhoCorasick

from safeconduct.screening.compiling import compiled
from safeconduct.screening.expressions import options, relaxed
from safeconduct.screening.texts import utf8

Place = tuple[int, int]  # (number of the literal, byte offset of its end)
_BETWEEN = "\n" * 4  # more than any gate passes over, so that no match goes from one text into the next


class Joined:
    """Texts that hold no newline, one after the other with newlines between."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.data = utf8(_BETWEEN.join(texts))

    @cached_property
    def ends(self) -> Any:
        """Up to where a match of each text but the last can end, in bytes (a numpy array): one that ends at ``n`` is
        in the text whose number ``searchsorted(ends, n)`` tells."""
        newlines = numpy.flatnonzero(numpy.frombuffer(self.data, dtype=numpy.uint8) == 10)
        return newlines[len(_BETWEEN) - 1 :: len(_BETWEEN)]


class Literals(Protocol):
    """Many byte strings at once."""

    def find(self, buffer: bytes) -> list[Place]:
        """Every occurrence of every literal, overlapping ones too."""


class Expressions(Protocol):
    """Many expressions at once."""

    def find(self, text: bytes) -> list[int]:
        """The numbers of the expressions that may match somewhere in this text; each once."""


class Gates(Protocol):
    """A few expressions of which it matters in which text each one matches."""

    def find(self, joined: Joined) -> set[tuple[int, int]]:
        """(number of the text, number of the expression), wherever one may match."""


class PortableLiterals:
    """Aho-Corasick."""

    def __init__(self, literals: Sequence[bytes]) -> None:
        self._automaton = BytesAhoCorasick(literals)

    def find(self, buffer: bytes) -> list[Place]:
        return [(number, end) for number, _, end in self._automaton.find_matches_as_indexes(buffer, overlapping=True)]


class PortableExpressions:
    """RE2 sets, small enough that none runs out of its memory (it would then say that nothing matches)."""

    _SET = 50

    def __init__(self, expressions: Sequence[str], numbers: Sequence[int] | None = None) -> None:
        known = list(range(len(expressions))) if numbers is None else list(numbers)
        self._sets: list[tuple[Any, list[int]]] = []
        for start in range(0, len(expressions), self._SET):
            chosen = options()
            chosen.max_mem = 256 << 20
            group = re2.Set.SearchSet(chosen)
            for expression in expressions[start : start + self._SET]:
                group.Add(f"(?m:{relaxed(expression)})")
            group.Compile()
            self._sets.append((group, known[start : start + self._SET]))

    def find(self, text: bytes) -> list[int]:
        return [numbers[place] for group, numbers in self._sets for place in group.Match(text) or ()]


class PortableGates:
    """RE2, text by text."""

    def __init__(self, expressions: Sequence[str]) -> None:
        self._find = PortableExpressions(expressions).find

    def find(self, joined: Joined) -> set[tuple[int, int]]:
        lines = joined.data.split(_BETWEEN.encode())
        return {(place, number) for place, line in enumerate(lines) for number in self._find(line)}


class HyperscanLiterals:
    """Hyperscan's pure literals, over a whole batch at once."""

    def __init__(self, literals: Sequence[bytes], kept: Path | None = None) -> None:
        self._database = compiled(tuple(literals), tuple(range(len(literals))), 0, True, kept)

    def find(self, buffer: bytes) -> list[Place]:
        found: list[Place] = []
        add = found.append

        def seen(number: int, start: int, end: int, flags: int, context: object) -> None:
            add((number, end))

        self._database.scan(buffer, match_event_handler=seen)
        return found


class HyperscanExpressions:
    """Hyperscan, each expression at most once a text: ``\\w+`` would else be reported at every letter."""

    def __init__(self, expressions: Sequence[str], kept: Path | None = None) -> None:
        self._hyperscan = importlib.import_module("hyperscan")
        self._kept = kept
        numbers = list(range(len(expressions)))
        self._found: list[int] = []
        self._rest: PortableExpressions | None = None
        try:
            self._database = self._compiled(expressions, numbers)
        except self._hyperscan.error:
            self._set_apart(expressions)

    def find(self, text: bytes) -> list[int]:
        self._found = []
        if self._database is not None:
            self._database.scan(text, match_event_handler=self._seen)
        return self._found if self._rest is None else self._found + self._rest.find(text)

    def _seen(self, number: int, start: int, end: int, flags: int, context: object) -> None:
        self._found.append(number)

    def _compiled(self, expressions: Sequence[str], numbers: Sequence[int]) -> Any:
        engine = self._hyperscan
        flags = engine.HS_FLAG_UTF8 | engine.HS_FLAG_CASELESS | engine.HS_FLAG_SINGLEMATCH | engine.HS_FLAG_MULTILINE
        encoded = tuple(relaxed(expression).encode() for expression in expressions)
        return compiled(encoded, tuple(numbers), flags, False, self._kept)

    def _set_apart(self, expressions: Sequence[str]) -> None:
        """What Hyperscan does not take (``(?U)``, too many states) is left to RE2."""
        good = [number for number, expression in enumerate(expressions) if self._takes(expression)]
        bad = sorted(set(range(len(expressions))) - set(good))
        self._database = self._compiled([expressions[number] for number in good], good) if good else None
        self._rest = PortableExpressions([expressions[number] for number in bad], bad)

    def _takes(self, expression: str) -> bool:
        try:
            self._compiled([expression], [0])
        except self._hyperscan.error:
            return False
        return True


class HyperscanGates:
    """Hyperscan, every match of all texts at once: three times as quick as each at most once (measured), because
    matches are rare.  Where they are not, the first in a text is noted and the rest of them is skipped.  Folded texts
    have no capitals, and with them these few take twice as long to compile."""

    def __init__(self, expressions: Sequence[str], kept: Path | None = None) -> None:
        encoded = tuple(relaxed(expression).encode() for expression in expressions)
        engine = importlib.import_module("hyperscan")
        flags = engine.HS_FLAG_UTF8 | engine.HS_FLAG_MULTILINE
        self._database = compiled(encoded, tuple(range(len(encoded))), flags, False, kept)

    def find(self, joined: Joined) -> set[tuple[int, int]]:
        found: set[tuple[int, int]] = set()
        known: dict[int, tuple[int, int]] = {}  # the text in which the expression was seen last
        ends: list[int] = []

        def seen(number: int, start: int, end: int, flags: int, context: object) -> None:
            first, last = known.get(number, (0, -1))
            if first < end <= last:
                return
            if not ends:
                ends.extend([*joined.ends.tolist(), len(joined.data)])
            place = bisect_left(ends, end)
            known[number] = (ends[place - 1] if place else -1, ends[place])
            found.add((place, number))

        self._database.scan(joined.data, match_event_handler=seen)
        return found


def available() -> bool:
    """Whether Hyperscan can be used on this machine."""
    try:
        importlib.import_module("hyperscan")
    except ImportError:
        return False
    return True
