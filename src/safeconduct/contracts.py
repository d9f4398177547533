"""The shapes a plug-in must have: read this second.

``Protocol`` classes with one to four methods, nothing to inherit, nothing to call first.  A plug-in is constructed
for one transfer with what it needs, so its methods take only data.  Each contract is its signature *and its laws*;
each law is one test in ``tests/contracts/``, run over every plug-in found in the folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol, runtime_checkable

import numpy
from msgspec import Struct

from safeconduct.model import (
    Abilities,
    About,
    Choices,
    Confidence,
    Decision,
    Field,
    Finding,
    Hit,
    Item,
    Json,
    Left,
    Link,
    MediaFacts,
    Medium,
    Pattern,
    Receipt,
    Shaped,
    Signal,
    Testimony,
    Total,
    Undone,
    Unreadable,
)


class Source(Protocol):
    """Somewhere items come from: a file format or a server's protocol.

    Laws: reading twice gives the same items in the same order; every record becomes an Item or an Unreadable,
    ``number`` counts both without gaps from 0; unknown fields survive; memory does not grow with the archive;
    it never writes outside its own temporary folder; an empty place is an error, not an empty answer.
    """

    name: ClassVar[str]

    @classmethod
    def recognise(cls, path: Path) -> Confidence | None:
        """How sure are we that this is our format?  Cheap; never raises; ``None`` is "not ours"."""

    def read(self) -> Iterator[Item | Unreadable]:
        """Every record, in the source's order.  Raises ``SourceError`` if the whole source is unusable."""

    def open(self, member: str) -> BinaryIO:
        """The bytes of one medium (``Medium.member``).  Raises ``SourceError`` naming it if it cannot be had."""

    def about(self) -> About:
        """What the source is; complete only after ``read`` has been read to its end."""


class Batch(Protocol):
    """Some hundred consecutive items, with everything a criterion may look at.  Index = place in ``items``."""

    items: Sequence[Item]
    as_of: datetime
    owner: str  # the actor id of the account, "" if unknown
    acct: str  # user@host in lower case, "" if unknown
    testimonies: Mapping[int, Sequence[Testimony]]
    signals: Sequence[SignalList]

    def fields(self, index: int) -> Sequence[Field]:
        """Every text of the item: body, warning, alt text, poll options, names, bio, hashtags, file names, …"""

    def text(self, index: int) -> str:
        """The visible text of the body, HTML removed, in its own case ("" if none)."""

    def folded(self, index: int) -> str:
        """The same, NFKC and case-folded with default-ignorables removed: for comparing."""

    def doubtful(self) -> Sequence[int]:
        """The items with a text of which only a real HTML parser can tell what is kept from sight."""

    def links(self, index: int) -> Sequence[Link]:
        """Every address in the item, with its role."""

    def facts(self, index: int) -> Sequence[tuple[Medium, MediaFacts | None]]:
        """Each medium with its measurements; ``None`` where its bytes are missing or none were asked for."""

    def hits(self, criterion: Criterion) -> Sequence[Hit]:
        """Where this criterion's own ``patterns()`` matched in this batch."""


class Census(Protocol):
    """The whole import in columns, kept on disk.  Row = ``Item.number``; unreadables have a row too."""

    count: int
    owner: str
    as_of: datetime

    @property
    def totals(self) -> Sequence[Total]:
        """What the files of the source say of themselves."""

    @property
    def touched(self) -> Mapping[str, int]:
        """Rule id -> how many items it touches; filled before anything is decided."""

    def column(self, name: str) -> numpy.ndarray[tuple[int], numpy.dtype[numpy.generic]]:
        """One column, read from disk (see ``screening/census.py`` for names and types)."""


class Criterion(Protocol):
    """One question asked of every item, or of the whole import.

    Has ``inspect`` or ``conclude`` or both; ``patterns`` is optional.  Its constructor's keyword arguments are the
    parameters a policy may give, all with defaults.  Laws: pure (everything it needs is in the batch or the
    census); never raises, whatever JSON it is given; never changes the item; every finding carries
    confidence, basis, reason and, if about an item, evidence; the docstring says what it sees, **Why** and **Mind**.
    """

    name: ClassVar[str]

    def patterns(self) -> Sequence[Pattern]:
        """What to look for in every text field, all criteria in one pass."""

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        """Findings about items of this batch; ``Finding.item`` is ``Item.number``."""

    def conclude(self, census: Census) -> Iterable[Finding]:
        """Findings once everything was seen: about the whole import (``WHOLE``) or about single items."""


class Policy(Protocol):
    """Laws: order-free; more findings never soften; stricter than accept implies reasons; total."""

    def decide(self, item: Item, findings: Sequence[Finding], census: Census) -> Decision:
        """Exactly one decision for every set of findings."""


class Terms(Struct, frozen=True):
    """What a destination is given when it is constructed, for one transfer: ``SomeDestination(place, terms)``.

    ``actor`` and ``acct`` are the source account's; ``token`` opens the receiving account and never leaves its origin;
    ``loopback`` allows http to this machine; ``key`` is the 32-byte Ed25519 seed that signs containers ("" for none);
    ``title`` names the transfer for people.
    """

    choices: Choices = Choices()
    actor: str = ""
    acct: str = ""
    token: str = ""
    loopback: bool = False
    key: bytes = b""
    title: str = ""


class Destination(Protocol):
    """Somewhere items go.  Constructed as ``SomeDestination(place, terms)``; ``place`` is what follows the colon.

    Laws: deliver twice = deliver once; refuses what is not accept or limit; ``shape`` is pure; undo puts things
    back; undo twice = undo once; a receipt survives a restart.
    """

    name: ClassVar[str]

    def probe(self) -> Abilities:
        """What it is and allows now.  Raises ``DeliveryError`` if it cannot serve at all."""

    def shape(self, item: Item, decision: Decision, abilities: Abilities) -> Shaped | Left:
        """The item as it will be there, or why it will not.  Pure: this is what ``plan`` shows."""

    def deliver(self, shaped: Shaped, source: Source, parent: Receipt | None) -> Receipt:
        """Place it; ``parent`` is the receipt of the own post it answers.  DeliveryError, TryAgain, Uncertain."""

    def find(self, shaped: Shaped) -> Receipt | None:
        """Is it there already (after a lost answer or a crash)?  Never writes."""

    def undo(self, receipt: Receipt) -> Undone:
        """Take it back.  Already gone is success."""

    def finish(self) -> None:
        """Everything planned has been delivered: close files, write indexes.  Safe to call again."""


@runtime_checkable
class Hides(Protocol):
    """What a destination has besides, if it can hide: law 10, first out of sight and then taken back.

    Laws: once ``hide`` returns, whoever is not signed in gets nothing of these from outside; hide twice = hide once;
    ``show`` (with the next ``finish``) puts everything back; what is hidden can be found and undone.
    """

    def hide(self, receipts: Iterable[Receipt]) -> int:
        """Out of sight; returns how many of them are hidden now."""

    def show(self, receipts: Iterable[Receipt]) -> int:
        """Visible again as before, once ``finish`` has been called."""


class Witness(Protocol):
    """One way to corroborate an item.  "Could not ask" is *not-asked*, never *confirmed*."""

    name: ClassVar[str]

    def attest(self, items: Iterable[Item]) -> Iterator[Testimony]: ...


class SignalList(Protocol):
    """What another community says; local, fetched earlier; retractions win."""

    name: ClassVar[str]

    def lookup(self, kind: str, key: str) -> Sequence[Signal]: ...


class Store(Protocol):
    """Bytes by their digest.  Wrong bytes raise; after ``forget``, ``get`` says *forgotten*, not *never known*."""

    def put(self, data: bytes) -> str: ...

    def get(self, key: str) -> bytes: ...

    def forget(self, key: str) -> None: ...


class Journal(Protocol):
    """What happened, in order, never rewritten; one hash chain per transfer."""

    def record(self, event: str, detail: Mapping[str, Json]) -> str:
        """Append one entry; returns its digest.  Durable when it returns."""

    def entries(self) -> Iterator[Mapping[str, Json]]: ...
