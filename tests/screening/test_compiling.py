"""Compiled patterns wait for the next run, and nothing that lies there can change what is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.model import Field, Pattern
from safeconduct.screening import engines
from safeconduct.screening.automaton import Automaton
from safeconduct.screening.compiling import KEPT, compiled
from safeconduct.screening.texts import Text

pytestmark = pytest.mark.skipif(not engines.available(), reason="no Hyperscan on this processor")
PATTERNS = [Pattern("moonrocks"), Pattern(r"loa(f|ves)\d+", literal=False)]


def hits(kept: Path | None) -> list[tuple[int, int, int]]:
    compiled.cache_clear()
    found = Automaton(PATTERNS, "hyperscan", kept).scan([[Text(Field("/content", "Moonrocks and loaf77"))]])
    return [(number, hit.start, hit.end) for number, hit in found]


def test_what_was_kept_finds_the_same(tmp_path: Path) -> None:
    fresh = hits(None)
    assert len(fresh) == 2
    assert hits(tmp_path / "kept") == fresh
    assert list((tmp_path / "kept").iterdir())
    assert hits(tmp_path / "kept") == fresh


def test_a_damaged_file_is_compiled_anew(tmp_path: Path) -> None:
    fresh = hits(tmp_path)
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] + b"\0" * (len(data) - len(data) // 2))
    assert hits(tmp_path) == fresh


def test_a_folder_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert hits(tmp_path / "file") == hits(None)


def test_only_the_latest_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        compiled((b"word%d" % number,), (0,), 0, True, tmp_path)
    assert len(list(tmp_path.glob("*.hyperscan"))) == KEPT
