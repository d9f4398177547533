"""The laws of the desk's files, on a folder and on an S3-compatible store (moto's server, which is not Amazon's)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from safeconduct_desk.models import Arrival
from safeconduct_desk.store import Bucket, Files, Folder

Machine = Callable[[str], Files]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of a running moto server with one bucket, or of the server that ``SAFECONDUCT_S3`` names."""
    if address := os.environ.get("SAFECONDUCT_S3", ""):
        _bucket(address)
        yield address
        return
    if find_spec("moto") is None:
        pytest.skip("moto is not installed here (pip install 'moto[server]'): no S3-compatible server to try")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _until_it_answers(address)
        _bucket(address)
        yield address
    finally:
        process.kill()
        process.wait()


def _bucket(address: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{address}/garden", method="PUT"), timeout=10).close()


def _until_it_answers(address: str) -> None:
    for _ in range(150):
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("moto did not start")


@pytest.fixture(params=["folder", "moto"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Makes the store as one machine sees it; the folder is one that machines share."""
    if request.param == "folder":
        return lambda name: Folder(tmp_path / "shared")
    address = request.getfixturevalue("moto")
    for name, value in (("ENDPOINT_URL", address), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"),
                        ("REGION", "us-east-1")):  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    return lambda name: Bucket(f"s3://garden/{os.path.basename(tmp_path)}", tmp_path / name)


def put(files: Files, arrival: Arrival, name: str, data: bytes) -> None:
    files.path(arrival, name).write_bytes(data)
    files.keep(arrival, name)


def test_what_was_kept_is_fetched_on_another_machine(machine: Machine) -> None:
    arrival, data = Arrival(), os.urandom(3 << 20)
    put(machine("one"), arrival, "archive", data)
    assert machine("two").fetch(arrival, "archive").read_bytes() == data


def test_what_was_never_kept_is_not_there(machine: Machine) -> None:
    with pytest.raises(FileNotFoundError):
        machine("one").fetch(Arrival(), "archive")


def test_what_was_kept_again_is_new_everywhere(machine: Machine) -> None:
    arrival = Arrival()
    put(machine("one"), arrival, "plan.jsonl", b"old")
    assert machine("two").fetch(arrival, "plan.jsonl").read_bytes() == b"old"
    put(machine("one"), arrival, "plan.jsonl", b"new")
    assert machine("two").fetch(arrival, "plan.jsonl").read_bytes() == b"new"


def test_a_copy_that_was_lost_is_fetched_again(machine: Machine, tmp_path: Path) -> None:
    arrival = Arrival()
    put(machine("one"), arrival, "archive", b"bytes")
    path = machine("two").fetch(arrival, "archive")
    if "two" in path.parts:
        shutil.rmtree(path.parent)
    assert machine("two").fetch(arrival, "archive").read_bytes() == b"bytes"


def test_what_was_dropped_is_gone_everywhere(machine: Machine) -> None:
    arrival = Arrival()
    put(machine("one"), arrival, "plan.jsonl", b"plan")
    machine("two").fetch(arrival, "plan.jsonl")
    machine("one").drop(arrival, "plan.jsonl")
    machine("one").drop(arrival, "plan.jsonl")
    with pytest.raises(FileNotFoundError):
        machine("two").fetch(arrival, "plan.jsonl")


def test_forgetting_takes_everything_of_one_arrival_except_legal_holds(machine: Machine) -> None:
    one, other = Arrival(), Arrival()
    for arrival, name in ((one, "archive"), (one, "plan.jsonl"), (one, "hold-1"), (other, "archive")):
        put(machine("one"), arrival, name, name.encode())
    machine("one").forget(one)
    machine("one").forget(one)
    for name in ("archive", "plan.jsonl"):
        with pytest.raises(FileNotFoundError):
            machine("two").fetch(one, name)
    assert machine("two").fetch(one, "hold-1").read_bytes() == b"hold-1"
    assert machine("two").fetch(other, "archive").read_bytes() == b"archive"
