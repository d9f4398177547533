"""One worker at a time for each receiving account, with a fencing token: a revived worker cannot write."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from safeconduct.errors import Busy

SECONDS = 120.0


class Lease:
    """Held while it is renewed.  ``renew`` raises ``Busy`` once somebody else has taken over."""

    def __init__(self, connection: sqlite3.Connection, account: str) -> None:
        self._connection = connection
        self._account = account
        self._holder = f"{os.getpid()}-{secrets.token_hex(8)}"
        self.fence = self._take()

    def _take(self) -> int:
        with _writing(self._connection):
            row = self._connection.execute(
                "SELECT holder, fence, expires FROM leases WHERE account_key = ?", (self._account,)
            ).fetchone()
            if row and row[2] > time.time() and _alive(row[0]):
                raise Busy(
                    "Another copy to the same account is running. Wait until it has finished, or stop it; "
                    "nothing was changed."
                )
            fence = (row[1] if row else 0) + 1
            self._connection.execute(
                "INSERT INTO leases VALUES (?, ?, ?, ?) ON CONFLICT (account_key) DO UPDATE SET "
                "holder = excluded.holder, fence = excluded.fence, expires = excluded.expires",
                (self._account, self._holder, fence, time.time() + SECONDS),
            )
        return fence

    def renew(self) -> None:
        """Say "still here".  Call it inside the transaction that writes the next intent."""
        changed = self._connection.execute(
            "UPDATE leases SET expires = ? WHERE account_key = ? AND holder = ? AND fence = ?",
            (time.time() + SECONDS, self._account, self._holder, self.fence),
        ).rowcount
        if changed != 1:
            raise Busy("Another worker has taken over this account while this one slept; this one stops here.")

    def release(self) -> None:
        """Let the next one in; the fence stays, so that it only ever grows."""
        self._connection.execute(
            "UPDATE leases SET expires = 0 WHERE account_key = ? AND holder = ?", (self._account, self._holder)
        )


def _alive(holder: str) -> bool:
    """A holder on this machine whose process is gone holds nothing (after ``kill -9`` nobody should have to wait)."""
    try:
        os.kill(int(holder.split("-")[0]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
