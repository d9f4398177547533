"""A file on its way in: in pieces, in order, cut off anywhere, and never anybody else's."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client, RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct_desk import intake, jobs
from safeconduct_desk.models import Arrival, Community
from safeconduct_desk.pages.upload import Streamed
from safeconduct_desk.store import files
from tests.desk.conftest import ClientOf

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
                wrong = steps.draw(st.integers(0, 400).filter(at.__ne__))
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


# --- over HTTP --------------------------------------------------------------------------------------------------------


def b64(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def patch(client: Client, arrival: Arrival, at: int | str, data: bytes, **headers: str) -> HttpResponse:
    return client.patch(  # type: ignore[return-value]  # a response with what tests want to know
        f"/mine/{arrival.name}/bytes/", data, content_type="application/offset+octet-stream",
        headers={"Upload-Offset": str(at), **{name.replace("_", "-"): value for name, value in headers.items()}},
    )  # fmt: skip


@pytest.fixture
def open_offer(alice: User) -> Arrival:
    """Nobody has said how large it will be."""
    return intake.offered(alice, "", 0, {}, {})


def test_a_program_goes_on_where_it_stopped(
    open_offer: Arrival, alice: User, sample: Path, client_of: ClientOf
) -> None:
    client, data = client_of(alice), sample.read_bytes()
    first = client.head(f"/mine/{open_offer.name}/bytes/")
    assert (first["Upload-Offset"], first["Upload-Defer-Length"]) == ("0", "1")
    answer = patch(
        client, open_offer, 0, data[:1000],
        Upload_Length=str(len(data)), Upload_Name="al%C3%ADce.zip", Upload_Checksum=f"sha256 {b64(data[:1000])}",
    )  # fmt: skip
    assert (answer.status_code, answer["Upload-Offset"]) == (204, "1000")
    again = client.head(f"/mine/{open_offer.name}/bytes/")
    assert (again["Upload-Offset"], again["Upload-Length"]) == ("1000", str(len(data)))
    wrong = patch(client, open_offer, 0, data[:1000])
    assert (wrong.status_code, wrong["Upload-Offset"]) == (409, "1000")
    assert wrong["Content-Type"] == "application/problem+json"
    last = patch(client, open_offer, 1000, data[1000:], Repr_Digest=f"sha-256=:{b64(data)}:")
    assert (last.status_code, last["Location"]) == (204, f"/mine/{open_offer.name}/")
    open_offer.refresh_from_db()
    assert (open_offer.state, open_offer.filename) == (State.WAITING, "alíce.zip")


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({"Upload_Checksum": "md5 abc"}, 0), ({"Upload_Checksum": "sha256 abc"}, 0), ({}, "-1"), ({}, "x"),
        ({}, "1e3"), ({}, 10**17), ({"Upload_Length": "0"}, 0), ({"Upload_Length": "99999999999999999"}, 0), ({}, 0),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_changes_nothing(
    open_offer: Arrival, alice: User, client_of: ClientOf, headers: dict[str, str], at: int | str
) -> None:
    answer = patch(client_of(alice), open_offer, at, b"abc", **headers)
    assert answer.status_code in {400, 409}
    assert json.loads(answer.content)["title"]
    assert intake.offset(open_offer) == 0


def test_a_changed_piece_over_http(open_offer: Arrival, alice: User, client_of: ClientOf) -> None:
    answer = patch(client_of(alice), open_offer, 0, b"abc", Upload_Length="9", Upload_Checksum=f"sha256 {b64(b'abd')}")
    assert (answer.status_code, answer["Upload-Offset"]) == (460, "0")


def test_a_piece_that_is_too_large_is_not_read(open_offer: Arrival, alice: User, client_of: ClientOf) -> None:
    answer = client_of(alice).patch(
        f"/mine/{open_offer.name}/bytes/", b"abc", content_type="application/offset+octet-stream",
        headers={"Upload-Offset": "0", "Upload-Length": "9"}, CONTENT_LENGTH=str(intake.LARGEST_PIECE + 1),
    )  # fmt: skip
    assert answer.status_code == 400
    assert intake.offset(open_offer) == 0


def test_only_the_owner_may_append(
    open_offer: Arrival, bob: User, carol: User, olga: User, client_of: ClientOf, client: Client
) -> None:
    for person in (bob, carol, olga):
        assert patch(client_of(person), open_offer, 0, b"abc", Upload_Length="9").status_code == 404
        assert client_of(person).head(f"/mine/{open_offer.name}/bytes/").status_code == 404
        assert client_of(person).get(f"/mine/{open_offer.name}/file/").status_code == 404
    assert patch(client, open_offer, 0, b"abc").status_code == 302
    assert intake.offset(open_offer) == 0


def test_a_form_without_javascript(open_offer: Arrival, alice: User, sample: Path, client_of: ClientOf) -> None:
    client = client_of(alice)
    assert 'enctype="multipart/form-data"' in client.get(f"/mine/{open_offer.name}/file/").content.decode()
    with sample.open("rb") as file:
        answer = client.post(f"/mine/{open_offer.name}/file/", {"file": file})
    assert answer["Location"] == f"/mine/{open_offer.name}/"
    open_offer.refresh_from_db()
    assert (open_offer.state, open_offer.filename, open_offer.size) == (
        State.WAITING, "alice.zip", sample.stat().st_size,
    )  # fmt: skip
    assert open_offer.sha256 == hashlib.sha256(sample.read_bytes()).hexdigest()
    assert not [path for path in files().path(open_offer, "x").parent.iterdir() if "incoming" in path.name]


def test_a_form_that_did_not_come_from_here_leaves_nothing(open_offer: Arrival, alice: User, sample: Path) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    with sample.open("rb") as file:
        answer = client.post(f"/mine/{open_offer.name}/file/", {"file": file})
    assert answer.status_code == 403
    assert list(files().path(open_offer, "x").parent.iterdir()) == []
    open_offer.refresh_from_db()
    assert open_offer.state == State.OFFERED


class Unread(io.BytesIO):
    """A body that must not be read."""

    def read(self, *given: object) -> bytes:
        raise AssertionError("the body was read")


def test_too_much_is_refused_before_it_is_read(open_offer: Arrival, alice: User, client_of: ClientOf) -> None:
    Community.objects.update(most_bytes=1000)
    extra: Any = {"CONTENT_LENGTH": str(3 << 20), "wsgi.input": Unread()}
    address = f"/mine/{open_offer.name}/file/"
    answer = client_of(alice).post(address, content_type="multipart/form-data; boundary=x", **extra)
    assert answer.status_code == 413
    assert "larger than" in answer.content.decode()


def test_a_form_that_lies_about_its_length_is_cut_off(open_offer: Arrival, alice: User, client_of: ClientOf) -> None:
    """Within the room for the rest of a form, a file that is too large stops where it becomes too large."""
    Community.objects.update(most_bytes=1000)
    answer = client_of(alice).post(f"/mine/{open_offer.name}/file/", {"file": io.BytesIO(b"x" * 500_000)})
    assert answer.status_code == 413
    assert list(files().path(open_offer, "x").parent.iterdir()) == []


@pytest.mark.parametrize("given", [{}, {"file": ""}, {"other": "x"}])
def test_a_form_without_a_file(open_offer: Arrival, alice: User, client_of: ClientOf, given: dict[str, str]) -> None:
    answer = client_of(alice).post(f"/mine/{open_offer.name}/file/", given)
    assert answer.status_code == 400
    assert "Choose the file first" in answer.content.decode()


def test_the_same_file_again_leads_to_the_first(
    open_offer: Arrival, alice: User, sample: Path, client_of: ClientOf
) -> None:
    first = offer(alice, sample.stat().st_size)
    intake.chunk(first, 0, sample.read_bytes())
    with sample.open("rb") as file:
        answer = client_of(alice).post(f"/mine/{open_offer.name}/file/", {"file": file}, follow=True)
    assert answer.redirect_chain[-1][0] == f"/mine/{first.name}/"
    assert "You gave this same file" in answer.content.decode()


def test_a_file_of_many_megabytes_is_never_in_memory(open_offer: Arrival, alice: User, tmp_path: Path) -> None:
    """Through the handler that the form uses: what is held in memory does not grow with the file."""
    handler = Streamed(RequestFactory().post("/"), tmp_path / "x", 1 << 30)
    handler.new_file("file", "big.zip", "application/zip", None)
    block = b"x" * handler.chunk_size
    tracemalloc.start()
    for n in range(64):
        handler.receive_data_chunk(block, n * len(block))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    came = handler.file_complete(64 * len(block))
    assert came.sha256 == hashlib.sha256(block * 64).hexdigest()
    assert peak < 4 << 20
