"""Soft application, the stop button, hiding, taking back, and what does not come back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import settings as limits_of
from hypothesis import strategies as st

from safeconduct_desk import custody, delivering, jobs
from safeconduct_desk.delivering import DAY, eta
from safeconduct_desk.models import Act, Arrival, Community, Tombstone
from safeconduct_desk.store import files
from tests.journeys.stand_in import TOKEN, StandIn

State = Arrival.State


@pytest.fixture
def site(community: Community, tmp_path: Path) -> Path:
    """The community's destination is a site: what is there can be seen from outside."""
    Community.objects.update(destination=f"site:{tmp_path / 'site'}")
    return tmp_path / "site"


@pytest.fixture
def server(community: Community) -> Iterator[StandIn]:
    """The community's destination is a server like GoToSocial."""
    with StandIn() as place:
        Community.objects.update(destination=f"gotosocial:{place.url}", loopback=True, token=custody.sealed(TOKEN))
        yield place


def seen(site: Path) -> int:
    """How many posts a reader from outside finds."""
    pages = [path for path in site.glob("*.html") if path.stem[:4].isdigit() or path.stem.startswith("undated")]
    return sum(path.read_text(encoding="utf-8").count("<article") for path in pages)


def days_pass(arrival: Arrival, days: float) -> None:
    began = datetime.now(UTC) - timedelta(seconds=days * DAY)
    Arrival.objects.filter(pk=arrival.pk).update(outcome={**arrival.outcome, "began": began.isoformat()})
    arrival.refresh_from_db()


def again(arrival: Arrival) -> Arrival:
    arrival.refresh_from_db()
    jobs.start("apply", arrival)
    arrival.refresh_from_db()
    return arrival


def test_a_soft_application_arrives_day_by_day_oldest_first(screened: Arrival, server: StandIn) -> None:
    Arrival.objects.filter(pk=screened.pk).update(soft_days=4)
    arrival = again(screened)
    first = server.posts()
    assert arrival.state == State.APPLYING
    assert 0 < len(first) < arrival.outcome["planned"]
    assert arrival.outcome["left"] == arrival.outcome["planned"] - -(-arrival.outcome["planned"] // 4)
    arrival = again(arrival)
    assert server.posts() == first, "a second try on the same day brings nothing"
    days_pass(arrival, 1.01)
    arrival = again(arrival)
    assert server.posts()[: len(first)] == first, "what came later is younger"
    assert arrival.state == State.APPLYING
    days_pass(arrival, 3.5)
    arrival = again(arrival)
    assert (arrival.state, arrival.outcome["left"]) == (State.APPLIED, 0)
    assert len({post["id"] for post in server.posts()}) == len(server.posts()) > 40


def test_what_waits_for_tomorrow_is_said_with_its_time(screened: Arrival, site: Path) -> None:
    Arrival.objects.filter(pk=screened.pk).update(soft_days=3)
    arrival = again(screened)
    wait = delivering.deliver(arrival)
    assert wait == pytest.approx(DAY, abs=60)
    arrival.refresh_from_db()
    due = datetime.fromisoformat(arrival.progress["next"])
    assert (due - datetime.now(UTC)).total_seconds() == pytest.approx(DAY, abs=60)


def test_the_stop_button_stops_and_what_is_there_stays(
    screened: Arrival, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(meter: delivering.Meter, count: int) -> None:
        if len(server.posts()) == 10:
            delivering.stop(screened)

    monkeypatch.setattr(delivering, "LOOK", 0.0)
    monkeypatch.setattr(delivering.Meter, "tick", pressed)
    arrival = again(screened)
    assert len(server.posts()) == 10
    assert (arrival.state, arrival.stop) == (State.APPLYING, True)
    again(arrival)
    assert len(server.posts()) == 10, "stopped stays stopped"
    Arrival.objects.filter(pk=arrival.pk).update(stop=False)
    monkeypatch.undo()
    arrival = again(arrival)
    assert arrival.state == State.APPLIED
    assert len(server.posts()) > 40


def test_hidden_is_hidden_for_a_reader_from_outside(screened: Arrival, site: Path) -> None:
    arrival = again(screened)
    assert seen(site) > 40
    jobs._done(jobs.VERBS["undo"][0][1], arrival.pk)
    arrival.refresh_from_db()
    assert arrival.state == State.UNDOING
    assert arrival.outcome["rollback"]["hidden"] == arrival.outcome["delivered"]
    assert seen(site) == 0
    assert [path.name for path in site.iterdir() if path.suffix == ".html"] == []
    assert not (site / "media").exists() or list((site / "media").iterdir()) == []
    jobs.start("undo", arrival)
    assert not site.exists()


def test_a_server_that_cannot_hide_is_known_beforehand(screened: Arrival, server: StandIn) -> None:
    assert not delivering.can_hide(screened)
    arrival = again(screened)
    jobs.start("undo", arrival)
    arrival.refresh_from_db()
    assert (arrival.state, arrival.outcome["rollback"]["hidden"]) == (State.UNDONE, None)
    assert server.posts() == []


def test_some_items_are_taken_back_and_the_rest_stays(screened: Arrival, server: StandIn) -> None:
    arrival = again(screened)
    before = len(server.posts())
    with custody.home() as opened:
        rows = opened.connection.execute(
            "SELECT items.n, items.item_key, items.digest_key FROM items JOIN deliveries USING (transfer, n) "
            "WHERE items.kind = 'post' ORDER BY n LIMIT 7"
        ).fetchall()
    numbers = [number for number, *_ in rows]
    jobs.start("undo", arrival, numbers)
    arrival.refresh_from_db()
    assert (arrival.state, arrival.outcome["rollback"]["undone"]) == (State.APPLIED, 7)
    assert len(server.posts()) == before - 7
    assert {mark for _, *both in rows for mark in both} <= set(
        Tombstone.objects.filter(because="taken back").values_list("mark", flat=True)
    )


def test_taking_back_before_it_began_takes_nothing(screened: Arrival, site: Path) -> None:
    jobs.start("undo", screened)
    screened.refresh_from_db()
    assert screened.state == State.UNDONE
    jobs.start("apply", screened)
    screened.refresh_from_db()
    assert screened.state == State.UNDONE
    assert not site.exists()


def test_a_legal_hold_survives_and_every_look_is_written_down(
    screened: Arrival, site: Path, carol: User, erin: User
) -> None:
    moderator, lead = carol.member, erin.member
    arrival = again(screened)
    hold = custody.hold_by_law(arrival, [20, 21], "An order of a court, 7 May.", moderator, lead)
    sealed = files().fetch(arrival, f"hold-{hold.pk}").read_bytes()
    jobs.start("undo", arrival)
    files().forget(arrival)
    with pytest.raises(FileNotFoundError):
        files().fetch(arrival, "archive")
    records = custody.opened_by_law(hold, lead, "Handed to the court.")
    assert [record["n"] for record in records] == [20, 21]
    assert records[0]["raw"].encode() not in sealed
    looks = Act.objects.filter(verb="legal hold opened")
    assert [(look.member, look.detail["why"]) for look in looks] == [(lead, "Handed to the court.")]


def test_100_000_requests_at_300_in_five_minutes_are_28_hours() -> None:
    assert eta(100_000, {"requests": 300, "seconds": 300}, 50.0) / 3600 == pytest.approx(27.7, abs=0.2)


@limits_of(deadline=None, max_examples=60)
@given(st.integers(1, 20_000), st.integers(10, 500), st.floats(1.0, 200.0))
def test_the_guess_is_within_a_fifth_of_what_a_window_allows(count: int, allowed: int, speed: float) -> None:
    """Against the server's own counting: so many at once, then a pause until the window ends."""
    clock, window, used = 0.0, 0.0, 0
    for _ in range(count):
        if clock - window >= 300:
            window, used = clock, 0
        if used >= allowed:
            clock, used = window + 300, 0
            window = clock
        used += 1
        clock += 1 / speed
    guess = eta(count, {"requests": allowed, "seconds": 300}, speed)
    assert guess == pytest.approx(clock, rel=0.2, abs=allowed / speed + 300 / speed)


@pytest.mark.django_db
@pytest.mark.parametrize(("allowed", "each"), [(60, 0.01), (60, 1.0), (60, 7.0), (300, 0.9), (0, 0.2)])
def test_what_is_shown_on_the_way_is_within_a_fifth_of_the_truth(
    allowed: int, each: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a server that lets so many through, then none until five minutes are over; also at one that is slower."""
    count, moments, clock = 1000, list[float](), 0.0
    for number in range(count):
        clock += each
        if allowed and number >= allowed:
            clock = max(clock, moments[number - allowed] + 300)
        moments.append(clock)
    shown: list[tuple[float, float]] = []
    arrival = Arrival.objects.create(person=User.objects.create_user("alice"))
    now = 0.0
    monkeypatch.setattr(delivering, "time", SimpleNamespace(monotonic=lambda: now))
    meter = delivering.Meter(arrival, "undo", count, 0, ({"requests": allowed, "seconds": 300}, 1.0))
    for moment in moments:
        now = moment
        meter.tick(1)
        arrival.refresh_from_db()
        shown.append((now, arrival.progress["seconds"]))
    for at, said in shown[3 : count // 2]:  # how quick a server is that has no limit, only the first items tell
        assert (not allowed and at < 2) or said == pytest.approx(clock - at, rel=0.2, abs=5), (at, said)


def test_time_passes_for_what_was_said_before() -> None:
    ago = datetime.now(UTC) - timedelta(seconds=40)
    assert delivering.left({"seconds": 100, "at": ago.isoformat()}) == pytest.approx(60, abs=5)
    assert delivering.left({"seconds": 10, "at": ago.isoformat()}) == 0
    assert delivering.left({"done": 4000}) == 0
