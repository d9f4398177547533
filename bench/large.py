"""One large import through a real desk: ``python -m bench large [--posts N]`` (2,000; the claim is about 100,000).

A desk on SQLite with ``safeconduct worker`` as a process of its own.  Measured: the report ready; one decision over a
group, from the press to the page that shows it; the delivery to a site; and how long, once it is taken back, until
somebody outside without any right there gets none of its pages any more over HTTP.
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import made

HIDDEN = 60.0  # seconds
POLICY = """name = "large"
base = "open"

[[rule]]
id = "pictures"
when = "image"
then = "quarantine"
breaker = 1.0
because = "For the measurement."
"""


def main(posts: int = 2000) -> None:
    """Print what was measured; exit 1 where a limit was passed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.setdefault("SAFECONDUCT_DESK", str(folder / "desk"))
        from safeconduct_desk.commands import ready

        ready(folder / "desk")
        with _worker(folder / "desk"):
            late = _measured(posts, folder)
    if late:
        raise SystemExit(f"rollback-to-hidden took {late:.1f} s, more than {HIDDEN:.0f}")


def _measured(posts: int, folder: Path) -> float:
    from safeconduct_desk import jobs

    arrival, client = _offered(made.archive(posts), f"site:{folder / 'public' / 'alice'}")
    began = time.perf_counter()
    jobs.start("screen", arrival)
    _until(arrival, "waiting")
    print(f"{posts:,} posts: report ready in {time.perf_counter() - began:.1f} s")
    group = arrival.groups.order_by("-count").first()
    page = f"/arrivals/{arrival.name}/groups/{group.pk}/"
    began = time.perf_counter()
    answer = client.post(f"{page}decide/", {"action": "accept", "because": "For the measurement."}, follow=True)
    shown = time.perf_counter() - began
    group.refresh_from_db()
    assert answer.status_code == 200, answer.content[:500]
    assert group.action == "accept", answer.content[:2000]
    print(f"one decision over {group.count:,} items, from the press to the next page: {shown:.2f} s")
    return _there_and_back(arrival, folder / "public")


def _there_and_back(arrival: Any, public: Path) -> float:
    """Deliver to the site, hide it again; seconds until an outside reader gets nothing."""
    from safeconduct_desk import delivering, jobs, models

    public.mkdir()
    models.Arrival.objects.filter(pk=arrival.pk).update(state="applying")
    began = time.perf_counter()
    jobs.start("apply", arrival)
    _until(arrival, "applied")
    count = delivering.there(arrival)
    print(f"{count:,} items delivered in {time.perf_counter() - began:.1f} s")
    with _served(public) as url:
        pages = [path.relative_to(public).as_posix() for path in public.rglob("*.html")]
        assert pages
        assert all(_readable(f"{url}/{page}") for page in pages)
        began = time.perf_counter()
        jobs.start("undo", arrival)
        _wait(lambda: not any(_readable(f"{url}/{page}") for page in pages), lambda: "still in sight", 900)
        hidden = time.perf_counter() - began
    print(f"out of sight of an outside reader ({len(pages):,} pages asked for): {hidden:.1f} s, limit {HIDDEN:.0f}")
    _until(arrival, "undone")
    print(f"all of it taken back: {time.perf_counter() - began:.1f} s")
    return hidden if hidden > HIDDEN else 0.0


def _offered(archive: Path, destination: str) -> tuple[Any, Any]:
    """A community, its policy, Carol who decides and Alice who moves here with this archive."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client
    from django.utils import timezone

    from safeconduct.policy import parse_policy
    from safeconduct_desk.models import Arrival, Community, Member, PolicyVersion, Role
    from safeconduct_desk.store import files

    settings.ALLOWED_HOSTS = ["*"]
    Community.objects.create(name="Garden", destination=destination)
    PolicyVersion.objects.create(name="large", text=POLICY, digest=parse_policy(POLICY).digest, lived=timezone.now(),
                                 state=PolicyVersion.State.LIVE)  # fmt: skip
    carol = User.objects.create_user("carol", last_login=timezone.now())
    Member.objects.create(user=carol, role=Role.MODERATOR)
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(carol)
    arrival = Arrival.objects.create(person=User.objects.create_user("alice"), filename="alice.zip",
                                     state=Arrival.State.RECEIVED)  # fmt: skip
    shutil.copy(archive, files().path(arrival, "archive"))
    files().keep(arrival, "archive")
    return arrival, client


@contextmanager
def _worker(folder: Path) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "safeconduct", "worker", "--home", str(folder)],
                               stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _readable(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.read())
    except urllib.error.HTTPError:
        return False


def _until(arrival: Any, state: str) -> None:
    def so() -> bool:
        arrival.refresh_from_db()
        return bool(arrival.state == state)

    _wait(so, lambda: f"{arrival.state}: {arrival.problem}", 3600, lambda: arrival.state == "broken")


def _wait(
    so: Callable[[], bool], said: Callable[[], str], seconds: float, over: Callable[[], bool] = lambda: False
) -> None:
    end = time.monotonic() + seconds
    while not so():
        if over() or time.monotonic() > end:
            raise SystemExit(said())
        time.sleep(0.1)
