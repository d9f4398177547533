"""The real program in a process of its own, with what it cost and what it left behind."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

PROGRAM = (sys.executable, "-m", "safeconduct")
PEAK_MB, SECONDS = 256, 10.0


class Ran(Struct, frozen=True):
    """What it said and cost, all its children included.

    ``seconds`` are of processor time, because this machine may be busy with others.  ``mb``: the most that all of them
    held at one moment, shared pages counted once.
    """

    code: int
    out: str
    err: str
    seconds: float
    mb: float


def run(*arguments: str | Path, folder: Path, env: Mapping[str, str] | None = None, limit: float = 120.0) -> Ran:
    """``safeconduct …`` in ``folder``."""
    before = _spent()
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)], cwd=folder, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    peak, done = [0.0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, done))
    watcher.start()
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    finally:
        done.set()
        watcher.join()
    return Ran(process.returncode, out.decode(), err.decode(), _spent() - before, peak[0])


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch(pid: int, peak: list[float], done: threading.Event) -> None:
    while not done.wait(0.03):
        peak[0] = max(peak[0], sum(map(_held, _family(pid))) / 1024)


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))
    except OSError:
        return


def _held(pid: int) -> int:
    """Kilobytes, each shared page divided among those who share it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def listing(folder: Path, but: Sequence[Path] = ()) -> dict[str, int]:
    """Every path below ``folder`` with its size, except below ``but``."""
    return {
        str(path.relative_to(folder)): path.lstat().st_size if path.is_file() else -1
        for path in sorted(folder.rglob("*"))
        if not any(path == other or other in path.parents for other in but)
    }


def plainly(ran: Ran) -> None:
    """Within its means, and no stack trace, whatever happened."""
    assert "Traceback" not in ran.err + ran.out, ran.err
    assert ran.code in (0, 1, 3), (ran.code, ran.err)
    assert ran.mb < PEAK_MB, f"{ran.mb:.0f} MB"
    assert ran.seconds < SECONDS, f"{ran.seconds:.1f} s"
    if ran.code == 3:
        said = ran.err.strip()
        assert ran.out == ""
        assert said.count("\n") == 0, said
        assert said.isprintable(), said
        assert said.endswith("."), said
