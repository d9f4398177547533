"""The tables of a home on PostgreSQL: the same as on SQLite, the journal's law kept by triggers there too."""

from __future__ import annotations

import hmac

from safeconduct.errors import CustodyError
from safeconduct.home.database import SCHEMA as NAME
from safeconduct.home.database import Postgres

JOURNAL = """
CREATE TABLE IF NOT EXISTS entries (
    transfer TEXT NOT NULL, seq BIGINT NOT NULL, previous TEXT NOT NULL, at TEXT NOT NULL,
    event TEXT NOT NULL, detail TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (transfer, seq)
);
CREATE TABLE IF NOT EXISTS heads (transfer TEXT PRIMARY KEY, seq BIGINT NOT NULL, seal TEXT NOT NULL);
CREATE OR REPLACE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the journal is never rewritten and never shortened'; END $$;
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION stay();
CREATE TRIGGER entries_whole BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION stay();
CREATE TABLE IF NOT EXISTS belongs (check_value TEXT PRIMARY KEY);
"""


def prepare(database: Postgres, schema: str, check: str) -> None:
    """Make the tables if they are not there.  ``CustodyError`` if this folder's key is not the one they began with.

    Looked for first: ``CREATE INDEX IF NOT EXISTS`` waits for everybody who writes, even where there is nothing to do.
    """
    if not _there(database):
        database.execute("BEGIN IMMEDIATE")
        try:
            if not _there(database):
                database.executescript(f"CREATE SCHEMA IF NOT EXISTS {NAME}; {theirs(schema)} {JOURNAL}")
                database.execute("INSERT INTO belongs VALUES (?)", (check,))
        except BaseException:
            database.rollback()
            raise
        database.commit()
    known = database.execute("SELECT check_value FROM belongs").fetchone()
    if known is None or not hmac.compare_digest(known[0], check):
        raise CustodyError(
            "The key in this machine's folder is not the one this database was begun with. "
            "Copy the file home/key from the first machine into the same place here, then start again."
        )


def theirs(schema: str) -> str:
    """The same tables in PostgreSQL's words."""
    words = (("WITHOUT ROWID", ""), ("INTEGER", "BIGINT"), ("BLOB", "BYTEA"), ("REAL", "DOUBLE PRECISION"))
    for ours, other in words:
        schema = schema.replace(ours, other)
    return schema


def _there(database: Postgres) -> bool:
    found = database.execute("SELECT to_regclass(?)", (f"{NAME}.belongs",)).fetchone()
    return bool(found[0])
