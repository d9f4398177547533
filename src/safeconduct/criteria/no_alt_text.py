"""no-alt-text: a picture, video or sound that nobody described."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import POSTS, counted
from safeconduct.model import Basis, Confidence, Evidence, Finding, Medium

_SEEN_OR_HEARD = ("image/", "video/", "audio/")


class NoAltText:
    """A picture, video or sound in a post that nobody described in words.

    **Why** People who cannot see or hear it get nothing.  Communities that ask their members for descriptions may
    ask newcomers too; the person can add them before leaving.

    **Mind** Some put the description in the post itself.  An empty description is also the usual sign of old
    software, not of carelessness.  Whether a description is any good is not judged.
    """

    name: ClassVar[str] = "no-alt-text"

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for item in batch.items:
            if item.media and item.kind in POSTS:
                bare = [medium for medium in item.media if _undescribed(medium)]
                if bare:
                    reason = f"{counted(len(bare), 'attachment')} without a description"
                    where = tuple(Evidence(medium.pointer) for medium in bare[:20])
                    yield Finding(item.number, self.name, Confidence.HIGH, Basis.EXACT, reason, where)


def _undescribed(medium: Medium) -> bool:
    return not medium.alt.strip() and (not medium.type or medium.type.startswith(_SEEN_OR_HEARD))
