"""The laws of a journal, over every journal in the folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.contracts import Journal
from safeconduct.discover import plugins
from safeconduct.errors import CustodyError
from safeconduct.journals.sqlite import Sqlite

KEY = b"k" * 32
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)


def connect(path: Path | str = ":memory:") -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


OPEN: dict[str, Callable[[sqlite3.Connection, str], Journal]] = {"sqlite": lambda c, transfer: Sqlite(c, transfer, KEY)}


@pytest.fixture(params=sorted(plugins("journals")))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_journal_has_a_way_to_be_tested() -> None:
    assert set(plugins("journals")) == set(OPEN)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.text("abc-", min_size=1, max_size=9), st.dictionaries(st.text("xyz"), JSON, max_size=3))))
def test_order_is_kept(events: list[tuple[str, dict[str, object]]]) -> None:
    for make in OPEN.values():
        journal = make(connect(), "t")
        digests = [journal.record(event, detail) for event, detail in events]
        entries = list(journal.entries())
        assert [(entry["event"], entry["detail"]) for entry in entries] == events
        assert [entry["digest"] for entry in entries] == digests


def test_transfers_have_their_own_chains(kind: str) -> None:
    connection = connect()
    one, two = OPEN[kind](connection, "one"), OPEN[kind](connection, "two")
    one.record("a", {})
    two.record("b", {})
    one.record("c", {})
    assert [entry["event"] for entry in one.entries()] == ["a", "c"]
    assert [entry["event"] for entry in two.entries()] == ["b"]


TAMPER = {
    "a detail is changed": "UPDATE entries SET detail = '{\"n\":9}' WHERE seq = 2",
    "a date is changed": "UPDATE entries SET at = '2001-01-01' WHERE seq = 1",
    "an entry in the middle is lost": "DELETE FROM entries WHERE seq = 2",
    "the end is cut off": "DELETE FROM entries WHERE seq = 3",
    "everything is lost": "DELETE FROM entries",
    "two entries are swapped": "UPDATE entries SET seq = CASE seq WHEN 2 THEN 30 WHEN 3 THEN 2 ELSE seq END",
    "an entry moves to another transfer": "UPDATE entries SET transfer = 'other' WHERE seq = 3",
}


@pytest.mark.parametrize("how", TAMPER)
def test_change_loss_and_swap_are_noticed(how: str) -> None:
    connection = connect()
    journal = OPEN["sqlite"](connection, "t")
    for number in range(3):
        journal.record("delivered", {"n": number})
    connection.execute("DROP TRIGGER entries_stay")
    connection.execute("DROP TRIGGER entries_last")
    connection.execute(TAMPER[how])
    with pytest.raises(CustodyError, match="journal of transfer"):
        list(journal.entries())


@pytest.mark.parametrize("statement", ["UPDATE entries SET event = 'x'", "DELETE FROM entries"])
def test_there_is_no_update_and_no_delete(statement: str) -> None:
    connection = connect()
    OPEN["sqlite"](connection, "t").record("offered", {})
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute(statement)


def test_an_entry_joins_the_transaction_it_is_in(tmp_path: Path) -> None:
    connection = connect(tmp_path / "db")
    journal = OPEN["sqlite"](connection, "t")
    connection.execute("BEGIN IMMEDIATE")
    journal.record("intended", {"n": 1})
    connection.rollback()
    assert list(journal.entries()) == []


def test_it_is_there_after_a_restart(tmp_path: Path) -> None:
    connection = connect(tmp_path / "db")
    OPEN["sqlite"](connection, "t").record("offered", {"n": 1})
    connection.close()
    assert [entry["event"] for entry in OPEN["sqlite"](connect(tmp_path / "db"), "t").entries()] == ["offered"]
