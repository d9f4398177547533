"""impossible-date: no date, no real date, or one before there was a Fediverse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import DATED, present
from safeconduct.model import Basis, Confidence, Finding, Item


class ImpossibleDate:
    """No date at all, something that is no date, or a date before there was a Fediverse.

    ``year``: the first year that is believed.  The Fediverse began with identi.ca in 2008.

    **Why** Where the date cannot be used, the post would be shown as written today, or at the wrong end of
    everything.  An early date is also the cheapest way to have "always said so".

    **Mind** Blogs and photo sites carry honest posts from long before 2008: set ``year`` lower for them.  The first
    of January 1970 is what computers write when they do not know.
    """

    name: ClassVar[str] = "impossible-date"

    def __init__(self, year: int = 2008) -> None:
        self._year = year

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for item in batch.items:
            if (item.published is None or item.published.year < self._year) and item.kind in DATED:
                reason, value = self._why(item)
                yield Finding(
                    item.number, self.name, Confidence.HIGH, Basis.EXACT, reason, present(item, "published"), value
                )

    def _why(self, item: Item) -> tuple[str, str]:
        date = item.published
        if date is None:
            raw = item.object.get("published", item.record.get("published"))
            if raw is None or raw == "":
                return "Has no date", "absent"
            return f"Its date, “{_short(raw)}”, is no date", "unreadable"
        if (date.year, date.month, date.day) == (1970, 1, 1):
            return "Dated 1970-01-01, which is what computers write when they do not know", "zero"
        if date.year < 1970:
            return f"Dated {_day(item)}, before computers kept such dates", "before 1970"
        return f"Dated {_day(item)}, before {self._year}", "too early"


def _day(item: Item) -> str:
    # not strftime: it drops the leading zeros of the year 0001 on some systems
    return item.published.date().isoformat() if item.published else ""


def _short(raw: object) -> str:
    text = raw if isinstance(raw, str) else type(raw).__name__
    return text if len(text) <= 40 else text[:39] + "…"
