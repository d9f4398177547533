"""Inspect: read a whole source once, ask every question, decide, and say what was seen.

Two passes, neither of which keeps the archive in memory: the first reads, asks and counts; the second decides, once
it is known how much of the import each rule would touch, of all items at once in which the same was found.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path

import numpy
from msgspec import Struct

from safeconduct.archives.media import Measurer
from safeconduct.contracts import Criterion, Source
from safeconduct.discover import plugins
from safeconduct.model import WHOLE, About, Decision, Finding
from safeconduct.policy import Policy
from safeconduct.screening.batch import BROKEN, Screen
from safeconduct.screening.census import Census, CensusWriter
from safeconduct.steps.spool import Spool
from safeconduct.steps.tally import Tally
from safeconduct.steps.verdicts import Verdicts

Tick = Callable[[int], None]
CHUNK = 1000  # findings of the whole import kept in memory at once


class Question(Struct, frozen=True):
    """A whole-import finding that a rule makes a person's question."""

    rule: str
    sentence: str


class Inspection:
    """What one inspection saw and decided.  Keeps numbers; the findings stay on disk, in ``spool``."""

    def __init__(self, about: About, census: Census, spool: Spool, tally: Tally, policies: Sequence[Policy]) -> None:
        self.about = about
        self.census = census
        self.tally = tally
        self.policies = policies
        self.questions: tuple[Question, ...] = ()
        self.spool = spool

    def decisions(self) -> Iterator[tuple[int, Decision, Sequence[Finding]]]:
        """(item number, decision, findings) for every item with findings, ascending; all others are accepted."""
        verdicts = Verdicts(self.policies, self.census)
        for number, findings in self.spool:
            if number != WHOLE:
                yield number, verdicts.decision(number, findings), findings

    def questions_text(self) -> tuple[str, ...]:
        """Every open question about the whole import, as sentences."""
        return tuple(question.sentence for question in self.questions)

    def whole(self) -> Sequence[Finding]:
        """The findings about the whole import."""
        return self.spool.whole()

    def close(self) -> None:
        self.spool.close()


def inspect(
    source: Source,
    policies: Sequence[Policy],
    folder: Path,
    as_of: datetime,
    *,
    measure: bool = True,
    tick: Tick = lambda count: None,
    leave_out: Sequence[str] = (),
    kept: Path | None = None,
) -> Inspection:
    """Ask every criterion of every item of ``source`` and decide by ``policies``.

    ``folder`` takes the working files (findings, census).  ``measure``: decode media in a limited child process.
    ``leave_out`` names criteria not to ask beyond what the policies ask.
    ``kept`` is a folder where compiled patterns wait for the next inspection.
    Raises ``SourceError`` for a source that is
    unusable as a whole.
    """
    before = source.about()
    criteria = [*asked(policies), *_default(policies, leave_out)]
    tally = Tally()
    with ExitStack() as stack:
        stack.enter_context(_seldom_collecting())
        measurer = stack.enter_context(Measurer(source.open)) if measure else None
        screen = Screen(
            criteria,
            as_of=as_of,
            owner=before.actor,
            acct=before.acct,
            measure=measurer.measure if measurer else None,
            kept=kept,
        )
        spool, writer = Spool(folder / "findings"), CensusWriter(folder / "census")
        broken = stack.enter_context(ExitStack())  # what to close if the source breaks off
        broken.callback(spool.close)
        for batch in screen.batches(source.read()):
            findings = screen.findings(batch)
            tally.saw(batch, findings)
            spool.add(finding for finding in findings if finding.question or finding.criterion == BROKEN)
            writer.add(batch)
            tick(len(batch.items))
        about = source.about()
        census = writer.close(about.totals, about.actor, as_of)
        concluded = screen.conclude(census)
        while some := list(islice(concluded, CHUNK)):
            for finding in some:
                tally.concluded(finding)
            spool.add(finding for finding in some if finding.question)
        broken.pop_all()
    inspection = Inspection(about, census, spool, tally, policies)
    settle(inspection)
    return inspection


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Batches make no reference cycles, so looking for them after every 700 objects is time lost."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def asked(policies: Sequence[Policy]) -> list[Criterion]:
    found = {
        getattr(criterion, "question", criterion.name): criterion
        for policy in policies
        for criterion in policy.questions
    }
    return list(found.values())


def _default(policies: Sequence[Policy], leave_out: Sequence[str]) -> list[Criterion]:
    """Every criterion no policy asks, with its default parameters: reported, never decided upon."""
    asked = {criterion.name for policy in policies for criterion in policy.questions}
    return [plugin() for name, plugin in plugins("criteria").items() if name not in asked and name not in leave_out]


def settle(inspection: Inspection) -> None:
    """First how much each rule touches, then every decision; fills tally and census."""
    touched: Counter[str] = Counter()
    shadowed: Counter[str] = Counter()
    verdicts = Verdicts(inspection.policies, inspection.census)
    for numbers, findings in verdicts.alike(inspection.spool):
        live, shadow = verdicts.spoken(int(numbers[0]), findings)
        for rules, counted in ((live, touched), (shadow, shadowed)):
            for rule in rules:
                counted[rule] += len(numbers)
    inspection.census.touched = touched
    inspection.tally.shadowed = shadowed
    actions = numpy.zeros(inspection.census.count, dtype=numpy.uint8)
    for numbers, findings in verdicts.alike(inspection.spool):
        decision = verdicts.decision(int(numbers[0]), findings)
        actions[numbers] = decision.action
        inspection.tally.decided(int(numbers[0]), decision, findings, len(numbers))
    inspection.census.put("action", actions)
    inspection.questions = tuple(
        Question(reason.rule, reason.sentence)
        for policy in inspection.policies
        for reason in policy.conclude(inspection.whole())
    )
