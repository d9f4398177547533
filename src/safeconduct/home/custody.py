"""What one transfer has delivered, meant to deliver and taken back: journal and index in one transaction.

The journal holds keyed digests and numbers only; the receipts, which pair old with new, lie sealed in the index.
Opening them is itself an entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from safeconduct.home.folder import Home
from safeconduct.home.lease import Lease
from safeconduct.model import Fate, Json, Kind, Placed, Receipt

INTENDED, DELIVERED, FAILED, UNDONE, UNDOING = "intended", "delivered", "failed", "undone", "undoing"


class Delivery(Struct, frozen=True):
    """One row of what was delivered or meant to be."""

    transfer: str
    number: int
    state: str
    reason: str = ""


class Custody:
    """One transfer towards one receiving account.

    ``lease`` is needed to write deliveries: every intent renews it in the same transaction (fencing).
    """

    def __init__(self, home: Home, transfer: str, account: str = "", lease: Lease | None = None) -> None:
        self._home = home
        self.transfer = transfer
        self._account = home.mark(account)
        self._lease = lease
        self.journal = home.journal(transfer)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        connection = self._home.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._lease is not None:
                self._lease.renew()
            yield
        except BaseException:
            connection.rollback()
            raise
        connection.commit()

    def note(self, event: str, detail: Mapping[str, Json]) -> None:
        """Record an event that changes no delivery."""
        self.journal.record(event, detail)

    def intend(self, number: int, item: str) -> None:
        """Written before the request leaves: after a crash this is what must be reconciled."""
        key = self._home.mark(item)
        with self._writing():
            self._home.connection.execute(
                "INSERT INTO deliveries (transfer, n, account_key, item_key, state, at) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (transfer, n) DO UPDATE SET state = excluded.state, at = excluded.at, reason = ''",
                (self.transfer, number, self._account, key, INTENDED, _now()),
            )
            self.journal.record("intended", {"n": number, "item": key[:32], "fence": self._fence()})

    def delivered(self, number: int, receipt: Receipt, found: bool = False, media: Iterable[Placed] = ()) -> None:
        """Written after the answer: the receipt is sealed, the new address can be found by its keyed digest.

        So can its files, by the SHA-256 of their bytes as they left and as they were placed.
        """
        files = {(self._home.mark(digest), one.member) for one in media for digest in (one.source, one.placed)}
        sealed = self._home.seal(msgspec.json.encode(receipt))
        with self._writing():
            self._home.connection.execute(
                "UPDATE deliveries SET state = ?, sealed = ?, new_key = ?, url_key = ?, at = ? "
                "WHERE transfer = ? AND n = ?",
                (DELIVERED, sealed, self._home.mark(receipt.new_id), self._home.mark(receipt.url), _now(),
                 self.transfer, number),
            )  # fmt: skip
            self._name(number, files)
            self.journal.record(
                "delivered",
                {
                    "n": number, "as": self._home.mark(receipt.new_id)[:32], "reconciled": found,
                    "fence": self._fence(), **({"media": sorted({mark[:32] for mark, _ in files})} if files else {}),
                },
            )  # fmt: skip

    def _name(self, number: int, files: Iterable[tuple[str, str]]) -> None:
        """Each file's digest leads to the post that shows it and to the file itself."""
        for mark, member in files:
            self._home.connection.execute(
                "INSERT INTO names VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (mark, self.transfer, number)
            )
            self._home.connection.execute(
                "INSERT INTO names SELECT ?, transfer, n FROM items WHERE item_key = ? AND transfer = ? "
                "ON CONFLICT DO NOTHING",
                (mark, self._home.mark(f"{Kind.MEDIA}:{member}"), self.transfer),
            )

    def failed(self, number: int, reason: str) -> None:
        """The destination said no for good."""
        self._state(number, FAILED, "failed", reason)

    def undoing(self, number: int) -> None:
        """Written before the request to take it back leaves."""
        self._state(number, UNDOING, "undoing", "")

    def undone(self, number: int, leftover: str) -> None:
        """Taken back; ``leftover`` says what could not be."""
        self._state(number, UNDONE, "undone", leftover)

    def _state(self, number: int, state: str, event: str, reason: str) -> None:
        # Reasons may quote a server that quotes a name: they stay in the erasable index.
        with self._writing():
            self._home.connection.execute(
                "UPDATE deliveries SET state = ?, reason = ?, at = ? WHERE transfer = ? AND n = ?",
                (state, reason, _now(), self.transfer, number),
            )
            self.journal.record(event, {"n": number, "fence": self._fence()})

    def states(self) -> dict[int, str]:
        """The state of every delivery of this transfer, by item number."""
        rows = self._home.connection.execute("SELECT n, state FROM deliveries WHERE transfer = ?", (self.transfer,))
        return dict(rows.fetchall())

    def taken_back(self) -> Iterator[tuple[int, str, str]]:
        """What was delivered and taken back: item number, the marks of its name and of its bytes."""
        return iter(
            self._home.connection.execute(
                "SELECT items.n, items.item_key, items.digest_key FROM items JOIN deliveries "
                "ON deliveries.transfer = items.transfer AND deliveries.n = items.n "
                "WHERE items.transfer = ? AND deliveries.state = ?",
                (self.transfer, UNDONE),
            )
        )

    def refused_here(self) -> Iterator[tuple[int, str, str]]:
        """What the community would not have: item number, the marks of its name and of its bytes."""
        return iter(
            self._home.connection.execute(
                "SELECT n, item_key, digest_key FROM items WHERE transfer = ? AND fate = ?",
                (self.transfer, Fate.REFUSED.value),
            )
        )

    def refusals(self) -> dict[str, str]:
        """What this account would not take, as copies that came to their end have told: the item's mark, the reason."""
        rows = self._home.connection.execute(
            "SELECT item_key, reason FROM deliveries JOIN transfers ON transfers.id = deliveries.transfer "
            "WHERE deliveries.account_key = ? AND deliveries.state = ? AND transfers.state != 'running' ORDER BY at",
            (self._account, FAILED),
        )
        return dict(rows.fetchall())

    def mark(self, item: str) -> str:
        """Under which an item is known here."""
        return self._home.mark(item)

    def elsewhere(self, item: str) -> bool:
        """Has another transfer already delivered this item to this account (and not taken it back)?"""
        return self._elsewhere(item) is not None

    def receipt_elsewhere(self, item: str) -> Receipt | None:
        """The receipt of that delivery: a reply needs the address of its parent."""
        row = self._elsewhere(item)
        return msgspec.json.decode(self._home.unseal(row[0]), type=Receipt) if row else None

    def _elsewhere(self, item: str) -> tuple[bytes] | None:
        row: tuple[bytes] | None = self._home.connection.execute(
            "SELECT sealed FROM deliveries WHERE account_key = ? AND item_key = ? AND state IN (?, ?)",
            (self._account, self._home.mark(item), DELIVERED, UNDOING),
        ).fetchone()
        return row

    def receipts(self, numbers: Iterable[int] | None = None, why: str = "") -> Iterator[tuple[Delivery, Receipt]]:
        """Open the sealed map, newest delivery first; the opening is logged with its reason."""
        self.note("map-opened", {"why": why})
        rows = self._home.connection.execute(
            "SELECT n FROM deliveries WHERE transfer = ? AND state IN (?, ?) ORDER BY at DESC, n DESC",
            (self.transfer, DELIVERED, UNDOING),
        ).fetchall()
        wanted = None if numbers is None else set(numbers)
        for (number,) in rows:
            if wanted is None or number in wanted:
                yield self._open(number)

    def _open(self, number: int) -> tuple[Delivery, Receipt]:
        state, reason, sealed = self._home.connection.execute(
            "SELECT state, reason, sealed FROM deliveries WHERE transfer = ? AND n = ?", (self.transfer, number)
        ).fetchone()
        receipt = msgspec.json.decode(self._home.unseal(sealed), type=Receipt)
        return Delivery(self.transfer, number, state, reason), receipt

    def receipt(self, number: int) -> Receipt | None:
        """The receipt of one own delivery (needed while copying a thread)."""
        row = self._home.connection.execute(
            "SELECT sealed FROM deliveries WHERE transfer = ? AND n = ? AND state = ?",
            (self.transfer, number, DELIVERED),
        ).fetchone()
        return msgspec.json.decode(self._home.unseal(row[0]), type=Receipt) if row else None

    def _fence(self) -> int:
        return self._lease.fence if self._lease else 0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
