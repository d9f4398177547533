"""``kill -9`` of web, worker and database at random moments, 50 times: nothing lost, nothing twice, nothing stuck.

Run by ``make prove``; ``SAFECONDUCT_SEED`` repeats a run, ``SAFECONDUCT_KILLS`` is how often each of the four kills.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from safeconduct.sample import build
from tests.desk.postgres import Server
from tests.desk.prove_desk import Desk, kill, wait
from tests.desk.test_jobs import dates, there
from tests.journeys.stand_in import TOKEN, StandIn

KILLS = int(os.environ.get("SAFECONDUCT_KILLS", "13"))
SEED = int(os.environ.get("SAFECONDUCT_SEED") or time.time_ns() % 10**6)
STUCK = 60.0  # seconds


class Watch:
    """The longest time in which nothing happened outside, looked at from outside."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count, self._over = count, threading.Event()
        self.longest = 0.0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        last, since = self._count(), time.monotonic()
        while not self._over.wait(0.1):
            now = self._count()
            if now != last:
                last, since = now, time.monotonic()
            self.longest = max(self.longest, time.monotonic() - since)

    def end(self) -> float:
        self._over.set()
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
        for number in range(workers):
            self.running[f"worker {number}"] = self._worker()

    def _worker(self) -> subprocess.Popen[bytes]:
        self.started += 1  # a new name each time: nobody recovers what was theirs by being called the same
        return self.desk.worker(f"worker-{self.started}")

    def strike(self, chance: random.Random) -> str:
        """Kill one at random and start it again, sometimes a little later."""
        names = [*self.running, *(["database"] if self.server else [])]
        name = chance.choice(names)
        if name == "database" and self.server:
            self.server.kill()
            time.sleep(chance.uniform(0, 1.5))
            self.server.again()
            return name
        kill(self.running[name])
        time.sleep(chance.uniform(0, 1.5))
        self.running[name] = self.desk.web(self.port) if name == "web" else self._worker()
        return name


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
def test_killed_at_random_moments(desk: tuple[Desk, Server | None], workers: int, tmp_path: Path) -> None:
    place, server = desk
    chance = random.Random(f"{SEED} {workers} {server is not None}")
    build(tmp_path / "alice.zip", posts=900)
    with StandIn() as outside:
        outside.after = lambda count: time.sleep(0.1)
        place.make(tmp_path / "alice.zip", f"gotosocial:{outside.url}", TOKEN)
        place.start("apply")
        victims = Victims(place, workers, server)
        wait(lambda: len(outside.posts()) >= 5, 90, place.logs)
        watch, struck = Watch(lambda: len(outside.posts())), list[str]()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.5, 5.0))
            if place_state(place) != "applying":
                break
            struck.append(victims.strike(chance))
        took = place.until("applied", 300)
        stuck = watch.end()
        print(f"seed {SEED}: {struck}; finished {took:.0f} s after the last; longest pause {stuck:.1f} s")
        assert there(outside) == dates(place), f"seed {SEED}, {struck}"
        assert stuck < STUCK, f"seed {SEED}, {struck}"
        assert len(struck) == KILLS, "it was finished before everything was killed: build a longer archive"
        place.start("undo")
        for _ in range(3):
            time.sleep(chance.uniform(0.5, 2.0))
            victims.strike(chance)
        place.until("undone", 240)
        assert outside.posts() == []


def place_state(desk: Desk) -> str:
    """Its state; while the database is away, the last that counts is that it is not finished."""
    try:
        return str(desk.arrival()["state"])
    except Exception:
        return "applying"
