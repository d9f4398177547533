"""poll: a question with options to vote on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import counted, present
from safeconduct.model import Basis, Confidence, Finding, Item, Kind


class Poll:
    """A question with options to vote on.

    **Why** A poll cannot be moved: the votes were given elsewhere, and most servers that take old posts refuse polls.
    The numbers written in an archive are a claim nobody can check.

    **Mind** Nothing is wrong with a poll; this tells posts apart, it does not accuse.
    """

    name: ClassVar[str] = "poll"

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        poll = Kind.POLL
        for item in batch.items:
            if item.kind is poll:
                yield self._found(item)

    def _found(self, item: Item) -> Finding:
        several = item.object.get("anyOf")
        options = several if isinstance(several, list) else item.object.get("oneOf")
        count = len(options) if isinstance(options, list) else 0
        reason = f"A poll with {counted(count, 'option')}" if count else "A poll without options"
        where = present(item, "anyOf", "oneOf", "type")
        return Finding(item.number, self.name, Confidence.HIGH, Basis.EXACT, reason, where)
