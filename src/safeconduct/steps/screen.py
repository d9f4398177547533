"""Screen: decide about posts as they come, for servers that have their own importer.

One line = one ActivityStreams object.  What can be said of a line alone is said at once; what only the whole import
shows (copies, shares, a rule that would touch too much) is said at the end, as the lines of which the decision is now
another, and as questions.  After that every line has the decision that ``inspect`` would have given it.
Whatever cannot be read or breaks is quarantined (law 8); nothing raises for what a line holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct

from safeconduct.activitystreams import names
from safeconduct.archives.json_value import ValueReader
from safeconduct.model import About, Action, Decision, Finding, Item, Reason, Unreadable
from safeconduct.policy import Policy, strictest
from safeconduct.policy.rules import BROKEN, NOT_ASSESSED
from safeconduct.screening.batch import Batch, Screen
from safeconduct.screening.census import Census, CensusWriter
from safeconduct.sources import Files, Ids, Owner, activity, owner
from safeconduct.steps.inspect import CHUNK, Inspection, asked, settle
from safeconduct.steps.spool import Spool
from safeconduct.steps.tally import Tally

FAULT = "fault"
NO_FILES = Files({})
WAITS = "Nobody may take it over before a person has looked."
Found = Sequence[Finding]


class Line(Struct, frozen=True):
    """One line as it came: its bytes, or why there are none."""

    raw: bytes
    problem: str = ""


class Answer(Struct, frozen=True):
    """What is said of line ``number`` (from 0); ``id`` is the object's, "" if it could not be read."""

    number: int
    id: str
    decision: Decision
    findings: Found = ()


def screen_for(policies: Sequence[Policy], as_of: datetime, kept: Path | None = None) -> Screen:
    """Every question that these policies ask, ready to run: the costly part, to be used again and again."""
    return Screen(asked(policies), as_of=as_of, kept=kept)


class Stream:
    """One import, line by line.  Keeps numbers; findings lie in ``folder`` until ``close``.

    ``actor`` is the id of the account that moves here, "" if it is not known: then nothing is taken for its own.
    The screen is lent for each call, so that several streams can take turns with it; it must ask these policies.
    """

    def __init__(self, policies: Sequence[Policy], folder: Path, as_of: datetime, actor: str = "") -> None:
        name = names.acct(actor).partition("@")[0]
        self._policies, self._as_of = policies, as_of
        self._owner: Owner = owner({"id": actor, "preferredUsername": name}) if actor else Owner()
        self._ids, self._values = Ids(), ValueReader()
        self._spool, self._writer = Spool(folder / "findings"), CensusWriter(folder / "census")
        self._said: list[Decision] = []
        self._same: dict[object, Decision] = {}
        self._alone = Census(folder, 0, (), self._owner.id, as_of)  # no line is a share of anything yet
        self._alone.touched = {rule.id: 1 for policy in policies for rule in policy.rules}
        self._aged = any(rule.where.minds_age for policy in policies for rule in policy.rules)
        self.counted: Counter[Action] = Counter()
        self.unreadable = self.revised = 0
        self.questions: tuple[str, ...] = ()
        self.whole = True  # everything was seen: what the whole import shows can be said

    def batch(self, screen: Screen, lines: Sequence[Line]) -> list[Answer]:
        """One answer for each line, in order."""
        first = len(self._said)
        try:
            answers = self._answers(screen, [self._entry(first + at, line) for at, line in enumerate(lines)])
        except Exception as error:  # law 8: a fault of ours must not let anything pass
            self.whole = False
            answers = [Answer(first + at, "", _fault(type(error).__name__)) for at in range(len(lines))]
        self._said += [answer.decision for answer in answers]
        self.counted.update(answer.decision.action for answer in answers)
        return answers

    def finish(self, screen: Screen) -> Iterator[Answer]:
        """The lines of which the whole import says something else; afterwards ``questions`` is filled.

        Must be read to its end; a fault leaves ``whole`` false, and then nothing of this import may be taken over.
        """
        if not self.whole:  # what broke is in none of the columns
            self.questions = (f"A part of this import could not be looked at. {WAITS}",)
            return
        self.whole = False
        try:
            inspection = self._inspection(screen)
            for number, decision, findings in inspection.decisions():
                before = self._said[number]
                if decision != before:
                    self.counted[before.action] -= 1
                    self.counted[decision.action] += 1
                    self.revised += 1
                    yield Answer(number, "", decision, findings)
            self.questions = inspection.questions_text()
            self.whole = True
        except Exception as error:
            self.questions = (f"The import as a whole could not be judged ({type(error).__name__}). {WAITS}",)

    def close(self) -> None:
        """Let go of the working files."""
        self._spool.close()

    def _entry(self, number: int, line: Line) -> Item | Unreadable:
        origin = f"line {number + 1}"
        if line.problem:
            return Unreadable(number, origin, line.problem)
        read = self._values.read(line.raw)
        if read.problem or type(read.value) is not dict:
            return Unreadable(number, origin, read.problem or "this is no JSON object")
        value: dict[str, Any] = read.value
        return activity(number, origin, line.raw, value, self._owner, NO_FILES, self._ids, read.notes)

    def _answers(self, screen: Screen, entries: Sequence[Item | Unreadable]) -> list[Answer]:
        screen.as_of, screen.owner, screen.acct = self._as_of, self._owner.id, self._owner.acct
        items = [entry for entry in entries if isinstance(entry, Item)]
        batch = Batch(items, [entry for entry in entries if isinstance(entry, Unreadable)], screen)
        findings = [one for one in screen.findings(batch) if one.question or one.criterion == BROKEN]
        self._spool.add(findings)
        self._writer.add(batch)
        told: dict[int, list[Finding]] = defaultdict(list)
        for finding in findings:
            told[finding.item].append(finding)
        return [self._answer(entry, told.get(entry.number, ())) for entry in entries]

    def _answer(self, entry: Item | Unreadable, findings: Found) -> Answer:
        if isinstance(entry, Unreadable):
            self.unreadable += 1
            return Answer(entry.number, "", _unreadable(entry))
        return Answer(entry.number, entry.id, self._decision(entry, findings), findings)

    def _decision(self, item: Item, findings: Found) -> Decision:
        """Asked once for each kind of item, as far as the policies look only at that."""
        key = (item.kind, item.visibility, tuple((f.question, f.criterion, f.confidence, f.basis) for f in findings))
        known = self._same.get(key)
        if known is not None:
            return known
        said = strictest([policy.decide(item, findings, self._alone) for policy in self._policies])
        telling = any(one.criterion == BROKEN or one.value == NOT_ASSESSED for one in findings)
        if not (telling or (self._aged and findings)) and len(self._same) < CHUNK:
            self._same[key] = said
        return said

    def _inspection(self, screen: Screen) -> Inspection:
        census = self._writer.close((), self._owner.id, self._as_of)
        concluded = screen.conclude(census)
        while some := list(islice(concluded, CHUNK)):
            self._spool.add(one for one in some if one.question or one.criterion == BROKEN)
        about = About("activities", self._owner.id, self._owner.acct, "")
        inspection = Inspection(about, census, self._spool, Tally(), self._policies)
        settle(inspection)
        return inspection


def _unreadable(entry: Unreadable) -> Decision:
    sentence = f"This line could not be read: {entry.reason}. {WAITS}"
    return Decision(Action.QUARANTINE, reasons=(Reason("unreadable", "", sentence),), author=FAULT, pending=True)


def _fault(what: str) -> Decision:
    sentence = f"Something broke while this was looked at ({what}). {WAITS}"
    return Decision(Action.QUARANTINE, reasons=(Reason(FAULT, "", sentence),), author=FAULT, pending=True)
