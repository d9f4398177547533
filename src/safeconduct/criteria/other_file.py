"""other-file: a file that is not what it says, or no picture, film or sound at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from safeconduct.archives.media import kind, plain, same
from safeconduct.contracts import Batch
from safeconduct.criteria._media import about, claimed, media
from safeconduct.model import Basis, Confidence, Finding, MediaFacts, Medium

SHOWN = ("image", "video", "audio")
SVG = "image/svg+xml"
Seen = tuple[str, Confidence, str]


class OtherFile:
    """An attached file that is no picture, film or sound, or whose bytes are not of the type it claims.

    ``allow``: media types that are welcome nevertheless (``application/pdf``).

    Values: ``disguised`` (claims one type, is another), ``not-media``, ``svg`` (a drawing that can carry programs),
    ``double`` (a second file or program is hidden inside), ``unknown``.

    **Why** A program named like a picture, or a picture that is also a web page, is how attackers get a server or a
    browser to run what it should only show.

    **Mind** Servers rename and convert pictures carelessly, so a PNG that claims to be a JPEG is only found with low
    confidence.  Phones hide a short film behind some photos; those are found as ``double`` and harmless.
    """

    name: ClassVar[str] = "other-file"
    basis: ClassVar[Basis] = Basis.EXACT

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._allowed = frozenset(plain(type) for type in allow)

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for item, medium, facts in media(batch):
            seen = self._unseen(medium) if facts is None else self._measured(medium, facts)
            for value, confidence, reason in seen:
                yield about(self.name, item, medium, confidence, reason, value)

    def _unseen(self, medium: Medium) -> Iterator[Seen]:
        type = claimed(medium)
        if type and type not in self._allowed and (kind(type) not in SHOWN or type == SVG):
            value = "svg" if type == SVG else "not-media"
            yield value, Confidence.MEDIUM, f"Said to be {type}, which is no plain picture, film or sound"

    def _measured(self, medium: Medium, facts: MediaFacts) -> Iterator[Seen]:
        declared, type = plain(medium.type), facts.type
        if not facts.size:
            return
        if facts.odd:
            yield "double", Confidence.HIGH, f"There is something else in this file: {', '.join(facts.odd)}"
        if not type:
            if not facts.problem:
                yield "unknown", Confidence.MEDIUM, "Its bytes are of no kind of file known here"
            return
        if declared and not same(declared, type):
            sure = Confidence.LOW if kind(declared) == kind(type) else Confidence.HIGH
            yield "disguised", sure, f"Said to be {declared}, but its bytes are {type}"
        if type in self._allowed:
            return
        if type == SVG:
            yield "svg", Confidence.HIGH, "An SVG drawing, which can carry programs"
        elif kind(type) not in SHOWN:
            yield "not-media", Confidence.HIGH, f"No picture, film or sound, but {type}"
