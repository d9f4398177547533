"""A backup is whole, whatever the desk does meanwhile; the desk that is made of it goes on: it finds and takes back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from safeconduct.errors import CustodyError
from safeconduct.home import Home
from safeconduct.sample import build
from safeconduct.steps.trace import Query, trace
from safeconduct_desk import copies
from tests.desk.postgres import Server
from tests.desk.prove_desk import Desk

PATIENCE = 120


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("alice") / "alice.zip"
    build(path, posts=130)
    return path


def applied(desk: Desk, archive: Path, place: Path) -> Desk:
    """The desk, once a worker has delivered this archive into a container and is gone."""
    desk.make(archive, f"container:{place / 'there.tar'}")
    worked(desk, "apply", "applied")
    return desk


def worked(desk: Desk, verb: str, state: str) -> None:
    """A worker does this, and is gone."""
    desk.start(verb)
    desk.worker(verb)
    try:
        desk.until(state, PATIENCE)
    finally:
        desk.end()


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory, alice: Path) -> Desk:
    """A desk that delivered Alice's import into a container.  Tests look, and never change it."""
    place = tmp_path_factory.mktemp("delivered")
    return applied(Desk(place / "desk"), alice, place)


@pytest.fixture(scope="module")
def backup(delivered: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("backup") / "desk.tar"
    report = copies.keep(delivered.folder, target)
    assert (len(report["checked"]), report["wrong"]) == (1, [])
    return target


def test_it_holds_the_key_and_only_its_owner_reads_it(backup: Path) -> None:
    with tarfile.open(backup) as tar:
        names = tar.getnames()
    assert {"home/key", "secret", "desk.db", "work.db", "home/safeconduct.db"} <= set(names)
    assert len(names) == len(set(names))
    assert not [name for name in names if name.endswith(("-wal", "-shm")) or "work" in name.split("/")]
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]


def test_the_restored_desk_traces_and_takes_back(backup: Path, delivered: Desk, tmp_path: Path) -> None:
    kept = shutil.copy(delivered.folder.parent / "there.tar", tmp_path / "there.tar")
    restored = Desk(tmp_path / "made")
    report = copies.restore(backup, restored.folder)
    assert (len(report["checked"]), report["wrong"]) == (1, [])
    assert stat.S_IMODE(restored.folder.stat().st_mode) == 0o700
    assert [p for p in restored.folder.rglob("*") if p.is_file() and p.stat().st_mode & 0o077] == []
    there = f"container:{delivered.folder.parent / 'there.tar'}"
    with Home(restored.folder / "home") as opened:
        states = {one.state for one in trace(opened, Query(thing="alice@old.example"))}
    assert "delivered" in states
    try:
        worked(restored, "undo", "undone")
        assert restored.arrival()["outcome"]["rollback"]["undone"] > 100, there
    finally:
        shutil.copy(kept, delivered.folder.parent / "there.tar")


def test_it_is_whole_while_somebody_writes(delivered: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    shutil.copytree(delivered.folder, folder)
    done, begun, count = threading.Event(), threading.Event(), 0

    def write() -> None:
        nonlocal count
        with closing(sqlite3.connect(folder / "desk.db", timeout=30, isolation_level=None)) as file:
            file.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
            begun.set()
            while not done.is_set():
                file.execute("BEGIN IMMEDIATE")
                file.execute("INSERT INTO pairs VALUES (1, 0)")
                file.execute("UPDATE pairs SET b = 1 WHERE b = 0")
                file.execute("COMMIT")
                count += 1

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(PATIENCE)
    try:
        copies.keep(folder, tmp_path / "desk.tar")
    finally:
        done.set()
        writer.join()
    assert count
    copies.restore(tmp_path / "desk.tar", tmp_path / "again")
    with closing(sqlite3.connect(tmp_path / "again" / "desk.db")) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert file.execute("SELECT count(*) FROM pairs WHERE b = 0").fetchone() == (0,)


def test_nothing_is_written_over(backup: Path, delivered: Desk, tmp_path: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(CustodyError, match="never written over"):
        copies.keep(delivered.folder, backup)
    assert backup.read_bytes() == before
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("work of somebody")
    with pytest.raises(CustodyError, match="not empty"):
        copies.restore(backup, full)
    assert [path.name for path in full.iterdir()] == ["mine"]


@pytest.mark.parametrize("what", ["cut short", "one bit", "not ours", "no key"])
def test_a_damaged_backup_makes_no_desk(what: str, backup: Path, tmp_path: Path) -> None:
    data, bad = backup.read_bytes(), tmp_path / "bad.tar"
    if what == "cut short":
        data = data[: len(data) // 2]
    elif what == "one bit":
        with tarfile.open(backup) as tar:
            at = tar.getmember("desk.db").offset_data + 5000
        data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    elif what == "not ours":
        data = b"\0" * 10240
    else:
        data = data.replace(b"home/key\0", b"home/kex\0")
    bad.write_bytes(data)
    with pytest.raises(CustodyError):
        copies.restore(bad, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_name_that_leads_out_of_the_folder_is_refused(backup: Path, tmp_path: Path) -> None:
    data = backup.read_bytes().replace(b"home/key\0", b"../okey\0\0")
    (tmp_path / "bad.tar").write_bytes(_summed(data))
    with pytest.raises(CustodyError):
        copies.restore(tmp_path / "bad.tar", tmp_path / "made")
    assert not (tmp_path / "okey").exists()


def _summed(data: bytes) -> bytes:
    """With the header's checksum right again: only the name can be what is wrong."""
    at = data.index(b"../okey\0")
    header = data[at : at + 148] + b" " * 8 + data[at + 156 : at + 512]
    return data[: at + 148] + b"%06o\0 " % sum(header) + data[at + 156 :]


def test_a_changed_journal_is_said(delivered: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    shutil.copytree(delivered.folder, folder)
    with closing(sqlite3.connect(folder / "home" / "safeconduct.db")) as file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f"DROP TRIGGER {name}")
        file.execute("DELETE FROM entries WHERE transfer <> '' AND seq = 5")
        file.commit()
    report = copies.keep(folder, tmp_path / "desk.tar")
    assert report["wrong"]
    assert (tmp_path / "desk.tar").exists(), "what is left is kept all the same"


def test_the_commands_say_what_they_did(delivered: Desk, tmp_path: Path) -> None:
    target, again = tmp_path / "desk.tar", tmp_path / "again"
    made = told("backup", str(target), "--home", str(delivered.folder))
    assert made.returncode == 0, made.stderr
    assert "whoever has this file can read everything" in made.stdout
    back = told("restore", str(target), "--home", str(again))
    assert back.returncode == 0, back.stderr
    assert "checked: transfer" in back.stdout
    nothing = told("backup", str(tmp_path / "other.tar"), "--home", str(tmp_path / "nowhere"))
    assert nothing.returncode == 1
    assert "There is no desk in" in nothing.stderr
    assert not (tmp_path / "nowhere").exists()


def told(*words: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("SAFECONDUCT_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "-m", "safeconduct", *words], env=env, capture_output=True, text=True, timeout=120
    )


def test_on_postgresql_too(alice: Path, tmp_path: Path) -> None:
    if shutil.which("pg_dump") is None:
        pytest.skip("pg_dump is not installed here (apt-get install postgresql-client)")
    with Server() as server:
        desk = applied(Desk(tmp_path / "made", server.fresh("first")), alice, tmp_path)
        assert copies.keep(desk.folder, tmp_path / "desk.tar", desk.database)["wrong"] == []
        with pytest.raises(CustodyError, match="Name an empty database"):
            copies.restore(tmp_path / "desk.tar", tmp_path / "again")
        again = Desk(tmp_path / "again", server.fresh("second"))
        report = copies.restore(tmp_path / "desk.tar", again.folder, again.database)
        assert (len(report["checked"]), report["wrong"]) == (1, [])
        assert again.arrival()["state"] == "applied"
        worked(again, "undo", "undone")
