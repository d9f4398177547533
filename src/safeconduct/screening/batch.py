"""Batches of items, and how criteria are run over them: each text read once, each pattern looked for once.

Nothing is worked out before a criterion asks for it, and then once for all criteria.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice, takewhile
from operator import attrgetter
from pathlib import Path

from msgspec.structs import replace

from safeconduct.contracts import Census, Criterion, SignalList
from safeconduct.model import (
    WHOLE,
    Basis,
    Confidence,
    Evidence,
    Field,
    Finding,
    Hit,
    Item,
    Link,
    MediaFacts,
    Medium,
    Pattern,
    Testimony,
    Unreadable,
)
from safeconduct.screening.automaton import Automaton
from safeconduct.screening.expressions import check
from safeconduct.screening.fields import fields
from safeconduct.screening.links import links_of
from safeconduct.screening.texts import Text, read

BROKEN = "broken-criterion"
Measure = Callable[[Medium], MediaFacts | None]
_item, _number = attrgetter("item"), attrgetter("number")
_INNER, _NAMES = ("/object/content",), ("/summary", "/name")


class Batch:
    """Some hundred consecutive items (the ``contracts.Batch``).  ``unreadable`` are the gaps between them."""

    def __init__(self, items: Sequence[Item], unreadable: Sequence[Unreadable], screen: Screen) -> None:
        self.items = items
        self.unreadable = unreadable
        self.as_of = screen.as_of
        self.owner = screen.owner
        self.acct = screen.acct
        self.testimonies = screen.testimonies
        self.signals = screen.signals
        self._screen = screen
        self._texts: list[list[Text]] | None = None
        self._complete: list[bool] = []
        self._doubtful: list[int] = []
        self._links: dict[int, list[Link]] = {}
        self._facts: dict[int, tuple[tuple[Medium, MediaFacts | None], ...]] = {}
        self._hits: dict[int, list[Hit]] | None = None
        self._visible: dict[int, tuple[str, str]] = {}

    def fields(self, index: int) -> Sequence[Field]:
        """Every text of the item: body, warning, alt text, poll options, names, bio, hashtags, file names, …"""
        return [text.field for text in self.texts[index]]

    def text(self, index: int) -> str:
        """The visible text of the body ("" if none); of a profile, its bio."""
        return self._body(index)[0]

    def folded(self, index: int) -> str:
        """The same, NFKC and case-folded with default-ignorables removed: for comparing."""
        return self._body(index)[1]

    def hidden(self, index: int) -> Sequence[tuple[Field, str]]:
        """What HTML keeps from a reader's sight, field by field (``display:none``, size 0, comments …)."""
        readings = [(text.field, text.reading) for text in self.texts[index]]
        return [(field, reading.hidden) for field, reading in readings if reading is not None and reading.hidden]

    def doubtful(self) -> Sequence[int]:
        """The items with a text of which only a real HTML parser can tell what is kept from sight."""
        assert self.texts is not None
        return self._doubtful

    def plain(self, index: int) -> Sequence[tuple[Field, str]]:
        """Each field with its visible text."""
        return [(text.field, text.plain) for text in self.texts[index]]

    def links(self, index: int) -> Sequence[Link]:
        """Every address in the item, with its role."""
        known = self._links.get(index)
        if known is None:
            known = self._links[index] = links_of(self.items[index], self.texts[index])
        return known

    def facts(self, index: int) -> Sequence[tuple[Medium, MediaFacts | None]]:
        """Each medium with its measurements; ``None`` where its bytes are missing or none were asked for."""
        media = self.items[index].media
        if not media:
            return ()
        if index not in self._facts:
            self._facts[index] = tuple((medium, self._screen.measured(medium)) for medium in media)
        return self._facts[index]

    def hits(self, criterion: Criterion) -> Sequence[Hit]:
        """Where this criterion's own ``patterns()`` matched in this batch."""
        if self._hits is None:
            self._hits = self._screen.scanned(self)
        return self._hits.get(id(criterion), ())

    @property
    def texts(self) -> list[list[Text]]:
        """For each item its texts with their readings."""
        if self._texts is None:
            found = [fields(item) for item in self.items]
            self._complete = [one.complete for one in found]
            self._texts = read(found)
            self._doubtful = [index for index, texts in enumerate(self._texts) if any(map(_is_doubtful, texts))]
        return self._texts

    def unread(self) -> list[Item]:
        """Items that hold more texts than were read, or hold them deeper: nobody knows what is in the rest."""
        assert self.texts is not None
        return [item for item, complete in zip(self.items, self._complete, strict=True) if not complete]

    def _body(self, index: int) -> tuple[str, str]:
        if index not in self._visible:
            self._visible[index] = self._read_body(index)
        return self._visible[index]

    def _read_body(self, index: int) -> tuple[str, str]:
        texts = self.texts[index]
        for text in texts:
            if text.field.pointer == "/content":
                return text.plain, text.folded
        found = _by_pointer(texts, _INNER) or _by_map(texts) or _by_pointer(texts, _NAMES)
        return (found.plain, found.folded) if found is not None else ("", "")


def _is_doubtful(text: Text) -> bool:
    """Was it left to a real parser, or is there in plain text what another reader may take for markup?"""
    return text.known is not None or (not text.field.html and "<" in text.field.text)


def _by_pointer(texts: Sequence[Text], pointers: tuple[str, ...]) -> Text | None:
    for pointer in pointers:
        for text in texts:
            if text.field.pointer == pointer:
                return text
    return None


def _by_map(texts: Sequence[Text]) -> Text | None:
    return next((text for text in texts if text.field.pointer.startswith("/contentMap/")), None)


class Screen:
    """All criteria of one inspection, ready to run.

    ``measure`` gives the facts of one medium (``None``: not asked for or no bytes).  A criterion may carry a
    ``question`` attribute; its findings are stamped with it.  A criterion that raises, now or when it was asked for
    its patterns, gives ``broken-criterion`` findings instead, which the policy quarantines (law 8).
    ``kept`` is a folder where compiled patterns wait for the next run.
    Raises nothing of its own: faults of criteria are findings.
    """

    def __init__(
        self,
        criteria: Sequence[Criterion],
        *,
        as_of: datetime,
        owner: str = "",
        acct: str = "",
        measure: Measure | None = None,
        signals: Sequence[SignalList] = (),
        testimonies: Mapping[int, Sequence[Testimony]] | None = None,
        engine: str = "",
        kept: Path | None = None,
    ) -> None:
        self.criteria = tuple(criteria)
        self.as_of = as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)
        self.owner = owner
        self.acct = acct
        self.signals = signals
        self.testimonies: Mapping[int, Sequence[Testimony]] = testimonies or {}
        self._measure = measure
        self._faults: dict[int, str] = {}
        self._owners: list[int] = []
        self._automaton = self._prepared(engine, kept)

    def batches(self, items: Iterable[Item | Unreadable], size: int = 500) -> Iterator[Batch]:
        """Cut a source's items into batches of at most ``size`` records; the unreadable ones go along."""
        entries = iter(items)
        while some := list(islice(entries, size)):
            readable = [entry for entry in some if isinstance(entry, Item)]
            broken = [entry for entry in some if isinstance(entry, Unreadable)] if len(readable) < len(some) else []
            yield Batch(readable, broken, self)

    def findings(self, batch: Batch) -> list[Finding]:
        """What every criterion sees in these items."""
        found: list[Finding] = []
        for criterion in self.criteria:
            if getattr(criterion, "inspect", None) is not None:
                told, fault = self.asked(criterion, batch)
                found += told
                if fault:
                    found += [_broken(criterion, item.number, fault) for item in batch.items]
        found += [_unread(item) for item in batch.unread()]
        return found

    def asked(self, criterion: Criterion, batch: Batch) -> tuple[list[Finding], str]:
        """What one criterion sees in these items, stamped with its question; and what broke, "" if nothing did.

        What it found before it broke stays.
        """
        found: list[Finding] = []
        fault = self._faults.get(id(criterion), "")
        if fault:
            return found, fault
        try:
            found.extend(criterion.inspect(batch) or ())
        except Exception as error:
            fault = _said(error)
        if found and (wrong := _out_of_place(found, batch.items)):
            fault, found = wrong, list(takewhile(lambda one: not _out_of_place([one], batch.items), found))
        if question := getattr(criterion, "question", ""):
            found = [one if one.question else replace(one, question=question) for one in found]
        return found, fault

    def conclude(self, census: Census) -> Iterator[Finding]:
        """What every criterion sees once everything was seen: one by one, for there may be one for each item."""
        for criterion in self.criteria:
            conclude = getattr(criterion, "conclude", None)
            if conclude is not None and (fault := (yield from self._told(criterion, census))):
                yield _broken(criterion, WHOLE, fault)

    def measured(self, medium: Medium) -> MediaFacts | None:
        """The facts of one medium; a measurement that breaks is a fact with a problem, which holds the item."""
        if self._measure is None:
            return None
        try:
            return self._measure(medium)
        except Exception as error:
            return MediaFacts("", 0, problem=f"This file could not be measured: {_said(error)}")

    def scanned(self, batch: Batch) -> dict[int, list[Hit]]:
        """The hits of one pass over the batch, by criterion."""
        found: dict[int, list[Hit]] = {}
        if self._automaton is not None:
            for number, hit in self._automaton.scan(batch.texts):
                found.setdefault(self._owners[number], []).append(hit)
        return found

    def _prepared(self, engine: str, kept: Path | None) -> Automaton | None:
        patterns: list[Pattern] = []
        for criterion in self.criteria:
            try:
                own = _patterns(criterion)
            except Exception as error:
                self._faults[id(criterion)] = _said(error)
                continue
            patterns += own
            self._owners += [id(criterion)] * len(own)
        return Automaton(patterns, engine, kept) if patterns else None

    def _told(self, criterion: Criterion, census: Census) -> Generator[Finding, None, str]:
        """Give what the criterion concludes, stamped with its question; returns what broke."""
        question = getattr(criterion, "question", "")
        try:
            for finding in criterion.conclude(census) or ():
                if not isinstance(finding, Finding):
                    return _NO_FINDING.format(type(finding).__name__)
                if not WHOLE <= finding.item < census.count:
                    return _NO_ITEM.format(finding.item)
                yield replace(finding, question=question) if question and not finding.question else finding
        except Exception as error:
            return _said(error)
        return ""


_NO_FINDING = "it gave a {} instead of a finding"
_NO_ITEM = "it spoke of item {}, about which it was not asked"


def _out_of_place(found: Sequence[Finding], items: Sequence[Item]) -> str:
    """What is no finding about one of these items."""
    if strange := sorted(kind.__name__ for kind in set(map(type, found)) if not issubclass(kind, Finding)):
        return _NO_FINDING.format(strange[0])
    try:
        others = set(map(_item, found)).difference(map(_number, items))
    except TypeError as error:
        return _said(error)
    return _NO_ITEM.format(min(map(str, others))) if others else ""


def _patterns(criterion: Criterion) -> list[Pattern]:
    give = getattr(criterion, "patterns", None)
    patterns = list(give()) if give is not None else []
    for pattern in patterns:
        if reason := check(pattern):
            raise ValueError(f"its pattern {pattern.text[:80]!r} cannot be used: {reason}")
    return patterns


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _broken(criterion: Criterion, number: int, fault: str) -> Finding:
    name = str(getattr(criterion, "name", type(criterion).__name__))
    reason = f"The check “{name}” broke, so nobody knows what it would have seen; a person must look.  ({fault})"
    evidence = () if number == WHOLE else (Evidence(""),)
    question = str(getattr(criterion, "question", ""))
    return Finding(number, BROKEN, Confidence.HIGH, Basis.EXACT, reason, evidence, name, question)


def _unread(item: Item) -> Finding:
    reason = "This item holds more texts, or texts deeper inside each other, than are read; a person must look."
    return Finding(item.number, BROKEN, Confidence.HIGH, Basis.EXACT, reason, (Evidence(""),), "unread-text")
