"""audio: a sound recording."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._media import of_kind
from safeconduct.model import Basis, Finding


class Audio:
    """A sound recording: music, a podcast, a voice message.

    **Why** A recording takes as long to hear as it took to speak, may hold other people's voices, and often other
    people's music.

    **Mind** Nobody listens here: what is said in it is not known.  With medium confidence only the archive says that it
    is a recording.
    """

    name: ClassVar[str] = "audio"
    basis: ClassVar[Basis] = Basis.EXACT

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        return of_kind(self.name, "audio", "A sound recording", batch)
