"""A policy file is checked when it is read: where, what, and what to write instead."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.errors import PolicyError
from safeconduct.model import Action, Confidence, Filter, Kind, Visibility
from safeconduct.policy import Policy, parse_policy, read_policy
from safeconduct.policy.rules import Breaker, State, Unknown
from tests.policy.small import SMALL, Says

GOOD = """\
name = "corner"
title = "Our corner"
description = "A quiet place."
version = 3

[breaker]
share = 0.3

[lists]
loud = ["MOONROCKS", "SUNROCKS"]

# when = "a comment is not a rule"
[[rule]]
id = "shouting"
when = "says"
with = { words = "loud", least = 1 }
at_least = "medium"
where = { kind = ["post", "poll"], visibility = "public", older_than_days = 1 }
then = "limit"
filters = ["content-warning", "unlisted"]
because = "This shouts."
unknown = "ask"
breaker = 0.5
matches = ["BUY MOONROCKS"]
spares = ["I gave up my rocks", { type = "Article", content = "MOONROCKS", to = [] }]

[[rule]]
when = "says"
then = "quarantine"
state = "shadow"
because = "Just looking."
[rule.with]
words = [
    "[[rule]]",
    "x",
]
"""


def read(text: str) -> Policy:
    return parse_policy(text, "corner.toml", criteria=SMALL)


def rule(**changes: str) -> str:
    """A good rule with some of its lines changed; an empty change leaves the line out."""
    lines = {"when": '"says"', "then": '"quarantine"', "because": '"Why."'} | changes
    return "\n".join(["[[rule]]", *(f"{key} = {value}" for key, value in lines.items() if value)])


def test_a_rule_says_what_it_says() -> None:
    policy = read(GOOD)
    first, second = policy.rules
    assert (policy.name, policy.title, policy.version) == ("corner", "Our corner", "3")
    assert (first.id, first.then, first.at_least) == ("shouting", Action.LIMIT, Confidence.MEDIUM)
    assert first.filters == {Filter.CONTENT_WARNING, Filter.UNLISTED}
    assert first.where.kind == {Kind.POST, Kind.POLL}
    assert first.where.visibility == {Visibility.PUBLIC}
    assert first.breaker == Breaker(0.5, 50)
    assert first.unknown is Unknown.ASK
    assert second.breaker == Breaker(0.3, 50)
    assert second.state is State.SHADOW
    assert second.given == {"words": ["[[rule]]", "x"]}


def test_a_list_reaches_the_criterion() -> None:
    first = read(GOOD).questions[0]
    assert isinstance(first, Says)
    assert first.words == ("MOONROCKS", "SUNROCKS")


def test_the_same_question_is_asked_once() -> None:
    asks = "{ words = ['a'] }"
    text = rule(id='"one"', **{"with": asks}) + "\n" + rule(id='"two"', **{"with": asks}) + "\n" + rule(id='"three"')
    policy = read(text)
    one, two, three = (one.question for one in policy.rules)
    assert one == two != three
    assert [vars(asked)["question"] for asked in policy.questions] == [one, three]


def test_ids_are_derived_from_what_a_rule_asks() -> None:
    shadow = rule(when='"plain"', state='"shadow"')
    alone = read(rule()).rules[0]
    assert read(shadow + "\n" + rule()).rules[1].id == alone.id == "says-quarantine"
    assert read(rule(at_least='"high"')).rules[0].id != alone.id


def test_the_digest_follows_what_decides_and_nothing_else(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        return read(text).digest

    assert digest(GOOD) == digest(GOOD.replace("Our corner", "Their corner").replace("# when", "# then"))
    assert digest(GOOD) != digest(GOOD.replace("SUNROCKS", "STARDUST"))
    assert digest(GOOD) != digest(GOOD.replace("This shouts.", "This is loud."))
    assert digest(rule(id='"a"') + "\n" + rule(id='"b"')) == digest(rule(id='"b"') + "\n" + rule(id='"a"'))


WRONG = [
    ('name = "x', 1, "not TOML", ""),
    ("title = 7\n", 1, "“title” is a text", 'title = "…"'),
    ('nmae = "x"', 1, "no “nmae”", "name = …"),
    ("\n[rule]\nwhen = 'says'", 2, "list of tables", "[[rule]]"),
    ("\n" + rule(when=""), 2, "does not say when", "when ="),
    (rule(when='"sayz"'), 2, "no criterion “sayz”", 'when = "says"'),
    (rule(then=""), 1, "does not say what then", 'then = "quarantine"'),
    (rule(then='"quarantaine"'), 3, "“quarantaine”", 'then = "quarantine"'),
    (rule(because=""), 3, "must be told why", "because ="),
    (rule(because='"  "'), 3, "must be told why", "because ="),
    (rule(becuase='"Why."'), 5, "no “becuase”", "because = …"),
    (rule(then='"limit"'), 3, "limits nothing", "filters ="),
    (rule(filters='["unlisted"]'), 5, "Only a limit has filters", 'then = "limit"'),
    (rule(then='"limit"', filters='["unlist"]'), 5, "“unlist”", 'filters = "unlisted"'),
    (rule(at_least='"hihg"'), 5, "“hihg”", 'at_least = "high"'),
    (rule(at_least="3"), 5, "not a number", 'at_least = "…"'),
    (rule(state='"dead"'), 5, "“dead”", '"live", "shadow"'),
    (rule(**{"with": "{ wrods = ['a'] }"}), 5, "no parameter “wrods”", "words = …"),
    (rule(**{"with": "{ least = 'two' }"}), 5, "cannot be 'two'", "least = a whole number"),
    (rule(**{"with": "{ least = 0 }"}), 5, "least is 1 or more", ""),
    (rule(**{"with": "{ loud = 1 }"}), 5, "cannot be 1", "loud = true or false"),
    (rule(**{"with": "{ words = 'luod' }"}) + "\n[lists]\nloud = []", 5, "no list called “luod”", 'words = "loud"'),
    (rule(**{"with": "{ words = [1] }"}), 5, "cannot be [1]", 'words = ["…", "…"]'),
    (rule(when='"seeks"', **{"with": "{ words = ['(a+)+\\1'] }"}), 5, "Back-references cannot be used", ""),
    (rule(**{"with": "3"}), 5, "“with” is a table", "with = {"),
    (rule(where="{ visibilty = 'public' }"), 5, "no “visibilty”", "visibility = …"),
    (rule(where="{ visibility = 'direct' }"), 5, "called “named”", 'visibility = "named"'),
    (rule(where="{ kind = 'toot' }"), 5, "“toot”", "post"),
    (rule(where="{ older_than_days = -1 }"), 5, "out of bounds", "0 or more"),
    (rule(where="{ older_than_days = 9, newer_than_days = 3 }"), 5, "that old and that new", "below"),
    (rule(where="{ share_of_import_under = 0.5 }"), 5, "flood", "breaker = 0.1"),
    (rule(where="{ share_of_import_over = 5 }"), 5, "out of bounds", "from 0 to 1"),
    (rule(where="{ whole = true, kind = 'post' }"), 5, "no kind", "whole = true"),
    (rule(where="{ whole = 1 }"), 5, "true or false", "whole = true"),
    (rule(breaker="20"), 5, "out of bounds", "from 0 to 1"),
    (rule(when='"resembles"', then='"reject"'), 3, "Only exact findings", 'then = "quarantine"'),
    (rule(then='"reject"', where="{ whole = true }"), 3, "whole import", 'then = "quarantine"'),
    (
        rule(then='"limit"', filters='["sensitive"]', where="{ whole = true }"),
        3,
        "cannot be limited",
        'then = "quarantine"',
    ),
    (rule(id='"a"') + "\n" + rule(id='"a"'), 10, "Two rules are called “a”", 'id = "a-2"'),
    (rule(matches='["nothing of the kind"]', **{"with": "{ words = ['a b'] }"}), 5, "does not match number 1", "fit"),
    (rule(spares='["x", "a b"]', **{"with": "{ words = ['a b'] }"}), 5, "matches number 2", "fit"),
    (rule(spares="[3]"), 5, "text or an object", 'spares = ["'),
    (rule(spares="'x'"), 5, "“spares” is a list", "spares = ["),
    (rule(when='"lopsided"', where="{ whole = true }", matches="['x']"), 6, "whole import", "no “matches”"),
    ('base = "balancd"', 1, "not a preset", 'base = "balanced"'),
    ('without = ["x"]', 1, "no rule “x”", ""),
    ("[lists]\nbad = 3", 2, "not a list", 'bad = ["…", "…"]'),
    ("[lists]\nbad = { flie = 'x' }", 2, "no “flie”", "file = …"),
    ("[lists]\nbad = { file = 'x.txt' }", 2, "not read from a folder", "the list itself"),
]


@pytest.mark.parametrize(("text", "line", "message", "instead"), WRONG, ids=[message for _, _, message, _ in WRONG])
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, message: str, instead: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(text)
    assert message in str(caught.value)
    assert instead in caught.value.instead
    assert (caught.value.file, caught.value.line) == ("corner.toml", line)


def test_the_second_rule_is_named_by_its_own_line() -> None:
    with pytest.raises(PolicyError) as caught:
        read(GOOD.replace('state = "shadow"', 'state = "shadwo"'))
    assert caught.value.line == GOOD[: GOOD.index('state = "shadow"')].count("\n") + 1


def test_a_list_may_be_a_file_beside_the_policy(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("# ours\nmoon\n\n sun \n", "utf-8")
    (tmp_path / "p.toml").write_text(
        '[lists]\nsky = { file = "words.txt" }\n' + rule(**{"with": '{ words = "sky" }'}), "utf-8"
    )
    policy = read_policy(tmp_path / "p.toml", SMALL)
    assert policy.rules[0].given == {"words": ["moon", "sun"]}
    assert policy.lists == {"sky": ["moon", "sun"]}


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/hostname", "link.txt", "missing.txt", "", "latin.txt"])
def test_a_list_file_stays_in_the_folder_and_is_text(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    (inner / "link.txt").symlink_to(tmp_path / "secret.txt")
    (inner / "latin.txt").write_bytes(b"caf\xe9")
    (inner / "p.toml").write_text(f'[lists]\nx = {{ file = "{name}" }}\n', "utf-8")
    with pytest.raises(PolicyError) as caught:
        read_policy(inner / "p.toml", SMALL)
    assert caught.value.line == 2


def test_a_list_file_has_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safeconduct.policy.read.LIST_LIMIT", 1 << 20)
    (tmp_path / "x.txt").write_bytes(b"a\n" * (1 << 19) + b"b")
    (tmp_path / "p.toml").write_text('[lists]\nx = { file = "x.txt" }\n', "utf-8")
    with pytest.raises(PolicyError, match="larger than 1 MB"):
        read_policy(tmp_path / "p.toml", SMALL)


def test_a_missing_file_and_a_misspelt_preset() -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        read_policy("nowhere/p.toml")
    with pytest.raises(PolicyError, match=r"no preset “carefull”.*Write instead: careful"):
        read_policy("carefull")


def test_a_criterion_that_does_not_say_what_it_rests_on_may_not_reject() -> None:
    def conclude(self: object, census: object) -> tuple[()]:
        return ()

    vague = type("Vague", (), {"name": "vague", "conclude": conclude, "__module__": "nowhere"})
    text = rule(when='"vague"', then='"reject"')
    with pytest.raises(PolicyError, match="not known to be exact"):
        parse_policy(text, criteria={"vague": vague})
    assert parse_policy(text.replace("reject", "quarantine"), criteria={"vague": vague}).rules


@settings(deadline=None, max_examples=100)
@given(st.integers(0, len(GOOD)), st.integers(0, 30), st.text(max_size=10))
def test_a_damaged_policy_is_read_or_refused(start: int, length: int, instead: str) -> None:
    text = GOOD[:start] + instead + GOOD[start + length :]
    with suppress(PolicyError):
        assert read(text).digest
