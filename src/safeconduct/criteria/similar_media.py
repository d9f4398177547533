"""similar-media: a picture that looks like one on a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._media import HEX, about, digests, media
from safeconduct.criteria._nearest import Near, Nearest
from safeconduct.model import Basis, Confidence, Finding, MediaFacts

CLOSE = 16  # blurred, sharpened, resized copies measured at 2 to 16 bits
TURNED = ("", ", turned", ", turned", ", turned", ", mirrored", ", mirrored", ", mirrored", ", mirrored")


class SimilarMedia:
    """A picture that looks like one on a list, also resized, recoloured, turned or mirrored.

    ``hashes``: PDQ hashes, 64 hexadecimal digits each.  ``distance``: how many of the 256 bits may differ.
    ``quality``: pictures with less detail than this (0 to 100) are not compared.

    **Why** Known pictures come back slightly changed.  PDQ still recognises them, and nobody has to look
    at the original.

    **Mind** A likeness is no proof: harmless pictures can be made to match, and some match by chance.  A person must
    look, and the list itself should stay secret.  Strong crops, drawings over it and collages are missed, and so are
    films and the later frames of an animation.
    """

    name: ClassVar[str] = "similar-media"

    def __init__(self, hashes: Sequence[str] = (), distance: int = 31, quality: int = 50) -> None:
        if not 0 <= distance <= 128:
            raise ValueError(f"{self.name}: distance = {distance} is not between 0 and 128; 31 is usual")
        self._listed = list(digests(self.name, hashes, "a PDQ hash"))
        self._nearest = Nearest(self._listed)
        self._distance, self._quality = distance, quality

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        if not self._listed:
            return
        for item, medium, facts in media(batch):
            if facts is not None and (near := self._near(facts)):
                confidence = Confidence.HIGH if near.distance <= CLOSE else Confidence.MEDIUM
                how = f"{near.distance} of 256 bits differ{TURNED[near.asked % 8]}"
                # Groups likenesses of one entry without writing the entry into reports.
                value = sha256(self._listed[near.listed]).hexdigest()[:12]
                reason = f"Looks like a picture on the list ({how})"
                yield about(self.name, item, medium, confidence, reason, value, Basis.PERCEPTUAL)

    def _near(self, facts: MediaFacts) -> Near | None:
        if facts.quality < self._quality:
            return None
        asked = [bytes.fromhex(hash) for hash in facts.pdq if HEX.fullmatch(hash)]
        return self._nearest.find(asked, self._distance)
