"""On a real PostgreSQL: the laws of custody and journal, a whole story of the core, and the desk's own tests.

The laws are the very functions that are run on SQLite, given a home whose tables lie on the server.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from safeconduct.contracts import Terms
from safeconduct.errors import Busy, CustodyError
from safeconduct.flow import copied, open_destination, open_source, planned, undone
from safeconduct.home import Custody, Home, Lease
from safeconduct.home.database import Away, Postgres
from safeconduct.model import Action, Choices
from safeconduct.policy import read_policy
from safeconduct.steps.decide import decide
from safeconduct.steps.queue import queue
from safeconduct.steps.trace import Query, journey, trace
from tests.desk.postgres import Server, server
from tests.home import test_custody

REPOSITORY = Path(__file__).parents[2]
LAWS = [
    test_custody.test_the_home_is_private,
    test_custody.test_the_same_key_is_used_again,
    test_custody.test_opening_the_sealed_map_is_an_entry,
    test_custody.test_a_delivery_is_known_to_other_transfers_until_it_is_taken_back,
    test_custody.test_one_worker_at_a_time,
]
_numbers = itertools.count()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture
def address(postgres: Server) -> str:
    """A database of this test's own."""
    return postgres.fresh(f"core_{next(_numbers)}")


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_laws_of_custody(
    law: Callable[[Path], None], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_custody, "Home", partial(Home, database=address))
    law(tmp_path)


def test_a_revived_worker_cannot_write(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_custody, "Home", partial(Home, database=address))
    test_custody.test_a_revived_worker_cannot_write(tmp_path, monkeypatch)


def test_addresses_do_not_lie_in_the_database(address: str, tmp_path: Path) -> None:
    with Home(tmp_path, address) as home:
        custody = Custody(home, "t", "account", Lease(home.connection, "account"))
        custody.intend(1, "post:https://old.example/users/alice/statuses/1")
        custody.delivered(1, test_custody.RECEIPT)
    with psycopg.connect(address) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'safeconduct'").fetchall()
        rows = [connection.execute(f"SELECT * FROM safeconduct.{name}").fetchall() for (name,) in tables]
    assert len(tables) >= 8
    assert b"01NEW" not in repr(rows).encode()
    assert b"old.example" not in repr(rows).encode()


def test_nobody_waits_for_a_worker_that_was_killed(address: str, tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from safeconduct.home import Home, Lease; "
        "Lease(Home(Path(sys.argv[1]), sys.argv[2]).connection, 'account'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path), address], env=os.environ, check=False)
    assert killed.returncode == -9
    with Home(tmp_path, address) as home:
        assert Lease(home.connection, "account").fence == 2


def test_another_machines_worker_is_waited_for(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safeconduct.home.lease.HERE", "0123456789ab")
    with Home(tmp_path, address) as there:
        Lease(there.connection, "account")
    monkeypatch.undo()
    with Home(tmp_path, address) as home, pytest.raises(Busy):
        Lease(home.connection, "account")


def test_a_machine_with_another_key_is_told_so(address: str, tmp_path: Path) -> None:
    Home(tmp_path / "first", address).close()
    with pytest.raises(CustodyError, match="Copy the file home/key"):
        Home(tmp_path / "second", address)


@pytest.mark.parametrize("sql", ["UPDATE entries SET event = 'x'", "DELETE FROM entries", "TRUNCATE entries"])
def test_the_journal_is_never_rewritten(address: str, tmp_path: Path, sql: str) -> None:
    with Home(tmp_path, address) as home:
        journal = home.journal("t")
        journal.record("offered", {"n": 1})
        with pytest.raises(psycopg.errors.RaiseException, match="never"):
            home.connection.execute(sql)
        assert [entry["event"] for entry in journal.entries()] == ["offered"]


def test_whoever_goes_round_the_triggers_is_noticed(address: str, tmp_path: Path) -> None:
    with Home(tmp_path, address) as home:
        journal = home.journal("t")
        for number in range(3):
            journal.record("intended", {"n": number})
        home.connection.execute("ALTER TABLE entries DISABLE TRIGGER ALL")
        home.connection.execute("DELETE FROM entries WHERE seq = 3")
        with pytest.raises(CustodyError, match="cut off"):
            list(journal.entries())


def test_many_machines_write_one_journal(address: str, tmp_path: Path) -> None:
    def write(number: int) -> None:
        with Home(tmp_path, address) as home:
            for step in range(10):
                home.journal("t").record("step", {"worker": number, "step": step})

    Home(tmp_path, address).close()
    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Home(tmp_path, address) as home:
        written = [(entry["detail"]["worker"], entry["detail"]["step"]) for entry in home.journal("t").entries()]
    assert sorted(written) == [(worker, step) for worker in range(4) for step in range(10)]


def test_only_one_of_many_gets_the_lease(address: str, tmp_path: Path) -> None:
    Home(tmp_path, address).close()
    start, got, no = threading.Barrier(6), list[int](), list[Busy]()

    def take() -> None:
        with Home(tmp_path, address) as home:
            start.wait()
            try:
                got.append(Lease(home.connection, "account").fence)
            except Busy as error:
                no.append(error)

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (got, len(no)) == ([1], 5)


def test_who_falls_asleep_in_a_transaction_loses_it(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.home.database.PATIENCE", 1)
    with Home(tmp_path, address) as sleeper, Home(tmp_path, address) as other:
        sleeper.connection.execute("BEGIN IMMEDIATE")
        assert _begun(other), "it waits as long as the sleeper may sleep, and no longer"
        other.connection.commit()
        other.journal("t").record("step", {})
        with pytest.raises(Away):
            _end(sleeper)


def _end(home: Home) -> None:
    home.connection.execute("INSERT INTO leases VALUES ('a', 'b', 1, 1)")
    home.connection.commit()


def _begun(home: Home) -> bool:
    for _ in range(5):
        try:
            home.connection.execute("BEGIN IMMEDIATE")
        except Away:  # this one's own patience was over a moment before the sleeper's
            home.connection.rollback()
        else:
            return True
    return False


def test_texts_with_a_null_character_are_kept(address: str, tmp_path: Path) -> None:
    with Home(tmp_path, address) as home:
        home.connection.execute("INSERT INTO overrules VALUES (?, ?, ?, ?, ?, ?)", ("k", "a\0b?%", "", "", "", ""))
        assert home.connection.execute("SELECT action FROM overrules").fetchone() == ("a\ufffdb?%",)


def test_a_server_that_is_away_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(Away, match="Is it running"):
        Home(tmp_path, f"postgresql://desk@/none?host={tmp_path}")


def test_a_whole_story(address: str, tmp_path: Path, sample: Path) -> None:
    """Inspect, plan, copy, decide, copy again, trace, undo: everything the steps ask of a database."""
    out, source = tmp_path / "out.tar", open_source(str(sample))
    with Home(tmp_path / "home", address) as home:
        assert isinstance(home.connection, Postgres)
        place = open_destination(f"container:{out}", Terms(key=home.signing_key()))
        plan = planned(
            home, source, [read_policy("careful")], place, place.probe(), Choices(), tmp_path / "plan.jsonl",
            spec=f"container:{out}",
        )  # fmt: skip
        transfer, result, _ = copied(home, plan, source, place)
        assert result.planned == result.delivered > 200
        waiting = queue(home)
        assert sum(row["count"] for row in waiting) == plan.footer.fates["held"] > 0
        first = next(trace(home, Query(waiting=True)))
        decide(home, Query(transfer=transfer.id, number=first.number), Action.ACCEPT, author="carol", because="Fine.")
        assert sum(row["count"] for row in queue(home, transfer)) == plan.footer.fates["held"] - 1
        assert next(trace(home, Query(thing=plan.header.actor))).transfer == transfer.id
        assert list(trace(home, Query(thing=transfer.id, criterion="no-such", action="accept"))) == []
        rollback = undone(home, transfer.id, place)
        assert (rollback.undone, rollback.failed) == (result.delivered, 0)
        assert not out.exists()
        events = [entry["event"] for entry in journey(home, transfer.id)]
        assert events[0] == "offered"
        assert events.count("undone") == events.count("delivered") == result.delivered


def test_the_desk(postgres: Server, tmp_path: Path) -> None:
    """The desk's own tests of models, approvals and jobs, in a process of their own whose settings name the server."""
    postgres.fresh("desk")
    environment: dict[str, Any] = {**os.environ, "SAFECONDUCT_DESK_DATABASE": postgres.address("desk")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.desk.postgres", "-p", "no:cacheprovider", "--basetemp",
         str(tmp_path / "tests"), "tests/desk/test_approvals.py", "tests/desk/test_delivering.py"],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
