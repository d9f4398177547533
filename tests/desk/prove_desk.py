"""A desk of its own, in processes that can be killed: made, asked and looked at from outside.

``python -m tests.desk.prove_desk make FOLDER ARCHIVE DESTINATION TOKEN`` and ``… start FOLDER VERB`` are the two things
that need Django; everything else is read from the database, as another program would.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

REPOSITORY = Path(__file__).parents[2]


class Desk:
    """One desk in ``folder``; its database a file there, or at ``database``."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder = folder
        self.database = database
        self.workers: list[subprocess.Popen[bytes]] = []
        self._env = {key: value for key, value in os.environ.items() if not key.startswith("SAFECONDUCT_DESK")}
        self._env |= {"SAFECONDUCT_DESK": str(folder), "DJANGO_SETTINGS_MODULE": "safeconduct_desk.settings"}
        if database:
            self._env["SAFECONDUCT_DESK_DATABASE"] = database

    def make(self, archive: Path, destination: str, token: str = "", soft_days: int = 0) -> None:
        """Set up, take the archive in, read it; every group is left as the policy says."""
        self._run("make", str(archive), destination, token, str(soft_days))

    def start(self, verb: str) -> None:
        """Ask for it, as a page does; a worker will do it."""
        self._run("start", verb)

    def _run(self, *words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tests.desk.prove_desk", *words], env=self._env, cwd=REPOSITORY, check=False,
            capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        """One more worker, in a process of its own."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "safeconduct", "worker", "--name", name], env=self._env, cwd=REPOSITORY,
                stdout=log, stderr=log,
            )  # fmt: skip
        self.workers.append(process)
        return process

    def web(self, port: int) -> subprocess.Popen[bytes]:
        """The pages, with a worker in the same process."""
        with (self.folder / "web.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "safeconduct", "desk", "--listen", f"127.0.0.1:{port}"], env=self._env,
                cwd=REPOSITORY, stdout=log, stderr=log,
            )  # fmt: skip
        self.workers.append(process)
        return process

    def arrival(self) -> dict[str, Any]:
        """What the database says of the one arrival."""
        row = self.query("SELECT state, problem, transfer, outcome, progress FROM desk_arrival")[0]
        outcome, progress = (one if isinstance(one, dict) else json.loads(one) for one in row[3:])
        return {"state": row[0], "problem": row[1], "transfer": row[2], "outcome": outcome, "progress": progress}

    def query(self, sql: str) -> list[Any]:
        if self.database:
            with psycopg.connect(self.database) as connection:
                return connection.execute(sql.encode()).fetchall()
        with closing(sqlite3.connect(self.folder / "desk.db", timeout=30)) as file:
            return file.execute(sql).fetchall()

    def logs(self) -> str:
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in sorted(self.folder.glob("*.log")))

    def until(self, state: str, seconds: float) -> float:
        """Seconds until the arrival is in this state."""
        began = time.monotonic()
        wait(lambda: self.arrival()["state"] == state, seconds, lambda: f"{self.arrival()}\n{self.logs()}")
        return time.monotonic() - began

    def end(self) -> None:
        for process in self.workers:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """``kill -9``: nothing is tidied up."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()


def wait(condition: Callable[[], bool], seconds: float, said: Callable[[], str]) -> None:
    """Until it is so; a database that is just being started again is no answer."""
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (psycopg.OperationalError, sqlite3.OperationalError):
            pass
        assert time.monotonic() < end, said()
        time.sleep(0.05)


def _make(archive: str, destination: str, token: str, soft_days: str) -> None:
    import shutil

    from django.contrib.auth.models import User
    from django.utils import timezone

    from safeconduct.policy import preset_files, read_policy
    from safeconduct_desk import screening
    from safeconduct_desk.custody import sealed
    from safeconduct_desk.models import Arrival, Community, PolicyVersion
    from safeconduct_desk.store import files

    Community.objects.create(
        name="Garden", destination=destination, loopback=True, token=sealed(token) if token else b""
    )
    PolicyVersion.objects.create(
        name="open", text=preset_files()["open"].read_text(encoding="utf-8"), digest=read_policy("open").digest,
        state=PolicyVersion.State.LIVE, lived=timezone.now(),
    )  # fmt: skip
    alice = User.objects.create_user("alice", password="correct horse battery staple")
    arrival = Arrival.objects.create(
        person=alice, filename="alice.zip", state=Arrival.State.RECEIVED, soft_days=int(soft_days),
        choices={"followers": True},
    )  # fmt: skip
    shutil.copy(archive, files().path(arrival, "archive"))
    files().keep(arrival, "archive")
    screening.read(arrival)
    arrival.refresh_from_db()
    screening.ready(arrival)


def _start(verb: str) -> None:
    from safeconduct_desk import jobs
    from safeconduct_desk.models import Arrival

    jobs.start(verb, Arrival.objects.get())


if __name__ == "__main__":
    from safeconduct_desk.commands import ready

    ready(None)
    VERBS: dict[str, Callable[..., None]] = {"make": _make, "start": _start}
    VERBS[sys.argv[1]](*sys.argv[2:])
