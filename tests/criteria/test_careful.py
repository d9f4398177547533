"""What criteria must not do: tell secrets, load what nobody asked for, or take an allowed word for a hit."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.criteria.burst import Burst
from safeconduct.criteria.duplicate import Duplicate
from safeconduct.criteria.hidden_text import _hidden
from safeconduct.criteria.near_duplicate import NearDuplicate
from safeconduct.criteria.phrase import Phrase
from safeconduct.model import Kind
from tests.criteria.examples import Example, examples, run
from tests.criteria.test_near_duplicate import Columns
from tests.fixtures.items import item


@pytest.mark.parametrize(
    "example", [each for each in examples("personal-data") if each.finds], ids=lambda each: each.name
)
def test_personal_data_is_never_repeated(example: Example) -> None:
    """Neither the sentence nor the value holds a word of the text, except the name of the kind itself."""
    for finding in example.findings():
        told = f"{finding.reason} {finding.value}"
        for place in finding.evidence:
            thing: Any = example.objects[0]
            for step in place.pointer.split("/")[1:]:
                thing = thing[int(step)] if isinstance(thing, list) else thing[step]
            if place.end:
                secret = thing[place.start : place.end]
                assert secret not in told
                assert not any(part in told for part in secret.split() if any(map(str.isdigit, part)) and len(part) > 1)


def test_the_language_model_is_not_loaded_unless_asked() -> None:
    code = (
        "import sys; from safeconduct.discover import plugins; [each() for each in plugins('criteria').values()]; "
        "sys.exit('py3langid' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


WORDS = st.text("abcdé ß", min_size=1, max_size=4).map(str.strip).filter(bool)


@settings(deadline=None, max_examples=60)
@given(WORDS, WORDS, WORDS, st.text("abcdé .", max_size=12))
def test_a_hit_inside_an_allowed_word_is_no_hit(word: str, before: str, after: str, around: str) -> None:
    allowed = before + word + after
    post = item({"type": "Note", "content": f"{allowed}"})
    assert run(Phrase(words=[word], allow=[allowed], whole=False, views=["folded"]), [post]) == [] or word in (
        before + after
    )


def test_allowing_one_word_does_not_allow_another() -> None:
    post = item({"type": "Note", "content": "cdab xab"})
    found = run(Phrase(words=["ab"], allow=["cdab"], whole=False, views=["folded"]), [post])
    assert [(place.start, place.end) for each in found for place in each.evidence] == [(6, 8)]


@pytest.mark.parametrize(
    "text",
    ['<b style="', " hidden ", "<!--", "<a>invisible", '<span class="invisible ', "<", "invisible", '<p title=">'],
)
def test_hostile_markup_costs_no_more_than_its_length(text: str) -> None:
    """Work is counted, not timed: twice the text may take little more than twice the steps."""
    small, large = (_steps(text * (size // len(text))) for size in (20_000, 40_000))
    assert large <= 2.5 * small + 1000


def _steps(text: str) -> int:
    count = 0

    def step(*_: Any) -> Any:
        nonlocal count
        count += 1
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        _hidden(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("shape", ["all different", "all the same", "nearly the same"])
def test_a_large_import_needs_little_memory(shape: str) -> None:
    """Whole-import criteria work in columns: some sixty bytes a post, thirty megabytes for half a million."""
    count = 100_000
    random = numpy.random.default_rng(7)
    unlike = shape == "all different"
    signature = random.integers(0, 2**32, (8, count if unlike else 1), dtype=numpy.uint32)
    columns = {f"shingle{at}": numpy.broadcast_to(signature[at], (count,)) for at in range(8)}
    text = (
        numpy.ones(count, dtype=numpy.uint64)
        if shape == "all the same"
        else numpy.arange(1, count + 1, dtype=numpy.uint64)
    )
    kind = numpy.full(count, list(Kind).index(Kind.POST), dtype=numpy.uint8)
    census = Columns(kind=kind, text=text, media=text, published=numpy.arange(count) * 3600.0, **columns)
    tracemalloc.start()
    found = sum(1 for criterion in (NearDuplicate(), Duplicate(), Burst()) for _ in criterion.conclude(census))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == {"all different": 0, "all the same": count - 1, "nearly the same": count - 1}[shape]
    assert peak < 64 * count + 2**20
