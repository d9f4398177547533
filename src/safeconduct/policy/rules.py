"""One rule of a policy: when it speaks, and what it says.

A rule sees findings, never content: criteria measure, policies mind (law 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from safeconduct.model import WHOLE, Action, Confidence, Filter, Finding, Item, Json, Kind, Visibility

NOT_ASSESSED = "not assessed"
"""``Finding.value`` of a finding that says: I could not tell."""


BROKEN = "broken-criterion"
"""``Finding.criterion`` where a criterion broke: no rule speaks to it, it holds by itself (law 8)."""


class State(StrEnum):
    """A shadow rule is counted and reported, and never changes a decision."""

    LIVE = "live"
    SHADOW = "shadow"


class Unknown(StrEnum):
    """What a rule does with "not assessed": hold the item, let it pass, or ask a person."""

    HOLD = "hold"
    PASS = "pass"  # noqa: S105 (a word of the policy language)
    ASK = "ask"


class Breaker(Struct, frozen=True):
    """A rule that touches more than ``share`` of an import *and* more than ``items`` items becomes a question."""

    share: float = 0.2
    items: int = 50

    def trips(self, touched: int, count: int) -> bool:
        return touched > self.items and touched > self.share * count


class Where(Struct, frozen=True):
    """To which items a rule applies; an empty condition is always met.

    A missing date meets both age conditions: leaving out the date is no way round a rule.
    ``whole``: the rule is about the import as a whole, and only then.
    """

    kind: frozenset[Kind] = frozenset()
    visibility: frozenset[Visibility] = frozenset()
    older_than_days: float | None = None
    newer_than_days: float | None = None
    share_of_import_over: float | None = None
    whole: bool = False

    def covers(self, item: Item, as_of: datetime | None) -> bool:
        """Kind, audience and age; the share is known only once everything was seen (``enough``)."""
        if self.whole or (self.kind and item.kind not in self.kind):
            return False
        if self.visibility and item.visibility not in self.visibility:
            return False
        return self._aged(item.published, as_of)

    @property
    def minds_age(self) -> bool:
        """Whether the date of an item matters at all."""
        return self.older_than_days is not None or self.newer_than_days is not None

    def enough(self, touched: int, count: int) -> bool:
        return self.share_of_import_over is None or touched > self.share_of_import_over * count

    def _aged(self, published: datetime | None, as_of: datetime | None) -> bool:
        if not self.minds_age or published is None or as_of is None:
            return True
        age = (_utc(as_of) - _utc(published)) / timedelta(days=1)
        return not (
            (self.older_than_days is not None and age <= self.older_than_days)
            or (self.newer_than_days is not None and age >= self.newer_than_days)
        )


class Rule(Struct, frozen=True):
    """``when`` a criterion finds something, ``at_least`` so surely, ``where`` …, ``then`` …, ``because`` ….

    ``question`` is the key of the criterion with its parameters ``given``; ``filters`` belong to ``limit``.
    """

    id: str
    when: str
    question: str
    then: Action
    because: str = ""
    at_least: Confidence = Confidence.LOW
    where: Where = Where()
    filters: frozenset[Filter] = frozenset()
    state: State = State.LIVE
    unknown: Unknown = Unknown.PASS
    breaker: Breaker = Breaker()
    given: Mapping[str, Json] = {}

    def minds(self, item: Item, finding: Finding, as_of: datetime | None) -> bool:
        """Does this finding about this item make the rule speak (its share of the import apart)?"""
        return finding.item != WHOLE and self.hears(finding) and self.where.covers(item, as_of)

    def minds_whole(self, finding: Finding) -> bool:
        """Does this finding about the whole import make the rule speak?"""
        return finding.item == WHOLE and self.where.whole and self.hears(finding)

    def hears(self, finding: Finding) -> bool:
        if finding.question != self.question or finding.criterion == BROKEN:
            return False
        if finding.value == NOT_ASSESSED:
            return self.unknown is not Unknown.PASS
        return finding.confidence >= self.at_least


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
