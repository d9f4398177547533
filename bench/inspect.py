"""The whole of ``inspect`` beside a typed streaming pass over the same archive: ``python -m bench inspect``.

The typed pass opens the zip with our own archives, cuts the outbox into records and decodes of each the typed fields
that a reader needs; it notices nothing and keeps nothing.  The whole of inspect unzips, parses, asks 5,000 phrases,
500 patterns, 60,000 domains and all criteria that read text, decides and reports; media are not decoded.  Each runs
in a process of its own, pass after pass in turn; the best of three counts.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from bench import made
from safeconduct import flow
from safeconduct.archives import LIMITS, open_archive
from safeconduct.archives.json_window import Seams, Window
from safeconduct.home import Home
from safeconduct.policy import read_policy
from safeconduct.steps.report import inspection_report

RUNS = 3
TARGET, RATIO = 20_000, 10


class Note(msgspec.Struct):
    """What a reader needs of a note."""

    id: str = ""
    type: str = ""
    content: str = ""
    summary: str | None = None
    published: str = ""
    url: str | None = None
    inReplyTo: str | None = None
    sensitive: bool = False
    to: list[str] = []
    cc: list[str] = []
    tag: list[msgspec.Raw] = []
    attachment: list[msgspec.Raw] = []


class Create(msgspec.Struct):
    """One activity of an outbox."""

    id: str = ""
    type: str = ""
    actor: str = ""
    published: str = ""
    to: list[str] = []
    cc: list[str] = []
    object: Note | str = ""


def typed(path: Path) -> dict[str, Any]:
    """A streaming pass that decodes the typed fields of every post."""
    decode = msgspec.json.Decoder(Create).decode
    found = 0
    with open_archive(path) as opened, opened.open("outbox.json") as file:
        window, seams = Window(file, LIMITS), Seams(LIMITS)
        window.fill()
        window.at = window.data.index(b'"orderedItems":[') + 16
        while window.peek() != b"]":
            for raw in seams.cut(window):
                found += bool(decode(raw).id)
            before = window.value().raw
            found += bool(decode(before).id)
            if window.peek() == b",":
                window.at += 1
                seams.learn(before, b",", window)
    return {"items": found}


def untyped(path: Path) -> dict[str, Any]:
    """Our own reading alone: every field decoded, every oddity noticed, an item for every record."""
    return {"items": sum(1 for _ in flow.open_source(str(path)).read())}


def whole(path: Path, policy: Path, kept: Path | None = None) -> dict[str, Any]:
    """Everything; the seconds of getting ready (policy, automata) are part of it.  ``kept``: a home used before."""
    begun = time.process_time()
    chosen = [read_policy(policy)]
    ready = time.process_time() - begun
    with tempfile.TemporaryDirectory() as folder, Home(kept or Path(folder) / "home") as home:
        with flow.inspected(home, flow.open_source(str(path)), chosen, as_of=made.NOW, measure=False) as seen:
            report = inspection_report(seen)
        json.dumps(report)
    found = {one["criterion"]: one["count"] for one in report["findings"]}
    return {"items": report["items"], "decisions": report["decisions"], "findings": found, "policy": ready}


def measured(name: str, path: Path) -> dict[str, Any]:
    """One pass in a process of its own: what it counted, CPU and wall seconds after the imports, peak megabytes."""
    command = [sys.executable, "-m", "bench.inspect", name, str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def child(name: str, path: Path) -> None:
    """Do one pass and print what it cost."""
    cpu, wall = time.process_time(), time.monotonic()
    if name == "typed":
        result = typed(path)
    elif name == "untyped":
        result = untyped(path)
    else:
        kept = None if name == "whole" else made.folder() / "home"
        result = whole(path, made.policy(language=name == "language"), kept)
    result |= {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}
    result["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps(result))


def main(posts: int = 100_000) -> None:
    """Print the table."""
    path = made.archive(posts)
    made.policy(), made.policy(language=True)
    passes = {
        "typed": "typed streaming pass",
        "untyped": "our reading alone",
        "whole": "inspect, the first time",
        "again": "inspect, patterns kept",
        "language": "and languages",
    }
    best: dict[str, dict[str, Any]] = {}
    for _ in range(RUNS):
        for name in passes:
            one = measured(name, path)
            if name not in best or one["cpu"] < best[name]["cpu"]:
                best[name] = one
    floor = best["typed"]["cpu"]
    print(f"{posts:,} posts, {path.stat().st_size / 1e6:.0f} MB zipped; best of {RUNS} by CPU time, one process each")
    print(f"{'':24} {'CPU s':>8} {'wall s':>8} {'posts/s':>10} {'x typed':>8} {'peak MB':>8}")
    for name, title in passes.items():
        one = best[name]
        if one["items"] < posts:
            raise SystemExit(f"{title} lost posts: {one['items']} of {posts}")
        print(f"{title:24} {one['cpu']:8.2f} {one['wall']:8.2f} {posts / one['cpu']:10,.0f} "
              f"{one['cpu'] / floor:8.2f} {one['peak']:8.0f}")  # fmt: skip
    for name in ("whole", "again"):
        cpu = best[name]["cpu"]
        print(f"{passes[name]}: {cpu / floor:.1f} x the typed pass (at most {RATIO} is the aim), "
              f"{posts / cpu:,.0f} posts/s on one core (meant to reach {TARGET:,})")  # fmt: skip
    apart = best["language"]["cpu"] - best["again"]["cpu"]
    print(f"language identification apart: {apart:.2f} s, {apart / posts * 1e6:.0f} µs a post")
    print(f"decisions: {best['whole']['decisions']}; findings: {best['whole']['findings']}")


if __name__ == "__main__":
    child(sys.argv[1], Path(sys.argv[2]))
