"""One worker at a time for each receiving account, with a fencing token: a revived worker cannot write."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from safeconduct.errors import Busy
from safeconduct.home.database import Database, now

SECONDS = 30.0  # how long a worker on another machine is waited for
BEAT = 8.0


def _here() -> str:
    """This machine since it was switched on, and this container on it: only there a process number means something."""
    known = [platform.node()]
    with contextlib.suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with contextlib.suppress(OSError):
        known.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.blake2s("\n".join(known).encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()


HERE = _here()


class Lease:
    """Held while it is renewed.  ``renew`` raises ``Busy`` once somebody else has taken over.

    ``another`` opens one more connection: then a thread of its own renews it, so that waiting for a server (its rate
    limit lasts five minutes) or for a long film does not look like death.
    """

    def __init__(self, connection: Database, account: str, another: Callable[[], Database] | None = None) -> None:
        self._connection = connection
        self._account = account
        self._holder = f"{HERE}-{os.getpid()}-{secrets.token_hex(8)}"
        self.fence = self._take()
        self._over = threading.Event()
        if another is not None:
            threading.Thread(target=self._beat, args=(another,), name="lease", daemon=True).start()

    def _take(self) -> int:
        with _writing(self._connection):
            at = now(self._connection)
            row = self._connection.execute(
                "SELECT holder, fence, expires FROM leases WHERE account_key = ?", (self._account,)
            ).fetchone()
            if row and row[2] > at and alive(row[0]):
                raise Busy(
                    "Another copy to the same account is running. Wait until it has finished, or stop it; "
                    "nothing was changed."
                )
            fence: int = (row[1] if row else 0) + 1
            self._connection.execute(
                "INSERT INTO leases VALUES (?, ?, ?, ?) ON CONFLICT (account_key) DO UPDATE SET "
                "holder = excluded.holder, fence = excluded.fence, expires = excluded.expires",
                (self._account, self._holder, fence, at + SECONDS),
            )
        return fence

    def renew(self) -> None:
        """Say "still here".  Call it inside the transaction that writes the next intent."""
        if self._renewed(self._connection) != 1:
            raise Busy("Another worker has taken over this account while this one slept; this one stops here.")

    def _renewed(self, connection: Database) -> int:
        return connection.execute(
            "UPDATE leases SET expires = ? WHERE account_key = ? AND holder = ? AND fence = ?",
            (now(connection) + SECONDS, self._account, self._holder, self.fence),
        ).rowcount

    def release(self) -> None:
        """Let the next one in; the fence stays, so that it only ever grows."""
        self._over.set()
        self._connection.execute(
            "UPDATE leases SET expires = 0 WHERE account_key = ? AND holder = ?", (self._account, self._holder)
        )

    def _beat(self, another: Callable[[], Database]) -> None:
        """Until it is released or lost; a database that is away for a moment is asked again."""
        while not self._over.wait(BEAT):
            with contextlib.suppress(OSError, sqlite3.OperationalError):
                connection = another()
                try:
                    if not self._over.is_set() and self._renewed(connection) != 1:
                        return
                finally:
                    connection.close()


def alive(holder: str) -> bool:
    """Is this process (``machine-number-…``) still there?  Of another machine nobody here can tell: perhaps.

    A process of this machine that is gone holds nothing: after ``kill -9`` nobody should have to wait.
    """
    machine, _, rest = holder.partition("-")
    if machine != HERE:
        return True
    try:
        os.kill(int(rest.partition("-")[0]), 0)
    except (ValueError, ProcessLookupError):
        return False
    except OSError:
        return True
    return True


@contextmanager
def _writing(connection: Database) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
