"""What the policies say of items, asked once for each *kind* of item instead of once for each item.

A policy looks only at an item's kind, visibility and date and at what was found (``Policy.decide``), and most items
of an import are alike in all of that.  Dates count only where a rule minds age; what broke or was not assessed is
always asked anew, because its sentence differs from item to item.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from safeconduct.model import Decision, Finding, Item, Kind, Visibility
from safeconduct.policy import Policy, strictest
from safeconduct.screening.batch import BROKEN
from safeconduct.screening.census import Census

KINDS = tuple(Kind)
ROOM = 20_000
NOT_ASSESSED = "not assessed"
Said = TypeVar("Said")
Spoken = tuple[tuple[str, ...], tuple[str, ...]]


class Verdicts:
    """The policies of one inspection, over its census."""

    def __init__(self, policies: Sequence[Policy], census: Census) -> None:
        self._policies, self._census = policies, census
        self._kinds = census.column("kind").tobytes()
        self._audiences = census.column("visibility").tobytes()
        self._dates = array("d", census.column("published").tobytes())
        self._aged = any(rule.where.minds_age for policy in policies for rule in policy.rules)
        self._decisions: dict[Hashable, Decision] = {}
        self._spoken: dict[Hashable, Spoken] = {}

    def decision(self, number: int, findings: Sequence[Finding]) -> Decision:
        """The strictest of what all policies say of item ``number`` (law 3)."""
        return self._once(self._decisions, number, findings, lambda item: self._decide(item, findings))

    def spoken(self, number: int, findings: Sequence[Finding]) -> Spoken:
        """Ids of the live rules that would act on the item, and of the shadow rules."""
        return self._once(self._spoken, number, findings, lambda item: self._speak(item, findings))

    def _decide(self, item: Item, findings: Sequence[Finding]) -> Decision:
        return strictest([policy.decide(item, findings, self._census) for policy in self._policies])

    def _speak(self, item: Item, findings: Sequence[Finding]) -> Spoken:
        as_of = self._census.as_of
        return (
            tuple(rule for policy in self._policies for rule in policy.touched(item, findings, as_of)),
            tuple(rule for policy in self._policies for rule in policy.shadowed(item, findings, as_of)),
        )

    def _once(
        self, known: dict[Hashable, Said], number: int, findings: Sequence[Finding], ask: Callable[[Item], Said]
    ) -> Said:
        seen = tuple([(one.question, one.criterion, one.confidence, one.basis) for one in findings])
        when = self._dates[number] if self._aged else 0.0
        key = (self._kinds[number], self._audiences[number], when, seen)
        said = known.get(key)
        if said is None or any(one.criterion == BROKEN or one.value == NOT_ASSESSED for one in findings):
            said = ask(self._item(number))
            if len(known) < ROOM:
                known[key] = said
        return said

    def _item(self, number: int) -> Item:
        """What a policy may look at, without reading the archive again."""
        return Item(
            number=number,
            kind=KINDS[self._kinds[number]],
            origin="",
            raw=b"",
            record={},
            object={},
            visibility=Visibility(self._audiences[number]),
            published=_moment(self._dates[number]),
        )


def _moment(when: float) -> datetime | None:
    try:
        return None if when != when else datetime.fromtimestamp(when, UTC)
    except (OverflowError, ValueError, OSError):
        return None
