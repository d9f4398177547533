"""Plan: give every record of a source its fate at a destination, offline.  The plan *is* the dry run (law 1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import numpy

from safeconduct.contracts import Destination, Source
from safeconduct.errors import PlanError
from safeconduct.model import (
    Abilities,
    Action,
    Choices,
    Decision,
    Fate,
    Filter,
    Finding,
    Item,
    Json,
    Kind,
    Left,
    Shaped,
    Unreadable,
)
from safeconduct.policy import strictest
from safeconduct.steps.decide import Overruled
from safeconduct.steps.inspect import Inspection, Tick
from safeconduct.steps.planfile import FORMAT, Header, Line, Plan, PlanWriter, Seal
from safeconduct.steps.summary import Summary

SWEEPS = 50
ACCEPTED = Decision(Action.ACCEPT)


def make_plan(
    source: Source,
    inspection: Inspection,
    destination: Destination,
    abilities: Abilities,
    choices: Choices,
    path: Path,
    *,
    created: datetime,
    overruled: Overruled | None = None,
    place: str = "",
    spec: str = "",
    seal: Seal = lambda text: "",
    tick: Tick = lambda count: None,
) -> Plan:
    """Write the plan of copying ``source`` to ``destination`` and return it, checked.

    ``overruled``: earlier decisions of people.  ``seal``: of the home that may execute it.
    Raises ``PlanError`` if the source changed since it was inspected.
    """
    planner = _Planner(source, inspection, destination, abilities, choices, overruled)
    planner.settle_threads()
    writer = PlanWriter(path, _header(inspection, abilities, choices, created, place, spec), seal)
    summary = Summary(abilities)
    for entry in planner.sweep():
        if isinstance(entry, Unreadable):
            writer.skip()
        else:
            writer.add(entry)
            summary.add(entry)
        tick(1)
    summary.overruled = planner.disagreements
    writer.close(summary.rows(inspection.questions_text()))
    return Plan(path)


def item_name(item: Item) -> str:
    """What names an item across archives of one account: kind and id, or kind and digest where it has no id.

    A file has neither record nor id; its place in the archive is its name.
    """
    if item.kind == Kind.MEDIA:
        return f"{item.kind}:{item.origin}"
    return f"{item.kind}:{item.id or hashlib.sha256(item.raw).hexdigest()}"


def _header(
    inspection: Inspection, abilities: Abilities, choices: Choices, created: datetime, place: str, spec: str
) -> Header:
    about = inspection.about
    return Header(
        plan=FORMAT,
        created=created,
        source=place,
        source_sha256=about.sha256,
        format=about.format,
        actor=about.actor,
        acct=about.acct,
        destination=spec or abilities.destination,
        abilities=abilities,
        choices=choices,
        policies=tuple(policy.name for policy in inspection.policies),
        digests=tuple(policy.digest for policy in inspection.policies),
        as_of=inspection.census.as_of,
        questions=inspection.questions_text(),
    )


class _Planner:
    """Sweeps over the source until every reply knows whether its parent arrives."""

    def __init__(
        self,
        source: Source,
        inspection: Inspection,
        destination: Destination,
        abilities: Abilities,
        choices: Choices,
        overruled: Overruled | None,
    ) -> None:
        self._source, self._inspection = source, inspection
        self._destination, self._abilities, self._choices = destination, abilities, choices
        self._overruled = overruled
        self._gate = inspection.policies[-1] if abilities.policy else None  # ``policies_for`` puts it last
        self._arrives = numpy.ones(inspection.census.count, dtype=bool)
        self._parents = _parents(inspection)
        self._twins = _twins(inspection)
        self._whole = inspection.questions_text()
        self._nameless: set[int] = set()
        self.disagreements = 0

    def settle_threads(self) -> None:
        """Repeat until nothing changes.  Archives in order of time need two sweeps, others a few more."""
        if not (self._parents >= 0).any():
            return
        for _ in range(SWEEPS):
            before = self._arrives.copy()
            for _entry in self.sweep():
                pass
            if (before == self._arrives).all():
                return
        raise PlanError("The threads of this archive never settle; please report it with the archive's shape.")

    def sweep(self) -> Iterator[Line | Unreadable]:
        """Every record with its fate, in order."""
        members: dict[str, Fate] = {}
        self.disagreements = 0
        self._nameless.clear()
        strict = self._inspection.decisions()
        upcoming = next(strict, None)
        for entry in self._source.read():
            if isinstance(entry, Unreadable):
                yield entry
                continue
            decision: Decision = ACCEPTED
            findings: Sequence[Finding] = ()
            if upcoming is not None and upcoming[0] == entry.number:
                _, decision, findings = upcoming
                upcoming = next(strict, None)
            yield self._line(entry, decision, findings, members)

    def _line(self, item: Item, decision: Decision, findings: Sequence[Finding], members: dict[str, Fate]) -> Line:
        name = item_name(item)
        decision = self._files_apart(item, self._spoken(name, item, decision, findings))
        outcome = self._outcome(item, decision)
        fate = _fate(outcome)
        if item.kind == Kind.MEDIA and not isinstance(outcome, Shaped):
            outcome, fate = _with_its_post(item, outcome, fate, members)
        self._arrives[item.number] = fate in (Fate.ARRIVES, Fate.ADAPTED)
        _remember(members, item, outcome, fate)
        return _line(item, name, decision, findings, outcome, fate, self._inspection.about.actor)

    def _spoken(self, name: str, item: Item, decision: Decision, findings: Sequence[Finding]) -> Decision:
        """A person's word stands; a policy that disagrees raises a question, it does not win.

        But nobody here can speak for the community there: what its published policy says holds beside it.
        """
        person = self._overruled.get(name) if self._overruled else None
        if person is None:
            return decision
        self.disagreements += person.action != decision.action
        if self._gate is None:
            return person
        return strictest([person, self._gate.decide(item, findings, self._inspection.census)])

    def _files_apart(self, item: Item, decision: Decision) -> Decision:
        """A file travels with the post that shows it; where a person has said no to the file, the post goes without."""
        if self._overruled is None or item.kind == Kind.MEDIA or decision.action > Action.LIMIT:
            return decision
        for medium in item.media:
            said = self._overruled.get(f"{Kind.MEDIA}:{medium.member}") if medium.member else None
            if said is not None and said.action >= Action.QUARANTINE:
                return msgspec.structs.replace(
                    decision, action=Action.LIMIT, filters=decision.filters | {Filter.NO_MEDIA},
                    reasons=decision.reasons or said.reasons,
                )  # fmt: skip
        return decision

    def _outcome(self, item: Item, decision: Decision) -> Shaped | Left:
        if decision.action >= Action.QUARANTINE:
            return _kept_back(item, decision)
        if self._whole and not decision.author.startswith("person:"):
            return Left(item.number, "whole-import", self._whole[0], Fate.HELD)
        if self._twin(item):
            return Left(item.number, "duplicate", "The same item stands earlier in this archive; it travels once.")
        return self._destination.shape(self._knowing(item), decision, self._abilities)

    def _twin(self, item: Item) -> bool:
        """Did the same item stand earlier?  By id; where there is none, by every byte."""
        if item.id or item.kind == Kind.MEDIA:
            return bool(self._twins[item.number])
        name = hash(item.raw)
        known = name in self._nameless
        self._nameless.add(name)
        return known

    def _knowing(self, item: Item) -> Item:
        """The item, told whether the own post it answers will be there."""
        if item.reply is None or not item.reply.mine:
            return item
        parent = int(self._parents[item.number])
        arrives = parent >= 0 and bool(self._arrives[parent])
        return msgspec.structs.replace(item, reply=msgspec.structs.replace(item.reply, arrives=arrives))


def _kept_back(item: Item, decision: Decision) -> Left:
    reason = decision.reasons[0]
    if decision.action == Action.REJECT:
        return Left(item.number, reason.criterion, reason.sentence, Fate.REFUSED)
    return Left(item.number, "question" if decision.pending else reason.criterion, reason.sentence, Fate.HELD)


def _fate(outcome: Shaped | Left) -> Fate:
    if isinstance(outcome, Left):
        return outcome.fate
    return Fate.ADAPTED if outcome.adapted else Fate.ARRIVES


def _with_its_post(item: Item, outcome: Left, fate: Fate, members: dict[str, Fate]) -> tuple[Left, Fate]:
    """A file shares the fate of the post that shows it; the kindest one if several do."""
    member = item.object.get("member")
    shared = members.get(member) if isinstance(member, str) else None
    if shared is None or fate in (Fate.HELD, Fate.REFUSED):
        return outcome, fate
    if shared in (Fate.ARRIVES, Fate.ADAPTED):
        return Left(item.number, "with-its-post", "Travels with the post that shows it.", Fate.ARRIVES), Fate.ARRIVES
    return Left(item.number, "with-its-post", "Stays with the post that shows it.", shared), shared


def _remember(members: dict[str, Fate], item: Item, outcome: Shaped | Left, fate: Fate) -> None:
    """What happens to the files this item shows; a file that arrives anywhere has arrived."""
    carried = {medium.member for medium in outcome.media} if isinstance(outcome, Shaped) else set()
    for medium in item.media:
        if medium.member and members.get(medium.member) not in (Fate.ARRIVES, Fate.ADAPTED):
            stays = Fate.LEFT_BY_DESTINATION if isinstance(outcome, Shaped) else fate
            members[medium.member] = fate if medium.member in carried else stays


def _line(
    item: Item,
    name: str,
    decision: Decision,
    findings: Sequence[Finding],
    outcome: Shaped | Left,
    fate: Fate,
    owner: str,
) -> Line:
    changes = (*outcome.adapted, *outcome.limited) if isinstance(outcome, Shaped) else ()
    return Line(
        n=item.number,
        origin=item.origin,
        kind=item.kind,
        fate=fate,
        item=name,
        digest=hashlib.sha256(item.raw).hexdigest(),
        visibility=item.visibility,
        action=decision.action.name.lower(),
        code=_code(outcome),
        reason=" ".join(changes) if isinstance(outcome, Shaped) else outcome.reason,
        criteria=tuple(sorted({finding.criterion for finding in findings})),
        rule=decision.reasons[0].rule if decision.reasons else "",
        own=item.actor == owner,
        url=_address(item),
        shape=outcome if isinstance(outcome, Shaped) else None,
    )


def _address(item: Item) -> str:
    """Under which people know it, where that is not its id: whoever reports a post has the one from the browser."""
    url = item.object.get("url") if item.kind in (Kind.POST, Kind.POLL) else None
    return url if isinstance(url, str) and url != item.id and len(url) < 2000 else ""


def _code(outcome: Shaped | Left) -> str:
    if isinstance(outcome, Left):
        return outcome.code
    return "adapted" if outcome.adapted else "limited" if outcome.limited else "as-it-is"


def _parents(inspection: Inspection) -> numpy.ndarray:
    """For each item the number of the own post it answers, or -1."""
    idents, parents = inspection.census.column("ident"), inspection.census.column("parent")
    if not len(idents):
        return numpy.empty(0, dtype=numpy.int64)
    order = numpy.argsort(idents, kind="stable")
    places = numpy.searchsorted(idents[order], parents).clip(max=len(order) - 1)
    found = order[places]
    return _without_circles(numpy.where((parents != 0) & (idents[found] == parents), found, -1))


def _without_circles(parents: numpy.ndarray) -> numpy.ndarray:
    """Posts that answer each other in a circle, or themselves, would wait for ever: one of them answers nobody.

    A circle has at least one post that answers a later one, so only chains from those are followed.
    """
    done = numpy.zeros(len(parents), dtype=bool)
    for start in numpy.flatnonzero(parents >= numpy.arange(len(parents))):
        path: set[int] = set()
        place = int(start)
        while place >= 0 and not done[place] and place not in path:
            path.add(place)
            place = int(parents[place])
        if place in path:
            parents[place] = -1
        done[list(path)] = True
    return parents


def _twins(inspection: Inspection) -> numpy.ndarray:
    """True for every item whose id already stood earlier in the same source."""
    idents, kinds = inspection.census.column("ident"), inspection.census.column("kind")
    twins = numpy.zeros(len(idents), dtype=bool)
    order = numpy.lexsort((numpy.arange(len(idents)), kinds, idents))
    same = (idents[order][1:] == idents[order][:-1]) & (kinds[order][1:] == kinds[order][:-1])
    twins[order[1:][same & (idents[order][1:] != 0)]] = True
    return twins


def plan_report(plan: Plan) -> dict[str, Json]:
    """The plan in numbers: what ``safeconduct plan`` prints."""
    header, footer = plan.header, plan.footer
    waiting = footer.fates.get(Fate.HELD, 0) + footer.fates.get(Fate.REFUSED, 0)
    return {
        "plan": {"path": str(plan.path), "sha256": plan.digest, "created": header.created.isoformat()},
        "source": {"format": header.format, "actor": header.actor, "acct": header.acct, "sha256": header.source_sha256},
        "destination": {
            "name": header.destination, "software": header.abilities.software, "version": header.abilities.version,
            "probed": header.abilities.probed.isoformat(), "notes": list(header.abilities.notes),
        },
        "policies": list(header.policies),
        "records": footer.records,
        "unreadable": footer.unreadable,
        "items": footer.records - footer.unreadable,
        "totals": dict(footer.fates),
        **footer.summary,
        "needs_a_person": bool(waiting or footer.unreadable or header.questions),
    }  # fmt: skip
