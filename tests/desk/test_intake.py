"""Before bytes move: what is promised, what is agreed to, how much is taken, and who waits for how long."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from safeconduct.contracts import Terms
from safeconduct.destinations._mastodon_api import Api
from safeconduct.errors import SourceError
from safeconduct.model import Abilities, Choices
from safeconduct.policy import read_policy
from safeconduct.steps.probe import policies_for, published
from safeconduct_desk import budgets, intake, jobs
from safeconduct_desk import published as promise
from safeconduct_desk.models import Arrival, Community, Identity, PolicyVersion
from safeconduct_desk.store import files
from tests.desk.conftest import ClientOf

State = Arrival.State
QUIET = {
    "mentions": "defuse", "replies": "own-words", "polls": "text", "boosts": "leave", "profile": "on", "pictures": "on",
}  # fmt: skip


def agreed(client: Client, community: Community) -> None:
    """Everything read and agreed to, in order."""
    for section in promise.sections(community):
        answer = client.post(f"/offer/{section.key}/", {"agree": "on"})
        assert answer.status_code == 302


def abilities_of(policy: str) -> Abilities:
    """A destination that publishes this policy."""
    return Abilities("garden.example", "mastodon", "4.4.0", timezone.now(), frozenset(), policy=policy)


def offered(client: Client, community: Community, **choices: str) -> Arrival:
    agreed(client, community)
    answer = client.post("/offer/choices/", {**QUIET, **choices})
    assert answer.status_code == 302, answer.content.decode()
    return Arrival.objects.get(name=answer["Location"].split("/")[2])


# --- what is promised -------------------------------------------------------------------------------------------------


def test_everybody_may_read_what_is_promised(community: Community, client: Client) -> None:
    page = client.get("/intake/").content.decode()
    assert "a person looks at it first" in page
    assert "365 days" in page
    assert client.get("/custody/").status_code == 200


def test_the_core_reads_the_gate_of_a_live_desk(community: Community, live_server: LiveServer) -> None:
    """The same code that ``probe`` and ``copy`` use, against a server."""
    api = Api(live_server.url, Terms(token="t", loopback=True))
    gate = api.gate()
    assert gate.notes == ()
    abilities = abilities_of(gate.policy)
    assert published(abilities)[0].digest == read_policy("careful").digest
    assert [one.name for one in policies_for(["open"], abilities)] == ["open", "careful"]


def test_a_community_without_a_policy_has_no_gate(community: Community, live_server: LiveServer) -> None:
    PolicyVersion.objects.all().delete()
    gate = Api(live_server.url, Terms(token="t", loopback=True)).gate()
    assert (gate.policy, gate.notes) == ("", ())


def test_a_name_cannot_end_the_comment_it_stands_in(community: Community, live_server: LiveServer) -> None:
    Community.objects.update(name="Garden\nwithout = []\n# \u2028x")
    gate = Api(live_server.url, Terms(token="t", loopback=True)).gate()
    assert published(abilities_of(gate.policy))[0].name == "careful"


@pytest.mark.parametrize("address", ["/.well-known/safeconduct.json", "/.well-known/safeconduct?format=json"])
def test_the_promise_as_data(community: Community, client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer["Access-Control-Allow-Origin"] == "*"
    data = answer.json()
    assert data["format"] == promise.FORMAT
    assert data["policy"]["digest"] == read_policy("careful").digest
    assert data["limits"]["bytes"] == community.most_bytes
    assert data["retention_days"] == {"unfinished": 7, "not_taken": 30, "intake_copy": 365}
    assert [one["key"] for one in data["agree"]] == [one.key for one in promise.sections(community)]


def test_a_broken_policy_promises_that_nothing_is_published(community: Community, client: Client) -> None:
    PolicyVersion.objects.update(text="this is no policy")
    assert "nothing is published" in client.get("/intake/").content.decode()


# --- agreeing ---------------------------------------------------------------------------------------------------------


def test_one_thing_at_a_time_and_the_record_of_it(alice: User, community: Community, client_of: ClientOf) -> None:
    Community.objects.update(sellers="Label what is advertising.\nFive per cent for the moderators.")
    community.refresh_from_db()
    client = client_of(alice)
    assert client.get("/offer/").status_code == 200
    arrival = offered(client, community, origin="old.example")
    record: dict[str, Any] = arrival.consent
    assert set(record["agreed"]) == {"taken", "course", "custody", "sellers", "own"}
    assert record["digest"] == promise.digest(record["shown"])
    assert "Five per cent" in json.dumps(record["shown"])
    assert record["policy"]["digest"] == read_policy("careful").digest
    assert (arrival.state, arrival.origin, arrival.choices) == (State.OFFERED, "old.example", {})
    digest = hashlib.sha256(
        json.dumps(record["shown"], ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()
    assert digest == record["digest"], "anybody can check it without this program"


def test_nothing_is_offered_before_everything_was_agreed_to(
    alice: User, community: Community, client_of: ClientOf
) -> None:
    client = client_of(alice)
    answer = client.post("/offer/choices/", QUIET)
    assert answer["Location"] == "/offer/taken/"
    assert not Arrival.objects.exists()


def test_not_agreeing_stops_here(alice: User, community: Community, client_of: ClientOf) -> None:
    answer = client_of(alice).post("/offer/taken/", {})
    assert answer.status_code == 400
    assert "stop here" in answer.content.decode()


def test_what_was_changed_meanwhile_is_asked_again(alice: User, community: Community, client_of: ClientOf) -> None:
    client = client_of(alice)
    agreed(client, community)
    Community.objects.update(retention_days=3650)
    assert client.post("/offer/choices/", QUIET)["Location"] == "/offer/custody/"


def test_choices_differ_from_the_quiet_ones_only_where_somebody_said_so(
    alice: User, community: Community, client_of: ClientOf
) -> None:
    loud = offered(client_of(alice), community, boosts="link", followers="on", linked="on")
    assert Choices(**loud.choices) == Choices(boosts="link", followers=True, linked=True)
    quiet = {key: value for key, value in QUIET.items() if key not in {"profile", "pictures"}}
    agreed(client := client_of(alice), community)
    Arrival.objects.all().delete()
    client.post("/offer/choices/", quiet)
    assert Choices(**Arrival.objects.get().choices) == Choices(profile=False, media=False)


@pytest.mark.parametrize("bad", [{"mentions": "ping"}, {"loud": True}, {"followers": 1}, {"media": "yes"}])
def test_there_are_no_other_choices(alice: User, bad: dict[str, Any]) -> None:
    with pytest.raises(intake.NotTaken):
        intake.offered(alice, "a.zip", 5, {}, bad)


# --- budgets ----------------------------------------------------------------------------------------------------------


def test_too_large_is_said_before_a_byte_moves(alice: User, community: Community) -> None:
    with pytest.raises(intake.NotTaken, match="larger than"):
        intake.offered(alice, "a.zip", community.most_bytes + 1, {}, {})
    arrival = intake.offered(alice, "a.zip", 0, {}, {})
    with pytest.raises(intake.NotTaken, match="larger than"):
        intake.announced(arrival, "a.zip", community.most_bytes + 1)


def test_a_person_has_so_many_a_week(alice: User, bob: User, community: Community) -> None:
    Community.objects.update(per_person_week=2)
    first = intake.offered(alice, "a.zip", 5, {}, {})
    intake.offered(alice, "b.zip", 5, {}, {})
    with pytest.raises(intake.NotTaken, match="next is possible from"):
        intake.offered(alice, "c.zip", 5, {}, {})
    intake.offered(bob, "a.zip", 5, {}, {})
    Arrival.objects.filter(pk=first.pk).update(created=timezone.now() - timedelta(days=8))
    intake.offered(alice, "c.zip", 5, {}, {})


def test_an_origin_has_so_many_a_week_whoever_says_otherwise(alice: User, bob: User, community: Community) -> None:
    Community.objects.update(per_origin_week=1)
    read = intake.offered(alice, "a.zip", 5, {"origin": "elsewhere.example"}, {})
    Arrival.objects.filter(pk=read.pk).update(acct="alice@old.example", let_in_at=timezone.now(), state=State.WAITING)
    with pytest.raises(intake.NotTaken, match=r"old\.example"):
        intake.offered(bob, "b.zip", 5, {"origin": "@bob@OLD.example"}, {})


def test_offers_alone_close_the_door_to_nobody(alice: User, bob: User, community: Community) -> None:
    Community.objects.update(per_origin_week=1, per_person_week=50)
    for _ in range(5):
        intake.offered(alice, "a.zip", 5, {"origin": "old.example"}, {})
    assert intake.offered(bob, "b.zip", 5, {"origin": "old.example"}, {}).state == State.OFFERED


def test_what_is_proved_counts_before_what_is_said(alice: User, community: Community) -> None:
    alice.member.acct = "alice@proved.example"
    alice.member.save()
    Identity.objects.create(member=alice.member, origin="https://proved.example", account="1", acct=alice.member.acct)
    arrival = intake.offered(alice, "a.zip", 5, {"origin": "said.example"}, {})
    assert arrival.origin == "proved.example"


def test_closed_is_closed_and_says_so(alice: User, community: Community, client_of: ClientOf) -> None:
    Community.objects.update(intake_open=False)
    with pytest.raises(intake.NotTaken, match="closed the intake"):
        intake.offered(alice, "a.zip", 5, {}, {})
    assert "closed the intake" in client_of(alice).get("/offer/").content.decode()


# --- the line ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nobody reads: names of arrivals in the order in which reading them was asked for."""
    names: list[str] = []
    monkeypatch.setattr(jobs, "start", lambda verb, arrival, *given: names.append(arrival.name))
    return names


def here(person: User, **fields: Any) -> Arrival:
    """An import whose file is here."""
    arrival = intake.offered(person, "a.zip", 4, {}, {})
    Arrival.objects.filter(pk=arrival.pk).update(state=State.RECEIVED, received_at=timezone.now(), got=4, **fields)
    arrival.refresh_from_db()
    return arrival


def load(person: User, minutes: float) -> Arrival:
    """An import that waits for people for so long."""
    return Arrival.objects.create(person=person, state=State.WAITING, minutes=minutes)


def test_first_come_first_read_as_long_as_people_keep_up(
    alice: User, bob: User, community: Community, started: list[str]
) -> None:
    waiting = load(bob, 500)
    first, second = here(alice), here(bob)
    assert budgets.let_in() == 0
    assert started == []
    place = budgets.place(second)
    assert place is not None
    assert (place.number, place.days > 500 / community.review_minutes_day) == (2, True)
    assert "others to read before yours" in place.why
    Arrival.objects.filter(pk=waiting.pk).update(state=State.APPLIED, minutes=0)
    assert budgets.let_in() == 2
    assert started == [first.name, second.name]
    assert budgets.let_in() == 0, "asking again begins nothing twice"


def test_a_day_has_room_for_so_many(alice: User, bob: User, community: Community, started: list[str]) -> None:
    Community.objects.update(per_day=1, per_person_week=50)
    first, second = here(alice), here(bob)
    assert budgets.let_in() == 1
    assert started == [first.name]
    place = budgets.place(second)
    assert place is not None
    assert "fit into a day" in place.why
    Arrival.objects.filter(pk=first.pk).update(let_in_at=timezone.now() - timedelta(hours=25), state=State.WAITING)
    assert budgets.let_in() == 1
    assert started == [first.name, second.name]


def test_others_need_not_wait_behind_a_full_origin(
    alice: User, bob: User, community: Community, started: list[str]
) -> None:
    Community.objects.update(per_origin_week=1)
    here(alice, origin="old.example", let_in_at=timezone.now())
    late, other = here(alice, origin="old.example"), here(bob, origin="small.example")
    assert budgets.let_in() == 1
    assert started == [other.name]
    place = budgets.place(late)
    assert place is not None
    assert "old server" in place.why


def test_intake_closes_and_opens_by_itself(alice: User, bob: User, community: Community) -> None:
    assert budgets.forecast(community).state == "open"
    busy = load(bob, community.review_minutes_day + 1)
    assert budgets.forecast(community).state == "slow"
    intake.offered(alice, "a.zip", 5, {}, {})
    Arrival.objects.filter(pk=busy.pk).update(minutes=community.review_minutes_day * (community.promise_days + 1))
    assert budgets.forecast(community).state == "closed"
    with pytest.raises(intake.NotTaken, match="keep our promise"):
        intake.offered(alice, "a.zip", 5, {}, {})
    Arrival.objects.filter(pk=busy.pk).update(state=State.APPLIED)
    assert budgets.forecast(community).state == "open"


def test_the_waiting_room_says_where_one_stands(
    alice: User, bob: User, community: Community, started: list[str], client_of: ClientOf
) -> None:
    load(bob, 500)
    here(bob)
    mine = here(alice)
    page = client_of(alice).get(f"/mine/{mine.name}/").content.decode()
    assert "You are number 2 in line." in page
    assert "You can close this page" in page


def test_reading_that_ends_badly_is_not_begun_for_ever(alice: User, community: Community) -> None:
    arrival = intake.offered(alice, "a.zip", 4, {}, {})
    intake.chunk(arrival, 0, b"nope")
    arrival.refresh_from_db()
    assert arrival.state == State.BROKEN
    assert arrival.let_in_at
    assert budgets.let_in() == 0


def test_an_upload_whose_end_nobody_heard_goes_on(alice: User, community: Community, started: list[str]) -> None:
    arrival = intake.offered(alice, "a.zip", 4, {}, {})
    files().path(arrival, "archive").write_bytes(b"abcd")
    Arrival.objects.filter(pk=arrival.pk).update(got=4)
    assert budgets.let_in() == 0, "whoever sends it may still be at it"
    Arrival.objects.filter(pk=arrival.pk).update(changed=timezone.now() - timedelta(minutes=2))
    budgets.let_in()
    arrival.refresh_from_db()
    assert (arrival.state, started) == (State.RECEIVED, [arrival.name])


def test_a_full_disk_is_said_before_a_byte_moves(
    alice: User, community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "SPARE", 1 << 60)
    with pytest.raises(intake.NotTaken, match="no room"):
        intake.offered(alice, "a.zip", 5, {}, {})


def test_where_no_rule_minds_anything_a_person_still_says_yes(
    alice: User, community: Community, tmp_path: Path
) -> None:
    PolicyVersion.objects.update(text='name = "nothing"\n')
    small = json.dumps({
        "@context": "https://www.w3.org/ns/activitystreams", "id": "outbox.json", "type": "OrderedCollection",
        "totalItems": 1, "orderedItems": [{
            "id": "https://old.example/1/activity", "type": "Create", "actor": "https://old.example/users/alice",
            "published": "2024-03-03T10:00:00Z", "to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": [],
            "object": {
                "id": "https://old.example/1", "type": "Note", "content": "<p>Good morning.</p>",
                "attributedTo": "https://old.example/users/alice", "published": "2024-03-03T10:00:00Z",
                "to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": [],
            },
        }],
    }).encode()  # fmt: skip
    arrival = intake.offered(alice, "outbox.json", len(small), {}, {})
    intake.chunk(arrival, 0, small)
    arrival.refresh_from_db()
    assert (arrival.state, arrival.items, arrival.problem) == (State.WAITING, 1, "")
    assert not arrival.groups.exists()
    assert not (tmp_path / "delivered.tar").exists()
    assert not arrival.transfer


# The core leaves its working file to the garbage collector when an inspection is cut short.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_an_import_with_too_many_items_is_not_read_to_its_end(arrival: Arrival) -> None:
    Community.objects.update(most_items=100)
    with pytest.raises(SourceError, match="more than 100"):
        jobs.start("screen", arrival)
    arrival.refresh_from_db()
    assert (arrival.state, arrival.groups.count()) == (State.BROKEN, 0)
    assert "more than 100" in arrival.problem
