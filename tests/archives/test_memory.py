"""Whatever is thrown at it, reading stays under 256 MB; measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures import hostile
from tests.fixtures.hostile import Entry, build, outbox

ROOT = Path(__file__).resolve().parents[2]
READ = """
import resource, sys
from pathlib import Path
from safeconduct.archives import Collection, load, open_archive
from safeconduct.errors import ArchiveError

def peak():
    # ru_maxrss would also count the process that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

said = "read"
try:
    with open_archive(Path(sys.argv[1]), folder=Path(sys.argv[2])) as archive:
        for name in list(archive.members)[:500]:
            for read in (lambda f: sum(1 for _ in Collection(f)), load):
                with archive.open(name) as file:
                    try:
                        read(file)
                    except ArchiveError as error:
                        said = error.code
except ArchiveError as error:
    said = error.code
print(said, peak() // 1024)
"""


def nested_objects() -> bytes:
    """A list of a million empty objects in one record: sixty bytes each in memory."""
    return build([Entry(b"outbox.json", outbox(b"[" + b"{}," * 450_000 + b"{}]"), hostile.STORED)])


def wide_text() -> bytes:
    """One character outside the first plane makes every other one four bytes wide."""
    text = '"' + "x" * (15 << 20) + "\U0001f600\\ud800" + '"'
    return build([Entry(b"outbox.json", text.encode(), hostile.STORED)])


def large_record() -> bytes:
    """A record of 60 MB of opening brackets in a string, and one of escapes."""
    big = b'{"a":"' + b"[{" * (15 << 20) + b'","b":"' + b'\\"' * (15 << 20) + b'"}'
    return build([Entry(b"outbox.json", outbox(b"1", big, b"2"), hostile.STORED)])


def many_posts() -> bytes:
    """A collection of 120 MB."""
    post = b'{"id":"https://old.example/1","content":"' + b"word " * 500 + b'"}'
    return build([Entry(b"outbox.json", outbox(*[post] * 48_000), hostile.STORED)])


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "overlapping": hostile.ZIPS["overlapping"],
    "quoted overlap": hostile.ZIPS["quoted overlap"],
    "ratio": hostile.ZIPS["ratio"],
    "absurd count": hostile.ZIPS["absurd count"],
    "pax enormous": hostile.TARS["pax enormous"],
    **{name: hostile.PACKED[name] for name in ("gzip bomb", "xz bomb", "zstd bomb", "xz memory", "zstd memory")},
    "many members": (lambda: hostile.many(65_000), "json"),
    "nested objects": (nested_objects, "read"),
    "wide text": (wide_text, "json"),
    "large record": (large_record, "json"),
    "many posts": (many_posts, "json"),
}


@pytest.mark.parametrize(("name", "make", "code"), [(name, *case) for name, case in CASES.items()], ids=list(CASES))
def test_memory_stays_bounded(name: str, make: Callable[[], bytes], code: str, tmp_path: Path) -> None:
    path, spool = tmp_path / "archive", tmp_path / "spool"
    path.write_bytes(make())
    spool.mkdir()
    before = sorted(tmp_path.rglob("*"))
    command = [sys.executable, "-c", READ, str(path), str(spool)]
    environment = {"PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(tmp_path / "forbidden")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said, megabytes = done.stdout.split()
    assert said == code
    assert int(megabytes) < 256
    assert sorted(tmp_path.rglob("*")) == before
