"""Counting while inspecting: the numbers of the import report, in memory that does not grow with the import."""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter

from safeconduct.model import WHOLE, Action, Confidence, Decision, Finding, Json, Kind, Unreadable, Visibility
from safeconduct.policy.rules import NOT_ASSESSED
from safeconduct.screening.batch import Batch

EXAMPLES = 3
GROUPS = 2000
SECONDS_A_GROUP = 30  # a guess that the report names as one: reading one representative and deciding
SHOWN = 100  # unreadable records named in the report
_sort = attrgetter("criterion", "confidence", "value")
_kind, _visibility, _published = attrgetter("kind"), attrgetter("visibility"), attrgetter("published")


class Tally:
    """Everything the report counts.  Every record read is an item or an unreadable (law 4)."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.items = 0
        self.kinds: Counter[Kind] = Counter()
        self.visibility: Counter[Visibility] = Counter()
        self.actions: Counter[Action] = Counter()
        self.pending = 0
        self.unreadable: list[Unreadable] = []
        self.unreadable_count = 0
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.whole: list[Finding] = []
        self.shadowed: Counter[str] = Counter()
        self._found: dict[str, Found] = defaultdict(Found)
        self._groups: dict[tuple[str, str, str], Group] = {}
        self._excerpts: dict[tuple[str, str], dict[str, Json]] = {}
        self._unassessed: Counter[str] = Counter()

    def saw(self, batch: Batch, findings: Sequence[Finding]) -> None:
        """Count the records of one batch and its findings; keep a few as examples."""
        self._read(batch)
        wanted: set[str] = set()
        for (criterion, confidence, value), count in Counter(map(_sort, findings)).items():
            found = self._found[criterion]
            found.count(confidence, count)
            if value == NOT_ASSESSED:
                self._unassessed[criterion] += count
            if found.wants or (criterion, value) not in self._excerpts:
                wanted.add(criterion)
        if wanted and len(self._excerpts) < GROUPS:
            self._show(batch, findings, wanted)

    def _read(self, batch: Batch) -> None:
        items = batch.items
        self.unreadable_count += len(batch.unreadable)
        self.unreadable += batch.unreadable[: SHOWN - len(self.unreadable)]
        self.items += len(items)
        self.kinds.update(map(_kind, items))
        self.visibility.update(map(_visibility, items))
        dates = [when for when in map(_published, items) if when is not None]
        if dates:
            self.first = min(self.first or dates[0], min(dates))
            self.last = max(self.last or dates[0], max(dates))

    def _show(self, batch: Batch, findings: Sequence[Finding], wanted: set[str]) -> None:
        """Keep examples of what these criteria found, as long as any are wanted."""
        private = frozenset(one.item for one in findings if one.criterion in PRIVATE)
        places = {item.number: index for index, item in enumerate(batch.items)}
        for finding in findings:
            new = (finding.criterion, finding.value) not in self._excerpts
            if finding.criterion in wanted and (new or self._found[finding.criterion].wants):
                self._keep(finding, batch, places.get(finding.item), private)

    def _keep(self, finding: Finding, batch: Batch, index: int | None, private: frozenset[int]) -> None:
        if len(self._excerpts) >= GROUPS or index is None:
            return
        example = _example(finding, batch, index, private)
        self._excerpts.setdefault((finding.criterion, finding.value), example)
        self._found[finding.criterion].keep(example)

    def concluded(self, finding: Finding) -> None:
        """Count a finding that came after everything was seen."""
        found = self._found[finding.criterion]
        if finding.item == WHOLE and len(self.whole) < GROUPS:
            self.whole.append(finding)
        example = {"item": None if finding.item == WHOLE else finding.item, "reason": finding.reason}
        found.count(finding.confidence)
        found.keep(example)
        if len(self._excerpts) < GROUPS:
            self._excerpts.setdefault((finding.criterion, finding.value), example)

    def decided(self, number: int, decision: Decision, findings: Sequence[Finding], count: int = 1) -> None:
        """Count the decision on ``count`` items alike, the first of them ``number``, in the group of its first reason.

        What is accepted needs no group.
        """
        self.actions[decision.action] += count
        self.pending += decision.pending * count
        if decision.action == Action.ACCEPT or not decision.reasons:
            return
        reason = decision.reasons[0]
        value = next((one.value for one in findings if one.criterion == reason.criterion), "")
        key = (reason.rule, reason.criterion, value)
        if key not in self._groups and len(self._groups) >= GROUPS:
            key = (reason.rule, reason.criterion, "")
        group = self._groups.setdefault(
            key, Group(reason.sentence, self._excerpts.get((reason.criterion, value), {"item": number}))
        )
        group.actions[decision.action] += count

    def report(self) -> dict[str, Json]:
        """The counting part of the ``inspect`` report."""
        self.actions[Action.ACCEPT] = self.items - sum(
            count for action, count in self.actions.items() if action != Action.ACCEPT
        )
        held = [group for group in self._groups.values() if group.actions[Action.QUARANTINE]]
        return {
            "items": self.items,
            "unreadable": self.unreadable_count,
            "unreadables": [{"origin": one.origin, "reason": one.reason} for one in self.unreadable],
            "kinds": {kind.value: count for kind, count in sorted(self.kinds.items())},
            "visibility": {audience.name.lower(): count for audience, count in sorted(self.visibility.items())},
            "span": {"first": _iso(self.first), "last": _iso(self.last)},
            "decisions": {action.name.lower(): self.actions[action] for action in Action},
            "pending": self.pending,
            "findings": [found.row(name) for name, found in sorted(self._found.items())],
            "groups": [group.row(key) for key, group in sorted(self._groups.items(), key=_by_size)],
            "shadow": dict(sorted(self.shadowed.items())),
            "witnesses": {"proved": 0, "matched": 0, "changed": 0, "gone": 0, "claimed": 0, "not_asked": self.items},
            "unknown": self._unknown(),
            "review": {"groups": len(held), "minutes": -(-len(held) * SECONDS_A_GROUP // 60)},
            "seconds": round(time.monotonic() - self._started, 2),
            "peak_mb": round(peak_megabytes(), 1),
        }

    def _unknown(self) -> list[str]:
        lines = ["Nobody asked the origin server whether these posts are really there; this inspection works offline."]
        lines += [f"{name}: {count} not assessed" for name, count in sorted(self._unassessed.items())]
        return lines


class Found:
    """What one criterion found, counted."""

    def __init__(self) -> None:
        self.total = 0
        self.confidence = Confidence.LOW
        self.examples: list[dict[str, Json]] = []

    def count(self, confidence: Confidence, times: int = 1) -> None:
        self.total += times
        self.confidence = max(self.confidence, confidence)

    @property
    def wants(self) -> bool:
        return len(self.examples) < EXAMPLES

    def keep(self, example: dict[str, Json]) -> None:
        if self.wants:
            self.examples.append(example)

    def row(self, name: str) -> dict[str, Json]:
        return {
            "criterion": name, "count": self.total, "confidence": self.confidence.name.lower(),
            "examples": self.examples,
        }  # fmt: skip


class Group:
    """Items one decision would settle: same rule, same kind of finding."""

    def __init__(self, sentence: str, representative: dict[str, Json]) -> None:
        self.sentence = sentence
        self.representative = representative
        self.actions: Counter[Action] = Counter()

    def row(self, key: tuple[str, str, str]) -> dict[str, Json]:
        rule, criterion, value = key
        return {
            "finding": criterion, "value": value, "rule": rule, "because": self.sentence,
            "count": self.actions.total(),
            "actions": {action.name.lower(): count for action, count in sorted(self.actions.items())},
            "representative": self.representative,
        }  # fmt: skip


def _by_size(entry: tuple[tuple[str, str, str], Group]) -> tuple[int, tuple[str, str, str]]:
    return -entry[1].actions.total(), entry[0]


def _example(finding: Finding, batch: Batch, index: int, private: frozenset[int]) -> dict[str, Json]:
    """One example; its text only where that is public anyway and nothing private was found in the item."""
    item = batch.items[index]
    example: dict[str, Json] = {"item": item.number, "origin": item.origin, "reason": finding.reason}
    if item.visibility >= Visibility.UNLISTED and item.number not in private:
        example["text"] = batch.text(index)[:160]
    return example


PRIVATE = frozenset({"personal-data", "location-in-media", "broken-criterion"})


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def peak_megabytes() -> float:
    """The largest resident size of this process so far, in MB of 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
