"""Trace: everything known about an item, a person, an archive, a transfer, or what a criterion held.

Looked up by keyed digest: whoever has only the database learns no address from it.  Old and new addresses are never
shown side by side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from safeconduct.home import Home
from safeconduct.model import Json, Kind


class Query(Struct, frozen=True):
    """What to look for; everything given must be true.

    ``thing`` is whatever somebody has in hand: an old id, a new id, an address, the SHA-256 of a record, of an archive
    or of a file that was delivered (as it left, or as it is there), an actor's id, ``user@host``, a place in the
    archive, a transfer.  ``code`` and ``reason`` are those of the fate, exactly; ``waiting``: it stands in the queue.
    """

    thing: str = ""
    transfer: str = ""
    criterion: str = ""
    action: str = ""
    fate: str = ""
    kind: str = ""
    origin: str = ""
    number: int = -1
    code: str = ""
    reason: str = ""
    waiting: bool = False


class Traced(Struct, frozen=True):
    """One item of one transfer and what became of it."""

    transfer: str
    number: int
    kind: str
    origin: str
    fate: str
    action: str
    criteria: tuple[str, ...]
    reason: str
    state: str


SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
WAITING = (
    "items.fate = 'held' AND transfers.state != 'undone' "
    "AND NOT EXISTS (SELECT 1 FROM overrules WHERE overrules.item_key = items.item_key) "
    "AND NOT EXISTS (SELECT 1 FROM items AS later JOIN transfers AS t ON t.id = later.transfer "
    "WHERE later.item_key = items.item_key AND t.created > transfers.created AND t.state != 'undone')"
)
"""A transfer that was taken back is over: nothing of it waits, and an earlier one counts again."""

COLUMNS = (
    "items.transfer, items.n, items.kind, items.origin, items.fate, items.action, items.criteria, items.reason, "
    "COALESCE(deliveries.state, '')"
)


def trace(home: Home, query: Query) -> Iterator[Traced]:
    """Every item that fits, oldest transfer first."""
    where, values = _conditions(home, query)
    rows = home.connection.execute(
        f"SELECT {COLUMNS} FROM items JOIN transfers ON transfers.id = items.transfer "
        "LEFT JOIN deliveries ON deliveries.transfer = items.transfer AND deliveries.n = items.n "
        f"WHERE {' AND '.join(where) or '1 = 1'} ORDER BY transfers.created, items.n",
        values,
    )
    for row in rows:
        transfer, number, kind, origin, fate, action, criteria, reason, state = row
        yield Traced(transfer, number, kind, origin, fate, action, tuple(criteria.split()), reason, state)


def journey(home: Home, transfer: str) -> list[dict[str, Json]]:
    """The journal of one transfer, checked on the way.  ``CustodyError`` if it was changed."""
    return [dict(entry) for entry in home.journal(transfer).entries()]


def story(home: Home, transfer: str, number: int) -> list[dict[str, Json]]:
    """The entries of the journal about one item, oldest first; ``journey`` checks the whole chain."""
    rows = home.connection.execute(
        "SELECT at, event, detail FROM entries WHERE transfer = ? AND (detail LIKE ? OR detail LIKE ?) ORDER BY seq",
        (transfer, f'%"n":{number},%', f'%"n":{number}}}%'),
    ).fetchall()
    return [{"at": at, "event": event, "detail": json.loads(detail)} for at, event, detail in rows]


def _conditions(home: Home, query: Query) -> tuple[list[str], list[str | int]]:
    where: list[str] = []
    values: list[str | int] = []
    for column, value in (("items.action", query.action), ("items.fate", query.fate), ("items.kind", query.kind),
                          ("items.origin", query.origin), ("items.code", query.code),
                          ("items.reason", query.reason)):  # fmt: skip
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    if query.transfer:
        where.append("items.transfer = ?")
        values.append(query.transfer)
    if query.number >= 0:
        where.append("items.n = ?")
        values.append(query.number)
    if query.criterion:
        where.append("' ' || items.criteria || ' ' LIKE ?")
        values.append(f"% {query.criterion} %")
    if query.waiting:
        where.append(WAITING)
    if query.thing:
        where.append(f"({' OR '.join(_anything())})")
        values.extend(_marks(home, query.thing))
    return where, values


def _anything() -> Sequence[str]:
    kinds = ", ".join("?" for _ in Kind)
    return (
        f"items.item_key IN ({kinds})",
        "items.digest_key = ?",
        "deliveries.new_key = ?",
        "deliveries.url_key = ?",
        "transfers.person_key = ?",
        "transfers.source_key = ?",
        "EXISTS (SELECT 1 FROM names WHERE name_key = ? AND names.transfer = items.transfer AND names.n = items.n)",
        "items.transfer IN (SELECT transfer FROM names WHERE name_key = ? AND n = -1)",
        "items.origin = ?",
        "items.transfer = ?",
    )


def _marks(home: Home, thing: str) -> list[str]:
    mark = home.mark(thing.lower() if SHA256.fullmatch(thing) else thing)
    post = thing.removesuffix("/activity")  # the id of what was said, not of the saying
    person = home.mark(f"acct:{thing.removeprefix('acct:').lstrip('@').lower()}")
    return [home.mark(f"{kind}:{post}") for kind in Kind] + [mark] * 6 + [person, thing, thing]
