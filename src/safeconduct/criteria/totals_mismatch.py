"""totals-mismatch: a file of the archive says another number than it holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Census
from safeconduct.model import WHOLE, Basis, Confidence, Finding, Total


class TotalsMismatch:
    """A file of the archive says another number of records than it holds.

    ``share``: how far apart the two may be, as a share of the larger one, before it is worth a word.

    **Why** Records may have been taken out, or put in, after the archive was made.

    **Mind** Most real Mastodon archives are off by a few, because the number was counted at another moment than the
    records: differences up to a twentieth are found with low confidence.
    """

    name: ClassVar[str] = "totals-mismatch"

    def __init__(self, share: float = 0.0) -> None:
        self._share = share

    def conclude(self, census: Census) -> Iterable[Finding]:
        for total in census.totals:
            if total.declared is None or total.declared == total.found:
                continue
            apart = abs(total.declared - total.found) / max(abs(total.declared), total.found, 1)
            if apart > self._share:
                yield Finding(
                    WHOLE,
                    self.name,
                    Confidence.LOW if apart <= 0.05 else Confidence.MEDIUM,
                    Basis.EXACT,
                    _sentence(total),
                    value=total.file,
                )


def _sentence(total: Total) -> str:
    gap = total.found - total.declared if total.declared is not None else 0
    more = f"{gap} more than it says" if gap > 0 else f"{-gap} {'is' if gap == -1 else 'are'} missing"
    return f"{total.file} says it has {total.declared} records and holds {total.found}: {more}"
