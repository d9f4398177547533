"""The self-test passes on a desk that works, and says what is wrong on one that does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from safeconduct_desk import groups, selftest
from safeconduct_desk.models import Arrival, Community
from safeconduct_desk.selftest import Wrong

pytestmark = pytest.mark.django_db


def said() -> tuple[bool, str]:
    lines: list[str] = []
    return selftest.run(lines.append), "\n".join(lines)


def test_three_markers_go_all_the_way_and_come_back() -> None:
    well, words = said()
    assert well, words
    assert [line.split(":")[0] for line in words.splitlines()] == [
        "● Offered", "● Read", "● Decided", "● Delivered", "● Traced", "● Taken back",
    ]  # fmt: skip
    assert Arrival.objects.get().state == Arrival.State.UNDONE


def test_a_real_desk_is_left_alone(community: Community) -> None:
    well, words = said()
    assert not well
    assert "an empty desk of its own" in words
    assert not Arrival.objects.exists()
    assert Community.objects.get().name == "Garden"


@pytest.mark.parametrize(
    ("marker", "changed"),
    [("TEXT", "another text"), ("HOST", "another.invalid"), ("picture", lambda: b"another picture")],
)
def test_what_the_lists_do_not_find_is_said(
    marker: str, changed: str | Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = selftest.policy()
    monkeypatch.setattr(selftest, "policy", lambda: known)
    monkeypatch.setattr(selftest, marker, changed)
    well, words = said()
    assert not well
    assert "Not exactly the three markers were found" in words.splitlines()[-1]


def test_a_desk_that_releases_what_nobody_answered_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    decided = groups.decided

    def careless(arrival: Arrival, *given: object) -> object:
        arrival.groups.filter(action="").update(action="accept", severe=False)
        return decided(arrival, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(groups, "decided", careless)
    with pytest.raises(Wrong, match="Other posts are there than were accepted"):
        list(selftest.steps())


def test_work_that_is_only_queued_is_no_test(settings: Settings) -> None:
    settings.WORK_AT_ONCE = False
    with pytest.raises(Wrong, match="an empty desk of its own"):
        list(selftest.steps())


def test_the_command_touches_nothing_of_the_real_desk_and_leaves_nothing(tmp_path: Path) -> None:
    real, scratch = tmp_path / "real", tmp_path / "scratch"
    scratch.mkdir()
    env = {key: value for key, value in os.environ.items() if not key.startswith(("SAFECONDUCT_", "DJANGO_"))}
    env |= {"SAFECONDUCT_DESK": str(real), "SAFECONDUCT_DESK_STORE": "s3://real/bucket", "TMPDIR": str(scratch),
            "SAFECONDUCT_DESK_DATABASE": "postgresql://real@nowhere.invalid/desk"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "safeconduct", "selftest"], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("Everything works.\n")
    assert not real.exists()
    assert list(scratch.iterdir()) == []
