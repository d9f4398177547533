"""unreadable-media: a file that could not be looked into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._media import about, media
from safeconduct.model import Basis, Confidence, Finding


class UnreadableMedia:
    """A file that could not be looked into: damaged, too big to open safely, or of a kind that is never opened.

    **Why** What cannot be measured cannot be compared with any list, and files made to break the programs that open
    them look just like this.  A fault holds; it never lets through.

    **Mind** Mostly these are honest accidents: an upload that broke off, a very large scan, a phone's HEIC photo, an
    SVG drawing.  Nobody needs to open the file to decide: without it, the words can still go.
    """

    name: ClassVar[str] = "unreadable-media"
    basis: ClassVar[Basis] = Basis.EXACT

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for item, medium, facts in media(batch):
            if facts is not None and facts.problem:
                reason = f"Could not be looked into: {facts.problem}"
                yield about(self.name, item, medium, Confidence.HIGH, reason, facts.type)
