"""One folder, readable by its owner only: the key, the database, a folder for each transfer, probes.

Several machines may share one database; then each has a folder of its own with the *same* key in it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from safeconduct.errors import CustodyError
from safeconduct.home import database as databases
from safeconduct.home import shared
from safeconduct.home.database import Database, Postgres
from safeconduct.home.lease import HERE, alive
from safeconduct.journals.sqlite import Sqlite

SCHEMA = """
CREATE TABLE IF NOT EXISTS transfers (
    id TEXT PRIMARY KEY, created TEXT NOT NULL, source TEXT NOT NULL, source_key TEXT NOT NULL,
    person_key TEXT NOT NULL, destination TEXT NOT NULL, account_key TEXT NOT NULL,
    plan_digest TEXT NOT NULL, policy TEXT NOT NULL, state TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS items (
    transfer TEXT NOT NULL, n INTEGER NOT NULL, kind TEXT NOT NULL, origin TEXT NOT NULL, item_key TEXT NOT NULL,
    digest_key TEXT NOT NULL, fate TEXT NOT NULL, action TEXT NOT NULL, criteria TEXT NOT NULL,
    code TEXT NOT NULL, reason TEXT NOT NULL, stored TEXT NOT NULL DEFAULT '', PRIMARY KEY (transfer, n)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS items_by_key ON items (item_key);
CREATE INDEX IF NOT EXISTS items_by_digest ON items (digest_key);
CREATE TABLE IF NOT EXISTS deliveries (
    transfer TEXT NOT NULL, n INTEGER NOT NULL, account_key TEXT NOT NULL, item_key TEXT NOT NULL,
    state TEXT NOT NULL, new_key TEXT NOT NULL DEFAULT '', url_key TEXT NOT NULL DEFAULT '',
    sealed BLOB, reason TEXT NOT NULL DEFAULT '', at TEXT NOT NULL, PRIMARY KEY (transfer, n)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_by_item ON deliveries (account_key, item_key);
CREATE INDEX IF NOT EXISTS deliveries_by_new ON deliveries (new_key);
CREATE INDEX IF NOT EXISTS deliveries_by_url ON deliveries (url_key);
CREATE TABLE IF NOT EXISTS names (
    name_key TEXT NOT NULL, transfer TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (name_key, transfer, n)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS overrules (
    item_key TEXT PRIMARY KEY, action TEXT NOT NULL, filters TEXT NOT NULL, author TEXT NOT NULL,
    because TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS leases (
    account_key TEXT PRIMARY KEY, holder TEXT NOT NULL, fence INTEGER NOT NULL, expires REAL NOT NULL
);
"""


class Home:
    """A folder that belongs to one person or one community.

    Everything that names somebody can be erased here without breaking the journal, which holds keyed digests only.
    """

    def __init__(self, path: Path, database: str = "") -> None:
        """``database``: where its tables lie, if not in a file in ``path`` (``postgresql://user@host/name``)."""
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = _key(path / "key")
        self._database = database
        self.connection = self.another()
        try:
            self._prepare()
        except BaseException:
            self.connection.close()
            raise

    def another(self) -> Database:
        """One more connection to the same database, for another thread."""
        return databases.connected(self.path, self._database)

    def _prepare(self) -> None:
        if isinstance(self.connection, Postgres):
            shared.prepare(self.connection, SCHEMA, self._derived("check").hex())
            return
        self.connection.executescript(SCHEMA)
        self.journal("")  # makes the journal's tables, outside any transaction

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def mark(self, value: str) -> str:
        """The keyed digest of a value: equal values are found again, but cannot be guessed without the key."""
        return hmac.new(self._derived("mark"), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def seal(self, data: bytes) -> bytes:
        """Encrypt for the sealed map (ChaCha20-Poly1305, 12-byte nonce in front)."""
        nonce = os.urandom(12)
        return nonce + ChaCha20Poly1305(self._derived("map")).encrypt(nonce, data, b"")

    def unseal(self, sealed: bytes) -> bytes:
        """Open what ``seal`` closed.  Raises ``InvalidTag`` if it was changed."""
        return ChaCha20Poly1305(self._derived("map")).decrypt(sealed[:12], sealed[12:], b"")

    def signing_key(self) -> bytes:
        """The Ed25519 seed with which this home signs containers; it never leaves this folder."""
        return self._derived("sign")

    def journal(self, transfer: str) -> Sqlite:
        """The journal of one transfer."""
        made = isinstance(self.connection, Postgres)
        return Sqlite(self.connection, transfer, self._derived("journal"), made)

    def folder(self, transfer: str) -> Path:
        """The private folder of one transfer; nothing of it is ever written elsewhere."""
        path = self.path / "transfers" / transfer
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    @contextmanager
    def work(self) -> Iterator[Path]:
        """A folder for working files, gone when the ``with`` block ends.

        A process that was killed cannot tidy up, and working files hold posts: the next one does it.
        """
        place = self.path / "work"
        place.mkdir(mode=0o700, exist_ok=True)
        for left in place.iterdir():
            if not alive(left.name):
                shutil.rmtree(left, ignore_errors=True)
        with TemporaryDirectory(dir=place, prefix=f"{HERE}-{os.getpid()}-") as folder:
            yield Path(folder)

    def transfers(self) -> list[str]:
        """The ids of all transfers, newest first."""
        return [row[0] for row in self.connection.execute("SELECT id FROM transfers ORDER BY created DESC, id DESC")]

    def _derived(self, purpose: str) -> bytes:
        return hmac.new(self._key, f"safeconduct {purpose}".encode(), hashlib.sha256).digest()


def _key(path: Path) -> bytes:
    fresh = path.with_name(f"key.{secrets.token_hex(8)}")
    if not path.exists():
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # whoever links first wins; a second worker reads that key
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    key = path.read_bytes()
    if len(key) != 32:
        raise CustodyError(f"{path} is not a key any more. Put back a backup: without it nothing here can be opened.")
    return key
