"""video: a film."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._media import of_kind
from safeconduct.model import Basis, Finding


class Video:
    """A film, with or without sound.

    **Why** Films take minutes to look at and much room to keep; nothing here compares them with lists of known ones.

    **Mind** Mastodon and others turn animated GIFs into silent films, so a harmless loop of two seconds is found too.
    With medium confidence only the archive says that it is a film.
    """

    name: ClassVar[str] = "video"
    basis: ClassVar[Basis] = Basis.EXACT

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        return of_kind(self.name, "video", "A film", batch)
