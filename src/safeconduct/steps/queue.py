"""The queue is a question, not a table: items whose latest decision is to hold them, in groups."""

from __future__ import annotations

import hashlib
import json

from safeconduct.errors import SafeconductError
from safeconduct.home import Home
from safeconduct.model import Json
from safeconduct.steps.trace import WAITING, Query
from safeconduct.steps.transfer import Transfer
from safeconduct.stores.segments import Segments

HELD = "held"


def queue(home: Home, transfer: Transfer | None = None) -> list[dict[str, Json]]:
    """One row for each group: its name, transfer, reason code, sentence, how many, the first of them."""
    rows = home.connection.execute(
        "SELECT items.transfer, items.code, items.reason, COUNT(*), MIN(items.n), items.kind FROM items "
        f"JOIN transfers ON transfers.id = items.transfer WHERE {WAITING} AND (? = '' OR items.transfer = ?) "
        "GROUP BY items.transfer, items.code, items.reason, items.kind ORDER BY COUNT(*) DESC",
        (transfer.id if transfer else "",) * 2,
    )
    return [
        {
            "group": _name(row[0], row[1], row[2], row[5]), "transfer": row[0], "finding": row[1], "because": row[2],
            "count": row[3], "first": row[4], "kind": row[5],
        }
        for row in rows
    ]  # fmt: skip


def group(home: Home, name: str) -> Query:
    """Exactly the items that wait in the group of this name now.  ``SafeconductError`` if there is none."""
    for row in queue(home):
        if row["group"] == name:
            return Query(
                transfer=row["transfer"], code=row["finding"], reason=row["because"], kind=row["kind"], waiting=True
            )
    raise SafeconductError(f"No group called {name!r} waits: it is settled, or never was. See `safeconduct queue`.")


def _name(*what: str) -> str:
    """Short enough to type, and the same as long as the group waits."""
    return hashlib.sha256("\n".join(what).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def held_item(home: Home, transfer: Transfer, number: int) -> dict[str, Json]:
    """One held item as it left, from the transfer's own store: the archive need not be there any more."""
    row = home.connection.execute(
        "SELECT kind, origin, fate, reason, criteria, stored FROM items WHERE transfer = ? AND n = ?",
        (transfer.id, number),
    ).fetchone()
    if row is None or not row[5]:
        raise SafeconductError(
            f"Item {number} of transfer {transfer.id} is not waiting, so nothing of it is kept here."
        )
    raw = Segments(transfer.folder / "store").get(row[5])
    return {
        "transfer": transfer.id, "item": number, "kind": row[0], "origin": row[1], "fate": row[2], "because": row[3],
        "criteria": row[4].split(), "record": _decoded(raw),
    }  # fmt: skip


def _decoded(raw: bytes) -> Json:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "backslashreplace")
