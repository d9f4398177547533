"""Read an arrival: inspect, plan, group what is held.  Nothing is delivered here."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import transaction

from safeconduct.contracts import Source
from safeconduct.flow import inspected, open_source
from safeconduct.home import Home
from safeconduct.model import Action, Decision, Finding, Item
from safeconduct.policy import Policy
from safeconduct.policy.read import parse_policy
from safeconduct.screening.fields import fields
from safeconduct.screening.html import reading
from safeconduct.steps.inspect import Inspection
from safeconduct.steps.plan import item_name
from safeconduct.steps.report import inspection_report
from safeconduct_desk import shapes
from safeconduct_desk.custody import home
from safeconduct_desk.models import Arrival, Group, Held, PolicyVersion
from safeconduct_desk.store import files

SEVERE = frozenset({"known-media", "similar-media"})
SECONDS_A_GROUP = 30
EXCERPT = 160


def read(arrival: Arrival) -> None:
    """Inspect the archive under the live policy and keep report and groups."""
    Arrival.objects.filter(pk=arrival.pk).update(state=Arrival.State.SCREENING, problem="")
    source = open_source(str(files().fetch(arrival, "archive")))
    version = arrival.policy or PolicyVersion.live()
    with home() as opened, seen(opened, source, policies(version), arrival) as inspection:
        about = inspection.about
        report = inspection_report(inspection)
        with transaction.atomic():
            _groups(arrival, inspection, source)
            Arrival.objects.filter(pk=arrival.pk).update(
                policy=version, report=report, actor=about.actor, acct=about.acct, sha256=about.sha256,
                items=report["items"], held=report["decisions"]["quarantine"],
            )  # fmt: skip


def shape(arrival: Arrival) -> None:
    """What the report's charts show: one more pass over the archive."""
    source = open_source(str(files().fetch(arrival, "archive")))
    Arrival.objects.filter(pk=arrival.pk).update(shape=shapes.of(source))


def ready(arrival: Arrival) -> None:
    """It waits for a person."""
    minutes = arrival.groups.filter(action="").count() * SECONDS_A_GROUP / 60
    Arrival.objects.filter(pk=arrival.pk).update(state=Arrival.State.WAITING, minutes=minutes, progress={})


def policies(version: PolicyVersion | None) -> list[Policy]:
    """The policy of this version; none if the community has none yet."""
    return [parse_policy(version.text, version.name)] if version else []


def seen(opened: Home, source: Source, chosen: list[Policy], arrival: Arrival):  # type: ignore[no-untyped-def]
    """An inspection that says how far it is."""
    done = Counter[str]()

    def tick(count: int) -> None:
        done["items"] += count
        if done["items"] - done["said"] >= 2000:
            done["said"] = done["items"]
            Arrival.objects.filter(pk=arrival.pk).update(progress={"step": "read", "done": done["items"]})

    return inspected(opened, source, chosen, as_of=datetime.now(UTC), tick=tick)


def key_of(rule: str, criterion: str, value: str) -> str:
    """A group's key: the same when the same archive is read again."""
    return hashlib.sha256("\0".join((rule, criterion, value)).encode("utf-8", "replace")).hexdigest()[:32]


def _groups(arrival: Arrival, inspection: Inspection, source: Source) -> None:
    """What is held or refused, by rule, criterion and value; decisions that people made before stay."""
    found: dict[str, list[tuple[int, Decision, Finding | None, list[Finding]]]] = {}
    for number, decision, findings in inspection.decisions():
        if decision.action >= Action.QUARANTINE:
            reason = decision.reasons[0]
            first = next((one for one in findings if one.criterion == reason.criterion), None)
            key = key_of(reason.rule, reason.criterion, first.value if first else "")
            found.setdefault(key, []).append((number, decision, first, list(findings)))
    kept = {group.key: group for group in arrival.groups.all()}
    arrival.groups.exclude(key__in=found).delete()
    wanted = {members[0][0] for members in found.values()} | {n for members in found.values() for n, *_ in members}
    items = {item.number: item for item in _items(source, wanted)}
    for key, members in found.items():
        group = kept.get(key) or Group(arrival=arrival, key=key)
        _fill(group, members, items)


def _fill(group: Group, members, items: dict[int, Item]) -> None:  # type: ignore[no-untyped-def]
    number, decision, first, _ = members[0]
    reason = decision.reasons[0]
    group.rule, group.criterion, group.sentence = reason.rule, reason.criterion, reason.sentence
    group.value = first.value if first else ""
    group.count = len(members)
    group.proposed = decision.action.name.lower()
    group.severe = reason.criterion in SEVERE
    group.basis = str(first.basis) if first else ""
    group.confidence = int(first.confidence) if first else 2
    group.excerpt = excerpt(items.get(number))
    group.media = sum(bool(items[n].media) for n, *_ in members if n in items)
    group.save()
    group.members.all().delete()
    Held.objects.bulk_create(
        [
            _held(group, n, items.get(n), findings)
            for n, _, _, findings in members
        ],
        batch_size=500,
    )  # fmt: skip


def _held(group: Group, n: int, item: Item | None, findings: list[Finding]) -> Held:
    held = Held(group=group, n=n, findings=[plain(one) for one in findings])
    if item is not None:
        held.item, held.kind, held.published = item_name(item), item.kind, item.published
    return held


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


def _items(source: Source, wanted: set[int]) -> Iterator[Item]:
    if wanted:
        for entry in source.read():
            if entry.number in wanted and isinstance(entry, Item):
                yield entry
