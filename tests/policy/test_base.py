"""A policy may extend a preset: its rules, its lists, without some of them, with others in their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.errors import PolicyError
from safeconduct.model import Action
from safeconduct.policy import parse_policy, read_policy
from safeconduct.policy.rules import Breaker
from tests.policy.small import SMALL

HOUSE = """\
[breaker]
items = 9
[lists]
words = ["MOONROCKS"]
[[rule]]
id = "loud"
when = "says"
with = { words = "words" }
then = "quarantine"
because = "Too loud."
matches = ["BUY MOONROCKS"]
[[rule]]
id = "posts"
when = "plain"
then = "limit"
filters = ["unlisted"]
because = "Quietly."
"""


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "house.toml").write_text(HOUSE, "utf-8")
    (tmp_path / "loop.toml").write_text('base = "loop"', "utf-8")
    found = {path.stem: path for path in tmp_path.glob("*.toml")}
    monkeypatch.setattr("safeconduct.policy.read.preset_files", lambda: found)


def test_a_base_brings_its_rules_lists_and_breaker() -> None:
    policy = parse_policy('base = "house"\n[breaker]\nshare = 0.5', "mine.toml", criteria=SMALL)
    assert [rule.id for rule in policy.rules] == ["loud", "posts"]
    assert policy.rules[0].given == {"words": ["MOONROCKS"]}
    assert policy.name == "mine"


def test_a_list_of_ones_own_takes_the_place_of_the_bases() -> None:
    policy = parse_policy('base = "house"\n[lists]\nwords = ["SUNROCKS"]', criteria=SMALL)
    assert policy.rules[0].given == {"words": ["SUNROCKS"]}


def test_a_rule_of_the_same_id_takes_the_place_of_the_bases_and_others_can_be_left_out() -> None:
    mine = '[[rule]]\nid = "loud"\nwhen = "says"\nwith = { words = "words" }\nthen = "accept"'
    policy = parse_policy(f'base = "house"\nwithout = ["posts"]\n{mine}', criteria=SMALL)
    (rule,) = policy.rules
    assert (rule.id, rule.then, rule.breaker) == ("loud", Action.ACCEPT, Breaker(0.2, 9))
    assert [vars(asked)["question"] for asked in policy.questions] == [rule.question]


def test_leaving_out_what_is_not_there_is_a_mistake() -> None:
    with pytest.raises(PolicyError, match=r"no rule “post”.*Write instead: posts"):
        parse_policy('base = "house"\nwithout = ["post"]', criteria=SMALL)


def test_a_policy_is_not_its_own_base() -> None:
    with pytest.raises(PolicyError, match="own base"):
        read_policy("loop", SMALL)


def test_a_file_of_ones_own_may_have_the_name_of_its_base(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "house.toml").write_text('base = "house"', "utf-8")
    assert len(read_policy(own / "house.toml", SMALL).rules) == 2
