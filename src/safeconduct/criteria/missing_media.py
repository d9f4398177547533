"""missing-media: a file is mentioned, but the archive does not have it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._media import about, media
from safeconduct.model import Basis, Confidence, Finding


class MissingMedia:
    """A picture or other file that is mentioned but not there, or is there and empty.

    Values: ``absent`` and ``empty``.

    **Why** A post without its picture may say something else, or nothing.  The person can still fetch the file from the
    old server, as long as that exists.

    **Mind** Servers leave out files they no longer have, and many exports contain no files at all: then every post with
    a picture is found.
    """

    name: ClassVar[str] = "missing-media"
    basis: ClassVar[Basis] = Basis.EXACT

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for item, medium, facts in media(batch):
            if medium.member is None:
                reason = "Its file is mentioned but not in the archive"
                yield about(self.name, item, medium, Confidence.HIGH, reason, "absent")
            elif facts is not None and not facts.size and not facts.problem:
                yield about(self.name, item, medium, Confidence.HIGH, "Its file is empty: 0 bytes", "empty")
