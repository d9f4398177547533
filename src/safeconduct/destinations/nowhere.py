"""Nowhere: a place that takes everything and keeps nothing.

To see what a community would say to an import without any server, and to measure the pipeline without the network.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar

from safeconduct.contracts import Source, Terms
from safeconduct.destinations._post import held
from safeconduct.model import Abilities, Decision, Item, Kind, Left, Receipt, Shaped, Undone


class Nowhere:
    """Accepts every item as it is and delivers none of them."""

    name: ClassVar[str] = "nowhere"

    def __init__(self, place: str, terms: Terms) -> None:
        self.place, self.terms = place, terms

    def probe(self) -> Abilities:
        """Everything is possible nowhere."""
        return Abilities("nowhere", "nowhere", "1", datetime.now(UTC), frozenset(Kind), hides=True)

    def shape(self, item: Item, decision: Decision, abilities: Abilities) -> Shaped | Left:
        """As it is; community filters are named, not carried out, because nothing will be shown."""
        del abilities
        if (left := held(item, decision)) is not None:
            return left
        limited = tuple(f"Would be limited: {name.value}." for name in sorted(decision.filters))
        parent = item.reply.to if item.reply and item.reply.mine and item.reply.arrives else ""
        return Shaped(
            item.number, item.kind, item.id, item.visibility, {}, item.published, item.media, parent, (), limited
        )

    def deliver(self, shaped: Shaped, source: Source, parent: Receipt | None) -> Receipt:
        """A receipt for nothing; the same one every time."""
        del source, parent
        return Receipt(shaped.number, shaped.kind, "nowhere", f"nowhere-{shaped.number}", media=())

    def find(self, shaped: Shaped) -> Receipt | None:
        """Nothing is ever there."""
        del shaped
        return None

    def undo(self, receipt: Receipt) -> Undone:
        """Nothing was done, so nothing is left over."""
        return Undone(receipt.number)

    def hide(self, receipts: Iterable[Receipt]) -> int:
        """Nobody ever sees anything here."""
        return sum(1 for _ in receipts)

    def show(self, receipts: Iterable[Receipt]) -> int:
        """There is nothing to see."""
        return sum(1 for _ in receipts)

    def finish(self) -> None:
        """Nothing to close."""
