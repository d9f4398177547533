"""followers-only: a post that only the followers of the old account could read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import POSTS, present
from safeconduct.model import Basis, Confidence, Finding, Visibility


class FollowersOnly:
    """A post that only the followers of the old account could read.

    **Why** The followers of the new account are other people.  Whoever replied, or was spoken of, counted on the old
    circle.

    **Mind** Many people post to followers out of habit and mind nothing; they can say so before they leave.
    """

    name: ClassVar[str] = "followers-only"

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        followers = Visibility.FOLLOWERS
        for item in batch.items:
            if item.visibility is followers and item.kind in POSTS:
                yield Finding(
                    item.number,
                    self.name,
                    Confidence.HIGH,
                    Basis.EXACT,
                    "Only the followers of the old account could read this",
                    present(item, "to", "cc"),
                )
