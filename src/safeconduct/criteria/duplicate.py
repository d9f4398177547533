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
        spoken = census.column("text")[posts] != 0
        yield from self._same(posts[spoken], census.column("text"), "text")
        # files alone are compared only where there is no text: a caption makes a new post of an old picture
        bare = posts[~spoken]
        yield from self._same(bare[census.column("media")[bare] != 0], census.column("media"), "files")

    def _same(self, posts: _Rows, column: _Rows, what: str) -> Iterator[Finding]:
        if not len(posts):
            return
        posts = posts[numpy.argsort(column[posts], kind="stable")]
        marks = column[posts]
        starts = numpy.flatnonzero(numpy.concatenate(([True], marks[1:] != marks[:-1]))).astype(numpy.int32)
        del marks
        sizes = numpy.diff(starts, append=numpy.int32(len(posts)))
        for place in numpy.flatnonzero(sizes >= self._copies).tolist():
            alike = posts[starts[place] : starts[place] + sizes[place]]
            first, reason = int(alike[0]), f"The same {what} as item {alike[0]}; {len(alike)} items are alike"
            for number in alike[1:]:
                where, value = whole(), f"{what}:{first}"
                yield Finding(int(number), self.name, Confidence.HIGH, Basis.EXACT, reason, where, value)
