"""What was refused or taken back here does not come in by another import: a person is asked first.

A post is known again by its id or by its bytes, a profile by its bytes, a file by its bytes as they left and as they
were placed.  What says little by itself (whom somebody follows, what they liked) is the same line in the archives of
many people, so nothing of that is kept.  Only keyed digests are: nobody can read from them what it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, cast

from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from safeconduct.contracts import Batch, Criterion, Source
from safeconduct.errors import SafeconductError
from safeconduct.flow import open_source
from safeconduct.home import Home
from safeconduct.home.custody import UNDONE
from safeconduct.model import Action, Basis, Confidence, Evidence, Fate, Finding, Item, Kind
from safeconduct.policy import Policy
from safeconduct.policy.rules import Breaker, Rule
from safeconduct.steps.plan import item_name
from safeconduct_desk.custody import home
from safeconduct_desk.models import Arrival, Tombstone
from safeconduct_desk.store import files

REFUSED, BACK = "refused", "taken back"
RULES = {REFUSED: "refused-before", BACK: "taken-back-before"}
POSTS = (Kind.POST, Kind.POLL, Kind.BOOST)  # whose id is their own
PIECE = 1 << 20
SOME = 500  # marks asked for at once

# --- writing them -----------------------------------------------------------------------------------------------------


def bury_refused(opened: Home, arrival: Arrival, transfer: str) -> None:
    """What the community would not have of this transfer."""
    _bury(arrival, _refused(opened, arrival, transfer), REFUSED)


def bury_taken_back(opened: Home, arrival: Arrival, transfer: str, numbers: Collection[int] | None) -> None:
    """What was taken back of this transfer, or of these items of it.

    A word that released it once is spent with that: else it would stand against the question when it comes again.
    """
    rows = _rows(opened, transfer, "deliveries.state = ?", UNDONE)
    wanted = [row for row in rows if numbers is None or row[0] in numbers]
    _bury(arrival, (mark for _n, kind, *both in wanted for mark in _of_kind(kind, *both)), BACK)
    _bury(arrival, _shown(opened, transfer, {row[0] for row in wanted}), BACK)
    connection = opened.connection
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(
            "DELETE FROM overrules WHERE item_key = ? AND action IN ('ACCEPT', 'LIMIT')", [(row[2],) for row in wanted]
        )
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def dig_up(opened: Home, arrival: Arrival, transfer: str, numbers: Collection[int]) -> None:
    """These items were wrongly refused: they may come in again, by this import or by another."""
    stones = Tombstone.objects.filter(arrival=arrival)
    marks = _refused(opened, arrival, transfer, numbers)
    while some := list(islice(marks, SOME)):
        stones.filter(mark__in=some).delete()


def _bury(arrival: Arrival, marks: Iterable[str], because: str) -> None:
    wanted = iter(marks)
    while some := list(islice(wanted, SOME)):
        stones = [Tombstone(mark=mark, arrival=arrival, because=because) for mark in some]
        Tombstone.objects.bulk_create(stones, ignore_conflicts=True)


def _of_kind(kind: str, name: str, digest: str) -> tuple[str, ...]:
    """What an item of this kind is known by.  Files have no record: the digest of theirs is that of nothing at all."""
    return (name, digest) if kind in POSTS else (digest,) if kind == Kind.PROFILE else ()


def _rows(opened: Home, transfer: str, which: str, value: str) -> list[tuple[int, str, str, str]]:
    return opened.connection.execute(
        "SELECT items.n, items.kind, items.item_key, items.digest_key FROM items LEFT JOIN deliveries "
        "ON deliveries.transfer = items.transfer AND deliveries.n = items.n "
        f"WHERE items.transfer = ? AND {which}",
        (transfer, value),
    ).fetchall()


def _refused(
    opened: Home, arrival: Arrival, transfer: str, numbers: Collection[int] | None = None
) -> Iterator[str]:  # fmt: skip
    for n, kind, *both in _rows(opened, transfer, "items.fate = ?", Fate.REFUSED.value):
        if numbers is None or n in numbers:
            yield from _of_kind(kind, *both)
    # A file that only shares the fate of its post was not refused itself.
    rows = opened.connection.execute(
        "SELECT n, origin FROM items WHERE transfer = ? AND kind = ? AND fate = ? AND code != 'with-its-post'",
        (transfer, Kind.MEDIA.value, Fate.REFUSED.value),
    ).fetchall()
    members = [member for n, member in rows if numbers is None or n in numbers]
    yield from (opened.mark(digest) for digest in _digests(arrival, members))


def _digests(arrival: Arrival, members: Collection[str]) -> Iterator[str]:
    """SHA-256 of files of the archive; one that cannot be read (any more) has none, and keeps no other from its own."""
    if not members:
        return
    with suppress(SafeconductError, OSError):
        source = open_source(str(files().fetch(arrival, "archive")))
        for member in members:
            with suppress(SafeconductError, OSError):
                yield _digest(source, member)


def _digest(source: Source, member: str) -> str:
    digest = hashlib.sha256()
    with source.open(member) as stream:
        while piece := stream.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _shown(opened: Home, transfer: str, numbers: Collection[int]) -> Iterator[str]:
    """The marks of files that these items showed, as they left and as they were placed."""
    rows = opened.connection.execute(
        "SELECT post.n, file.name_key FROM names AS file JOIN items ON items.transfer = file.transfer "
        "AND items.n = file.n AND items.kind = ? JOIN names AS post ON post.name_key = file.name_key "
        "AND post.transfer = file.transfer AND post.n != file.n WHERE file.transfer = ?",
        (Kind.MEDIA.value, transfer),
    ).fetchall()
    return (mark for n, mark in rows if n in numbers)


# --- asking for them --------------------------------------------------------------------------------------------------


def known(marks: Iterable[str]) -> dict[str, Tombstone]:
    """The tombstones with these marks."""
    found: dict[str, Tombstone] = {}
    asked = iter(set(marks))
    while some := list(islice(asked, SOME)):
        found |= {one.mark: one for one in Tombstone.objects.filter(mark__in=some).select_related("arrival")}
    return found


def of(item: Item) -> QuerySet[Tombstone]:
    """The tombstones of one item, its files apart."""
    with home() as opened:
        marks = [opened.mark(name) for name, _what in _names(item)]
    return Tombstone.objects.filter(mark__in=marks)


def _names(item: Item) -> Iterator[tuple[str, str]]:
    """What this item is known by, each with the words for it."""
    digest = hashlib.sha256(item.raw).hexdigest()
    if item.kind in POSTS:
        yield digest, _("Exactly the same post")
        yield item_name(item), _("A post with the same address")
    elif item.kind == Kind.PROFILE:
        yield digest, _("Exactly the same profile")


@dataclass(frozen=True)
class Ask:
    """Something of an item that may be known."""

    number: int
    pointer: str
    what: str
    mark: str


class Before:
    """The same post, profile or file was refused or taken back in an import that came earlier.

    **Why** What was decided once is not undone by trying again.

    **Mind** Whoever refused it may have been wrong, the rules may have changed, and a picture that stood in a bad post
    may be harmless in another.
    """

    name: ClassVar[str] = "came-before"
    basis: ClassVar[Basis] = Basis.EXACT

    def inspect(self, batch: Batch) -> Iterator[Finding]:
        if not Tombstone.objects.exists():
            return
        with home() as opened:
            asked = list(_asked(opened, batch))
        stones = known(one.mark for one in asked)
        said: set[tuple[int, str]] = set()
        for one in asked:
            stone = stones.get(one.mark)
            if stone is not None and (one.number, stone.because) not in said:
                said.add((one.number, stone.because))
                yield _finding(one, stone)


def _asked(opened: Home, batch: Batch) -> Iterator[Ask]:
    for index, item in enumerate(batch.items):
        for name, what in _names(item):
            yield Ask(item.number, "", what, opened.mark(name))
        for medium, facts in batch.facts(index) if item.media else ():
            if facts is not None and facts.sha256:
                yield Ask(item.number, medium.pointer, _("Exactly the same file"), opened.mark(facts.sha256))


def _finding(one: Ask, stone: Tombstone) -> Finding:
    rule, name = RULES[stone.because], stone.arrival.name if stone.arrival else ""
    said = {"what": one.what, "name": name or "?", "day": date_format(stone.created, "j F Y")}
    reason = (
        _("%(what)s was refused here with the import %(name)s (%(day)s).") if stone.because == REFUSED
        else _("%(what)s was taken back here with the import %(name)s (%(day)s).")
    ) % said  # fmt: skip
    evidence = (Evidence(one.pointer),)
    return Finding(one.number, rule, Confidence.HIGH, Basis.EXACT, reason, evidence, name, rule)


def remembered() -> Policy:
    """What this desk itself minds, beside the community's policy: a person looks at what came before."""
    sentences = {
        REFUSED: _("The same was refused here before, so a person looks at it first."),
        BACK: _("The same was published here before and taken back, so a person looks at it first."),
    }
    rules = [
        Rule(RULES[why], Before.name, RULES[why], Action.QUARANTINE, because, breaker=Breaker(share=1.0))
        for why, because in sentences.items()
    ]
    return Policy("what came before", rules, [cast(Criterion, Before())], digest="tombstones")


def remembering() -> list[Policy]:
    """``remembered`` where there is anything to remember."""
    return [remembered()] if Tombstone.objects.exists() else []
