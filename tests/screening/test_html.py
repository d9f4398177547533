"""HTML as a reader sees it: the quick way and the parser agree, offsets lead back, nothing hostile raises."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.screening import html
from safeconduct.screening.html import reading

MASTODON = (
    '<p>Hi <span class="h-card" translate="no"><a href="https://new.example/@bob" class="u-url mention">@<span>bob'
    '</span></a></span> &amp; all</p><p>see <a href="https://site.example/long/path" target="_blank" rel="nofollow '
    'noopener" translate="no"><span class="invisible">https://</span><span class="ellipsis">site.example/lo</span>'
    '<span class="invisible">ng/path</span></a><br />bye <img src="/e.png" alt=":wave:" class="emoji" /></p>'
)


def test_what_mastodon_writes() -> None:
    seen = reading(MASTODON)
    assert seen.text == "Hi @bob & all\n\nsee https://site.example/long/path\nbye :wave:"
    assert list(seen.hrefs) == ["https://new.example/@bob", "https://site.example/long/path"]
    assert seen.links == [
        ("https://new.example/@bob", "@bob"),
        ("https://site.example/long/path", "https://site.example/long/path"),
    ]
    assert seen.hidden == ""
    assert html.quick(MASTODON) is not None
    place = seen.text.index("& all")
    assert MASTODON[slice(*seen.trace.cover(place, place + 5))] == "&amp; all"


@pytest.mark.parametrize(
    ("source", "text", "hidden"),
    [
        ('<p>buy <span style="display: none">not seen</span>now</p>', "buy now", "not seen"),
        ('<span style="font-size:0">x</span>y', "y", "x"),
        ('<span style="font-size:0.8em">x</span>y', "xy", ""),
        ("<p hidden>x</p>y", "y", "x"),
        ("<p>a<!-- b -->c</p>", "ac", "b"),
        ("<script>alert('<p>')</script>x", "x", "alert('<p>')"),
        ("&am<b></b>p;", "&amp;", ""),
        ("&lt;b&gt; is bold", "<b> is bold", ""),
        ("I <3 you", "I <3 you", ""),
        ('<a title="a>b" href="https://x.example">k</a>', "k", ""),
        ("<frameset>still here", "still here", ""),
        ("<P CLASS=x>one<BR>two</P>", "one\ntwo", ""),
        ("", "", ""),
    ],
)
def test_what_servers_do_not_write(source: str, text: str, hidden: str) -> None:
    seen = reading(source)
    assert (seen.text, seen.hidden) == (text, hidden)


def test_invisible_parts_of_an_address_are_part_of_the_text() -> None:
    assert reading('<a href="https://x.example/a"><span class="invisible">https://</span>x.example/a</a>').text == (
        "https://x.example/a"
    )


@pytest.mark.parametrize("tag", ["<div>", "<b>", "<b><p>", "<a ", '<a "', "<table><td>", "<!--", "</p>", "<svg>", "&#"])
def test_hostile_nesting_does_not_stall(tag: str) -> None:
    start = time.process_time()
    seen = reading(tag * 100_000 + "<i>end")
    seen.trace.cover(0, len(seen.text))
    assert time.process_time() - start < 20  # seconds against the hours of a quadratic reading, not a speed test


WORDS = st.text(st.sampled_from("ab é’🚀я石&<>\"' "), max_size=8).map(
    lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
)
INLINE = st.sampled_from(["span", "strong", "em", "b", "i", "u", "del", "code"])
BLOCK = st.sampled_from(["p", "blockquote", "li", "h1", "div", "pre"])


def wrapped(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.builds(lambda tag, text: f"<{tag}>{text}</{tag}>", INLINE, inside)
    link = st.builds(lambda text: f'<a href="https://x.example/?a=1&amp;b" rel="me">{text}</a>', WORDS)
    return st.one_of(
        pair, link, st.just("<br />"), st.just('<img alt=":x:" src="y" />'), st.tuples(inside, inside).map("".join)
    )


LINES = st.recursive(WORDS, wrapped, max_leaves=8)
DOCUMENTS = st.lists(st.builds(lambda tag, line: f"<{tag}>{line}</{tag}>", BLOCK, LINES), max_size=4).map("".join)


@settings(deadline=None, max_examples=100)
@given(DOCUMENTS)
def test_the_quick_way_and_the_parser_agree(document: str) -> None:
    for _ in range(2):  # the second time its tags are known
        quick = html.quick(document)
        if quick is not None:
            text, hrefs = quick
            parsed = html._parsed(document)
            assert text.split() == parsed.text.split()
            assert list(hrefs) == list(parsed.hrefs)


@settings(deadline=None, max_examples=100)
@given(DOCUMENTS | st.text(st.sampled_from("<>/ab &;#x=\"'!-\ud800 p"), max_size=60) | st.text(max_size=60))
def test_nothing_raises_and_traces_stay_inside(document: str) -> None:
    for seen in (reading(document), html._parsed(document)):
        for place in range(len(seen.text)):
            start, end = seen.trace.cover(place, place + 1)
            assert 0 <= start <= end <= len(document)


@settings(deadline=None, max_examples=100)
@given(DOCUMENTS)
def test_every_letter_is_found_where_it_was_written(document: str) -> None:
    seen = reading(document)
    for place, letter in enumerate(seen.text):
        if letter.isalpha() and letter not in "x":
            assert letter in document[slice(*seen.trace.cover(place, place + 1))]
