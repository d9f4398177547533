"""outlier-share: an import made of one kind of thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy

from safeconduct.contracts import Census
from safeconduct.criteria._posts import rows
from safeconduct.model import WHOLE, Basis, Confidence, Finding, Kind, Visibility


class OutlierShare:
    """An import in which one kind of thing has a share far from the usual.

    ``items``: fewer posts are not judged.  The other settings are the largest usual shares, from 0 to 1: ``boosts``
    among posts and boosts; ``media``, ``wordless`` (fewer than three letters), ``private`` (to named people) and
    ``polls`` among posts.

    **Why** An archive of nothing but boosts, or half of private messages, is worth a look before it is read one by
    one.

    **Mind** The lines are a judgement, set well outside what two large real archives show: 3 and 20 % were boosts
    there, and at most 3 % of the posts were private.  Photographers post pictures, and bots only words.  Nothing is
    wrong with being unusual: set the lines for your own community.
    """

    name: ClassVar[str] = "outlier-share"

    def __init__(
        self,
        items: int = 50,
        boosts: float = 0.95,
        media: float = 0.95,
        wordless: float = 0.6,
        private: float = 0.3,
        polls: float = 0.3,
    ) -> None:
        self._least = max(1, items)
        self._boosts = boosts
        self._lines = {
            "posts with pictures or other files": media,
            "almost without words": wordless,
            "private messages": private,
            "polls": polls,
        }

    def conclude(self, census: Census) -> Iterable[Finding]:
        posts = rows(census)
        boosts = len(rows(census, Kind.BOOST))
        everything = len(posts) + boosts
        if everything >= self._least:
            yield from self._beyond(boosts, everything, "posts and boosts", "boosts", self._boosts)
        if len(posts) < self._least:
            return
        counts = {
            "posts with pictures or other files": census.column("media")[posts] != 0,
            "almost without words": census.column("letters")[posts].astype(numpy.int64) < 3,
            "private messages": census.column("visibility")[posts] == int(Visibility.NAMED),
            "polls": census.column("kind")[posts] == list(Kind).index(Kind.POLL),
        }
        for what, mask in counts.items():
            yield from self._beyond(int(numpy.count_nonzero(mask)), len(posts), "posts", what, self._lines[what])

    def _beyond(self, count: int, total: int, among: str, what: str, line: float) -> Iterator[Finding]:
        if count > line * total:
            reason = f"{count} of {total} {among} are {what} ({100 * count / total:.0f} %)"
            yield Finding(WHOLE, self.name, Confidence.LOW, Basis.STATISTICAL, reason, value=what)
