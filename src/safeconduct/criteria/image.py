"""image: a picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._media import of_kind
from safeconduct.model import Basis, Finding


class Image:
    """A picture: attached to a post, or an avatar or header.

    **Why** Pictures carry what no word filter sees.  A community may want to take the words of a newcomer first and
    the pictures later, after somebody has looked.

    **Mind** With medium confidence only the archive says that it is a picture.  Small pictures inside the text (custom
    emoji, link previews) are not attachments and not counted.
    """

    name: ClassVar[str] = "image"
    basis: ClassVar[Basis] = Basis.EXACT

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        return of_kind(self.name, "image", "A picture", batch)
