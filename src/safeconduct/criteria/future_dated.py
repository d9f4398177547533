"""future-dated: a post dated after the moment it was looked at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import DATED, present, zoned
from safeconduct.model import Basis, Confidence, Finding


class FutureDated:
    """A post dated after the moment it was looked at.

    ``minutes``: how far ahead another server's clock may be.

    **Why** A post from tomorrow stays on top of every list until its day comes.  Some servers read such a date as
    "publish later" or, worse, "publish now, to everybody".

    **Mind** A server with a wrong clock does this honestly.  Whoever inspects with an old *as of* date makes honest
    posts look like this.
    """

    name: ClassVar[str] = "future-dated"

    def __init__(self, minutes: int = 10) -> None:
        self._grace = timedelta(minutes=minutes)

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        try:
            latest = zoned(batch.as_of) + self._grace
        except OverflowError:
            return
        for item in batch.items:
            published = item.published
            if published is None or item.kind not in DATED or zoned(published) <= latest:
                continue
            yield Finding(
                item.number,
                self.name,
                Confidence.HIGH,
                Basis.EXACT,
                f"Dated {published:%Y-%m-%d}, which is still to come",
                present(item, "published"),
            )
