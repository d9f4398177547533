"""many-mentions: a post that names many people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._links import linked
from safeconduct.criteria._posts import POSTS, counted, places
from safeconduct.model import Basis, Confidence, Finding, Link


class ManyMentions:
    """A post that names more people than usual.

    ``more_than``: how many different people are still usual.

    **Why** The spam waves of 2024 were short posts to many strangers.  If such a post were delivered aloud, each of
    them would be told.

    **Mind** Long threads among friends carry everybody's name along, and #FollowFriday posts are nothing but names.
    """

    name: ClassVar[str] = "many-mentions"

    def __init__(self, more_than: int = 8) -> None:
        self._most = more_than

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for _, item, links in linked(batch).items:
            if len(links) <= self._most or item.kind not in POSTS:
                continue
            people: dict[str, Link] = {link.href: link for link in links if link.role == "mention"}
            if len(people) > self._most:
                reason = f"Names {counted(len(people), 'person', 'people')}"
                yield Finding(item.number, self.name, Confidence.HIGH, Basis.EXACT, reason, places(people.values()))
