"""orphan-reply: an answer whose question does not come along."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy

from safeconduct.contracts import Batch, Census
from safeconduct.criteria._posts import POSTS, present, rows, whole
from safeconduct.model import Basis, Confidence, Finding


class OrphanReply:
    """An answer to somebody else, or to a post of one's own that is not in the archive.

    ``others``: also find answers to other people, whose posts are never in an archive.

    **Why** Half a conversation reads differently from the whole, and where it names the other half it can pull
    strangers into the new place.

    **Mind** This is ordinary: people talk to each other.  A post of one's own may be missing because it was
    deleted, which was its author's right.
    """

    name: ClassVar[str] = "orphan-reply"

    def __init__(self, others: bool = True) -> None:
        self._others = others

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        if not self._others:
            return
        for item in batch.items:
            if item.reply is not None and not item.reply.mine and item.kind in POSTS:
                yield Finding(
                    item.number,
                    self.name,
                    Confidence.HIGH,
                    Basis.EXACT,
                    "Answers somebody else, whose post is not in the archive",
                    present(item, "inReplyTo"),
                    "others",
                )

    def conclude(self, census: Census) -> Iterable[Finding]:
        posts = rows(census)
        parents = census.column("parent")[posts]
        posts, parents = posts[parents != 0], parents[parents != 0]  # of answers to others the census keeps no parent
        missing = posts[~numpy.isin(parents, census.column("ident"))]
        for number in missing.tolist():
            reason = "Continues a post of one's own that is not in the archive"
            yield Finding(number, self.name, Confidence.HIGH, Basis.EXACT, reason, whole(), "own")
