"""``kill -9`` of web, worker and database at random moments, 64 times: nothing lost, nothing twice, nothing stuck.

Run by ``make prove``; ``SAFECONDUCT_SEED`` repeats a run, ``SAFECONDUCT_KILLS`` is how often each of the four kills
while posts arrive, and ``SAFECONDUCT_KILLS_BACK`` how often while they are taken back.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from safeconduct.sample import build
from tests.desk.postgres import Server
from tests.desk.prove_desk import Desk, kill, wait
from tests.desk.test_jobs import dates, there
from tests.journeys.stand_in import TOKEN, StandIn

KILLS = int(os.environ.get("SAFECONDUCT_KILLS", "13"))
KILLS_BACK = int(os.environ.get("SAFECONDUCT_KILLS_BACK", "3"))
SEED = int(os.environ.get("SAFECONDUCT_SEED") or time.time_ns() % 10**6)
STUCK = 60.0  # seconds
POSTS = 600
SLOW, QUICK = 0.3, 0.02  # seconds a post: slow while there is somebody left to kill, so that none comes too late


class Watch:
    """The longest time in which nothing happened outside, looked at from outside."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count, self._over = count, threading.Event()
        self.longest = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        last, since = self._count(), time.monotonic()
        while not self._over.wait(0.1):
            now = self._count()
            if now != last:
                last, since = now, time.monotonic()
            self.longest = max(self.longest, time.monotonic() - since)

    def end(self) -> float:
        self._over.set()
        self._thread.join()
        return self.longest


class Victims:
    """Everything that can be killed, and how it is started again."""

    def __init__(self, desk: Desk, workers: int, server: Server | None) -> None:
        self.desk, self.server = desk, server
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.running: dict[str, subprocess.Popen[bytes]] = {"web": desk.web(self.port)}
        self.started = 0
        self.struck: list[str] = []
        for number in range(workers):
            self.running[f"worker {number}"] = self._worker()

    def _worker(self) -> subprocess.Popen[bytes]:
        self.started += 1  # a new name each time: nobody recovers what was theirs by being called the same
        return self.desk.worker(f"worker-{self.started}")

    def strike(self, chance: random.Random) -> None:
        """Kill one at random and start it again, sometimes a little later."""
        name = chance.choice([*self.running, *(["database"] if self.server else [])])
        self.struck.append(name)
        if name == "database" and self.server:
            self.server.kill()
            time.sleep(chance.uniform(0, 1.5))
            self.server.again()
            return
        kill(self.running[name])
        time.sleep(chance.uniform(0, 1.5))
        self.running[name] = self.desk.web(self.port) if name == "web" else self._worker()

    def answers(self) -> bool:
        """Are the pages there (again)?"""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def told(self) -> str:
        """How often which was killed, whichever of the workers it was."""
        counts = Counter(name.partition(" ")[0] for name in self.struck)
        return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


@pytest.fixture(params=["sqlite", "postgres"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Desk, Server | None]]:
    with ExitStack() as stack:
        server = stack.enter_context(Server()) if request.param == "postgres" else None
        folder = tmp_path / "its-desk"
        folder.mkdir()
        made = Desk(folder, server.fresh("desk") if server else "")
        stack.callback(made.end)
        yield made, server


@pytest.mark.prove
@pytest.mark.parametrize("workers", [1, 3])
def test_killed_at_random_moments(
    desk: tuple[Desk, Server | None], workers: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, server = desk
    chance = random.Random(f"{SEED} {workers} {server is not None}")
    build(tmp_path / "alice.zip", posts=POSTS)
    with StandIn() as outside:
        pace = Pace(outside)
        place.make(tmp_path / "alice.zip", f"gotosocial:{outside.url}", TOKEN)
        place.start("apply")
        victims = Victims(place, workers, server)
        wait(lambda: len(outside.posts()) >= 5, 90, place.logs)
        stuck = [_struck(victims, chance, outside, pace, KILLS, "applied")]
        arrived, wanted = Counter(there(outside)), Counter(dates(place))
        pace.seconds = SLOW
        place.start("undo")
        stuck.append(_struck(victims, chance, outside, pace, KILLS_BACK, "undone"))
        wait(victims.answers, 60, place.logs)
        with capsys.disabled():
            print(
                f"\n{'PostgreSQL' if server else 'SQLite'}, web and {workers} worker(s), seed {SEED}: "
                f"{len(victims.struck)} kills ({victims.told()}); {wanted.total()} posts, "
                f"{(wanted - arrived).total()} lost, {(arrived - wanted).total()} twice, {len(outside.posts())} left "
                f"after the rollback; longest standstill {stuck[0]:.0f} s delivering, {stuck[1]:.0f} s taking back"
            )
        assert arrived == wanted, f"seed {SEED}, {victims.struck}"
        assert outside.posts() == []
        assert max(stuck) < STUCK, f"seed {SEED}, {victims.struck}"
        assert len(victims.struck) == KILLS + KILLS_BACK


class Pace:
    """How long the server outside needs for each post, there or away."""

    def __init__(self, outside: StandIn) -> None:
        self.seconds = SLOW
        outside.after = lambda count: time.sleep(self.seconds)
        outside.statuses = _Leaving(self)


class _Leaving(dict[str, Any]):
    """Posts, of which each needs its time to go as well."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace

    def pop(self, key: str, *otherwise: Any) -> Any:
        time.sleep(self._pace.seconds)
        return super().pop(key, *otherwise)


def _struck(victims: Victims, chance: random.Random, outside: StandIn, pace: Pace, kills: int, state: str) -> float:
    """Kill so often, then wait for the end; the longest standstill in seconds."""
    watch = Watch(lambda: len(outside.statuses))
    for _ in range(kills):
        time.sleep(chance.uniform(0.5, 5.0))
        assert place_state(victims.desk) != state, f"over before everything was killed: {victims.struck}"
        victims.strike(chance)
    pace.seconds = QUICK
    victims.desk.until(state, 300)
    return watch.end()


def place_state(desk: Desk) -> str:
    """Its state; while the database is away, the last that counts is that it is not finished."""
    try:
        return str(desk.arrival()["state"])
    except Exception:
        return "applying"
