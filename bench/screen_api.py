"""``POST /api/v1/screen`` of a real desk beside the library's own speed: ``python -m bench screen_api``.

The desk is a process of its own, with its web server, its database and the policy of the other measurements (the preset
*careful*, 5,000 phrases, 500 patterns and 60,000 hosts).  1, 8 and 32 clients send the same posts, 2,000 in a request,
and read every answer; who finds all places taken asks again.  The library's own speed is that of the same lines and
the same policy in one process without a server.  Beside the wall clock stands the processor time of the desk's process:
the clients run on the same machine.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench import made

CLIENTS = (1, 8, 32)
REQUEST = 2000  # lines
RUNS = 2
HEAD = {"Content-Type": "application/x-ndjson"}


def written() -> str:
    """The policy of the other measurements, its lists in it."""
    path = made.policy()
    lists = {name: (path.parent / f"{name}.txt").read_text("utf-8").split("\n")[:-1]
             for name in ("phrases", "expressions", "hosts")}  # fmt: skip
    inline = "".join(f"{name} = {json.dumps(lines)}\n" for name, lines in lists.items())
    return f'name = "bench"\nbase = "careful"\n\n[lists]\n{inline}{made.RULE}'


def posts(count: int) -> list[bytes]:
    """The lines."""
    chance, encode = random.Random(7), msgspec.json.Encoder().encode
    words = made.vocabulary(chance)
    return [encode(made.post(chance, words, number, count)) for number in range(count)]


# --- the library alone ------------------------------------------------------------------------------------------


def library(path: Path) -> dict[str, float]:
    """The lines of a file, once with everything cold and then as a desk does it: compiled before."""
    from safeconduct.policy import parse_policy
    from safeconduct.steps.screen import Line, Stream, screen_for

    lines = [Line(line) for line in path.read_bytes().splitlines()]
    policy = parse_policy(written(), "bench.toml")
    screen = screen_for([policy], made.NOW)
    best = {"wall": float("inf"), "cpu": float("inf")}
    for _ in range(RUNS + 1):
        wall, cpu = time.monotonic(), time.process_time()
        for first in range(0, len(lines), REQUEST):
            with tempfile.TemporaryDirectory() as folder:
                stream = Stream([policy], Path(folder), made.NOW, made.ALICE)
                for at in range(first, min(first + REQUEST, len(lines)), 250):
                    stream.batch(screen, lines[at : min(at + 250, first + REQUEST)])
                for _answer in stream.finish(screen):
                    pass
                assert stream.whole
                stream.close()
        best["wall"] = min(best["wall"], time.monotonic() - wall)
        best["cpu"] = min(best["cpu"], time.process_time() - cpu)
    return best


# --- a desk -------------------------------------------------------------------------------------------------------


def prepare(folder: Path) -> str:
    """A community with the policy, and a moderator's token."""
    from safeconduct_desk.commands import ready

    ready(folder)
    from django.contrib.auth.models import User

    from safeconduct_desk import tokens
    from safeconduct_desk.models import Community, Member, PolicyVersion, Role

    Community.objects.create(name="Garden")
    member = Member.objects.create(user=User.objects.create_user("carol"), role=Role.MODERATOR)
    PolicyVersion.objects.create(name="bench", text=written(), digest="bench", state=PolicyVersion.State.LIVE)
    return tokens.make(member, "bench", ["screen"])[1]


@contextmanager
def desk(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """``safeconduct desk`` on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "safeconduct", "desk", "--no-worker", "--listen", f"127.0.0.1:{port}", "--home",
               str(folder)]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port, process
    finally:
        process.terminate()
        process.wait()


def ask(port: int, token: str, body: bytes, count: int, waits: list[int]) -> None:
    """One request, until it is taken; every line of the answer is read and the summary checked."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        connection.request(
            "POST", f"/api/v1/screen?actor={made.ALICE}", body, {**HEAD, "Authorization": f"Bearer {token}"}
        )
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status != 503:
            break
        waits.append(1)
        time.sleep(0.2)
    assert answer.status == 200, content[:500]
    lines = content.splitlines()
    summary = json.loads(lines[-1])["summary"]
    assert summary["complete"], summary
    assert summary["lines"] == count, summary


def spent(process: subprocess.Popen[bytes]) -> float:
    """Processor seconds of the desk so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def asked(port: int, token: str, bodies: list[tuple[bytes, int]], clients: int) -> int:
    """All requests, shared out among so many clients; how often one had to wait."""
    waiting, waits, lock, faults = list(bodies), list[int](), threading.Lock(), list[BaseException]()

    def work() -> None:
        try:
            while True:
                with lock:
                    if not waiting:
                        return
                    body, count = waiting.pop()
                ask(port, token, body, count, waits)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return len(waits)


def main(posts: int = 100_000) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = _lines(folder / "posts.ndjson", posts)
        alone: dict[str, float] = _child("library", folder / "posts.ndjson")
        token = _child("prepare", folder / "desk")["token"]
        bodies = [(b"\n".join(lines[at : at + REQUEST]), len(lines[at : at + REQUEST]))
                  for at in range(0, len(lines), REQUEST)]  # fmt: skip
        own = posts / alone["wall"]
        print(f"{posts:,} posts, {REQUEST:,} in a request, {os.cpu_count()} processors; best of {RUNS}")
        print(f"{'':24} {'wall s':>8} {'posts/s':>10} {'share':>7} {'CPU s':>8} {'share':>7} {'waited':>7}")
        print(f"{'library, one process':24} {alone['wall']:8.2f} {own:10,.0f} {1:7.0%} {alone['cpu']:8.2f} {1:7.0%}")
        with desk(folder / "desk") as (port, process):
            asked(port, token, bodies[:4], 2)  # the patterns are compiled once
            for clients in CLIENTS:
                wall, cpu, waits = _best(port, process, token, bodies, clients)
                print(f"{clients:3} client{'s' if clients > 1 else ' ':17} {wall:8.2f} {posts / wall:10,.0f} "
                      f"{posts / wall / own:7.0%} {cpu:8.2f} {alone['cpu'] / cpu:7.0%} {waits:7,}")  # fmt: skip


def _best(
    port: int, process: subprocess.Popen[bytes], token: str, bodies: list[tuple[bytes, int]], clients: int
) -> tuple[float, float, int]:
    found = []
    for _ in range(RUNS):
        wall, cpu = time.monotonic(), spent(process)
        waits = asked(port, token, bodies, clients)
        found.append((time.monotonic() - wall, spent(process) - cpu, waits))
    return min(found)


def _lines(path: Path, count: int) -> list[bytes]:
    lines = posts(count)
    path.write_bytes(b"\n".join(lines))
    return lines


def _child(name: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.screen_api", name, str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    place = Path(sys.argv[2])
    print(json.dumps(library(place) if sys.argv[1] == "library" else {"token": prepare(place)}))
