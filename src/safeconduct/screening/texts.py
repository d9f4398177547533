"""One text of an item with all that was ever read from it, and the way back to its original string."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, islice

from msgspec import Struct

from safeconduct.model import Field
from safeconduct.screening.folding import folds
from safeconduct.screening.html import Reading, quick, reading
from safeconduct.screening.spans import Span, Trace, identity
from safeconduct.screening.views import fold, fold_trace

_SURROGATES = re.compile("[\ud800-\udfff]")


class Text(Struct, eq=False):
    """A field with its readings.  ``plain`` is what a reader sees, ``folded`` the same for comparing.

    ``hrefs``: where the links of its HTML go.  Made with its field alone it reads the rest itself; ``read`` does that
    for many at once.
    """

    field: Field
    plain: str = ""
    hrefs: Sequence[str] = ()
    folded: str = "\n"  # no folded text holds a newline: it was not folded yet
    known: Reading | None = None
    trace: Trace | None = None

    def __post_init__(self) -> None:
        if self.folded == "\n":
            self.known = reading(self.field.text) if self.field.html else None
            if self.known is None:
                self.plain = self.field.text
            else:
                self.plain, self.hrefs = self.known.text, self.known.hrefs
            self.folded = fold(self.plain)

    @property
    def reading(self) -> Reading | None:
        """How its HTML was read; ``None`` for plain text."""
        if self.known is None and self.field.html:
            self.known = Reading(self.field.text, self.plain, "", self.hrefs)
        return self.known

    def unfolded(self, start: int, end: int) -> Span:
        """A stretch of ``folded`` as a stretch of ``plain``."""
        if self.trace is None:
            if (place := _in_plain(self.folded[start:end], self.folded, self.plain)) >= 0:
                return place, place + end - start
            same = self.plain.isascii() and self.folded == self.plain.lower()
            self.trace = identity(len(self.plain)) if same else fold_trace(self.plain, self.folded)
        return self.trace.cover(start, end)

    def original(self, start: int, end: int) -> Span:
        """A stretch of ``plain`` as a stretch of the original string."""
        if not self.field.html:
            return start, end
        if self.known is None and (place := _in_source(self.plain[start:end], self.plain, self.field.text)) >= 0:
            return place, place + end - start
        shown = self.reading
        return (start, end) if shown is None else shown.trace.cover(start, end)


# Most of what is found stands as it was written, and only once: then its place need not be traced.  A property test
# holds both to the traces.


def _in_plain(piece: str, folded: str, plain: str) -> int:
    """Where the only place of this piece of ``folded`` is in ``plain``; -1 if that takes a trace.

    What is ASCII between ASCII is left by folding as it is, if no override turns the text around.
    """
    lower = plain.lower()
    place = lower.find(piece)
    end = place + len(piece)
    if place < 0 or len(lower) != len(plain) or not lower[max(0, place - 1) : end + 1].isascii():
        return -1
    alone = lower.find(piece, place + 1) < 0 and folded.find(piece) == folded.rfind(piece)
    return place if alone and "\u202e" not in plain else -1


def _in_source(piece: str, plain: str, source: str) -> int:
    """Where the only place of this piece of ``plain`` is in ``source``, which was read the quick way: no ``<`` or ``>``
    is inside a tag, and all that is outside of tags is visible; -1 if that takes a trace."""
    place = source.find(piece)
    if place < 0 or "&" in source or "<" in piece or ">" in piece or source.find(piece, place + 1) >= 0:
        return -1
    alone = plain.find(piece) == plain.rfind(piece)
    return place if alone and source.rfind("<", 0, place) <= source.rfind(">", 0, place) else -1


def read(items: Sequence[Sequence[Field]]) -> list[list[Text]]:
    """The texts of many items, in their places."""
    fields = list(chain.from_iterable(items))
    plain = [field.text for field in fields]
    hrefs: list[Sequence[str]] = [()] * len(fields)
    known: list[Reading | None] = [None] * len(fields)
    for place in [place for place, field in enumerate(fields) if field.html]:
        seen = quick(plain[place])
        if seen is None:
            page = known[place] = reading(plain[place])
            seen = page.text, page.hrefs
        plain[place], hrefs[place] = seen
    texts = map(Text, fields, plain, hrefs, folds(plain), known)
    return [list(islice(texts, len(one))) for one in items]


def utf8(text: str) -> bytes:
    """UTF-8, with each lone surrogate (JSON can spell them) replaced, so that character offsets stay true."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode()
