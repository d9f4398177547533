"""What was delivered and not yet written out: a small database in a private working folder.

It is what makes delivering twice the same as once, a killed run resumable and a single delivery undoable, in
memory that does not grow with the number of posts.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from safeconduct.errors import DeliveryError

PIECE = 1 << 20


def ledger(folder: Path, schema: str) -> sqlite3.Connection:
    """The database in ``folder``, made if it is not there.  Every statement is durable against a killed process."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "ledger.sqlite"
    # The descriptor only fixes the mode before SQLite opens the file: nobody else on this machine reads it.
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(schema)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # no room, no right to write, in use
            raise OSError(errno.EIO, str(error), str(folder)) from error
        raise DeliveryError(
            f"The working folder {folder} is damaged ({error}). Move it away and copy again."
        ) from error
    return connection


def look(folder: Path) -> sqlite3.Connection:
    """The database for looking only: it leaves no trace in the folder that ``rest`` has left."""
    return sqlite3.connect(f"{(folder / 'ledger.sqlite').absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def rest(work: sqlite3.Connection) -> None:
    """Close it with everything in the one file."""
    with contextlib.suppress(sqlite3.OperationalError):
        work.execute("PRAGMA journal_mode=DELETE")
    work.close()


@contextlib.contextmanager
def transaction(work: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    work.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        work.execute("ROLLBACK")
        raise
    work.execute("COMMIT")


def keep(stream: IO[bytes], folder: Path) -> tuple[str, int]:
    """Copy a stream into ``folder`` under its SHA-256; returns the hexadecimal digest and the size."""
    folder.mkdir(mode=0o700, exist_ok=True)
    part = folder / f"part-{os.getpid()}"
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        while piece := stream.read(PIECE):
            digest.update(piece)
            size += out.write(piece)
    part.replace(folder / digest.hexdigest())
    return digest.hexdigest(), size


def place(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
        out.write(data)
    part.replace(path)


def sync(path: Path) -> None:
    """Have the disk itself hold a file or a folder's list of names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def clear(folder: Path) -> None:
    """Remove a working folder and all in it."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
