"""known-media: a file on a list, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._media import HEX, about, digests, media
from safeconduct.model import Basis, Confidence, Finding


class KnownMedia:
    """A file whose SHA-256 is on a list: exactly this file, byte for byte.

    ``hashes``: SHA-256 digests, 64 hexadecimal digits each, as ``sha256sum`` writes them.

    **Why** What has been judged once need not be seen again by anybody.

    **Mind** One changed byte and it is another file: see *similar-media*.  A wrong entry condemns a harmless picture
    with all the certainty of an exact match, so know where the list comes from.  A file whose bytes were not measured
    is not found.
    """

    name: ClassVar[str] = "known-media"
    basis: ClassVar[Basis] = Basis.EXACT

    def __init__(self, hashes: Sequence[str] = ()) -> None:
        self._listed = frozenset(digests(self.name, hashes, "a SHA-256"))

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        if not self._listed:
            return
        for item, medium, facts in media(batch):
            if facts is not None and HEX.fullmatch(facts.sha256) and bytes.fromhex(facts.sha256) in self._listed:
                # Groups the same file without writing the list's own entry into reports.
                value = sha256(bytes.fromhex(facts.sha256)).hexdigest()[:12]
                yield about(self.name, item, medium, Confidence.HIGH, "Exactly a file on the list", value)
