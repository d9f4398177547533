"""Eighteen ways to hide one harmless phrase, and what the views cost in false alarms."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from safeconduct.model import Hit, Pattern
from safeconduct.screening.automaton import Automaton
from safeconduct.screening.engines import available
from safeconduct.screening.views import fold, skeleton, squeeze

from .made import DISGUISES, PHRASE, SPAM, hits, text

ENGINES = ["portable", *(["hyperscan"] if available() else [])]
BEFORE, AFTER = "Friends, ", " please!"


def fixtures() -> Path:
    return Path(os.environ.get("SAFECONDUCT_FIXTURES", Path(__file__).parents[3] / "shared/fixtures")) / "text"


def needs(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.name} is not here: set SAFECONDUCT_FIXTURES to the folder of texts by others")
    return path


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", DISGUISES)
def test_every_disguise_is_seen_through(name: str, engine: str) -> None:
    disguised, html, view = DISGUISES[name]
    source = BEFORE + disguised + AFTER
    (hit,) = hits([Pattern(PHRASE)], text(source, html), engine=engine)
    assert hit.view == view
    assert source[hit.start : hit.end].strip("\u202e\u202c") == disguised.strip("\u202e\u202c")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_phrase_split_over_warning_and_body(engine: str) -> None:
    texts = text("please buy", pointer="/summary"), text("moonrocks now or never")
    (hit,) = hits([Pattern(PHRASE)], *texts, engine=engine)
    assert hit == Hit(0, Pattern(PHRASE), texts[1].field, "across", 0, len("moonrocks now"))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_phrase_in_warning_or_body_alone_is_not_across(engine: str) -> None:
    texts = text("buy moonrocks now", pointer="/summary"), text("and buy moonrocks now again")
    assert [hit.view for hit in hits([Pattern(PHRASE)], *texts, engine=engine)] == ["plain", "plain"]


@pytest.mark.parametrize(
    ("phrase", "innocent"),
    [
        ("ass", "a class of assassins, unsurpassed"),
        ("cop", "сор из избы"),
        ("bok", "a good book"),
        ("island", "he is land-locked, this is land"),
        ("therapist", "the rapist"),
        ("moonrocks", "moonrocksy"),
        ("sex", "Essex and Sussex"),
        ("cum", "circumstances, magna cumlaude"),
        ("leet", "l33"),
        ("aid", "they said"),
    ],
)
def test_innocent_words(phrase: str, innocent: str) -> None:
    assert hits([Pattern(phrase)], text(innocent)) == []


@pytest.mark.parametrize(
    ("phrase", "sentence"),
    [
        ("月の石", "今すぐ月の石を買う"),
        ("ขาย", "เราขายหิน"),
        ("买", "请买石头"),
        ("ပန်း", "ဒီပန်းလှတယ်"),
        ("ラーメン", "朝ラーメン部"),
    ],
)
def test_whole_words_in_scripts_without_blanks(phrase: str, sentence: str) -> None:
    (hit,) = hits([Pattern(phrase)], text(sentence))
    assert sentence[hit.start : hit.end] == phrase


def test_only_the_views_a_pattern_asks_for() -> None:
    for name, (disguised, html, view) in DISGUISES.items():
        found = hits([Pattern(PHRASE, views=("plain",))], text(disguised, html))
        assert [hit.view for hit in found] == (["plain"] if view == "plain" else []), name
        found = hits([Pattern(PHRASE, views=("folded",))], text(disguised, html))
        assert [hit.view for hit in found] == (["folded"] if view in ("plain", "folded") else []), name


def test_our_look_alikes_are_unicodes() -> None:
    known = json.loads(needs(fixtures() / "confusables/confusables.json").read_text())
    for letter, latin in (("о", "o"), ("с", "c"), ("е", "e"), ("а", "a"), ("р", "p"), ("х", "x"), ("у", "y")):
        assert skeleton(letter) == latin
        assert latin in {fold(other["c"]) for other in known[letter]}


def alarms(patterns: list[Pattern], texts: list[str]) -> dict[str, int]:
    """How many texts have a hit, and in which view the first one was."""
    found: dict[str, int] = {}
    automaton = Automaton(patterns)
    seen = set()
    for _, hit in automaton.scan([[text(one)] for one in texts]):
        if hit.item not in seen:
            seen.add(hit.item)
            found[hit.view] = found.get(hit.view, 0) + 1
    return found


def test_disguise_views_cost_next_to_no_false_alarms_on_ham() -> None:
    path = needs(fixtures() / "sms-spam/spam.csv")
    with path.open(encoding="latin-1", newline="") as file:
        rows = [row[1] for row in csv.reader(file) if row and row[0] == "ham"]
    assert len(rows) > 4000
    patterns = [Pattern(phrase) for phrase in SPAM]
    found = alarms(patterns, rows)
    simple = found.get("plain", 0) + found.get("folded", 0)
    extra = sum(found.values()) - simple
    assert extra <= len(rows) // 1000, found
    assert simple <= len(rows) // 50, found


def test_disguise_views_stay_quiet_on_awkward_strings() -> None:
    texts = json.loads(needs(fixtures() / "blns/blns.json").read_text(encoding="utf-8"))
    assert alarms([Pattern(phrase) for phrase in SPAM], texts) == {}


def test_squeezing_needs_a_drawn_out_letter() -> None:
    assert squeeze("buyyy moonrocks") == "buy monrocks"
    assert hits([Pattern("buy")], text("buyy")) == []
    assert [hit.view for hit in hits([Pattern("buy")], text("buyyy"))] == ["squeezed"]
    assert [hit.view for hit in hits([Pattern("moon")], text("moooooon"))] == ["squeezed"]
    assert hits([Pattern("mon")], text("moon")) == []
