"""old: a post older than a number of days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import DATED, present, zoned
from safeconduct.model import Basis, Confidence, Evidence, Finding

_DATE = (Evidence("/published"),)


class Old:
    """A post older than a number of days.

    ``days``: how old is old; ten years unless said otherwise.

    **Why** Some communities want the last years of a newcomer, not every word they wrote at fifteen; and so do many
    newcomers.

    **Mind** The date is what the archive claims.  A year is counted as 365 days, so leap days shift the line by a
    little.
    """

    name: ClassVar[str] = "old"

    def __init__(self, days: int = 3650) -> None:
        self._days = days

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        now = zoned(batch.as_of)
        try:
            line = now - timedelta(days=self._days)
        except OverflowError:  # older than time itself: nothing is
            return
        name, sure, exact = self.name, Confidence.HIGH, Basis.EXACT
        said: dict[tuple[int, int], str] = {}  # most imports are old, and hold many posts of one day
        for item in batch.items:
            if item.published is None or (published := zoned(item.published)) >= line or item.kind not in DATED:
                continue
            days = published.toordinal(), (now - published).days
            reason = said.get(days) or said.setdefault(days, self._reason(*days))
            where = _DATE if "published" in item.object else present(item, "published")
            yield Finding(item.number, name, sure, exact, reason, where)

    def _reason(self, day: int, age: int) -> str:
        return f"Written {date.fromordinal(day).isoformat()}, {age} days ago; the line here is {self._days}"
