"""The views as laws: never raise, idempotent, always traced back to the right place."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.model import Pattern
from safeconduct.screening.engines import available
from safeconduct.screening.expressions import check
from safeconduct.screening.links import bare_links
from safeconduct.screening.lookalikes import TABLE
from safeconduct.screening.texts import Text
from safeconduct.screening.views import (
    GATES,
    bounded,
    compact,
    fold,
    fold_trace,
    skeleton,
    spellings,
    squeeze,
    variants,
)

from .made import hits, text

ODD = "ab1 0$!.-_🚀❤\ufe0f\u200b\u200d\u202e\u202c\u0301\u0336éßİǆﬁｆ𝐛яс石ハ\u3099한\u1112\u1161\t\n\x00\x1c\x85\ud800"
TEXTS = st.text(st.sampled_from(ODD), max_size=40) | st.text(max_size=40)


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_folding_is_idempotent_and_one_line(source: str) -> None:
    folded = fold(source)
    assert fold(folded) == folded
    assert "\n" not in folded
    assert folded == folded.strip()


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_views_never_raise_and_lead_back_inside(source: str) -> None:
    folded = fold(source)
    trace = fold_trace(source, folded)
    for place in range(len(folded)):
        start, end = trace.cover(place, place + 1)
        assert 0 <= start < end <= len(source)
    for variant in variants(folded):
        if variant.drawn is None:
            for place in range(len(variant.text)):
                start, end = variant.trace().cover(place, place + 1)
                assert 0 <= start <= end <= len(folded)


@settings(deadline=None, max_examples=100)
@given(TEXTS, TEXTS, st.sampled_from(["moonrocks", "buy now", "石", "привет", "grün", "ok!"]))
def test_a_hit_really_is_there(before: str, after: str, phrase: str) -> None:
    for hit in hits([Pattern(phrase, whole=False)], text(before + phrase + after)):
        shown = (before + phrase + after)[hit.start : hit.end]
        readings = {fold(shown), *(variant.text for variant in variants(fold(shown)))}
        wanted = {fold(phrase), skeleton(fold(phrase))}
        wanted |= {compact(one) for one in wanted} | {squeeze(one) for one in wanted}
        wanted |= {squeeze(compact(one)) for one in wanted}
        assert any(one in reading for one in wanted for reading in readings), (hit, shown)


@settings(deadline=None, max_examples=60)
@given(st.text("abc äя石🚀.", max_size=20), st.text("abc äя石🚀.", max_size=20))
def test_an_undisguised_phrase_is_always_found(before: str, after: str) -> None:
    source = f"{before} moonrocks {after}"
    assert any(source[hit.start : hit.end] == "moonrocks" for hit in hits([Pattern("moonrocks")], text(source)))


PATTERNS = [
    Pattern("buy moonrocks"), Pattern("moon", whole=False), Pattern("石"), Pattern("grün"), Pattern("$ex"),
    Pattern(r"moon\w*", literal=False), Pattern(r"[0-9]{2,300}", literal=False), Pattern("^b.y", literal=False),
    Pattern(r"k\b", literal=False, whole=False), Pattern(r"\Abuy|now\z", literal=False),
    Pattern(r"(?U)b.+y", literal=False), Pattern(r"\S+[^\s]x", literal=False), Pattern(r"(?-i:B)uy", literal=False),
    Pattern(r"b{1,2}(?:uy|oy)$", literal=False, whole=False), Pattern(r"\pL+石", literal=False),
]  # fmt: skip
WORDS = st.sampled_from(
    ["buy", "moonrocks", "b u y", "m00nrocks", "Moon🚀rocks", "grün", "gruen", "石です", "$ex", "BUYYY", "now", "xx",
     "ｂｕｙ", "k", "\u212a", "123", "b\u200buy", "\n", "\x0b", "буй", "boy", "moonstone", "a.b.c"]
)  # fmt: skip


@pytest.mark.skipif(not available(), reason="there is no Hyperscan for this machine to compare with")
@settings(deadline=None, max_examples=100)
@given(st.lists(st.lists(WORDS, max_size=8).map(" ".join), min_size=1, max_size=3))
def test_both_engines_give_the_same_hits(sources: list[str]) -> None:
    texts = [text(source, pointer=f"/{place}") for place, source in enumerate(sources)]
    assert hits(PATTERNS, *texts, engine="portable") == hits(PATTERNS, *texts, engine="hyperscan")


def test_gates_stay_shut_for_ordinary_posts() -> None:
    quiet = [
        "Hello @bob@new.example, see https://site.example/about-us/team?page=2 at 10:30 (don’t be late) … thanks!",
        "It's 20 °C and sunny; we'll meet at 5 pm, OK? #moon #rocks 🚀🚀",
        "Привет, как дела? Всё хорошо.",
        "今日はいい天気ですね。",
    ]
    gates = [Pattern(gate.expression, literal=False, whole=False) for gate in GATES]
    for source in quiet:
        assert hits(gates, text(source)) == [], source


def test_every_look_alike_opens_its_gate() -> None:
    gate = Pattern(GATES[0].expression, literal=False, whole=False)
    for letter in map(chr, TABLE):
        assert hits([gate], text(f"a{letter}a")), letter


@pytest.mark.parametrize(
    ("source", "start", "end", "whole"),
    [("moonrocks", 0, 4, False), ("moon rocks", 0, 4, True), ("moon_", 0, 4, False), ("月の石", 0, 1, True),
     ("é moon", 2, 6, True), ("émoon", 1, 5, False), ("#moon", 1, 5, True), ("moon石", 0, 4, True)],
)  # fmt: skip
def test_word_edges(source: str, start: int, end: int, whole: bool) -> None:
    assert bounded(source, start, end) is whole


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (Pattern(""), "empty"),
        (Pattern("\u200b\u200d"), "Nothing is left"),
        (Pattern("x" * 2000), "longer"),
        (Pattern("x", views=("sideways",)), "Unknown view sideways"),
        (Pattern("a(?=b)", literal=False), "Look-ahead"),
        (Pattern("(?<!a)b", literal=False), "Look-ahead"),
        (Pattern(r"(a)\1", literal=False), "Back-references"),
        (Pattern("a*", literal=False), "matches nothing"),
        (Pattern(r"\b", literal=False), "matches nothing"),
        (Pattern("a|", literal=False), "matches nothing"),
        (Pattern("a(", literal=False), "Not a regular expression"),
        (Pattern(r"(\pL{1,100}){1,10}", literal=False), "too big"),
        (Pattern("((a{100}){100}){100}", literal=False), "Not a regular expression"),
        (Pattern(r"\Qa\E", literal=False), r"\Q"),
        (Pattern("(?-m)a", literal=False), "flag"),
    ],
)
def test_unusable_patterns_are_refused_with_the_reason(pattern: Pattern, said: str) -> None:
    assert said in check(pattern)


@pytest.mark.parametrize("engine", ["portable", *(["hyperscan"] if available() else [])])
def test_what_stalls_others_does_not_stall_us(engine: str) -> None:
    hostile = ["(a+)+$", "(a|aa)+$", ".{0,900}x.{0,90}y", "([a-z]+)*[0-9]{1,1000}x", r"(\w+\s?)*end\z"]
    usable = [Pattern(one, literal=False) for one in hostile if not check(Pattern(one, literal=False))]
    assert len(usable) >= 4
    assert hits(usable, text("a" * 50_000 + "!"), engine=engine) == []


def test_many_hits_of_one_pattern_are_capped() -> None:
    assert len(hits([Pattern("moon")], text("moon " * 500))) == 20


def test_a_lone_surrogate_keeps_offsets_true() -> None:
    source = "a\ud800 moonrocks"
    for pattern in (Pattern("moonrocks"), Pattern("moon[a-z]+", literal=False)):
        (hit,) = hits([pattern], Text(text(source).field))
        assert source[hit.start : hit.end] == "moonrocks"


HOSTILE = {
    "marks": "a" + "\u0316\u0301" * 50_000, "digits": "b4b " + "1" * 100_000, "schemes": "://" * 30_000,
    "single letters": "a " * 50_000, "emoji": "a🚀" * 50_000, "overrides": "\u202e" * 100_000,
    "one letter": "a" * 100_000,
    "accents": "é" * 100_000, "ampersands": "&" * 100_000, "jamo": "\u1161" * 100_000, "ligatures": "\ufdfa" * 10_000,
    "phrase": "buy moonrocks now " * 5000, "tags": "<p>" * 30_000, "attributes": '<a x="' * 30_000, "at": "x@" * 50_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_do_not_stall(name: str) -> None:
    start = time.process_time()
    for html in (False, True):
        one = text(HOSTILE[name], html)
        hits([Pattern("buy moonrocks now"), Pattern("moon+", literal=False)], one)
        one.original(*one.unfolded(0, len(one.folded)))
        list(bare_links(one.plain))
        for variant in variants(one.folded):
            variant.trace()
    assert time.process_time() - start < 8  # a quadratic reading takes minutes: not a speed test


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, max_size=5))
def test_spellings_of_many_texts_are_those_of_each(sources: list[str]) -> None:
    texts = [skeleton(fold(source)) for source in sources] or [""]
    each = [(one, compact(one), squeeze(one), squeeze(compact(one))) for one in texts]
    assert [tuple(one.values()) for one in spellings(texts)] == each


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_ordinary_letters_have_no_view_where_only_other_alphabets_are_watched(source: str) -> None:
    if fold(source).isascii():
        assert variants(fold(source), frozenset(["skeleton"])) == []
