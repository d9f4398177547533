"""duplicate: the same text or the same files as an earlier item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy

from safeconduct.contracts import Census
from safeconduct.criteria._posts import rows, whole
from safeconduct.model import Basis, Confidence, Finding

_Rows = numpy.ndarray[tuple[int], numpy.dtype[Any]]


class Duplicate:
    """A post with the same text, or the same files, as an earlier one.  The first of them is not found.

    ``copies``: how many alike there must be, the first included.

    **Why** Spam repeats itself, and some archives hold every post twice.  A moderator should read a text once.

    **Mind** Good mornings, weekly reminders and bots repeat themselves honestly.  Texts shorter than twenty letters
    are not compared; upper and lower case are taken as the same.
    """

    name: ClassVar[str] = "duplicate"

    def __init__(self, copies: int = 2) -> None:
        self._copies = max(2, copies)

    def conclude(self, census: Census) -> Iterable[Finding]:
        posts = rows(census)
        texts = census.column("text")[posts]
        yield from self._same(posts, texts, "text")
        # files alone are compared only where there is no text: a caption makes a new post of an old picture
        bare = posts[texts == 0]
        yield from self._same(bare, census.column("media")[bare], "files")

    def _same(self, posts: _Rows, marks: _Rows, what: str) -> Iterator[Finding]:
        posts, marks = posts[marks != 0], marks[marks != 0]
        order = numpy.argsort(marks, kind="stable")
        posts, marks = posts[order], marks[order]
        starts = numpy.flatnonzero(numpy.concatenate(([True], marks[1:] != marks[:-1]))) if len(marks) else marks
        ends = numpy.append(starts[1:], len(marks)).astype(numpy.intp)
        many = numpy.flatnonzero(ends - starts >= self._copies)
        for place in many.tolist():
            alike = posts[int(starts[place]) : int(ends[place])]
            first, reason = int(alike[0]), f"The same {what} as item {alike[0]}; {len(alike)} items are alike"
            for number in alike[1:].tolist():
                yield Finding(number, self.name, Confidence.HIGH, Basis.EXACT, reason, whole(), f"{what}:{first}")
