"""HTML becomes text that says the same, notifies nobody and loses no word."""

from __future__ import annotations

import html
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from safeconduct.destinations._shaping import Rules, Words, body_of, names_of, visible, words
from tests.journeys.stand_in import mentions

DAVE = "https://there.example/@dave"
MENTION = f'<span class="h-card"><a href="{DAVE}" class="u-url mention">@<span>dave</span></a></span>'
LINK = (
    '<a href="https://www.example.org/long/x_y*z" rel="nofollow"><span class="invisible">https://www.</span>'
    '<span class="ellipsis">example.org/long</span><span class="invisible">/x_y*z</span></a>'
)
TAG = '<a href="https://social.example/tags/tea" class="mention hashtag" rel="tag">#<span>tea</span></a>'
LIVE = re.compile(r"(?<!\\)(?:\\\\)*@")

SNIPPETS = (
    *("@bob", " @bob@there.example ", "a@b.example", "https://x.example/@bob/1_2_3", "&#64;bob", "\\@bob", "\\\\@bob"),
    *(
        "1. x",
        "- x",
        "# x",
        "> x",
        "```",
        "===",
        "***",
        "[x](https://x.example)",
        "<b>",
        ":tea:",
        "#tea",
        "<!--",
        "]]>",
    ),
)
nasty = st.text(alphabet="ab1Zé漢 @#*_`~<>[]()&\\.:!-+=|\n\t/'\"😀 ​", max_size=30) | st.sampled_from(SNIPPETS)
tags = ("p", "b", "i", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li", "span", "h1", "div", "table", "td")


def wrap(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    many = st.lists(inner, max_size=4).map("".join)
    plain = st.builds(lambda tag, body: f"<{tag}>{body}</{tag}>", st.sampled_from(tags), many)
    linked = st.builds(
        lambda kind, href, body: f'<a class="{kind}" href="{html.escape(href)}">{body}</a>',
        st.sampled_from(["", "mention", "u-url mention", "mention hashtag"]),
        st.sampled_from([DAVE, "https://x.example/a(b)?c=1&copy=2", "javascript:alert(1)", "mailto:a@b.example", ""])
        | nasty,
        many,
    )
    return plain | linked | st.just("<br>")


pages = st.lists(st.recursive(nasty.map(html.escape), wrap, max_leaves=12), max_size=5).map("".join)
rules = st.builds(Rules, st.just({DAVE: "@dave@there.example"}), st.booleans(), st.booleans())


@settings(deadline=None, max_examples=300)
@given(pages, rules, st.lists(nasty, max_size=2))
def test_nobody_is_mentioned_by_construction(page: str, rule: Rules, extras: list[str]) -> None:
    made = words(page, rule, extras)
    if made.markdown:
        assert not LIVE.search(made.text)
    else:
        assert "@" not in made.text
    assert mentions(made.text, "text/markdown" if made.markdown else "text/plain") == []


@settings(deadline=None, max_examples=300)
@given(pages)
def test_every_letter_survives_in_order(page: str) -> None:
    body = LexborHTMLParser(f"<body>{page}</body>").body
    assert body is not None
    made = words(page, Rules())
    shown = (
        re.sub(r"&(?:amp|lt|gt|quot|#x27);", lambda m: html.unescape(m[0]), made.text) if made.markdown else made.text
    )
    there = iter(shown)
    for node in body.traverse(include_text=True):
        if node.tag == "-text":
            lost = [mark for mark in node.text_content or "" if mark.isalnum() and mark not in there]
            assert lost == []


@settings(deadline=None, max_examples=150)
@given(pages)
def test_without_links_no_address_is_left_that_a_server_could_link(page: str) -> None:
    made = words(page, Rules(no_links=True))
    bare = re.sub(r"(?s)<pre>.*?</pre>", "", made.text)  # code is shown, not linked; an escaped ` opens none
    bare = re.sub(r"(?s)```.*?```|(?<!\\)`[^`]*`", "", bare)
    assert not re.search(r"https?://\w", bare)
    assert not re.search(r"(?<!\\)\]\(http", bare)


def test_simple_words_stay_plain_and_exactly_as_they_were() -> None:
    made = words(f"<p>1. A *star* &amp; a_b_c &lt;3 {TAG} {LINK}</p><p>two<br>three</p>", Rules())
    assert made == Words("1. A *star* & a_b_c <3 #tea https://www.example.org/long/x_y*z\n\ntwo\nthree", False)


def test_a_mention_becomes_a_name_with_a_link() -> None:
    made = words(f"<p>{MENTION} good morning</p>", Rules({DAVE: "@dave@there.example"}))
    assert made.text == r"[dave\@there.example](https://there.example/&#64;dave) good morning"
    assert (made.markdown, made.mentions) == (True, 1)


def test_a_mention_without_its_tag_gets_the_host_of_its_address() -> None:
    assert words(MENTION, Rules()).text.startswith(r"[dave\@there.example]")


def test_a_community_may_want_no_names_and_no_links() -> None:
    made = words(f'<p>{MENTION} see {LINK} and <a href="https://x.example">this.example</a></p>', Rules({}, True, True))
    assert made.text == r"someone see \[link removed\] and this\.example"
    assert (made.links, made.people, made.mentions) == (2, 1, 0)


@pytest.mark.parametrize(
    ("source", "markdown"),
    [
        ("<p><b>bold</b> word</p>", "**bold** word"),
        ("<p>(<b>'q'</b>x)</p>", "(<strong>'q'</strong>x)"),
        ("<p>a<i> b </i>c</p>", "a *b* c"),
        ("<ul><li>one</li><li>two<ul><li>deep</li></ul></li></ul>", "- one\n- two\n\n  - deep"),
        ("<ol><li>one</li><li>two</li></ol>", "1. one\n2. two"),
        ("<blockquote><p>a<br>b</p><p>c</p></blockquote>", "> a\n> b\n>\n> c"),
        ("<pre><code>x = [1]\n</code></pre>", "```\nx = [1]\n```"),
        ("<pre>a@b</pre>", "<pre><code>a&#64;b</code></pre>"),
        ("<p><code>x_y</code></p>", "`x_y`"),
        ("<h2>Title</h2><p>text</p>", "## Title\n\ntext"),
        ("<p># no head<br>1. no list<br>- nor this<br><b>x</b></p>", "\\# no head\n1\\. no list\n\\- nor this\n**x**"),
        ("<p><b>x</b> issue #12 \\ [a](b)</p>", r"**x** issue \#12 \\ \[a\](b)"),
        ('<p><a href="https://x.example/@dave">https://x.example/@dave</a></p>', None),
        ('<p><a href="javascript:alert(1)">harmless</a><b>x</b></p>', "harmless**x**"),
        ("<p>hi<script>alert(1)</script><style>p{}</style></p>", "hi"),
        ("<p>:tea: <b>x</b></p>", ":tea: **x**"),
    ],
)
def test_what_has_form_becomes_markdown(source: str, markdown: str | None) -> None:
    made = words(source, Rules())
    assert made.text == (markdown or r"[https://x.example/\@dave](https://x.example/&#64;dave)")


def test_extra_lines_are_words_too() -> None:
    made = words("<p>hello</p>", Rules(), ["In reply to: https://there.example/@dave/1"])
    assert (
        made.text
        == r"hello" + "\n\n" + r"In reply to: [https://there.example/\@dave/1](https://there.example/&#64;dave/1)"
    )


def test_a_thousand_levels_and_wide_lists_cost_little() -> None:
    start = time.process_time()
    deep = words("<ul><li>" * 1000 + "bottom" + "</li></ul>" * 1000, Rules())
    bold = words("<b>" * 1000 + "bottom @bob" + "</b>" * 1000, Rules())
    wide = words("<ul>" + "<li>x</li>" * 2000 + "</ul>", Rules())
    assert "bottom" in deep.text
    assert "bottom" in bold.text
    assert wide.text.count("x") == 2000
    assert time.process_time() - start < 20  # not a speed claim: exponential work would never end


def test_a_biography_is_its_words() -> None:
    assert visible(f"<p>Baker &amp; reader {TAG}</p><p>two</p>") == "Baker & reader #tea\n\ntwo"


def test_bodies_and_names_come_from_whatever_json_there_is() -> None:
    assert body_of({"content": "<p>a</p>", "contentMap": {"de": "<p>a</p>"}}) == ("<p>a</p>", "de")
    assert body_of({"contentMap": {"fr": "b"}}) == ("b", "fr")
    assert body_of({"type": "Article", "name": "T<", "content": "c"}) == ("<p>T&lt;</p>c", "")
    assert body_of({"content": None, "contentMap": []}) == ("", "")
    assert names_of({"type": "Mention", "href": DAVE, "name": "@dave"}) == {DAVE: "@dave"}
    assert names_of([None, 3, {"type": "Mention"}, {"type": "Mention", "href": 5}]) == {}
