"""direct: a message to named people only, or one whose audience nobody states."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import POSTS, present
from safeconduct.model import Basis, Confidence, Finding, Item, Visibility


class Direct:
    """A message to named people only, or one that names no audience at all.

    **Why** Archives hold direct messages in plain text among the public posts, usually without any mark.  The people
    they were written to did not agree to their being read elsewhere, not even by a moderator.

    **Mind** The audience is read from the addresses on the post.  A server that forgets to write them makes a public
    post look like this; such posts are found with medium confidence and the value ``nobody``.
    """

    name: ClassVar[str] = "direct"

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        named = Visibility.NAMED
        for item in batch.items:
            if item.visibility <= named and item.kind in POSTS:
                yield self._found(item)

    def _found(self, item: Item) -> Finding:
        named = item.visibility == Visibility.NAMED
        reason = "A message to named people only" if named else "No audience is stated, so it is treated as private"
        confidence = Confidence.HIGH if named else Confidence.MEDIUM
        value = "named" if named else "nobody"
        return Finding(
            item.number, self.name, confidence, Basis.EXACT, reason, present(item, "to", "cc", "audience"), value
        )
