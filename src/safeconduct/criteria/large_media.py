"""large-media: a big file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._media import about, media
from safeconduct.model import Basis, Confidence, Finding


class LargeMedia:
    """A file larger than so many megabytes (of 1,000,000 bytes).

    ``megabytes``: files of exactly this size are not found.

    **Why** Room costs money, and every server that sees the post fetches its own copy.

    **Mind** The size is that of the bytes in the archive; the receiving server may make its own, smaller copy.  Files
    that were not measured are not found.
    """

    name: ClassVar[str] = "large-media"
    basis: ClassVar[Basis] = Basis.EXACT

    def __init__(self, megabytes: float = 40) -> None:
        if megabytes < 0:
            raise ValueError(f"{self.name}: megabytes = {megabytes} is below zero; 40 is usual")
        self._most = megabytes * 1_000_000

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for item, medium, facts in media(batch):
            if facts is not None and facts.size > self._most:
                reason = f"A file of {facts.size / 1_000_000:.1f} megabytes"
                yield about(self.name, item, medium, Confidence.HIGH, reason)
