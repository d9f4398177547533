"""A real PostgreSQL for tests: a server of our own in a temporary folder, on a socket nobody else knows.

``pytest -p tests.desk.postgres`` runs tests of the desk on the server that ``SAFECONDUCT_DESK_DATABASE`` names: the
core's tables are fresh for each test, because each test has a folder, and so a key, of its own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
import pytest

PLACES = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/local/bin"), Path("/usr/bin"))


def tools() -> Path | None:
    """The folder with PostgreSQL's programs, if it is installed."""
    return next((place for place in PLACES if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


class Server:
    """Starts, stops, and is killed.  It will not run as root, so root lends it the user ``postgres`` or ``nobody``."""

    def __init__(self) -> None:
        found = tools()
        if found is None:
            pytest.skip("PostgreSQL is not installed here (apt-get install postgresql): nothing to run these on")
        self._tools = found
        self._as: list[str] = []

    def __enter__(self) -> Server:
        # A socket's path may have about 100 characters, so not in pytest's own folders.
        self.folder = Path(tempfile.mkdtemp(prefix="sc-pg-", dir="/tmp"))
        if os.getuid() == 0:
            user = next(one for one in pwd.getpwall() if one.pw_name in ("postgres", "nobody"))
            user = next((one for one in pwd.getpwall() if one.pw_name == "postgres"), user)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = ["runuser", "-u", user.pw_name, "--"]
        self._run("initdb", "-D", self._data, "-U", "desk", "--auth=trust", "--encoding=UTF8", "--locale=C", "-N")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run([*self._as, str(self._tools / "pg_ctl"), "-D", self._data, "stop", "-m", "immediate"],
                       check=False, capture_output=True, cwd="/")  # fmt: skip
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._as, str(self._tools / program), *arguments], capture_output=True, text=True, cwd="/", check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c max_connections=60 -c shared_buffers=32MB"
        self._run("pg_ctl", "-D", self._data, "-l", str(self.folder / "log"), "-o", options, "-w", "start")

    def kill(self) -> None:
        """``kill -9`` of the postmaster; its children notice and end."""
        process = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(process, 9)
        while Path(f"/proc/{process}").exists():
            time.sleep(0.02)

    def again(self) -> None:
        """Start after a kill: the children may need a moment to go."""
        for _ in range(50):
            try:
                self.start()
            except AssertionError:
                time.sleep(0.2)
            else:
                return
        self.start()

    def fresh(self, name: str) -> str:
        """A new, empty database; its address."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.address(name)

    def address(self, name: str) -> str:
        return f"postgresql://desk@/{name}?host={self.folder}"


@contextmanager
def server() -> Iterator[Server]:
    """One, gone afterwards."""
    with Server() as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh_core(request: pytest.FixtureRequest) -> Iterator[None]:
    """Only where this file is a plug-in: the tables that an earlier test's key began are gone."""
    yield
    if os.environ.get("SAFECONDUCT_DESK_DATABASE", "").startswith("postgresql"):
        blocker: Any = request.getfixturevalue("django_db_blocker")
        with blocker.unblock():
            from django.db import connection

            if connection.vendor == "postgresql" and connection.settings_dict["NAME"].startswith("test_"):
                from safeconduct_desk.custody import database

                with psycopg.connect(database(), autocommit=True) as own:
                    own.execute("DROP SCHEMA IF EXISTS safeconduct CASCADE")
