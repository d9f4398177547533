"""The database of a home: a file beside its key (SQLite), or a server that several machines share (PostgreSQL).

Steps speak one SQL to both: ``?`` for values, ``BEGIN IMMEDIATE``, ``ON CONFLICT``.  What differs is here.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from safeconduct.errors import CustodyError

SCHEMA = "safeconduct"  # beside the desk's own tables
WRITERS = 0x5AFEC0DE  # the advisory lock that stands for SQLite's one writer at a time
PATIENCE = 60  # seconds for a lock; also how long a writer that fell asleep in a transaction may keep it


class Away(OSError):
    """The database server cannot be reached, or has broken off: nothing was lost; try again."""


class Rows(Protocol):
    """An answer: rows as tuples."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """A connection.  It belongs to the thread that opened it; outside ``BEGIN IMMEDIATE`` every statement is final.

    Between ``BEGIN IMMEDIATE`` and the end of that transaction nobody else writes: that is what makes a fence true.
    """

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Rows: ...

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Rows: ...

    def executescript(self, sql: str, /) -> Rows: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


def connected(folder: Path, address: str = "") -> Database:
    """The database at ``address`` (``postgresql://…``), or the file in ``folder``."""
    return Postgres(address) if address else _file(folder / "safeconduct.db")


def now(database: Database) -> float:
    """Seconds since 1970 by the one clock that all who use this database share."""
    if isinstance(database, Postgres):
        return float(database.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()[0])
    return time.time()


def _file(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError:
        connection.close()
        raise  # no room, no right to write: nothing is wrong with what is there
    except sqlite3.DatabaseError as error:
        connection.close()
        raise CustodyError(
            f"{path} is damaged ({error}). Put back a backup, or give another folder as --home."
        ) from error
    connection.execute("PRAGMA synchronous = FULL")
    return connection


class Postgres:
    """A PostgreSQL server (14 or later), through psycopg 3; tables in a schema of their own.

    READ COMMITTED, and one advisory lock for all writers: whoever checks a fence inside a transaction has nobody beside
    them, as on SQLite.  A writer that falls asleep in a transaction loses it after ``PATIENCE`` seconds.
    """

    def __init__(self, address: str) -> None:
        import psycopg  # only where it is asked for: the core runs without

        self._broken = (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout)
        self._status = psycopg.pq.TransactionStatus
        options = (
            f"-c search_path={SCHEMA} -c lock_timeout={PATIENCE}s "
            f"-c idle_in_transaction_session_timeout={PATIENCE}s -c synchronous_commit=on"
        )
        try:
            self._connection = psycopg.connect(address, autocommit=True, options=options, connect_timeout=10)
        except psycopg.OperationalError as error:
            raise Away(f"The database cannot be reached ({_first_line(error)}). Is it running?") from error

    @property
    def in_transaction(self) -> bool:
        return self._connection.info.transaction_status != self._status.IDLE

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Rows:
        if sql == "BEGIN IMMEDIATE":
            self._run("BEGIN", ())
            return self._run(f"SELECT pg_advisory_xact_lock({WRITERS})", ())
        return self._run(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Rows:
        """All or nothing, also outside a transaction."""
        cursor = self._connection.cursor()
        try:
            with self._connection.transaction():
                cursor.executemany(_theirs(sql), [_clean(row) for row in rows])
        except self._broken as error:
            raise Away(f"The database broke off ({_first_line(error)}). Nothing was lost; try again.") from error
        return cursor

    def executescript(self, sql: str, /) -> Rows:
        return self._run(sql, ())

    def commit(self) -> None:
        self._run("COMMIT", ())

    def rollback(self) -> None:
        with contextlib.suppress(*self._broken):  # a connection that is gone has nothing to take back
            self._connection.rollback()

    def close(self) -> None:
        self._connection.close()

    def _run(self, sql: str, values: Sequence[Any]) -> Rows:
        try:
            if not values:
                return self._connection.execute(sql)
            return self._connection.execute(_theirs(sql), _clean(values))
        except self._broken as error:
            raise Away(f"The database broke off ({_first_line(error)}). Nothing was lost; try again.") from error


def _theirs(sql: str) -> str:
    """psycopg's placeholders; no statement here has a question mark of its own."""
    return sql.replace("%", "%%").replace("?", "%s")


def _clean(values: Sequence[Any]) -> list[Any]:
    """PostgreSQL's texts cannot hold U+0000; an archive's can."""
    return [value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in values]


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
