"""One text of an item with all that was ever read from it, and the way back to its original string."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, islice

from msgspec import Struct

from safeconduct.model import Field
from safeconduct.screening.folding import folds
from safeconduct.screening.html import Reading, reading
from safeconduct.screening.spans import Span, Trace, identity
from safeconduct.screening.views import fold, fold_trace

_SURROGATES = re.compile("[\ud800-\udfff]")


class Text(Struct, eq=False):
    """A field with its readings.  ``plain`` is what a reader sees, ``folded`` the same for comparing.

    ``reading`` is how HTML was read, ``None`` for plain text.  Made with its field alone it reads the rest itself;
    ``read`` does that for many at once.
    """

    field: Field
    reading: Reading | None = None
    plain: str = ""
    folded: str = "\n"  # no folded text holds a newline: it was not folded yet
    trace: Trace | None = None

    def __post_init__(self) -> None:
        if self.folded == "\n":
            self.reading = reading(self.field.text) if self.field.html else None
            self.plain = self.field.text if self.reading is None else self.reading.text
            self.folded = fold(self.plain)

    def unfolded(self, start: int, end: int) -> Span:
        """A stretch of ``folded`` as a stretch of ``plain``."""
        if self.trace is None:
            same = self.plain.isascii() and self.folded == self.plain.lower()
            self.trace = identity(len(self.plain)) if same else fold_trace(self.plain, self.folded)
        return self.trace.cover(start, end)

    def original(self, start: int, end: int) -> Span:
        """A stretch of ``plain`` as a stretch of the original string."""
        return (start, end) if self.reading is None else self.reading.trace.cover(start, end)


def read(items: Sequence[Sequence[Field]]) -> list[list[Text]]:
    """The texts of many items, in their places."""
    fields = list(chain.from_iterable(items))
    readings = [reading(field.text) if field.html else None for field in fields]
    plain = [field.text if shown is None else shown.text for field, shown in zip(fields, readings, strict=True)]
    texts = map(Text, fields, readings, plain, folds(plain))
    return [list(islice(texts, len(one))) for one in items]


def utf8(text: str) -> bytes:
    """UTF-8, with each lone surrogate (JSON can spell them) replaced, so that character offsets stay true."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode()
