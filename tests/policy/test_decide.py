"""What a policy says, case by case; the laws are in ``tests/contracts/test_policy.py``."""

from __future__ import annotations

from datetime import timedelta

from safeconduct.model import WHOLE, Action, Basis, Confidence, Filter, Finding, Kind, Reason, Visibility
from safeconduct.policy import Policy
from safeconduct.policy.rules import BROKEN, NOT_ASSESSED, Breaker, Rule, Unknown, Where
from tests.policy.small import NOW, Counted, finding, item


def policy(*rules: Rule) -> Policy:
    return Policy("corner", rules, digest="d")


def holds(**changes: object) -> Rule:
    usual: dict[str, object] = {
        "id": "r", "when": "says", "question": "says", "then": Action.QUARANTINE, "because": "Why."
    }  # fmt: skip
    return Rule(**(usual | changes))  # type: ignore[arg-type]


def test_the_strictest_rule_gives_action_and_reason() -> None:
    limit = holds(id="l", then=Action.LIMIT, filters=frozenset({Filter.UNLISTED}), because="Softly.")
    decision = policy(limit, holds()).decide(item(), [finding()], Counted())
    assert decision.action is Action.QUARANTINE
    assert decision.reasons == (Reason("r", "says", "Why."),)
    assert not decision.filters


def test_equal_limits_unite() -> None:
    one = holds(id="a", then=Action.LIMIT, filters=frozenset({Filter.UNLISTED}), because="One.")
    two = holds(id="b", then=Action.LIMIT, filters=frozenset({Filter.NO_LINKS}), because="Two.")
    decision = policy(two, one).decide(item(), [finding()], Counted())
    assert decision.filters == {Filter.UNLISTED, Filter.NO_LINKS}
    assert [reason.sentence for reason in decision.reasons] == ["One.", "Two."]


def test_a_guess_is_held_where_an_exact_finding_is_refused() -> None:
    refuses = policy(holds(then=Action.REJECT))
    assert refuses.decide(item(), [finding()], Counted()).action is Action.REJECT
    guess = refuses.decide(item(), [finding(basis=Basis.PERCEPTUAL)], Counted())
    assert (guess.action, guess.pending) == (Action.QUARANTINE, False)


def test_a_rule_beyond_its_breaker_asks() -> None:
    asks = policy(holds(then=Action.LIMIT, filters=frozenset({Filter.UNLISTED}), breaker=Breaker(0.2, 50)))
    few, many = Counted(1000, {"r": 200}), Counted(1000, {"r": 630})
    assert asks.decide(item(), [finding()], few).action is Action.LIMIT
    decision = asks.decide(item(), [finding()], many)
    assert (decision.action, decision.pending) == (Action.QUARANTINE, True)
    assert "63 % of the import; a person needs to confirm it" in decision.reasons[0].sentence
    assert "Why." in decision.reasons[0].sentence


def test_a_small_import_trips_no_breaker_and_a_full_share_never() -> None:
    assert not Breaker(0.2, 50).trips(50, 50)
    assert Breaker(0.2, 50).trips(51, 60)
    assert not Breaker(1.0, 50).trips(1000, 1000)


def test_a_share_of_the_import_wakes_a_rule() -> None:
    share = policy(holds(where=Where(share_of_import_over=0.05), breaker=Breaker(1.0)))
    assert share.touched(item(), [finding()]) == ("r",)
    assert share.decide(item(), [finding()], Counted(1000, {"r": 50})).action is Action.ACCEPT
    assert share.decide(item(), [finding()], Counted(1000, {"r": 51})).action is Action.QUARANTINE


def test_where_narrows() -> None:
    old = policy(holds(where=Where(kind=frozenset({Kind.POLL}), older_than_days=10)))
    long_ago, lately = NOW - timedelta(days=11), NOW - timedelta(days=9)
    assert old.touched(item(kind=Kind.POLL, published=long_ago), [finding()], NOW) == ("r",)
    assert old.touched(item(kind=Kind.POLL, published=lately), [finding()], NOW) == ()
    assert old.touched(item(kind=Kind.POST, published=long_ago), [finding()], NOW) == ()
    named = policy(holds(where=Where(visibility=frozenset({Visibility.NAMED}))))
    assert named.touched(item(visibility=Visibility.NAMED), [finding()]) == ("r",)
    assert named.touched(item(), [finding()]) == ()


def test_leaving_out_the_date_is_no_way_round_a_rule() -> None:
    for where in (Where(older_than_days=10), Where(newer_than_days=10)):
        assert policy(holds(where=where)).touched(item(published=None), [finding()], NOW) == ("r",)


def test_what_was_not_assessed_passes_or_holds_or_asks() -> None:
    unsure = [finding(value=NOT_ASSESSED, confidence=Confidence.LOW)]
    said = {
        unknown: policy(holds(unknown=unknown, at_least=Confidence.HIGH)).decide(item(), unsure, Counted())
        for unknown in Unknown
    }
    assert said[Unknown.PASS].action is Action.ACCEPT
    assert (said[Unknown.HOLD].action, said[Unknown.HOLD].pending) == (Action.QUARANTINE, False)
    assert (said[Unknown.ASK].action, said[Unknown.ASK].pending) == (Action.QUARANTINE, True)
    assert "could not be assessed (Was seen)" in said[Unknown.ASK].reasons[0].sentence


def test_a_whole_import_is_a_question_only_where_a_rule_says_so() -> None:
    whole = [finding(number=WHOLE)]
    assert policy(holds()).conclude(whole) == ()
    assert policy(holds()).decide(item(), whole, Counted()).action is Action.ACCEPT
    assert policy(holds(where=Where(whole=True), then=Action.ACCEPT)).conclude(whole) == ()
    asked = policy(holds(where=Where(whole=True))).conclude(whole)
    assert asked == (Reason("r", "says", "Why. (Was seen)"),)


def test_a_broken_criterion_is_named_and_attributed() -> None:
    here, everywhere = (Finding(n, BROKEN, Confidence.HIGH, Basis.EXACT, "broke", value="says") for n in (7, WHOLE))
    decision = policy().decide(item(), [here], Counted())
    assert (decision.author, decision.pending) == ("fault", True)
    assert decision.reasons[0].criterion == "says"
    assert policy().conclude([everywhere])[0].rule == "fault"
