"""Many texts folded at once are folded as each would be alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.screening import folding
from safeconduct.screening.folding import folds
from safeconduct.screening.views import fold

from .made import DISGUISES
from .test_views import ODD

# Marks that join what is before them, letters that take two, spaces that are none, and what stands between the texts.
HARD = (
    ODD
    + "\x01\x1f\x7f\u0338\u0345\u1161\u09be\u0dcf\u00a8\u00b4\u1fbd\u037a\u2028\u3000\u00a0ŉǰΐΣς\u0fb2\u0f80=<k\u212a…’"
)
WORDS = st.text(st.sampled_from(HARD), max_size=20) | st.text(max_size=20) | st.sampled_from(["", "  a  ", "a\n\n b"])


@settings(deadline=None, max_examples=300)
@given(st.lists(WORDS, max_size=6))
def test_together_as_alone(texts: list[str]) -> None:
    assert folds(texts) == [fold(text) for text in texts]


def test_every_single_letter() -> None:
    letters = [chr(number) for number in range(0x20, 0x30000)]
    texts = [f"Ab{letter}cD" for letter in letters]
    assert folds(texts) == [fold(text) for text in texts]


@pytest.mark.parametrize("end", ["", "\0", "\u0301", "é" * 2000, "x" * 2000])
def test_disguises_among_others(end: str) -> None:
    texts = [text for text, _, _ in DISGUISES.values()] * 30 + [end]
    assert folds(texts) == [fold(text) for text in texts]


def test_runs_are_not_remembered_without_end() -> None:
    for number in range(2 * folding._REMEMBERED):
        (folded,) = folds([f"a {chr(0x4E00 + number)} b"])
        assert folded == f"a {chr(0x4E00 + number)} b"
        assert len(folding._tame) <= folding._REMEMBERED
    folds(["ж" * 100])
    assert ("ж" * 100).encode() not in folding._tame
