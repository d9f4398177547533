"""edited: a post that says it was changed after it was published."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import POSTS, level, parsed, present, zoned
from safeconduct.model import Basis, Finding, Item


class Edited:
    """A post that says it was changed after it was published.

    ``seconds``: changes within so many seconds of publishing do not count.

    **Why** Others boosted and answered an earlier wording.  Archives do not carry the history of edits, so nobody
    here can see what was said first.

    **Mind** Most edits mend a spelling mistake.  A post changed before it was exported, on a server that writes no
    edit date, is not found; and a post whose edit date cannot be read is found with medium confidence.
    """

    name: ClassVar[str] = "edited"

    def __init__(self, seconds: int = 60) -> None:
        self._grace = timedelta(seconds=seconds)

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for item in batch.items:
            if item.object.get("updated") is not None and item.kind in POSTS:
                reason, certain = self._edit(item)
                if reason:
                    yield Finding(item.number, self.name, level(certain), Basis.EXACT, reason, present(item, "updated"))

    def _edit(self, item: Item) -> tuple[str, bool]:
        changed = parsed(item.object.get("updated"))
        if changed is None:
            return "Says it was edited, but the date of the edit cannot be read", False
        if item.published is None:
            return f"Edited on {changed:%Y-%m-%d}; when it was published is not known", True
        gap = changed - zoned(item.published)
        if gap > self._grace:
            return f"Edited on {changed:%Y-%m-%d}; the earlier wording is not in the archive", True
        if gap < -self._grace:
            return "Says it was edited before it was published", True
        return "", True
