"""Custody: what is delivered is known for certain, whatever happens in between."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from safeconduct.errors import Busy
from safeconduct.home import Custody, Home, Lease
from safeconduct.model import Kind, Receipt

RECEIPT = Receipt(1, Kind.POST, "gotosocial", "01NEW", "https://new.example/@alice/01NEW")


def test_the_home_is_private(tmp_path: Path) -> None:
    with Home(tmp_path / "home") as home:
        assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
        assert stat.S_IMODE((home.path / "key").stat().st_mode) == 0o600


def test_the_same_key_is_used_again(tmp_path: Path) -> None:
    with Home(tmp_path) as one, Home(tmp_path) as two:
        assert one.mark("https://old.example/1") == two.mark("https://old.example/1")
        assert two.unseal(one.seal(b"pair")) == b"pair"


def test_old_and_new_addresses_do_not_lie_in_the_database(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        custody = Custody(home, "t", "account", Lease(home.connection, "account"))
        custody.intend(1, "post:https://old.example/users/alice/statuses/1")
        custody.delivered(1, RECEIPT)
        home.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"01NEW" not in data
    assert b"old.example" not in data


def test_opening_the_sealed_map_is_an_entry(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        custody = Custody(home, "t", "account", Lease(home.connection, "account"))
        custody.intend(1, "post:1")
        custody.delivered(1, RECEIPT)
        assert [receipt for _, receipt in custody.receipts(why="undo")] == [RECEIPT]
        assert [entry["event"] for entry in custody.journal.entries()] == ["intended", "delivered", "map-opened"]


def test_a_delivery_is_known_to_other_transfers_until_it_is_taken_back(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        lease = Lease(home.connection, "account")
        one, two = Custody(home, "one", "account", lease), Custody(home, "two", "account", lease)
        one.intend(1, "post:1")
        assert not two.elsewhere("post:1")
        one.delivered(1, RECEIPT)
        assert two.elsewhere("post:1")
        assert two.receipt_elsewhere("post:1") == RECEIPT
        assert not Custody(home, "three", "another account", lease).elsewhere("post:1")
        one.undoing(1)
        one.undone(1, "")
        assert not two.elsewhere("post:1")


def test_one_worker_at_a_time(tmp_path: Path) -> None:
    with Home(tmp_path) as home, Home(tmp_path) as other:
        lease = Lease(home.connection, "account")
        with pytest.raises(Busy, match="Another copy"):
            Lease(other.connection, "account")
        Lease(other.connection, "another account").release()
        lease.release()
        assert Lease(other.connection, "account").fence == lease.fence + 1


def test_a_revived_worker_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Home(tmp_path) as home, Home(tmp_path) as other:
        sleeper = Custody(home, "t", "account", Lease(home.connection, "account"))
        home.connection.execute("UPDATE leases SET expires = 0")
        Lease(other.connection, "account")
        with pytest.raises(Busy, match="taken over"):
            sleeper.intend(1, "post:1")
        assert list(sleeper.journal.entries()) == []
        assert sleeper.states() == {}


def test_nobody_waits_for_a_worker_that_was_killed(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from safeconduct.home import Home, Lease; "
        "Lease(Home(Path(sys.argv[1])).connection, 'account'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=os.environ, check=False)
    assert killed.returncode == -9
    with Home(tmp_path) as home:
        assert Lease(home.connection, "account").fence == 2
