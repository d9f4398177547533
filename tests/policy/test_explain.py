"""A policy and its decisions as sentences."""

from __future__ import annotations

from datetime import UTC, datetime

from safeconduct.model import WHOLE, Basis, Confidence, Finding
from safeconduct.policy import Policy, parse_policy
from safeconduct.policy.prose import diff, explain, why
from safeconduct.policy.rules import BROKEN
from tests.policy.small import SMALL, Counted, finding, item
from tests.policy.test_read import GOOD

WATCHES = """\
[[rule]]
id = "lean"
when = "lopsided"
where = { whole = true }
then = "quarantine"
because = "This import leans."
"""


def read(text: str) -> Policy:
    return parse_policy(text, "corner.toml", criteria=SMALL)


def test_a_policy_reads_as_prose() -> None:
    prose = explain(read(GOOD))
    assert prose.startswith("Our corner\n\nA quiet place.\n\nThese rules act:")
    assert (
        "• When says (least: 1, words: MOONROCKS, SUNROCKS) is found at least fairly surely in any public poll or post "
        "older than a day, it arrives limited (content-warning and unlisted): “This shouts.” What cannot be assessed "
        "is a question to a person. [shouting]"
    ) in prose
    assert "a rule that would touch more than 50 % of an import and more than 50 items asks a person first." in prose
    assert "“Just looking.” Where it would touch more than 30 % of an import and more" in prose
    assert "These rules only watch and change nothing:\n• When says (words: [[rule]], x) is found in any item" in prose


def test_a_rule_about_a_whole_import_says_so() -> None:
    prose = explain(read(WATCHES))
    assert "When lopsided is found in an import, all of it waits for a person's answer: “This import leans.”" in prose


def test_a_policy_without_rules_says_so() -> None:
    assert "No rule acts." in explain(read('title = "Nothing"'))


def test_why_names_the_rule_what_was_found_and_where() -> None:
    policy = read(GOOD)
    seen = [finding(policy.rules[0].question), finding("plain")]
    old = item(published=datetime(2020, 1, 1, tzinfo=UTC))
    told = why(policy, old, seen, policy.decide(old, seen, Counted()))
    assert told == (
        "Post 7 (outbox.json#/orderedItems/7) arrives, limited by content-warning and unlisted.\n"
        "• This shouts.\n"
        "  Rule shouting; decided by the policy “Our corner”.\n"
        "  Found says (sure, exact), in /content at characters 3–9 (read as skeleton): Was seen\n"
    )


def test_why_nothing_happened() -> None:
    policy = read(GOOD)
    assert "No rule minds it." in why(policy, item(), [], policy.decide(item(), [], Counted()))
    other = [finding("plain")]
    assert "No rule minds what was found" in why(policy, item(), other, policy.decide(item(), other, Counted()))


def test_why_a_fault_or_a_question_holds() -> None:
    policy = read(GOOD)
    broken = Finding(7, BROKEN, Confidence.HIGH, Basis.EXACT, "it ran out of time", value="says")
    told = why(policy, item(), [broken], policy.decide(item(), [broken], Counted()))
    assert "open question, not a refusal" in told
    assert "decided by a fault, which always holds" in told
    assert "it ran out of time" in told


def test_a_difference_is_sentences() -> None:
    old = read(GOOD + WATCHES)
    assert diff(old, old) == ()
    new = GOOD.replace('"SUNROCKS"', '"SUNROCKS", "A", "B"').replace('state = "shadow"', "")
    said = diff(old, read(new))
    assert said[0].startswith("Rule lean is gone. It said: When lopsided")
    assert said[1].startswith("Rule shouting changed. Before: When says")
    assert said[2].startswith("Rule says-quarantine-")
    assert "acts now" in said[2]
    harder = diff(read(GOOD), read(GOOD.replace('then = "limit"', 'then = "quarantine"').replace("filters =", "#")))
    assert harder[0].startswith("Rule shouting is stricter: limit became quarantine. Now: When says")


def test_findings_about_the_whole_import_are_placed() -> None:
    policy = read(WATCHES.replace("where = { whole = true }", ""))
    seen = [finding("lopsided", WHOLE)]
    assert "No rule minds what was found" in why(policy, item(), seen, policy.decide(item(), seen, Counted()))
