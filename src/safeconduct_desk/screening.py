"""Read an arrival: inspect, group what is held, look at its shape.  Nothing is delivered here."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import numpy
from django.db.models import QuerySet

from safeconduct.contracts import Source
from safeconduct.errors import SourceError
from safeconduct.flow import inspected, open_source
from safeconduct.home import Home
from safeconduct.model import Action, Finding, Item, Reason
from safeconduct.policy import Policy, parse_policy, preset_files, read_policy
from safeconduct.screening.fields import fields
from safeconduct.screening.html import reading
from safeconduct.steps.inspect import Inspection
from safeconduct.steps.plan import item_name
from safeconduct.steps.report import inspection_report
from safeconduct_desk import budgets, shapes
from safeconduct_desk.backtest import alone
from safeconduct_desk.custody import home
from safeconduct_desk.grouping import JOIN, WHOLE, Asked, Cluster, clusters, key_of
from safeconduct_desk.models import Arrival, Community, Group, Held, PolicyVersion
from safeconduct_desk.originals import MOST, Shelf
from safeconduct_desk.store import files
from safeconduct_desk.tombstones import remembering

SECONDS_A_GROUP = 30
EXCERPT = 160
COLUMNS = "columns.npz"
STRICT = {Action.QUARANTINE.name.lower(), Action.REJECT.name.lower()}


def read(arrival: Arrival) -> None:
    """Inspect the archive under the live policy and keep report and groups."""
    if not _still(arrival).update(state=Arrival.State.SCREENING, problem=""):
        return
    source = open_source(str(files().fetch(arrival, "archive")))
    version = arrival.policy or PolicyVersion.live()
    chosen = [*policies(version), *remembering()]
    with home() as opened, seen(opened, source, chosen, arrival) as inspection:
        about = inspection.about
        report = inspection_report(inspection)
        _columns(arrival, inspection)
        # No transaction around it: reading a large archive takes minutes in which nobody else could write.  Nobody
        # looks at the groups before ``ready``, and a step that was cut short writes all of them again.
        _groups(arrival, inspection, source, Asked(chosen, inspection.census))
        kept = _still(arrival).update(
            policy=version, report=report, actor=about.actor, acct=about.acct, sha256=about.sha256,
            items=report["items"], held=report["decisions"]["quarantine"],
        )  # fmt: skip
    if not kept:  # it was withdrawn while it was read: nothing of it stays
        arrival.groups.all().delete()
        files().forget(arrival)


def shape(arrival: Arrival) -> None:
    """What the report's charts show, and what each preset would do: one more pass for each."""
    source = open_source(str(files().fetch(arrival, "archive")))
    found = shapes.of(source)
    with home() as opened:
        found["presets"] = _presets(opened, source)
        found["overlap"] = shapes.overlap(opened, source)
        found["relations"] = shapes.relations(opened, source)
    Arrival.objects.filter(pk=arrival.pk).update(shape=found)


def ready(arrival: Arrival) -> None:
    """It waits for a person."""
    _still(arrival).update(state=Arrival.State.WAITING, minutes=minutes(arrival), progress={})


def _still(arrival: Arrival) -> QuerySet[Arrival]:
    """It, unless its person has withdrawn it meanwhile."""
    return Arrival.objects.filter(pk=arrival.pk).exclude(state=Arrival.State.WITHDRAWN)


def minutes(arrival: Arrival) -> float:
    """Of review, forecast: what an exact rule refused is no question."""
    asked = arrival.groups.filter(action="").exclude(proposed="reject")
    return asked.count() * SECONDS_A_GROUP / 60


def policies(version: PolicyVersion | None) -> list[Policy]:
    """The policy of this version; none if the community has none yet."""
    return [parse_policy(version.text, version.name)] if version else []


def policies_for(arrival: Arrival) -> list[Policy]:
    """The arrival's policy, without the questions about the whole of it that people have answered with yes."""
    answered = arrival.groups.filter(criterion=WHOLE, action__in=("accept", "limit")).values_list("rule", flat=True)
    return [Answered(policy, frozenset(answered)) for policy in (*policies(arrival.policy), *remembering())]


class Answered(Policy):
    """A policy some of whose questions about the whole import a person has answered (law 3)."""

    def __init__(self, policy: Policy, rules: frozenset[str]) -> None:
        self.__dict__.update(policy.__dict__)
        self._rules = rules

    def conclude(self, findings: Sequence[Finding]) -> tuple[Reason, ...]:
        """What is still open."""
        return tuple(reason for reason in super().conclude(findings) if reason.rule not in self._rules)


def seen(
    opened: Home, source: Source, chosen: list[Policy], arrival: Arrival
) -> AbstractContextManager[Inspection]:  # fmt: skip
    """An inspection that says how far it is."""
    done, most = Counter[str](), Community.here() or Community()

    def tick(count: int) -> None:
        done["items"] += count
        if done["items"] > most.most_items:
            raise SourceError(budgets.too_many(most, done["items"]))
        if done["items"] - done["said"] >= 2000:
            done["said"] = done["items"]
            Arrival.objects.filter(pk=arrival.pk).update(progress={"step": "read", "done": done["items"]})

    return inspected(opened, source, chosen, as_of=datetime.now(UTC), tick=tick)


# --- groups -----------------------------------------------------------------------------------------------------------


def _groups(arrival: Arrival, inspection: Inspection, source: Source, asked: Asked) -> None:
    """What is held or refused, in groups; what people decided before stays as they decided it (law 3)."""
    found = {**clusters(inspection.decisions(), asked), **_whole(inspection, asked)}
    found = _unanswered(arrival, found)
    arrival.groups.filter(action="").exclude(key__in=found).delete()
    groups = {key: _written(arrival, key, one) for key, one in found.items()}
    place = {number: groups[key] for key, one in found.items() for number in one.numbers}
    for group in groups.values():
        group.members.all().delete()
    _members(arrival, inspection, source, asked, place)
    for group in groups.values():
        group.save(update_fields=["excerpt", "media"])


def _whole(inspection: Inspection, asked: Asked) -> dict[str, Cluster]:
    """The questions about the import as a whole: while one is open, nothing of it travels."""
    del asked
    made = [
        Cluster((one.rule,), WHOLE, "", one.sentence, Action.QUARANTINE)
        for one in inspection.questions
    ]  # fmt: skip
    return {one.key: one for one in made}


def _unanswered(arrival: Arrival, found: dict[str, Cluster]) -> dict[str, Cluster]:
    """Without what people have answered: a refusal stands, a release covers the rules it was given under."""
    refused: set[int] = set()
    released: dict[int, set[str]] = defaultdict(set)
    taken: dict[str, int] = {}
    for group in arrival.groups.exclude(action=""):
        taken[group.key] = group.pk
        numbers = set(group.members.values_list("n", flat=True))
        if group.action in STRICT:
            refused |= numbers
        else:
            for number in numbers:
                released[number] |= set(group.rule.split(JOIN))
    left: dict[str, Cluster] = {}
    for key, one in found.items():
        one.numbers[:] = [n for n in one.numbers if n not in refused and not set(one.rules) <= released[n]]
        if one.numbers or (one.criterion == WHOLE and key not in taken):
            # What came to a settled group afterwards is a new question, not silently part of the old answer.
            again = key_of(key, "again", hashlib.sha256(repr(one.numbers).encode()).hexdigest())
            left[again if key in taken else key] = one
    return left


def _written(arrival: Arrival, key: str, one: Cluster) -> Group:
    group = arrival.groups.filter(key=key).first() or Group(arrival=arrival, key=key)
    group.rule, group.criterion, group.sentence = JOIN.join(one.rules)[:100], one.criterion, one.sentence
    group.value, group.basis, group.confidence = one.value[:300], one.basis, one.confidence
    group.count = arrival.items if one.criterion == WHOLE else len(one.numbers)
    group.proposed, group.severe = one.proposed.name.lower(), one.severe
    group.excerpt, group.media = "", 0
    group.save()
    return group


def _members(
    arrival: Arrival, inspection: Inspection, source: Source, asked: Asked, place: dict[int, Group]
) -> None:  # fmt: skip
    """Archive and decisions side by side, both in order of number: memory does not grow with the import."""
    rows: list[Held] = []
    shelved: Counter[int] = Counter()
    entries = iter(source.read()) if place else iter(())
    with Shelf(arrival) as shelf:
        for number, _, findings in inspection.decisions():
            group = place.get(number)
            if group is None:
                continue
            item = next(entry for entry in entries if entry.number == number)
            assert isinstance(item, Item)
            group.excerpt = group.excerpt or excerpt(item)
            group.media += bool(item.media)
            shelved[group.pk] += 1
            if shelved[group.pk] <= MOST:
                shelf.put(item)
            rows.append(_held(group, item, findings, " ".join(sorted(asked.otherwise(number, findings)))))
            if len(rows) >= 500:
                Held.objects.bulk_create(rows)
                rows.clear()
    Held.objects.bulk_create(rows)


def _held(group: Group, item: Item, findings: Sequence[Finding], otherwise: str) -> Held:
    return Held(
        group=group, n=item.number, item=item_name(item)[:1100], kind=item.kind, published=item.published,
        findings=[plain(one) for one in findings], otherwise=otherwise,
    )  # fmt: skip


def plain(finding: Finding) -> dict[str, object]:
    """A finding as plain data."""
    return {
        "criterion": finding.criterion, "confidence": int(finding.confidence), "basis": str(finding.basis),
        "reason": finding.reason, "value": finding.value,
        "evidence": [[one.pointer, one.start, one.end, one.view] for one in finding.evidence[:20]],
    }  # fmt: skip


def excerpt(item: Item | None) -> str:
    """The first words of an item, as text."""
    for field in fields(item) if item is not None else ():
        text = (reading(field.text).text if field.html else field.text).strip()
        if text:
            return text[:EXCERPT]
    return ""


# --- what else is worked out once -------------------------------------------------------------------------------------


def _columns(arrival: Arrival, inspection: Inspection) -> None:
    """Kind, date and action of every item: from these a sample is drawn."""
    census = inspection.census
    path = files().path(arrival, COLUMNS)
    with open(path, "wb") as file:
        numpy.savez_compressed(
            file, kind=census.column("kind"), published=census.column("published"), action=census.column("action")
        )
    files().keep(arrival, COLUMNS)


def _presets(opened: Home, source: Source) -> dict[str, dict[str, int]]:
    """How many items each preset would accept, limit, hold and refuse: all of them asked in one pass."""
    chosen = {name: read_policy(name) for name in preset_files()}
    with inspected(opened, source, list(chosen.values()), as_of=datetime.now(UTC)) as inspection:
        told = {name: Counter(map(int, alone(inspection, policy).actions)) for name, policy in chosen.items()}
    return {name: {action.name.lower(): counts[action] for action in Action} for name, counts in told.items()}
