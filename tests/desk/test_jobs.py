"""Workers die in the middle and others finish: nothing is lost, nothing goes twice, nobody waits for a minute.

The workers are real processes, the place where posts go counts them from outside.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db.models.functions import Now

from safeconduct.errors import Busy, TryAgain
from safeconduct.home import Home, Lease
from safeconduct.home.lease import HERE
from safeconduct.sample import build
from safeconduct.steps.planfile import Plan
from safeconduct.steps.transfer import account_name
from safeconduct_desk import jobs, watchdog
from safeconduct_desk.models import Arrival, Worker
from tests.desk.prove_desk import Desk, kill, wait
from tests.journeys.stand_in import TOKEN, StandIn

POSTS = {"post", "poll", "boost"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jobs") / "alice.zip"
    build(path, posts=300)
    return path


@pytest.fixture
def place() -> Iterator[StandIn]:
    with StandIn() as running:
        running.after = lambda count: time.sleep(0.04)  # as slow as a server is
        yield running


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "its-desk"
    folder.mkdir()
    made = Desk(folder)
    yield made
    made.end()


def dates(desk: Desk) -> list[str]:
    """The dates of every post that the plan delivers and the server took, as the plan says them."""
    refused = {number for number, _why in desk.arrival()["outcome"]["differences"]}
    plan = Plan(next(desk.folder.glob("arrivals/*/plan.jsonl")))
    shapes = [line.shape for line in plan.lines() if line.shape and line.n not in refused]
    return sorted(one.published.isoformat()[:19] for one in shapes if one.published and one.kind in POSTS)


def there(place: StandIn) -> list[str]:
    return sorted(post["created_at"][:19] for post in place.posts())


def test_another_worker_finishes_what_a_killed_one_began(desk: Desk, archive: Path, place: StandIn) -> None:
    desk.make(archive, f"gotosocial:{place.url}", TOKEN)
    desk.start("apply")
    first = desk.worker("first")
    wait(lambda: len(place.posts()) >= 40, 60, desk.logs)
    kill(first)
    before = len(place.posts())
    assert desk.arrival()["state"] == "applying"
    desk.worker("second")
    assert desk.until("applied", 75) < 60
    assert len(place.posts()) > before
    assert there(place) == dates(desk)
    desk.start("undo")
    desk.until("undone", 60)
    assert place.posts() == []
    assert desk.query("SELECT COUNT(*) FROM desk_tombstone")[0][0] >= desk.arrival()["outcome"]["rollback"]["undone"]


def test_taking_back_does_not_wait_for_the_delivery_to_end(desk: Desk, archive: Path, place: StandIn) -> None:
    desk.make(archive, f"gotosocial:{place.url}", TOKEN)
    desk.worker("first")
    desk.worker("second")
    desk.start("apply")
    wait(lambda: len(place.posts()) >= 20, 60, desk.logs)
    desk.start("undo")
    desk.until("undone", 60)
    assert place.posts() == []
    posted = [entry for entry in place.log if entry == ("POST", "/api/v1/statuses")]
    assert len(posted) < len(dates(desk)), "it stopped on the way"


def test_who_finds_the_account_busy_waits_and_tries_again(screened: Arrival, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs._done(jobs.VERBS["apply"][0][1], screened.pk)
    monkeypatch.setattr("safeconduct_desk.jobs.close_old_connections", lambda: None)
    from safeconduct_desk.custody import home
    from safeconduct_desk.store import files

    account = account_name(Plan(files().fetch(screened, "plan.jsonl")))
    with home() as opened:
        lease = Lease(opened.connection, opened.mark(account))
        deliver = jobs.VERBS["apply"][1][1]
        assert jobs._attempt(deliver, 3, screened.pk) == (jobs.SOON, 3)
        lease.release()
    assert jobs._attempt(deliver, 3, screened.pk) is None
    screened.refresh_from_db()
    assert screened.outcome["failed"] == 0


def test_a_server_that_is_away_is_tried_again_and_at_last_a_person_is_told(screened: Arrival) -> None:
    def away(arrival: Arrival) -> None:
        raise TryAgain("garden.example cannot be reached.", after=30)

    assert jobs._attempt(away, 0, screened.pk) == (30, 1)
    wait_then = jobs._attempt(away, 50, screened.pk)
    assert wait_then is not None
    assert 600 < wait_then[0] <= jobs.LONGEST
    with pytest.raises(TryAgain):
        jobs._attempt(away, jobs.TRIES, screened.pk)
    screened.refresh_from_db()
    assert (screened.state, screened.problem) == (Arrival.State.BROKEN, "garden.example cannot be reached.")


def test_a_worker_whose_process_ended_is_known_to_be_dead_before_it_goes_silent(db: None) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    mine, dead = watchdog.named("one"), f"two {HERE}-{process.pid}"
    elsewhere = f"three another-{process.pid}"  # nobody here can tell
    for name in (mine, dead, elsewhere):
        watchdog.beat(name)
    assert watchdog.alive() == sorted([mine, elsewhere])
    Worker.objects.filter(name=elsewhere).update(beat=Now() - 2 * watchdog.SILENT)
    assert watchdog.alive() == [mine]


def test_a_lease_is_kept_while_its_holder_waits_and_lost_when_it_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.home.lease.SECONDS", 0.6)
    monkeypatch.setattr("safeconduct.home.lease.BEAT", 0.1)
    with Home(tmp_path) as home, Home(tmp_path) as other:
        lease = Lease(home.connection, "account", home.another)
        threading.Event().wait(1.2)
        with pytest.raises(Busy):
            Lease(other.connection, "account")
        lease._over.set()  # its process is stopped: nobody beats any more
        threading.Event().wait(0.9)
        assert Lease(other.connection, "account").fence == lease.fence + 1
        with pytest.raises(Busy):
            lease.renew()
