"""What the computer itself can do to a copy: no room, no right to write, killed at any moment, a file that is none."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from safeconduct import flow
from safeconduct.contracts import Source, Terms
from safeconduct.destinations.nowhere import Nowhere
from safeconduct.errors import Busy, CustodyError, DeliveryError, SourceError
from safeconduct.home import Home
from safeconduct.model import Choices, Item, Receipt, Shaped
from safeconduct.policy import read_policy
from safeconduct.steps.copy import lease_of
from safeconduct.steps.verify import verify
from tests.fixtures.worlds import archive
from tests.hostile.gauge import run
from tests.hostile.test_plans import NOW, note

DOOMED = """
import os, signal, sys
from safeconduct.cli import main
from safeconduct.journals.sqlite import Sqlite
from safeconduct.destinations import container, site
left = int(sys.argv.pop(1))
def doomed(plain):
    def call(*given, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(*given, **named)
    return call
Sqlite.record = doomed(Sqlite.record)
for place in (site.Site, container.Container):
    place.deliver, place.undo, place.finish = map(doomed, (place.deliver, place.undo, place.finish))
main()
"""


def doomed(after: int, *arguments: str | Path, folder: Path) -> int:
    """The real program, killed (-9) when it records, delivers, takes back or finishes for the so manieth time."""
    command = [sys.executable, "-c", DOOMED, str(after), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=120).returncode


@pytest.fixture
def world(tmp_path: Path) -> Path:
    posts = [note(number) for number in range(1, 6)]
    posts[3]["object"]["inReplyTo"] = posts[1]["object"]["id"]
    return archive(tmp_path / "archive", posts, blocked_accounts="dave@there.example\n")


PLACES = {"site": "site:out", "container": "container:out.tar"}


def there(folder: Path, place: str) -> Any:
    """What is at the destination, without what is drawn by lot for each copy (addresses, date of making, key)."""
    if place == "container":
        source = flow.open_source(str(folder / "out.tar"))
        return [(entry.kind, entry.raw) for entry in source.read() if isinstance(entry, Item)]
    return {
        str(path.relative_to(folder)): re.sub(rb"[0-9a-f]{16,}", b"#", path.read_bytes())
        for path in sorted((folder / "out").rglob("*"))
        if path.is_file() and ".safeconduct" not in path.parts
    }


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("moments", [(2, 9), *(pytest.param((n, 1), marks=pytest.mark.prove) for n in range(1, 20))])
def test_killed_and_done_again(moments: tuple[int, ...], place: str, world: Path, tmp_path: Path) -> None:
    command: list[str | Path] = ["copy", world, PLACES[place], "--home", "home", "--policy", "open"]
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    for folder in (whole, torn):
        folder.mkdir()
    assert run(*command, folder=whole).code == 0
    for moment in moments:
        assert doomed(moment, *command, folder=torn) == -signal.SIGKILL
    assert run(*command, "--json", folder=torn).code == 0
    assert there(torn, place) == there(whole, place)
    assert not list((torn / "home" / "work").iterdir()), "a killed run's working files hold posts"
    for moment in moments:
        assert doomed(moment, "undo", "last", "--home", "home", folder=torn) in (-signal.SIGKILL, 0)
    undone = run("undo", "last", "--home", "home", folder=torn)
    assert undone.code == 0, undone.err
    assert [path.name for path in torn.iterdir()] == ["home"]
    with Home(torn / "home") as home:
        assert verify(home)["wrong"] == []


def test_stopped_by_hand(world: Path, tmp_path: Path) -> None:
    code = DOOMED.replace("SIGKILL", "SIGINT")
    command = [sys.executable, "-c", code, "6", "copy", str(world), "site:out", "--home", "home"]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, timeout=120, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert ran.returncode == 3
    assert ran.stderr.strip().splitlines()[-1].startswith("Stopped.")
    assert "Traceback" not in ran.stderr
    assert not list((tmp_path / "home" / "work").iterdir())


class Full(Nowhere):
    """A disk that fills up at the third delivery."""

    name = "nowhere"
    left = 2

    def deliver(self, shaped: Shaped, source: Source, parent: Receipt | None) -> Receipt:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().deliver(shaped, source, parent)


class Torn(Nowhere):
    """The third file cannot be read from the archive."""

    name = "nowhere"
    left = 3

    def deliver(self, shaped: Shaped, source: Source, parent: Receipt | None) -> Receipt:
        self.left -= 1
        if self.left == 0:
            raise SourceError("The member is damaged.")
        return super().deliver(shaped, source, parent)


def plan(home: Home, world: Path) -> Any:
    here = Nowhere("", Terms())
    return flow.planned(
        home, flow.open_source(str(world)), [read_policy("open")], here, here.probe(), Choices(),
        world.with_name("plan.jsonl"), spec="nowhere", as_of=NOW,
    )  # fmt: skip


def test_a_full_disk_stops_the_copy_and_blames_no_item(world: Path, tmp_path: Path) -> None:
    with Home(tmp_path / "home") as home:
        made, source = plan(home, world), flow.open_source(str(world))
        with pytest.raises(DeliveryError, match=r"No space left on device.*copy again"):
            flow.copied(home, made, source, Full("", Terms()))
        _, result, _ = flow.copied(home, made, source, Nowhere("", Terms()))
    assert (result.failed, result.delivered) == (0, result.planned)


def test_one_damaged_file_does_not_stop_the_others(world: Path, tmp_path: Path) -> None:
    with Home(tmp_path / "home") as home:
        _, result, _ = flow.copied(home, plan(home, world), flow.open_source(str(world)), Torn("", Terms()))
    assert [why for _, why in result.differences] == ["The member is damaged."]
    assert result.delivered == result.planned - 1


def test_no_right_to_write_is_a_sentence(world: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for arguments in (
        ("inspect", world, "--home", "file/home"),
        ("plan", world, "--to", "nowhere", "-o", "file/plan", "--home", "home"),
        ("copy", world, "site:file/site", "--home", "home"),
        ("copy", world, "container:file/mine.tar", "--home", "home"),
    ):
        ran = run(*arguments, folder=tmp_path)
        assert ran.code == 3, ran.err
        assert "Traceback" not in ran.err
        assert ran.err.strip().endswith(".")


BROKEN: Mapping[str, bytes] = {"key": b"", "safeconduct.db": b"garbage" * 300}


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_home_says_so(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(BROKEN[name])
    with pytest.raises(CustodyError, match="backup"):
        Home(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        flow.open_source(str(tmp_path / "pipe.zip"))


def test_a_home_with_any_name(world: Path, tmp_path: Path) -> None:
    home = "hôme with späces 家"
    ran = run("copy", world, "site:sïte 家", "--home", home, "--json", "--policy", "open", folder=tmp_path)
    assert ran.code == 0
    assert json.loads(ran.out)["failed"] == 0
    assert run("undo", "last", "--home", home, folder=tmp_path).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", home]


def test_who_has_to_wait_leaves_no_transfer_behind(world: Path, tmp_path: Path) -> None:
    with Home(tmp_path / "home") as home:
        made = plan(home, world)
        lease = lease_of(home, made)
        with pytest.raises(Busy, match="Another copy"):
            flow.copied(home, made, flow.open_source(str(world)), Nowhere("", Terms()))
        assert home.transfers() == []
        lease.release()
        _, result, _ = flow.copied(home, made, flow.open_source(str(world)), Nowhere("", Terms()))
        assert result.delivered == result.planned
