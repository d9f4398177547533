"""Which of many literals are in which of many texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy

from safeconduct.screening.engines import Joined, Literals
from safeconduct.screening.texts import utf8

_WORD = numpy.array([(chr(byte).isalnum() and byte < 128) or byte == 95 for byte in range(256)])


class Form(NamedTuple):
    """One spelling that is looked up for a pattern: ``kind`` says in which reading it counts, ``whole`` that it
    counts only as whole words."""

    number: int
    kind: str
    text: str
    whole: bool


class LookUp:
    """Many literals, each with the patterns it stands for."""

    def __init__(self, engine: Callable[[Sequence[bytes]], Literals], forms: Iterable[Form]) -> None:
        by_bytes: dict[bytes, list[Form]] = {}
        loose: set[bytes] = set()
        for form in forms:
            literal = utf8(form.text)
            by_bytes.setdefault(literal, []).append(form)
            if not form.whole:
                loose.add(literal)
        self._forms = list(by_bytes.values())
        self._engine = engine(list(by_bytes))
        self._lengths = numpy.array([len(literal) for literal in by_bytes], dtype=numpy.int64)
        # Where a literal begins or ends with a plain letter, a plain letter beside it rules a whole word out.
        whole = numpy.array([literal not in loose for literal in by_bytes])
        self._starts = _WORD[[literal[0] for literal in by_bytes]] & whole
        self._ends = _WORD[[literal[-1] for literal in by_bytes]] & whole

    def find(self, joined: Joined, loose: Sequence[bool] = ()) -> Iterator[tuple[int, list[Form]]]:
        """Which literals are somewhere in which text; each pair once, in order.

        Whole words are sifted here only as far as ASCII tells; in ``loose`` texts not at all.
        """
        places = self._engine.find(joined.data)
        if not places:
            return
        pairs = numpy.array(places, dtype=numpy.int64)
        numbers, after = pairs[:, 0], pairs[:, 1]
        around = numpy.frombuffer(b"\n" + joined.data + b"\n", dtype=numpy.uint8)
        lines = numpy.searchsorted(joined.ends, after, side="left")
        inside = _WORD[around[after - self._lengths[numbers]]] & self._starts[numbers]
        inside |= _WORD[around[after + 1]] & self._ends[numbers]
        if loose:
            inside &= ~numpy.array(loose)[lines]
        kept = ~inside
        for place, number in sorted(set(zip(lines[kept].tolist(), numbers[kept].tolist(), strict=True))):
            yield place, self._forms[number]
