"""Every pattern of every criterion in one pass over a batch.

Literals are looked for in the folded texts of the whole batch joined, expressions in each item's plain texts (and in
the folded ones where they differ by more than case).  In the same pass the gates of ``views.py`` say which few items
could be disguised; only those are read in the further views, and scanned once more.  What an engine reports is then
verified on the one text with one and the same code, so both engines give the same hits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy

from safeconduct.errors import PolicyError
from safeconduct.model import Hit, Pattern
from safeconduct.screening import engines
from safeconduct.screening.expressions import check, compiled, compiled_whole
from safeconduct.screening.spans import Span, Stretches, Trace
from safeconduct.screening.texts import Text, utf8
from safeconduct.screening.views import GATES, Variant, bounded, compact, fold, runs, skeleton, squeeze, variants

MOST = 20  # hits of one pattern in one field; more say nothing new
_TAIL = 256  # characters of a warning, and of a body, in which a phrase split over both is looked for
_SHORT = 6  # a look-alike match without a single Latin letter must be at least so long, or it is an ordinary word
_DISGUISES = frozenset(gate.view for gate in GATES)
_WORD = numpy.array([(chr(byte).isalnum() and byte < 128) or byte == 95 for byte in range(256)])
_WARNING = (0, 0)  # the trace of what is in the warning, seen from the body
_HEADS = ("/name", "/summary")


@dataclass(frozen=True)
class _Form:
    """One spelling of a literal that is looked up: ``kind`` says in which reading it counts."""

    number: int
    kind: str
    text: str


class _LookUp:
    """Many literals, each with the patterns it stands for."""

    def __init__(
        self, engine: engines.Literals, literals: Sequence[bytes], forms: Sequence[list[_Form]], whole: Sequence[bool]
    ) -> None:
        self._engine = engine
        self._forms = forms
        self._lengths = numpy.array([len(literal) for literal in literals], dtype=numpy.int64)
        # Where a literal begins or ends with a plain letter, a plain letter beside it rules a whole word out.
        self._starts = numpy.array([_WORD[one[0]] for one in literals]) & numpy.array(whole)
        self._ends = numpy.array([_WORD[one[-1]] for one in literals]) & numpy.array(whole)

    def find(self, texts: Sequence[str], loose: Sequence[bool] = ()) -> Iterator[tuple[int, list[_Form]]]:
        """Which literals are somewhere in which text; each pair once, in order.

        Whole words are sifted here only as far as ASCII tells; in ``loose`` texts not at all.
        """
        buffer = utf8("\n".join(texts))
        places = self._engine.find(buffer) if texts else []
        if not places:
            return
        pairs = numpy.array(places, dtype=numpy.int64)
        numbers, after = pairs[:, 0], pairs[:, 1]
        around = numpy.frombuffer(b"\n" + buffer + b"\n", dtype=numpy.uint8)
        # No folded text holds a newline, and no literal does: each one in the buffer ends a text.
        lines = numpy.searchsorted(numpy.flatnonzero(around[1:-1] == 10), after, side="left")
        inside = _WORD[around[after - self._lengths[numbers]]] & self._starts[numbers]
        inside |= _WORD[around[after + 1]] & self._ends[numbers]
        if loose:
            inside &= ~numpy.array(loose)[lines]
        kept = ~inside
        for place, number in sorted(set(zip(lines[kept].tolist(), numbers[kept].tolist(), strict=True))):
            yield place, self._forms[number]


@dataclass
class _Found:
    """Hits of one scan, without two for the same place."""

    hits: list[tuple[int, Hit]] = field(default_factory=list)
    spans: dict[tuple[int, int, str], list[Span]] = field(default_factory=dict)

    def count(self, number: int, item: int, text: Text) -> int:
        return len(self.spans.get((number, item, text.field.pointer), ()))

    def add(self, number: int, pattern: Pattern, item: int, text: Text, view: str, span: Span) -> None:
        seen = self.spans.setdefault((number, item, text.field.pointer), [])
        start, end = span
        if len(seen) >= MOST or any(start < other_end and other_start < end for other_start, other_end in seen):
            return
        seen.append(span)
        self.hits.append((number, Hit(item, pattern, text.field, view, start, end)))


class Automaton:
    """All patterns, compiled once.  ``engine``: ``hyperscan``, ``portable`` or "" for the best at hand.

    Raises ``PolicyError`` if a pattern cannot be used (see ``expressions.check``).
    """

    def __init__(self, patterns: Sequence[Pattern], engine: str = "", kept: Path | None = None) -> None:
        for pattern in patterns:
            if reason := check(pattern):
                raise PolicyError(f"The pattern {pattern.text[:80]!r} cannot be used. {reason}")
        self.patterns = tuple(patterns)
        self.engine = engine or ("hyperscan" if engines.available() else "portable")
        self._kept = kept
        self._literals = self._folded_literals()
        self._disguised = self._disguised_literals()
        self._gates = [gate.view for gate in GATES] if self._disguised else []
        self._numbers = [number for number, pattern in enumerate(patterns) if not pattern.literal]
        self._expressions = self._all_expressions()
        self._across = any(pattern.literal and "across" in pattern.views for pattern in patterns)

    def scan(self, items: Sequence[Sequence[Text]]) -> list[tuple[int, Hit]]:
        """Every hit, as (number of the pattern, hit); ``Hit.item`` is the place in ``items``.  One pass."""
        found = _Found()
        self._scan_literals(items, found)
        opened = self._scan_expressions(items, found)
        self._scan_disguised(items, opened, found)
        return found.hits

    @property
    def _quick(self) -> bool:
        return self.engine == "hyperscan"

    # --- compiling -----------------------------------------------------------------------------------

    def _folded_literals(self) -> _LookUp | None:
        forms = [
            _Form(number, "plain", fold(pattern.text))
            for number, pattern in enumerate(self.patterns)
            if pattern.literal and {"plain", "folded"} & set(pattern.views)
        ]
        return self._looked_up(forms)

    def _disguised_literals(self) -> _LookUp | None:
        forms: list[_Form] = []
        for number, pattern in enumerate(self.patterns):
            if pattern.literal and (_DISGUISES | {"across"}) & set(pattern.views):
                text = skeleton(fold(pattern.text))
                spellings = {"plain": text, "compact": compact(text)}
                spellings |= {"squeezed": squeeze(text), "squeezed-compact": squeeze(compact(text))}
                forms += [_Form(number, kind, spelling) for kind, spelling in spellings.items() if spelling]
        return self._looked_up(forms)

    def _looked_up(self, forms: Iterable[_Form]) -> _LookUp | None:
        by_bytes: dict[bytes, list[_Form]] = {}
        for form in forms:
            by_bytes.setdefault(utf8(form.text), []).append(form)
        if not by_bytes:
            return None
        make = partial(engines.HyperscanLiterals, kept=self._kept) if self._quick else engines.PortableLiterals
        whole = [all(self.patterns[form.number].whole for form in spelled) for spelled in by_bytes.values()]
        return _LookUp(make(list(by_bytes)), list(by_bytes), list(by_bytes.values()), whole)

    def _all_expressions(self) -> engines.Expressions | None:
        gates = [gate.expression for gate in GATES] if self._disguised else []
        expressions = gates + [self.patterns[number].text for number in self._numbers]
        if not expressions:
            return None
        if self._quick:
            return engines.HyperscanExpressions(expressions, self._kept)
        return engines.PortableExpressions(expressions)

    # --- literals in folded text ---------------------------------------------------------------------

    def _scan_literals(self, items: Sequence[Sequence[Text]], found: _Found) -> None:
        if self._literals is None:
            return
        flat = [(item, text) for item, texts in enumerate(items) for text in texts]
        for place, forms in self._literals.find([text.folded for _, text in flat]):
            item, text = flat[place]
            for form in forms:
                pattern = self.patterns[form.number]
                for start, end in _occurrences(text.folded, form.text, pattern.whole):
                    self._add_folded(form.number, item, text, (start, end), found)

    def _add_folded(self, number: int, item: int, text: Text, span: Span, found: _Found) -> None:
        pattern = self.patterns[number]
        start, end = text.unfolded(*span)
        exact = text.plain[start:end].lower() == text.folded[slice(*span)]
        wanted = ("plain", "folded") if exact else ("folded",)
        view = next((view for view in wanted if view in pattern.views), "")
        if view:
            found.add(number, pattern, item, text, view, text.original(start, end))

    # --- expressions in plain text -------------------------------------------------------------------

    def _scan_expressions(self, items: Sequence[Sequence[Text]], found: _Found) -> list[tuple[int, frozenset[str]]]:
        """Adds the hits; returns the items that may be disguised, and how."""
        if self._expressions is None:
            return []
        opened: list[tuple[int, frozenset[str]]] = []
        gates = len(self._gates)
        find = self._expressions.find
        for item, texts in enumerate(items):
            seen = find(utf8(_segments(texts)))
            if not seen:
                continue
            if views := frozenset(self._gates[place] for place in seen if place < gates):
                opened.append((item, views))
            for place in sorted(seen):
                if place >= gates:
                    self._verify(self._numbers[place - gates], item, texts, found)
        return opened

    def _verify(self, number: int, item: int, texts: Sequence[Text], found: _Found) -> None:
        pattern = self.patterns[number]
        for text in texts:
            if "plain" in pattern.views:
                for start, end in _matches(pattern, text.plain):
                    found.add(number, pattern, item, text, "plain", text.original(start, end))
            if "folded" in pattern.views and _differs(text):
                for start, end in _matches(pattern, text.folded):
                    span = text.original(*text.unfolded(start, end))
                    found.add(number, pattern, item, text, "folded", span)

    # --- literals in disguise ------------------------------------------------------------------------

    def _scan_disguised(
        self, items: Sequence[Sequence[Text]], opened: Iterable[tuple[int, frozenset[str]]], found: _Found
    ) -> None:
        if self._disguised is None:
            return
        flat = [(item, text, variant) for item, views in opened for text, variant in _disguises(items[item], views)]
        if self._across:
            flat += [(item, *pair) for item, texts in enumerate(items) if len(texts) > 1 for pair in _pairs(texts)]
        loose = [_is_joined(variant) for _, _, variant in flat]
        for place, forms in self._disguised.find([variant.text for _, _, variant in flat], loose):
            item, text, variant = flat[place]
            for form in forms:
                known = found.count(form.number, item, text)
                if known and variant.drawn is None and known >= variant.text.count(form.text):
                    continue  # the plainer views found all of them
                if variant.view in self.patterns[form.number].views:
                    self._add_disguised(form, item, text, variant, found)

    def _add_disguised(self, form: _Form, item: int, text: Text, variant: Variant, found: _Found) -> None:
        pattern = self.patterns[form.number]
        for start, end, trace in self._in_variant(form, variant, pattern, text):
            folded = trace.cover(start, end)
            if variant.view == "across":
                real = trace.cover(start, start + 1) == _WARNING != trace.cover(end - 1, end)
            else:
                real = not _foreign(text.folded[slice(*folded)])
                real = real and (not pattern.whole or bounded(text.folded, *folded))
            if real:
                found.add(form.number, pattern, item, text, variant.view, text.original(*text.unfolded(*folded)))

    def _in_variant(
        self, form: _Form, variant: Variant, pattern: Pattern, text: Text
    ) -> Iterator[tuple[int, int, Trace]]:
        if variant.drawn is not None:
            yield from _drawn_out(form, variant.drawn, skeleton(fold(pattern.text)))
        elif form.kind == "plain" or (form.kind == "compact" and variant.view == "joined"):
            trace = variant.trace()
            # Whole words are judged in the folded text: joining is what took their edges away.
            inside = pattern.whole and variant.view != "joined"
            for start, end in _occurrences(variant.text, form.text, inside):
                yield start, end, trace


def _is_joined(variant: Variant) -> bool:
    return "joined" in (variant.view, variant.drawn.view if variant.drawn is not None else "")


def _occurrences(text: str, literal: str, whole: bool) -> Iterator[Span]:
    start = text.find(literal)
    found = 0
    while start >= 0 and found < MOST:
        end = start + len(literal)
        if not whole or bounded(text, start, end):
            found += 1
            yield start, end
        start = text.find(literal, start + 1)


def _segments(texts: Sequence[Text]) -> str:
    parts = [text.plain for text in texts]
    parts += [text.folded for text in texts if text.folded != text.plain.lower()]
    return "\n".join(parts)


def _differs(text: Text) -> bool:
    return text.folded != text.plain.lower()


def _matches(pattern: Pattern, text: str) -> Iterator[Span]:
    """RE2 decides.  As whole words: the plain matches that are, and those a longer or later attempt gives."""
    clean = utf8(text).decode()
    spans = [match.span() for match, _ in zip(compiled(pattern.text).finditer(clean), range(MOST), strict=False)]
    if not pattern.whole:
        yield from spans
        return
    kept = {span for span in spans if bounded(clean, *span)}
    place = 0
    words = compiled_whole(pattern.text)
    while len(kept) < MOST and (match := words.search(clean, place)):
        start, end = match.span(1)
        kept.add((start, end))
        place = max(end, place + 1)
    yield from sorted(kept)


def _disguises(texts: Sequence[Text], views: frozenset[str]) -> Iterator[tuple[Text, Variant]]:
    for text in texts:
        for variant in variants(text.folded, views):
            yield text, variant


def _pairs(texts: Sequence[Text]) -> Iterator[tuple[Text, Variant]]:
    """Warning and body read as one, with a blank between them and without."""
    heads = [text for text in texts if text.field.pointer in _HEADS]
    if not heads:
        return
    for body in texts:
        if body.field.pointer == "/content":
            for head in heads:
                start = head.folded[-_TAIL:]
                for gap in (" ", ""):
                    joined = start + gap + body.folded[:_TAIL]
                    yield body, Variant("across", joined, partial(_across_trace, len(start) + len(gap), len(joined)))


def _across_trace(lead: int, length: int) -> Trace:
    """Back to the body alone: the part in the warning has no place there and stands for the body's beginning."""
    trace = Stretches()
    trace.add(lead, *_WARNING)
    trace.add(length - lead, 0, length - lead)
    return trace


def _foreign(text: str) -> bool:
    """Short and without one Latin letter or digit: an ordinary word of another script, not a disguise."""
    return len(text) < _SHORT and not any(letter.isascii() and letter.isalnum() for letter in text)


def _drawn_out(form: _Form, drawn: Variant, literal: str) -> Iterator[tuple[int, int, Trace]]:
    """A squeezed text only says where to look; here each run must be the pattern's own or at least three long."""
    if not form.kind.startswith("squeezed") or (form.kind == "squeezed-compact") != (drawn.view == "joined"):
        return
    expression = runs(compact(literal) if form.kind == "squeezed-compact" else literal)
    trace: Trace | None = None
    for match, _ in zip(compiled(expression).finditer(utf8(drawn.text).decode()), range(MOST), strict=False):
        trace = trace if trace is not None else drawn.trace()
        yield *match.span(), trace
