"""One text of an item with all that was ever read from it, and the way back to its original string."""

from __future__ import annotations

import re

from safeconduct.model import Field
from safeconduct.screening.html import Reading, reading
from safeconduct.screening.spans import Span, Trace, identity
from safeconduct.screening.views import fold, fold_trace

_SURROGATES = re.compile("[\ud800-\udfff]")


class Text:
    """A field with its readings.  ``plain`` is what a reader sees, ``folded`` the same for comparing."""

    __slots__ = ("_trace", "field", "folded", "plain", "reading")

    def __init__(self, field: Field) -> None:
        self.field = field
        self.reading: Reading | None = reading(field.text) if field.html else None
        self.plain = field.text if self.reading is None else self.reading.text
        self.folded = fold(self.plain)
        self._trace: Trace | None = None

    def unfolded(self, start: int, end: int) -> Span:
        """A stretch of ``folded`` as a stretch of ``plain``."""
        if self._trace is None:
            same = self.plain.isascii() and self.folded == self.plain.lower()
            self._trace = identity(len(self.plain)) if same else fold_trace(self.plain, self.folded)
        return self._trace.cover(start, end)

    def original(self, start: int, end: int) -> Span:
        """A stretch of ``plain`` as a stretch of the original string."""
        return (start, end) if self.reading is None else self.reading.trace.cover(start, end)


def utf8(text: str) -> bytes:
    """UTF-8, with each lone surrogate (JSON can spell them) replaced, so that character offsets stay true."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode()
