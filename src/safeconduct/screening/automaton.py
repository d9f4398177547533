"""Every pattern of every criterion in one pass over a batch.

Literals are looked for in the folded texts of the whole batch joined, and with them the *atoms* of expressions, words
that every match holds (``atoms.py``); an expression is then asked only of the few items that hold one.  Expressions
without atoms are looked for in groups of plain texts, and of folded ones where they differ by more than case.  Over
the folded texts the gates of ``views.py`` say which few items could be disguised; only those are read in the further
views, and looked through once more.  What an engine reports is then verified on the one text with one and the same
code, so both engines give the same hits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain, repeat
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from safeconduct.errors import PolicyError
from safeconduct.model import Hit, Pattern
from safeconduct.screening import engines
from safeconduct.screening.atoms import may_change, needs
from safeconduct.screening.engines import Joined
from safeconduct.screening.expressions import check, compiled, compiled_whole
from safeconduct.screening.lookup import Form, LookUp
from safeconduct.screening.spans import Span, Stretches, Trace
from safeconduct.screening.texts import Text, utf8
from safeconduct.screening.views import (
    GATES,
    Gate,
    Variant,
    bounded,
    compact,
    fold,
    runs,
    skeleton,
    spellings,
    variants,
)

MOST = 20  # hits of one pattern in one field; more say nothing new
_TAIL = 256  # characters of a warning, and of a body, in which a phrase split over both is looked for at most
_SHORT = 6  # a look-alike match without a single Latin letter must be at least so long, or it is an ordinary word
_GROUP = 24  # texts that expressions are looked for in at once; one by one only where something was found
_SHARED = 8  # expressions with an atom in common; what more of them share is in every text
_ATOM = "atom"
_DISGUISES = frozenset(gate.view for gate in GATES)
_HIDDEN = _DISGUISES | {"across"}
_WARNING = (0, 0)  # the trace of what is in the warning, seen from the body
_HEADS = frozenset(("/name", "/summary"))
_PLAIN, _FOLDED, _POINTER = attrgetter("plain"), attrgetter("folded"), attrgetter("field.pointer")

Asked = set[tuple[int, int]]  # (place of the item, number of the pattern) that RE2 is asked about


class _Flat:
    """The texts of a batch in one row, with the place of the item that each belongs to."""

    def __init__(self, items: Sequence[Sequence[Text]]) -> None:
        self.items = items
        self.texts = list(chain.from_iterable(items))
        self.owners = list(chain.from_iterable(map(repeat, range(len(items)), map(len, items))))
        self.plain: list[str] = list(map(_PLAIN, self.texts))
        self.folded: list[str] = list(map(_FOLDED, self.texts))
        self.wide = [place for place, text in enumerate(self.plain) if not text.isascii()]

    @cached_property
    def changed(self) -> tuple[list[int], list[str]]:
        """The plain texts that folding could change by more than case, white space and controls: where, and what."""
        if not may_change(utf8("".join([self.plain[place] for place in self.wide]))):
            return [], []
        places = [place for place in self.wide if may_change(utf8(self.plain[place]))]
        return places, [self.plain[place].casefold().replace("\n", " ") for place in places]


class _Sieve(NamedTuple):
    """Expressions that are looked for in the same readings.  ``wide``: only where a character is not ASCII;
    ``folded``: in the folded texts too."""

    wide: bool
    folded: bool
    numbers: list[int]
    engine: engines.Expressions


class _Watch(NamedTuple):
    """Gates that are looked for in the same texts."""

    wide: bool
    views: list[str]
    engine: engines.Gates


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
        self._phrases = [(n, one, fold(one.text)) for n, one in enumerate(patterns) if one.literal]
        # Characters on either side in which a phrase split over warning and body can lie, and one more, which tells
        # whether it is a whole word.
        self._reach = 0
        atoms = self._atoms()
        self._also = {form.number: needs(patterns[form.number].text).also for form in atoms}
        self._literals = self._looked_up([*self._folded_forms(), *atoms], self._literal_engine)
        self._sieves = self._all_sieves({form.number for form in atoms})
        self._disguised = self._looked_up(self._disguised_forms(), engines.PortableLiterals)
        self._watches = self._all_watches() if self._disguised is not None else []

    def scan(self, items: Sequence[Sequence[Text]]) -> list[tuple[int, Hit]]:
        """Every hit, as (number of the pattern, hit); ``Hit.item`` is the place in ``items``.  One pass."""
        found = _Found()
        flat = _Flat(items)
        if not flat.texts:
            return found.hits
        joined = Joined(flat.folded)
        asked = self._scan_literals(flat, joined, found)
        for sieve in self._sieves:
            asked |= _sifted(sieve, flat)
        for item, number in sorted(asked):
            self._verify(number, item, items[item], found)
        if self._disguised is not None:
            self._scan_disguised(self._disguised, flat, self._opened(flat, joined), found)
        return found.hits

    @property
    def _quick(self) -> bool:
        return self.engine == "hyperscan"

    # --- compiling -----------------------------------------------------------------------------------

    def _folded_forms(self) -> list[Form]:
        return [
            Form(number, "plain", text, pattern.whole)
            for number, pattern, text in self._phrases
            if "plain" in pattern.views or "folded" in pattern.views
        ]

    def _disguised_forms(self) -> Iterator[Form]:
        hidden = [each for each in self._phrases if not _HIDDEN.isdisjoint(each[1].views)]
        made = spellings([skeleton(folded) for _, _, folded in hidden])
        for (number, pattern, _), spelled in zip(hidden, made, strict=bool(hidden)):
            if "across" in pattern.views:
                self._reach = max(self._reach, min(len(spelled["plain"]) + 1, _TAIL))
            for kind, text in spelled.items():
                if text:
                    yield Form(number, kind, text, pattern.whole)

    def _atoms(self) -> list[Form]:
        """The atoms of every expression that has some of its own."""
        known = [(number, needs(pattern.text).atoms) for number, pattern in enumerate(self.patterns) if _asks(pattern)]
        shared = Counter(atom for _, atoms in known for atom in atoms)
        return [
            Form(number, _ATOM, atom, False)
            for number, atoms in known
            if all(shared[atom] <= _SHARED for atom in atoms)
            for atom in atoms
        ]

    def _looked_up(self, forms: Iterable[Form], engine: Callable[[Sequence[bytes]], engines.Literals]) -> LookUp | None:
        known = list(forms)
        return LookUp(engine, known) if known else None

    def _literal_engine(self, literals: Sequence[bytes]) -> engines.Literals:
        return engines.HyperscanLiterals(literals, self._kept) if self._quick else engines.PortableLiterals(literals)

    def _all_sieves(self, known: set[int]) -> list[_Sieve]:
        """The expressions without atoms."""
        groups: dict[tuple[bool, bool], list[int]] = {}
        for number, pattern in enumerate(self.patterns):
            if _asks(pattern) and number not in known:
                key = (needs(pattern.text).wide, "folded" in pattern.views)
                groups.setdefault(key, []).append(number)
        return [_Sieve(*key, numbers, self._expression_engine(numbers)) for key, numbers in sorted(groups.items())]

    def _expression_engine(self, numbers: Sequence[int]) -> engines.Expressions:
        texts = [self.patterns[number].text for number in numbers]
        return engines.HyperscanExpressions(texts, self._kept) if self._quick else engines.PortableExpressions(texts)

    def _all_watches(self) -> list[_Watch]:
        """Gates that only other alphabets open, the one for repeated letters, and the rest: each quicker to compile
        and to look for without the others (measured)."""
        groups: dict[tuple[bool, bool], list[Gate]] = {}
        for gate in GATES:
            groups.setdefault((needs(gate.expression).wide, gate.view == "squeezed"), []).append(gate)
        return [
            _Watch(wide, [gate.view for gate in gates], self._gate_engine([gate.expression for gate in gates]))
            for (wide, _), gates in groups.items()
        ]

    def _gate_engine(self, expressions: Sequence[str]) -> engines.Gates:
        return engines.HyperscanGates(expressions, self._kept) if self._quick else engines.PortableGates(expressions)

    # --- literals in folded text ---------------------------------------------------------------------

    def _scan_literals(self, flat: _Flat, joined: Joined, found: _Found) -> Asked:
        """Adds the hits; returns the expressions whose atoms are there."""
        asked: Asked = set()
        if self._literals is None:
            return asked
        for place, forms in self._literals.find(joined):
            item, text = flat.owners[place], flat.texts[place]
            for form in forms:
                if form.kind == _ATOM:
                    if self._holds(form, text.folded):
                        asked.add((item, form.number))
                    continue
                for start, end in _occurrences(text.folded, form.text, form.whole):
                    self._add_folded(form.number, item, text, (start, end), found)
        if self._also:
            asked |= self._unfolded(self._literals, flat)
        return asked

    def _unfolded(self, literals: LookUp, flat: _Flat) -> Asked:
        """The atoms in plain texts that folding takes out.  No atom has white space in it."""
        places, texts = flat.changed
        return {
            (flat.owners[places[place]], form.number)
            for place, forms in (literals.find(Joined(texts)) if texts else ())
            for form in forms
            if form.kind == _ATOM and self._holds(form, texts[place])
        }

    def _holds(self, form: Form, text: str) -> bool:
        """Whether a text with one atom of an expression has the others too."""
        return all(any(map(text.__contains__, atoms)) for atoms in self._also[form.number])

    def _add_folded(self, number: int, item: int, text: Text, span: Span, found: _Found) -> None:
        pattern = self.patterns[number]
        start, end = text.unfolded(*span)
        exact = text.plain[start:end].lower() == text.folded[slice(*span)]
        wanted = ("plain", "folded") if exact else ("folded",)
        view = next((view for view in wanted if view in pattern.views), "")
        if view:
            found.add(number, pattern, item, text, view, text.original(start, end))

    # --- expressions in plain text -------------------------------------------------------------------

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

    def _opened(self, flat: _Flat, joined: Joined) -> dict[int, set[str]]:
        """The items that may be disguised, and how.  A letter with its mark apart is a plain letter to a reader, so
        where folding makes one of both, the text as it was is watched too."""
        opened: dict[int, set[str]] = {}
        every = range(len(flat.folded))
        wide = [place for place in flat.wide if not flat.folded[place].isascii()]  # ASCII is folded to ASCII
        places, texts = flat.changed
        rows: list[tuple[bool, Sequence[int], Joined]] = [
            (True, wide, Joined([flat.folded[place] for place in wide])),
            (False, every, joined),
        ]
        if texts:
            rows += [(both, places, Joined(texts)) for both in (True, False)]
        for is_wide, row, buffer in rows:
            for watch in self._watches if row else ():
                if watch.wide == is_wide:
                    for place, number in watch.engine.find(buffer):
                        opened.setdefault(flat.owners[row[place]], set()).add(watch.views[number])
        return opened

    def _scan_disguised(self, literals: LookUp, flat: _Flat, opened: dict[int, set[str]], found: _Found) -> None:
        read = [
            (item, text, variant)
            for item, views in sorted(opened.items())
            for text, variant in _disguises(flat.items[item], frozenset(views))
        ]
        if self._reach:
            read += _pairs(flat, self._reach)
        loose = [_is_joined(variant) for _, _, variant in read]
        for place, forms in literals.find(Joined([variant.text for _, _, variant in read]), loose) if read else ():
            item, text, variant = read[place]
            for form in forms:
                known = found.count(form.number, item, text) if variant.view != "across" else 0
                if known and variant.drawn is None and known >= variant.text.count(form.text):
                    continue  # the plainer views found all of them
                if variant.view in self.patterns[form.number].views:
                    self._add_disguised(form, item, text, variant, found)

    def _add_disguised(self, form: Form, item: int, text: Text, variant: Variant, found: _Found) -> None:
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
        self, form: Form, variant: Variant, pattern: Pattern, text: Text
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


def _asks(pattern: Pattern) -> bool:
    """Whether this is an expression, and in a reading that expressions are looked for in."""
    return not pattern.literal and ("plain" in pattern.views or "folded" in pattern.views)


def _sifted(sieve: _Sieve, flat: _Flat) -> Asked:
    """Which expressions may match which item.  Joining texts can only make more of them match."""
    texts, owners = flat.plain, flat.owners
    if sieve.folded:
        changed = [place for place, text in enumerate(flat.texts) if _differs(text)]
        texts = texts + [flat.folded[place] for place in changed]
        owners = owners + [owners[place] for place in changed]
    if sieve.wide:
        chosen = [place for place, text in enumerate(texts) if not text.isascii()]
        texts, owners = [texts[place] for place in chosen], [owners[place] for place in chosen]
    asked: Asked = set()
    find = sieve.engine.find
    for start in range(0, len(texts), _GROUP):
        group = texts[start : start + _GROUP]
        if find(utf8("\n".join(group))):
            asked.update(
                (owner, sieve.numbers[place])
                for owner, text in zip(owners[start:], group, strict=False)
                for place in find(utf8(text))
            )
    return asked


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


def _pairs(flat: _Flat, reach: int) -> Iterator[tuple[int, Text, Variant]]:
    """Warning and body read as one, with a blank between them and without."""
    pointers = list(map(_POINTER, flat.texts))
    headed = {flat.owners[place] for place, pointer in enumerate(pointers) if pointer in _HEADS}
    for item in sorted(headed):
        texts = flat.items[item]
        heads = [text for text in texts if text.field.pointer in _HEADS]
        for body in texts:
            if body.field.pointer == "/content":
                for head in heads:
                    yield from ((item, body, variant) for variant in _pair(head, body, reach))


def _pair(head: Text, body: Text, reach: int) -> Iterator[Variant]:
    start = head.folded[-reach:]
    for gap in (" ", ""):
        joined = start + gap + body.folded[:reach]
        yield Variant("across", joined, partial(_across_trace, len(start) + len(gap), len(joined)))


def _across_trace(lead: int, length: int) -> Trace:
    """Back to the body alone: the part in the warning has no place there and stands for the body's beginning."""
    trace = Stretches()
    trace.add(lead, *_WARNING)
    trace.add(length - lead, 0, length - lead)
    return trace


def _foreign(text: str) -> bool:
    """Short and without one Latin letter or digit: an ordinary word of another script, not a disguise."""
    return len(text) < _SHORT and not any(letter.isascii() and letter.isalnum() for letter in text)


def _drawn_out(form: Form, drawn: Variant, literal: str) -> Iterator[tuple[int, int, Trace]]:
    """A squeezed text only says where to look; here each run must be the pattern's own or at least three long."""
    if not form.kind.startswith("squeezed") or (form.kind == "squeezed-compact") != (drawn.view == "joined"):
        return
    expression = runs(compact(literal) if form.kind == "squeezed-compact" else literal)
    trace: Trace | None = None
    for match, _ in zip(compiled(expression).finditer(utf8(drawn.text).decode()), range(MOST), strict=False):
        trace = trace if trace is not None else drawn.trace()
        yield *match.span(), trace
