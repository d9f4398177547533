"""A journal in a database: one hash chain per transfer.

Every entry holds the digest of the one before it, over RFC 8785 canonical JSON.  The last place of each chain is
sealed with a key that does not lie in the database, so that cutting off the end is noticed too.  Triggers
refuse ``UPDATE`` and ``DELETE``; ``verify`` notices whoever goes around them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol

import rfc8785

from safeconduct.errors import CustodyError
from safeconduct.model import Json

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    transfer TEXT NOT NULL, seq INTEGER NOT NULL, previous TEXT NOT NULL, at TEXT NOT NULL,
    event TEXT NOT NULL, detail TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (transfer, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heads (transfer TEXT PRIMARY KEY, seq INTEGER NOT NULL, seal TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the journal is never rewritten'); END;
CREATE TRIGGER IF NOT EXISTS entries_last BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the journal is never shortened'); END;
"""


class Connection(Protocol):
    """What a journal needs of a database: SQLite's own connection, or one that speaks its language."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, values: tuple[Any, ...] = (), /) -> Any: ...

    def executescript(self, sql: str, /) -> Any: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...


class Sqlite:
    """The journal of one transfer.  ``key`` seals the end of the chain; joins the connection's open transaction.

    ``made``: its tables are there already (another database has another way to make them).
    """

    name: ClassVar[str] = "sqlite"

    def __init__(self, connection: Connection, transfer: str, key: bytes, made: bool = False) -> None:
        self._connection = connection
        self._transfer = transfer
        self._key = key
        if not made and not connection.in_transaction:  # executescript would commit it
            connection.executescript(SCHEMA)

    def record(self, event: str, detail: Mapping[str, Json]) -> str:
        """Append one entry and return its digest.

        Durable when it returns, or when the transaction that was already open is committed.
        """
        joined = self._connection.in_transaction
        if not joined:
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            digest = self._append(event, detail)
        except BaseException:
            if not joined:
                self._connection.rollback()
            raise
        if not joined:
            self._connection.commit()
        return digest

    def entries(self) -> Iterator[Mapping[str, Json]]:
        """Every entry in order, checked on the way.  Raises ``CustodyError`` at the first that does not fit."""
        last, seq = "", 0
        rows = self._connection.execute(
            "SELECT seq, previous, at, event, detail, digest FROM entries WHERE transfer = ? ORDER BY seq",
            (self._transfer,),
        )
        for place, previous, at, event, text, digest in rows:
            seq += 1
            entry = self._entry(seq, previous, at, event, self._detail(text, seq))
            if place != seq or previous != last or _digest(entry) != digest:
                raise CustodyError(
                    f"The journal of transfer {self._transfer} was changed: entry {seq} does not fit the one before "
                    "it. Nothing after it can be relied on; compare with a backup."
                )
            last = digest
            yield {**entry, "digest": digest}
        self._check_end(seq, last)

    def _detail(self, text: str, seq: int) -> Json:
        with suppress(ValueError):
            return json.loads(text)
        raise CustodyError(f"The journal of transfer {self._transfer} was changed: entry {seq} cannot be read.")

    def _append(self, event: str, detail: Mapping[str, Json]) -> str:
        row = self._connection.execute(
            "SELECT seq, digest FROM entries WHERE transfer = ? ORDER BY seq DESC LIMIT 1", (self._transfer,)
        ).fetchone()
        seq, previous = (row[0] + 1, row[1]) if row else (1, "")
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        entry = self._entry(seq, previous, at, event, detail)
        digest = _digest(entry)
        self._connection.execute(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._transfer, seq, previous, at, event, rfc8785.dumps(dict(detail)).decode(), digest),
        )
        self._connection.execute(
            "INSERT INTO heads VALUES (?, ?, ?) ON CONFLICT (transfer) DO UPDATE SET seq = excluded.seq, "
            "seal = excluded.seal",
            (self._transfer, seq, self._seal(seq, digest)),
        )
        return digest

    def _entry(self, seq: int, previous: str, at: str, event: str, detail: Json) -> dict[str, Json]:
        return {
            "transfer": self._transfer, "seq": seq, "previous": previous, "at": at, "event": event, "detail": detail,
        }  # fmt: skip

    def _seal(self, seq: int, digest: str) -> str:
        return hmac.new(self._key, f"{self._transfer}\n{seq}\n{digest}".encode(), hashlib.sha256).hexdigest()

    def _check_end(self, seq: int, last: str) -> None:
        row = self._connection.execute("SELECT seq, seal FROM heads WHERE transfer = ?", (self._transfer,)).fetchone()
        if row is None and seq == 0:
            return
        if row is None or row[0] != seq or not hmac.compare_digest(row[1], self._seal(seq, last)):
            raise CustodyError(
                f"The journal of transfer {self._transfer} was changed: its end is missing or was cut off "
                f"after entry {seq}. Compare with a backup."
            )


def _digest(entry: Mapping[str, Json]) -> str:
    return hashlib.sha256(rfc8785.dumps(dict(entry))).hexdigest()
