"""not-the-author: a post or boost that says somebody else made it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import DATED, identities, present
from safeconduct.model import Basis, Confidence, Finding, Item, Kind


class NotTheAuthor:
    """A post, poll or boost that says it was made by another account than the one that is moving.

    **Why** An archive may only bring its owner's words.  A forged archive puts words into somebody's mouth, or
    carries another person's history under a new name.

    **Mind** Somebody who moved before may carry posts made under an older name; ask them.  The author of a boosted
    post is rightly somebody else and is not looked at, nor are follows, blocks and lists.
    """

    name: ClassVar[str] = "not-the-author"

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        owner = batch.owner
        for item in batch.items:
            # the quick way out for nearly every item: all three names are there and the same
            record, thing = item.record, item.object
            if record.get("actor") == owner and (thing is record or thing.get("attributedTo") == owner) and owner:
                continue
            if item.kind in DATED:
                yield from self._look(item, owner)
            elif item.kind is Kind.PROFILE and owner and item.id and item.id != owner:
                yield self._found(
                    item, item.id, "id", f"The profile is of {item.id}, not of the account that is moving"
                )

    def _look(self, item: Item, owner: str) -> Iterable[Finding]:
        actors = identities(item.record.get("actor"))
        authors = [] if item.kind is Kind.BOOST else identities(item.object.get("attributedTo"))
        expected = {owner} if owner else set(actors[:1])
        for named, key, verb in ((authors, "attributedTo", "written"), (actors, "actor", "sent")):
            if named and expected and not expected & set(named):
                other = _short(named[0])
                reason = f"Says it was {verb} by {other}, not by the account that is moving"
                yield self._found(item, named[0], key, reason if owner else f"Written by {other}, sent by another")
                return

    def _found(self, item: Item, value: str, key: str, reason: str) -> Finding:
        return Finding(item.number, self.name, Confidence.HIGH, Basis.EXACT, reason, present(item, key), value[:200])


def _short(address: str) -> str:
    return address if len(address) <= 100 else address[:99] + "…"
