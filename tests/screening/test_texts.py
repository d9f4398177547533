"""Where a piece of a reading stands in the original: the quick way says what the traces say."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.model import Field
from safeconduct.screening.html import Reading
from safeconduct.screening.texts import Text, read
from safeconduct.screening.views import fold, fold_trace

LETTERS = "abAB .\n\u00e9e\u0301\u200b\u202e\u202cK\u212a\u0130\ufe0f\u00ad\U0001f680\uff21\x0b "
PARTS = ("ab", "a", "b ", "<p>", "</p>", "<br>", '<a href="ab">', "</a>", "&amp;", "&", "a&lt;", "\u00e9", ">", "\n")


@settings(deadline=None, max_examples=150)
@given(st.text(LETTERS, max_size=24), st.data())
def test_a_piece_of_the_folded_text(plain: str, data: st.DataObject) -> None:
    folded = fold(plain)
    start = data.draw(st.integers(0, len(folded)))
    end = data.draw(st.integers(start, len(folded)))
    if start < end:
        text = Text(Field("/content", plain), plain, (), folded)
        assert text.unfolded(start, end) == fold_trace(plain, folded).cover(start, end)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join), st.data())
def test_a_piece_of_what_is_seen(html: str, data: st.DataObject) -> None:
    text = read([[Field("/content", html, True)]])[0][0]
    start = data.draw(st.integers(0, len(text.plain)))
    end = data.draw(st.integers(start, len(text.plain)))
    if start < end and text.known is None:
        trace = Reading(html, text.plain, "", text.hrefs).trace
        assert text.original(start, end) == trace.cover(start, end)


def test_the_quick_way_is_taken() -> None:
    ((one,),) = read([[Field("/content", '<p>Bread <a href="https://x.example">and</a> Trains</p>', True)]])
    place = one.folded.index("trains")
    assert one.plain[slice(*one.unfolded(place, place + 6))] == "Trains"
    assert one.field.text[slice(*one.original(*one.unfolded(place, place + 6)))] == "Trains"
    assert (one.trace, one.known) == (None, None)
