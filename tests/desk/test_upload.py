"""A file on its way in: in pieces, in order, cut off anywhere, and never anybody else's."""

from __future__ import annotations

import fcntl
import hashlib
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct_desk import intake, jobs
from safeconduct_desk.models import Arrival
from safeconduct_desk.store import files

State = Arrival.State


def sent(arrival: Arrival, data: bytes, piece: int = 4096) -> None:
    """All of it, piece after piece."""
    for start in range(0, len(data), piece):
        intake.chunk(arrival, start, data[start : start + piece])


def offer(person: User, size: int) -> Arrival:
    return intake.offered(person, "alice.zip", size, {"digest": "x"}, {})


def test_the_last_piece_starts_the_reading(alice: User, sample: Path) -> None:
    data = sample.read_bytes()
    arrival = offer(alice, len(data))
    sent(arrival, data, 1 << 16)
    arrival.refresh_from_db()
    assert (arrival.state, arrival.got) == (State.WAITING, len(data))
    assert arrival.sha256 == hashlib.sha256(data).hexdigest()
    assert arrival.received_at
    assert arrival.let_in_at


def test_a_wrong_offset_is_told_the_right_one(alice: User) -> None:
    arrival = offer(alice, 100)
    intake.chunk(arrival, 0, b"x" * 10)
    for wrong in (0, 9, 11, 99):
        with pytest.raises(intake.WrongOffset) as told:
            intake.chunk(arrival, wrong, b"y")
        assert told.value.offset == 10
    assert files().path(arrival, "archive").read_bytes() == b"x" * 10


def test_a_piece_changed_on_the_way_is_not_kept(alice: User) -> None:
    arrival = offer(alice, 100)
    intake.chunk(arrival, 0, b"x" * 10, digest=hashlib.sha256(b"x" * 10).digest())
    with pytest.raises(intake.WrongBytes) as told:
        intake.chunk(arrival, 10, b"y" * 10, digest=hashlib.sha256(b"z" * 10).digest())
    assert told.value.offset == intake.offset(arrival) == 10


def test_a_whole_that_is_not_what_left_begins_again(alice: User) -> None:
    arrival = offer(alice, 20)
    intake.chunk(arrival, 0, b"x" * 10)
    with pytest.raises(intake.WrongBytes) as told:
        intake.chunk(arrival, 10, b"y" * 10, whole=hashlib.sha256(b"other").hexdigest())
    assert told.value.offset == intake.offset(arrival) == 0
    arrival.refresh_from_db()
    assert arrival.state == State.OFFERED


def test_more_than_was_announced_is_not_kept(alice: User) -> None:
    arrival = offer(alice, 5)
    with pytest.raises(intake.NotTaken, match="announced"):
        intake.chunk(arrival, 0, b"123456")
    assert intake.offset(arrival) == 0


def test_what_a_crash_left_half_written_is_cut_off(alice: User) -> None:
    arrival = offer(alice, 30)
    intake.chunk(arrival, 0, b"a" * 10)
    with files().path(arrival, "archive").open("ab") as file:
        file.write(b"never said to be here")
    assert intake.offset(arrival) == 10
    intake.chunk(arrival, 10, b"b" * 10)
    assert files().path(arrival, "archive").read_bytes() == b"a" * 10 + b"b" * 10


def test_what_the_disk_lost_is_asked_for_again(alice: User) -> None:
    arrival = offer(alice, 30)
    intake.chunk(arrival, 0, b"a" * 20)
    with files().path(arrival, "archive").open("r+b") as file:
        file.truncate(7)
    assert intake.offset(arrival) == 7
    with pytest.raises(intake.WrongOffset) as told:
        intake.chunk(arrival, 20, b"b")
    assert told.value.offset == 7


def test_two_at_once_do_not_mix(alice: User) -> None:
    arrival = offer(alice, 30)
    with files().path(arrival, "archive").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(intake.AtWork):
            intake.chunk(arrival, 0, b"a")


def test_a_restart_between_pieces_changes_nothing(alice: User, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "start", lambda *given: None)
    data = sample.read_bytes()
    arrival = offer(alice, len(data))
    intake.chunk(arrival, 0, data[:5000])
    intake._states.clear()  # what only the process knew
    again = Arrival.objects.get(pk=arrival.pk)
    intake.chunk(again, intake.offset(again), data[5000:], whole=hashlib.sha256(data).hexdigest())
    again.refresh_from_db()
    assert (again.state, again.sha256) == (State.RECEIVED, hashlib.sha256(data).hexdigest())


def test_the_end_that_a_crash_swallowed_is_found(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "start", lambda *given: None)
    arrival = offer(alice, 4)
    with monkeypatch.context() as cut:
        cut.setattr(intake, "received", lambda *given: None)
        intake.chunk(arrival, 0, b"abcd")
    assert intake.chunk(arrival, 4, b"") == 4
    arrival.refresh_from_db()
    assert arrival.state == State.RECEIVED


def test_the_same_file_twice_is_said(alice: User, bob: User, sample: Path) -> None:
    data = sample.read_bytes()
    first = offer(alice, len(data))
    intake.chunk(first, 0, data)
    second = offer(alice, len(data))
    with pytest.raises(intake.Twice) as told:
        intake.chunk(second, 0, data)
    assert told.value.arrival == first
    second.refresh_from_db()
    assert (second.state, second.got) == (State.WITHDRAWN, 0)
    assert not files().path(second, "archive").exists()
    other = offer(bob, len(data))
    intake.chunk(other, 0, data)  # it is not told to others that somebody has this file
    other.refresh_from_db()
    assert other.state == State.WAITING


def test_a_late_piece_does_not_harm_what_was_received(alice: User, sample: Path) -> None:
    data = sample.read_bytes()
    arrival = offer(alice, len(data))
    intake.chunk(arrival, 0, data)
    with pytest.raises(intake.NotTaken):
        intake.chunk(arrival, 0, b"x")
    assert files().path(arrival, "archive").read_bytes() == data


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\evil\\..\\x.zip", "a\x00b.zip", "\u202egpj.piz", "x" * 500, "", "…/…"]
)
def test_a_file_name_is_only_shown(alice: User, name: str) -> None:
    arrival = intake.offered(alice, name, 5, {}, {})
    assert "/" not in arrival.filename
    assert "\\" not in arrival.filename
    assert arrival.filename.isprintable()
    assert len(arrival.filename) <= 200
    intake.chunk(arrival, 0, b"ab")
    folder = files().path(arrival, "archive").parent
    assert [path.name for path in folder.iterdir()] == ["archive"]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=300), steps=st.data())
def test_whatever_is_tried_only_the_file_arrives(
    alice: User, monkeypatch: pytest.MonkeyPatch, data: bytes, steps: st.DataObject
) -> None:
    """Law: pieces at any offsets, lost states, half-written tails: what is here is always a beginning of the file."""
    monkeypatch.setattr(jobs, "start", lambda *given: None)
    Arrival.objects.filter(person=alice).delete()
    arrival = offer(alice, len(data))
    path = files().path(arrival, "archive")
    while arrival.state == State.OFFERED:
        at = intake.offset(arrival)
        assert not path.exists() or path.read_bytes()[:at] == data[:at]
        match steps.draw(st.sampled_from(["on", "on", "elsewhere", "forget", "tail"])):
            case "on":
                intake.chunk(arrival, at, data[at : at + steps.draw(st.integers(1, 100))])
            case "elsewhere":
                wrong = steps.draw(st.integers(0, 400).filter(lambda one, at=at: one != at))
                with pytest.raises((intake.WrongOffset, intake.NotTaken)):
                    intake.chunk(arrival, wrong, b"?")
            case "forget":
                intake._states.clear()
            case "tail" if path.exists():
                with path.open("ab") as file:
                    file.write(b"tail")
        arrival.refresh_from_db()
    assert path.read_bytes() == data
    assert arrival.sha256 == hashlib.sha256(data).hexdigest()


def test_nothing_is_written_outside_the_folder(alice: User, folder: Path) -> None:
    arrival = offer(alice, 10)
    intake.chunk(arrival, 0, b"12345")
    outside = {path for path in folder.rglob("*") if path.is_file()} - {files().path(arrival, "archive")}
    assert not any(b"12345" in path.read_bytes() for path in outside)
