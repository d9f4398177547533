"""Reports: the same numbers in words, in a page that can only be read and in text a terminal cannot be fooled by."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.reports import sentences as say
from safeconduct.reports.page import render_inspection, render_plan
from safeconduct.reports.text import inspection_text, plan_text

NASTY = "</script><img src=x onerror=alert(1)>\x1b[2J\u202egnp.exe"
INSPECTION: dict[str, Any] = {
    "source": {
        "format": "mastodon-archive",
        "actor": "https://old.example/users/alice",
        "acct": "alice@old.example",
        "sha256": "ab",
    },
    "policy": [{"name": "careful", "digest": "cd"}],
    "as_of": "2026-05-01T00:00:00+00:00",
    "items": 9412,
    "unreadable": 2,
    "unreadables": [{"origin": f"outbox.json#/{NASTY}", "reason": "not JSON"}],
    "kinds": {"post": 9000, "boost": 400, "poll": 11, "profile": 1},
    "visibility": {"public": 9000, "followers": 400, "named": 12},
    "span": {"first": "2017-04-05T00:00:00+00:00", "last": "2026-01-02T00:00:00+00:00"},
    "decisions": {"accept": 9290, "limit": 0, "quarantine": 118, "reject": 4},
    "findings": [
        {
            "criterion": "many-links",
            "count": 96,
            "confidence": "high",
            "examples": [{"item": 1, "origin": "o", "reason": "r", "text": NASTY}],
        }
    ],
    "groups": [
        {
            "finding": "phrase",
            "value": NASTY,
            "rule": "r",
            "because": "It says a listed word.",
            "count": 96,
            "actions": {"quarantine": 96},
            "representative": {"item": 3, "origin": "o", "reason": "why", "text": NASTY},
        }
    ],
    "totals": [
        {"file": "outbox.json", "declared": 9, "found": 7},
        {"file": "likes.json", "declared": None, "found": 3},
    ],
    "witnesses": {"proved": 0, "claimed": 0, "not_asked": 9412},
    "unknown": ["language: 212 not assessed"],
    "questions": ["All posts are from one minute."],
    "whole": [{"criterion": "timing", "reason": "too regular"}],
    "notes": [NASTY],
    "review": {"groups": 1, "minutes": 6},
    "seconds": 1.5,
    "peak_mb": 60.0,
}
PLAN: dict[str, Any] = {
    "plan": {"path": "plan.jsonl", "sha256": "ef"},
    "source": {"sha256": "ab"},
    "destination": {
        "name": "site",
        "software": "safeconduct-site",
        "version": "1",
        "probed": "2026-05-01T00:00:00+00:00",
        "notes": ["A folder."],
    },
    "items": 100,
    "unreadable": 0,
    "totals": {
        "arrives": 60,
        "adapted": 20,
        "held": 5,
        "refused": 1,
        "left by the person": 10,
        "left by the destination": 4,
    },
    "fates": {
        "post": {"arrives": 60, "adapted": 20, "held": 5, "refused": 1},
        "boost": {"left by the person": 10, "left by the destination": 4},
    },
    "reasons": [
        {
            "fate": "adapted",
            "code": "adapted",
            "count": 20,
            "reason": NASTY,
            "kinds": {"post": 20},
            "examples": ["outbox.json#/1", {"origin": NASTY}],
        }
    ],
    "coverage": {"carried": 80, "of": 86, "share": 0.9302},
    "requests": 96,
    "eta_seconds": 5400,
    "seen_by_others": {"block": 3},
    "questions": [],
}
PAGES = [(render_inspection, INSPECTION), (render_plan, PLAN)]
TEXTS = [(inspection_text, INSPECTION), (plan_text, PLAN)]


class Reader(HTMLParser):
    """Collects what must not be there, and checks that elements close."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "img", "iframe", "link", "object", "embed", "a", "form", "base", "video", "audio"}:
            self.found.append(tag)
        self.found += [name for name, _ in attrs if name.startswith("on") or name in ("style", "src", "href", "srcset")]


@pytest.mark.parametrize(("render", "report"), PAGES)
def test_a_page_loads_runs_and_links_nothing(render: Any, report: dict[str, Any]) -> None:
    page = render(report)
    reader = Reader()
    reader.feed(page)
    assert reader.found == []
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'" in page
    assert "url(" not in style[1]
    assert "unsafe" not in page
    assert page.count("<style") == 1


@pytest.mark.parametrize(("render", "report"), PAGES)
def test_a_page_can_be_read_without_seeing_it(render: Any, report: dict[str, Any]) -> None:
    page = render(report)
    assert '<html lang="en">' in page
    assert page.count("<h1>") == 1
    assert re.findall(r"<svg(?![^>]*focusable=\"false\")", page) == []
    for svg in re.findall(r"<svg[^>]*>", page):
        assert 'aria-hidden="true"' in svg or '<ul class="rows" aria-hidden="true">' in page
    assert page.count("<table>") == page.count("<caption>")
    assert re.search(r"<title>(Import report|Plan)</title>", page), "a title says nothing about anybody"


def test_the_inspection_says_its_numbers_in_words() -> None:
    for said in (render_inspection(INSPECTION), inspection_text(INSPECTION, 100)):
        words = " ".join(re.sub(r"<[^>]*>", " ", said).split())
        assert "9,412 items in this archive: 9,000 posts, 400 boosts, 11 polls and 1 profile." in words
        assert "They say they are from 5 April 2017 to 2 January 2026." in words
        assert "9,290 arrive as they are, 118 wait for a person and 4 are refused." in words
        assert "1 question about the whole import and 1 group for a person to settle; 6 minutes of review" in words
        assert "2 records could not be read" in words
        assert "outbox.json says it has 9 records; 7 were found." in words
        assert "likes.json says" not in words
        assert "what this archive says about its author and its dates is a claim" in words


@pytest.mark.parametrize(
    ("value", "one", "said"),
    [
        ("text:587", {"text": "One two three four five six seven eight nine"},
         "near-duplicate: “One two three four five six seven eight …”"),
        ("files:3", {"text": "Good morning!"}, "near-duplicate: “Good morning!”"),
        ("0123456789ab", {"reason": "Nearly a listed picture"}, "near-duplicate: Nearly a listed picture"),
        ("text:587", {}, "(near-duplicate)"),
        ("text:587", None, "(near-duplicate)"),
        ("bad.example", {"text": "words"}, "near-duplicate: bad.example"),
    ],
)  # fmt: skip
def test_a_group_is_called_what_a_person_would_know_it_by(value: str, one: Any, said: str) -> None:
    group = INSPECTION["groups"][0] | {"finding": "near-duplicate", "value": value, "representative": one}
    report = {**INSPECTION, "groups": [group]}
    text, page = " ".join(inspection_text(report).split()), seen(render_inspection(report))
    assert said in text
    assert said.strip("()") in page
    assert value == "bad.example" or value not in text + page


def seen(page: str) -> str:
    """The words of a page, as they are read."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).replace("Found near", "near").split())


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ({"impossible": 2}, "from 5 April 2017 to 2 January 2026. 2 items claim impossible dates."),
        ({"impossible": 1}, "from 5 April 2017 to 2 January 2026. 1 item claims an impossible date."),
        ({"impossible": 0}, "from 5 April 2017 to 2 January 2026."),
        ({"first": None, "last": None, "impossible": 3}, "1 profile. 3 items claim impossible dates."),
        ({"first": None, "last": None}, "1 profile. None of them says a date."),
    ],
)
def test_impossible_dates_are_counted_apart(span: dict[str, Any], said: str) -> None:
    assert say.what_it_is({**INSPECTION, "span": INSPECTION["span"] | span}).endswith(said)


def test_the_plan_says_its_numbers_in_words() -> None:
    for said in (render_plan(PLAN), plan_text(PLAN, 100)):
        words = " ".join(re.sub(r"<[^>]*>", " ", said).split())
        assert "Of 100 items, 60 arrive as they are, 20 arrive, changed to fit, 5 wait for a person" in words
        assert "80 of 86 posts of your own travel: 93 %" in words
        assert "96 steps; about 2 hours" in words
        assert "Other servers will see 3 blocks" in words


@pytest.mark.parametrize(("write", "report"), TEXTS)
@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_text_fits_the_terminal_and_cannot_command_it(write: Any, report: dict[str, Any], width: int) -> None:
    said = write(report, width)
    assert all(len(line) <= width for line in said.splitlines() if " " in line.strip())
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\\x1b[2J" in re.sub(r"\s", "", said)


@pytest.mark.parametrize(("render", "report"), [*PAGES, *TEXTS])
def test_a_report_of_another_version_still_reads(render: Any, report: dict[str, Any]) -> None:
    assert render({})
    for key in report:
        assert render({name: value for name, value in report.items() if name != key})
        assert render({**report, "something-new": [1]})


leaves = st.text(max_size=20) | st.sampled_from([NASTY, "<b>", "{{ 7*7 }}", "{% raw %}", "]]>", "<!--"])


@given(st.lists(leaves, min_size=6, max_size=6))
@settings(deadline=None, max_examples=50)
def test_whatever_an_archive_says_is_only_text(words: list[str]) -> None:
    first, *rest = words
    report = {
        **INSPECTION,
        "notes": [first],
        "unknown": rest,
        "source": {"acct": rest[0], "format": rest[1]},
        "groups": [
            {**INSPECTION["groups"][0], "because": rest[2], "representative": {"text": rest[3], "origin": rest[4]}}
        ],
    }
    plan = {**PLAN, "reasons": [{**PLAN["reasons"][0], "reason": first, "kinds": {rest[0]: 2}}], "questions": rest}
    for page in (render_inspection(report), render_plan(plan)):
        reader = Reader()
        reader.feed(page)
        assert reader.found == []
        assert "49" not in re.findall(r"\{\{|49(?=</)", page)


def test_the_four_actions_have_a_word_and_a_shape() -> None:
    page, text = render_inspection(INSPECTION), inspection_text(INSPECTION, 80)
    for action, shape in say.SHAPES.items():
        assert f"{shape}</span>{action}" in page
        assert f"{shape} {action}" in text


def test_a_finding_says_why_it_can_be_wrong() -> None:
    assert "Why it can be wrong: Link round-ups" in render_inspection(INSPECTION)


@pytest.mark.parametrize(
    ("share", "said"), [(1.0, "100 %"), (0.9999, "99.9 %"), (0.416, "41.6 %"), (0.0, "0 %"), (0.95, "95 %")]
)
def test_a_hundred_per_cent_means_all(share: float, said: str) -> None:
    assert say.percent(share) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3, "less than a minute"),
        (60, "about a minute"),
        (600, "about 10 minutes"),
        (10000, "about 3 hours"),
        (9e5, "about 10 days"),
    ],
)
def test_time_left_is_as_exact_as_it_can_be(seconds: float, said: str) -> None:
    assert say.duration(seconds) == said
