"""What the documentation says is what the code says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from docs import generate
from safeconduct.discover import plugins


@cache
def made() -> Mapping[Path, str]:
    return dict(generate.pages())


def test_reference_is_current() -> None:
    stale = [str(path) for path, text in made().items() if _committed(path) != text]
    assert not stale, "run: python docs/generate.py"


def _committed(path: Path) -> str:
    file = generate.REFERENCE / path
    return file.read_text("utf-8") if file.exists() else ""


def test_no_page_is_left_of_a_criterion_that_is_gone() -> None:
    assert {path.stem for path in (generate.REFERENCE / "criteria").glob("*.md")} == {*plugins("criteria"), "index"}


@pytest.mark.parametrize("name", plugins("criteria"))
def test_a_criterion_says_what_it_sees_why_and_what_it_gets_wrong(name: str) -> None:
    page = made()[Path(f"criteria/{name}.md")]
    assert "**Why** " in page
    assert "**Mind** " in page
