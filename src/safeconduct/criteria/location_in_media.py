"""location-in-media: a file that tells where it was made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._media import about, media
from safeconduct.model import Basis, Confidence, Finding


class LocationInMedia:
    """A picture, film or recording that carries the place where it was made.

    The value names where it is written: EXIF GPS, XMP, IPTC, PNG text, MP4/MOV, C2PA or tags.

    **Why** It may be somebody's home, school or shelter, and it is invisible until somebody looks.  The old server may
    have removed it from what it showed and kept it in what it exports.

    **Mind** City names count as places too.  A place that is only *seen* in the picture is not found, nor one in a
    maker's private notes.  Files that could not be looked into are found by *unreadable-media* instead.
    """

    name: ClassVar[str] = "location-in-media"
    basis: ClassVar[Basis] = Basis.EXACT

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for item, medium, facts in media(batch):
            if facts is not None and facts.location:
                where = ", ".join(facts.location)
                reason = f"The file itself tells where it was made ({where})"
                yield about(self.name, item, medium, Confidence.HIGH, reason, where)
