"""Small criteria, items and a census to test policies with: nothing here depends on the real criteria."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy
from msgspec import Struct

from safeconduct.contracts import Batch
from safeconduct.model import Basis, Confidence, Evidence, Finding, Item, Kind, Pattern, Total, Visibility

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


class Says:
    """A post that says one of these words.

    **Why** To test with.  **Mind** Only the body.
    """

    name: ClassVar[str] = "says"
    basis: ClassVar[Basis] = Basis.EXACT

    def __init__(self, words: Sequence[str] = (), least: int = 1, loud: bool = False) -> None:
        if least < 1:
            raise ValueError("least is 1 or more")
        self.words, self.least, self.loud = tuple(words), least, loud

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for item in batch.items:
            body = str(item.object.get("content", ""))
            found = [word for word in self.words if word in body]
            if len(found) >= self.least:
                yield Finding(
                    item.number,
                    self.name,
                    Confidence.HIGH,
                    self.basis,
                    f"Says {found[0]}",
                    (Evidence("/content", body.index(found[0]), body.index(found[0]) + len(found[0]), "plain"),),
                )


class Resembles(Says):
    """A post that resembles something."""

    name: ClassVar[str] = "resembles"
    basis: ClassVar[Basis] = Basis.STATISTICAL


class Seeks(Says):
    """A post that matches an expression."""

    name: ClassVar[str] = "seeks"

    def patterns(self) -> Sequence[Pattern]:
        return [Pattern(word, literal=False) for word in self.words]


class Lopsided:
    """An import that leans to one side."""

    name: ClassVar[str] = "lopsided"
    basis: ClassVar[Basis] = Basis.STATISTICAL

    def conclude(self, census: Any) -> Iterable[Finding]:
        yield Finding(-1, self.name, Confidence.HIGH, self.basis, "It leans")


class Plain:
    """A post that is a post."""

    name: ClassVar[str] = "plain"
    bases: ClassVar[tuple[Basis, ...]] = (Basis.EXACT, Basis.THIRD_PARTY)

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for item in batch.items:
            if item.kind is Kind.POST:
                yield Finding(item.number, self.name, Confidence.LOW, Basis.EXACT, "Is a post", (Evidence(""),))


SMALL: Mapping[str, type] = {kind.name: kind for kind in (Says, Seeks, Resembles, Lopsided, Plain)}


class Counted(Struct):
    """A census that knows only what a policy may look at."""

    count: int = 1000
    touched: Mapping[str, int] = {}
    as_of: datetime = NOW
    owner: str = "https://social.example/users/alice"
    totals: Sequence[Total] = ()

    def column(self, name: str) -> numpy.ndarray[tuple[int], numpy.dtype[numpy.generic]]:
        raise AssertionError(f"a policy does not read the column {name}")


def item(
    number: int = 7,
    kind: Kind = Kind.POST,
    visibility: Visibility = Visibility.PUBLIC,
    published: datetime | None = NOW,
) -> Item:
    return Item(number, kind, f"outbox.json#/orderedItems/{number}", b"", {}, {}, "", "", visibility, published)


def finding(
    question: str = "says",
    number: int = 7,
    confidence: Confidence = Confidence.HIGH,
    basis: Basis = Basis.EXACT,
    value: str = "",
) -> Finding:
    place = (Evidence("/content", 3, 9, "skeleton"),)
    return Finding(number, question.split("#")[0], confidence, basis, "Was seen", place, value, question)
