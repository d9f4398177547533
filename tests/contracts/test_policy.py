"""The laws of a policy, over invented rules, findings and imports; and over every preset that comes with us."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.model import WHOLE, Action, Basis, Confidence, Decision, Filter, Finding, Item, Kind, Visibility
from safeconduct.policy import Policy, preset_files, read_policy, strictest
from safeconduct.policy.rules import BROKEN, NOT_ASSESSED, Breaker, Rule, State, Unknown, Where
from tests.policy.small import NOW, Counted, item

LAW = settings(deadline=None, max_examples=80)
QUESTIONS = ("says", "says#1", "resembles", "plain")
DATES = st.none() | st.integers(-5000, 500).map(lambda days: NOW + timedelta(days=days))
ITEMS = st.builds(item, st.just(7), st.sampled_from(Kind), st.sampled_from(Visibility), DATES)


@st.composite
def rules(draw: st.DrawFn, number: int = 0) -> Rule:
    then = draw(st.sampled_from(Action))
    return Rule(
        id=f"rule-{number}",
        when="says",
        question=draw(st.sampled_from(QUESTIONS)),
        then=then,
        because=f"Because of {number}." if then > Action.ACCEPT else "",
        at_least=draw(st.sampled_from(Confidence)),
        where=draw(WHERES),
        filters=draw(st.frozensets(st.sampled_from(Filter), min_size=1)) if then is Action.LIMIT else frozenset(),
        state=draw(st.sampled_from(State)),
        unknown=draw(st.sampled_from(Unknown)),
        breaker=Breaker(draw(st.floats(0, 1)), draw(st.integers(0, 100))),
    )


WHERES = st.builds(
    Where,
    kind=st.frozensets(st.sampled_from(Kind), max_size=3),
    visibility=st.frozensets(st.sampled_from(Visibility), max_size=2),
    older_than_days=st.none() | st.floats(0, 4000),
    newer_than_days=st.none() | st.floats(0, 4000),
    share_of_import_over=st.none() | st.floats(0, 1),
    whole=st.booleans(),
)
POLICIES = st.integers(0, 6).flatmap(
    lambda n: st.tuples(*(rules(number) for number in range(n))).map(lambda some: Policy("p", some, digest="d"))
)
FINDINGS = st.lists(
    st.builds(
        Finding,
        item=st.sampled_from([7, 7, 7, WHOLE]),
        criterion=st.sampled_from(["says", "resembles", BROKEN]),
        confidence=st.sampled_from(Confidence),
        basis=st.sampled_from(Basis),
        reason=st.just("Was seen"),
        value=st.sampled_from(["", "", NOT_ASSESSED]),
        question=st.sampled_from([*QUESTIONS, ""]),
    ),
    max_size=6,
)
CENSUSES = st.builds(
    Counted,
    count=st.integers(0, 1000),
    touched=st.dictionaries(st.sampled_from([f"rule-{n}" for n in range(6)]), st.integers(0, 1000)),
)
DECISIONS = st.builds(
    Decision,
    action=st.sampled_from(Action),
    filters=st.frozensets(st.sampled_from(Filter)),
    author=st.sampled_from(["policy:a", "policy:b", "person:carol", "fault"]),
    pending=st.booleans(),
)


def no_softer(now: Decision, before: Decision) -> bool:
    if now.action != before.action:
        return now.action > before.action
    return now.filters >= before.filters and now.pending >= before.pending


@LAW
@given(POLICIES, ITEMS, FINDINGS, CENSUSES, st.randoms())
def test_the_order_of_rules_and_findings_never_matters(
    policy: Policy, thing: Item, found: list[Finding], census: Counted, chance: st.DataObject
) -> None:
    shuffled, mixed = list(found), list(policy.rules)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    other = Policy("p", mixed, digest="d")
    assert other.decide(thing, shuffled, census) == policy.decide(thing, found, census)
    assert other.touched(thing, shuffled, NOW) == policy.touched(thing, found, NOW)
    assert other.conclude(shuffled) == policy.conclude(found)


@LAW
@given(POLICIES, ITEMS, FINDINGS, FINDINGS, CENSUSES)
def test_more_findings_never_soften(
    policy: Policy, thing: Item, found: list[Finding], more: list[Finding], census: Counted
) -> None:
    assert no_softer(policy.decide(thing, found + more, census), policy.decide(thing, found, census))
    assert set(policy.conclude(found)) <= set(policy.conclude(found + more))


@LAW
@given(POLICIES, ITEMS, FINDINGS, CENSUSES, st.integers(0, 1000))
def test_a_flood_never_sets_a_held_item_free(
    policy: Policy, thing: Item, found: list[Finding], census: Counted, flood: int
) -> None:
    more = Counted(census.count, {rule.id: census.touched.get(rule.id, 0) + flood for rule in policy.rules})
    before, now = (policy.decide(thing, found, each).action for each in (census, more))
    assert now >= min(before, Action.QUARANTINE)


@LAW
@given(POLICIES, ITEMS, FINDINGS, CENSUSES)
def test_stricter_than_accept_has_reasons_and_every_reason_a_sentence(
    policy: Policy, thing: Item, found: list[Finding], census: Counted
) -> None:
    decision = policy.decide(thing, found, census)
    assert decision.action is Action.ACCEPT or decision.reasons
    assert all(reason.rule and reason.criterion and reason.sentence for reason in decision.reasons)
    assert (decision.action is Action.LIMIT) == bool(decision.filters)
    assert decision.author in (policy.author, "fault")


@LAW
@given(POLICIES, ITEMS, FINDINGS, CENSUSES)
def test_only_exact_findings_reject(policy: Policy, thing: Item, found: list[Finding], census: Counted) -> None:
    guesses = [finding for finding in found if finding.basis is not Basis.EXACT]
    assert policy.decide(thing, guesses, census).action < Action.REJECT


@LAW
@given(POLICIES, ITEMS, FINDINGS, CENSUSES)
def test_a_fault_holds(policy: Policy, thing: Item, found: list[Finding], census: Counted) -> None:
    broken = Finding(7, BROKEN, Confidence.HIGH, Basis.EXACT, "ran out of memory", value="says", question="says")
    alone = policy.decide(thing, [broken], census)
    assert (alone.action, alone.pending, alone.author) == (Action.QUARANTINE, True, "fault")
    decision = policy.decide(thing, [*found, broken], census)
    assert decision.action >= Action.QUARANTINE
    assert decision.action is Action.REJECT or decision.pending


@LAW
@given(POLICIES, ITEMS, FINDINGS, CENSUSES)
def test_shadow_rules_never_change_a_decision(
    policy: Policy, thing: Item, found: list[Finding], census: Counted
) -> None:
    live = Policy("p", [rule for rule in policy.rules if rule.state is State.LIVE], digest="d")
    assert live.decide(thing, found, census) == policy.decide(thing, found, census)
    assert live.conclude(found) == policy.conclude(found)
    assert not set(policy.shadowed(thing, found, NOW)) & set(policy.touched(thing, found, NOW))


@LAW
@given(POLICIES, ITEMS, FINDINGS, CENSUSES)
def test_only_rules_that_touch_an_item_decide_it(
    policy: Policy, thing: Item, found: list[Finding], census: Counted
) -> None:
    acted = {reason.rule for reason in policy.decide(thing, found, census).reasons}
    assert acted - {"fault"} <= set(policy.touched(thing, found, census.as_of))


@LAW
@given(POLICIES, st.datetimes(), FINDINGS, CENSUSES)
def test_findings_about_other_items_and_dates_without_a_zone_are_no_trouble(
    policy: Policy, published: datetime, found: list[Finding], census: Counted
) -> None:
    other = item(8, published=published)
    policy.decide(item(7, published=published), found, census)
    assert policy.decide(other, [f for f in found if f.item == WHOLE], census).action is Action.ACCEPT


@LAW
@given(st.lists(DECISIONS, min_size=1, max_size=5), st.lists(DECISIONS, min_size=1, max_size=5))
def test_strictest_is_a_maximum(some: list[Decision], others: list[Decision]) -> None:
    both = strictest(some + others)
    assert both == strictest(others + some) == strictest([strictest(some), strictest(others)]) == strictest([both])
    assert both.action == max(decision.action for decision in some + others)
    assert no_softer(both, strictest(some))


def test_no_decision_is_not_an_accept() -> None:
    with pytest.raises(ValueError, match="no decision"):
        strictest([])


@pytest.mark.parametrize("name", preset_files())
def test_presets_hold_faults_and_accept_what_nobody_found(name: str) -> None:
    policy = read_policy(name)
    broken = Finding(7, BROKEN, Confidence.HIGH, Basis.EXACT, "broke", value="phrase")
    assert policy.decide(item(), [], Counted()).action is Action.ACCEPT
    assert policy.decide(item(), [broken], Counted()).author == "fault"


@pytest.mark.parametrize("name", preset_files())
def test_phrases_of_presets_never_reject(name: str) -> None:
    assert all(rule.then < Action.REJECT for rule in read_policy(name).rules if rule.when == "phrase")
