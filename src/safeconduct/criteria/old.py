"""old: a post older than a number of days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import DATED, present, zoned
from safeconduct.model import Basis, Confidence, Finding


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
        try:
            line = zoned(batch.as_of) - timedelta(days=self._days)
        except OverflowError:  # older than time itself: nothing is
            return
        for item in batch.items:
            published = item.published
            if published is None or item.kind not in DATED or zoned(published) >= line:
                continue
            age = (zoned(batch.as_of) - zoned(published)).days
            reason = f"Written {published.date().isoformat()}, {age} days ago; the line here is {self._days}"
            yield Finding(item.number, self.name, Confidence.HIGH, Basis.EXACT, reason, present(item, "published"))
