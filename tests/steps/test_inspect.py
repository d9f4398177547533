"""Deciding all at once what is alike says of every item what deciding it alone would say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from unittest.mock import patch

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.contracts import Source
from safeconduct.errors import SourceError
from safeconduct.model import (
    WHOLE,
    About,
    Action,
    Basis,
    Confidence,
    Decision,
    Evidence,
    Filter,
    Finding,
    Item,
    Kind,
    Unreadable,
    Visibility,
)
from safeconduct.policy import Policy, strictest
from safeconduct.policy.rules import BROKEN, NOT_ASSESSED, Breaker, Rule, State, Unknown, Where
from safeconduct.screening.census import Census
from safeconduct.steps import inspect as step
from safeconduct.steps import spool as spools
from safeconduct.steps import tally as tallies
from safeconduct.steps import verdicts
from safeconduct.steps.spool import Spool
from safeconduct.steps.tally import Tally
from tests.policy.small import NOW, item

LAW = settings(deadline=None, max_examples=100)
ABOUT = About("sample", "", "", "")
DATES = st.none() | st.integers(-5000, 500).map(lambda days: NOW + timedelta(days=days))
SAID = st.builds(
    Finding,
    item=st.just(0),
    criterion=st.sampled_from([*["says"] * 4, *["resembles"] * 2, BROKEN]),
    confidence=st.sampled_from(Confidence),
    basis=st.sampled_from(Basis),
    reason=st.sampled_from(["Was seen", "Seen too"]),
    evidence=st.sampled_from([(), (Evidence("/content", 1, 2, "plain"),)]),
    value=st.sampled_from([*["", "a", "b"] * 2, NOT_ASSESSED]),
    question=st.sampled_from(["says", "says", "says#1"]),
)
RULES = st.builds(
    Rule,
    id=st.sampled_from(["one", "two"]),
    when=st.just("says"),
    question=st.sampled_from(["says", "says", "says#1"]),
    then=st.sampled_from(Action),
    because=st.just("Because."),
    at_least=st.sampled_from([Confidence.LOW, Confidence.LOW, Confidence.HIGH]),
    where=st.builds(
        Where,
        kind=st.sampled_from([frozenset[Kind](), frozenset({Kind.POST})]),
        visibility=st.sampled_from([frozenset[Visibility](), frozenset({Visibility.PUBLIC})]),
        older_than_days=st.sampled_from([None, None, None, 1000.0]),
        newer_than_days=st.sampled_from([None, None, None, 2000.0]),
        share_of_import_over=st.sampled_from([None, None, 0.3]),
    ),
    filters=st.sampled_from([frozenset({Filter.UNLISTED}), frozenset({Filter.NO_LINKS})]),
    state=st.sampled_from([State.LIVE, State.LIVE, State.SHADOW]),
    unknown=st.sampled_from(Unknown),
    breaker=st.sampled_from([Breaker(1.0, 100), Breaker(0.2, 2)]),
)
POLICIES = st.lists(RULES, min_size=1, max_size=4).map(lambda some: Policy("p", some, digest="d"))
TIGHT = (spools, "PAGE", 4), (spools, "ROOM", 6), (spools, "DEEP", 3), (verdicts, "SLICE", 8), (tallies, "GROUPS", 3)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Item], list[list[Finding]]]:
    """An import of few kinds of items, and what was found of it: batch by batch, then here and there."""
    kinds = st.sampled_from([Kind.POST, Kind.POLL]), st.sampled_from([Visibility.NAMED, Visibility.PUBLIC])
    things = [item(number, draw(kinds[0]), draw(kinds[1]), draw(DATES)) for number in range(draw(st.integers(5, 30)))]
    few = st.sampled_from(draw(st.lists(SAID, min_size=1, max_size=3)))
    times = st.sampled_from([0, 1, 1, 1, 2, 4])
    found = [replace(draw(few), item=thing.number) for thing in things for _ in range(draw(times))]
    numbers = st.integers(WHOLE, len(things) - 1)
    late = [replace(draw(few), item=draw(numbers)) for _ in range(draw(st.integers(0, 9)))]
    size = draw(st.integers(1, 20))
    return things, [one[at : at + size] for one in (found, late) for at in range(0, len(one), size)]


def inspected(
    folder: Path, things: Sequence[Item], found: Sequence[Sequence[Finding]], policies: Sequence[Policy]
) -> Any:
    census = Census(folder, len(things), (), "", NOW)
    census.put("kind", numpy.array([tuple(Kind).index(thing.kind) for thing in things], dtype="u1"))
    census.put("visibility", numpy.array([thing.visibility for thing in things], dtype="u1"))
    moments = [thing.published.timestamp() if thing.published else float("nan") for thing in things]
    census.put("published", numpy.array(moments, dtype="<f8"))
    spool = Spool(folder / "findings")
    for some in found:
        spool.add(some)
    return step.Inspection(ABOUT, census, spool, Tally(), policies)


def gathered(found: Sequence[Sequence[Finding]]) -> dict[int, list[Finding]]:
    """The findings of each item in the order they came, items ascending."""
    ordered = sorted([one for some in found for one in some], key=lambda one: one.item)
    numbers = sorted({one.item for one in ordered})
    return {number: [one for one in ordered if one.item == number] for number in numbers}


def one_by_one(inspection: Any, things: Sequence[Item], findings: dict[int, list[Finding]]) -> dict[int, Decision]:
    """The slow way: every policy is asked of every item.  Sets what each rule touches."""
    policies, census = inspection.policies, inspection.census
    each = [(things[number], some) for number, some in findings.items() if number != WHOLE]
    census.touched = Counter(
        rule for thing, some in each for policy in policies for rule in policy.touched(thing, some, NOW)
    )
    return {thing.number: strictest([one.decide(thing, some, census) for one in policies]) for thing, some in each}


@LAW
@given(worlds(), st.lists(POLICIES, min_size=1, max_size=2), st.booleans())
def test_what_is_alike_is_decided_as_it_would_be_alone(
    world: tuple[list[Item], list[list[Finding]]], policies: list[Policy], tight: bool
) -> None:
    """Also where pages, marks and groups run out, so that findings must be read."""
    things, found = world
    with TemporaryDirectory() as folder, ExitStack() as stack:
        for module, name, value in TIGHT if tight else ():
            stack.enter_context(patch.object(module, name, value))
        inspection = inspected(Path(folder), things, found, policies)
        stack.callback(inspection.close)
        step.settle(inspection)
        touched, findings = inspection.census.touched, gathered(found)
        alone = one_by_one(inspection, things, findings)
        counted = Tally()
        for number, decision in alone.items():
            counted.decided(number, decision, findings[number])
        shadows = [(policy, number) for policy in policies for number in alone]
        assert touched == inspection.census.touched
        assert [(one, number) for number, one, _ in inspection.decisions()] == [(alone[one], one) for one in alone]
        actions = [alone[thing.number].action if thing.number in alone else 0 for thing in things]
        assert inspection.census.column("action").tolist() == actions
        assert inspection.tally.report()["groups"] == counted.report()["groups"]
        assert (inspection.tally.actions, inspection.tally.pending) == (counted.actions, counted.pending)
        assert inspection.tally.shadowed == Counter(
            rule for policy, number in shadows for rule in policy.shadowed(things[number], findings[number], NOW)
        )


@LAW
@given(worlds(), st.booleans())
def test_findings_come_back_as_they_were(world: tuple[list[Item], list[list[Finding]]], tight: bool) -> None:
    things, found = world
    with TemporaryDirectory() as folder, patch.object(spools, "PAGE", 3 if tight else spools.PAGE):
        inspection = inspected(Path(folder), things, found, ())
        assert [*inspection.spool] == [*inspection.spool] == [*gathered(found).items()]
        assert inspection.whole() == gathered(found).get(WHOLE, [])
        inspection.close()


def test_what_could_not_be_assessed_says_nothing_of_the_next_item(tmp_path: Path) -> None:
    careful = Breaker(1.0, 100)
    rule = Rule("r", "says", "says", Action.REJECT, "Because.", unknown=Unknown.PASS, breaker=careful)
    seen = Finding(0, "says", Confidence.HIGH, Basis.EXACT, "Was seen", question="says")
    found = [[replace(seen, value=NOT_ASSESSED), replace(seen, item=1)]]
    with closing(inspected(tmp_path, [item(0), item(1)], found, [Policy("p", [rule])])) as inspection:
        step.settle(inspection)
        assert [one.action for _, one, _ in inspection.decisions()] == [Action.ACCEPT, Action.REJECT]


def test_what_was_found_alike_is_not_read_again_to_decide(tmp_path: Path) -> None:
    said = Finding(0, "says", Confidence.HIGH, Basis.EXACT, "Was seen", question="says")
    found = [[replace(said, item=number, reason=f"Was seen at {number}") for number in range(2000)]]
    inspection = inspected(tmp_path, [item(number) for number in range(2000)], found, [Policy("p", ())])
    with patch.object(Spool, "_decoded", side_effect=AssertionError):
        step.settle(inspection)
    assert len(list(inspection.decisions())) == 2000
    inspection.close()


@pytest.mark.parametrize("number", [-2, 3, 600, 5000])
def test_a_finding_about_no_item_at_all_is_an_error(tmp_path: Path, number: int) -> None:
    said = Finding(number, "says", Confidence.HIGH, Basis.EXACT, "Was seen", question="says")

    def heard(spool: Spool) -> None:
        spool.add([said])
        spool.marks(3)

    with closing(Spool(tmp_path / "findings")) as spool, pytest.raises(ValueError, match="a finding about"):
        heard(spool)


class Seen:
    """As much of a batch as examples need."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.unreadable: list[Unreadable] = []

    def text(self, index: int) -> str:
        return f"The text of {self.items[index].number}"


def shown(found: Sequence[tuple[Seen, list[Finding]]]) -> tuple[dict[str, list[int]], dict[tuple[str, str], int]]:
    """The slow way: which items are examples of each criterion, and which one of each value, finding by finding."""
    examples: dict[str, list[int]] = {}
    values: dict[tuple[str, str], int] = {}
    for one in [one for _, some in found for one in some]:
        some = examples.setdefault(one.criterion, [])
        fresh = len(some) < tallies.EXAMPLES
        if (fresh or (one.criterion, one.value) not in values) and len(values) < tallies.GROUPS:
            values.setdefault((one.criterion, one.value), one.item)
            some += [one.item] if fresh else []
    return examples, values


@LAW
@given(worlds(), st.sampled_from([3, tallies.GROUPS]))
def test_findings_are_counted_each_and_the_first_are_shown(
    world: tuple[list[Item], list[list[Finding]]], groups: int
) -> None:
    things, found = world
    batches = [(Seen(things), [one for one in some if one.item != WHOLE]) for some in found]
    tally, every = Tally(), [one for _, some in batches for one in some]
    with patch.object(tallies, "GROUPS", groups):
        for batch, some in batches:
            tally.saw(batch, some)  # type: ignore[arg-type]
        examples, values = shown(batches)
    rows = {row["criterion"]: row for row in tally.report()["findings"]}
    assert {name: row["count"] for name, row in rows.items()} == Counter(one.criterion for one in every)
    assert {name: [one["item"] for one in row["examples"]] for name, row in rows.items()} == examples
    assert {key: one["item"] for key, one in tally._excerpts.items()} == values
    unassessed = Counter(one.criterion for one in every if one.value == NOT_ASSESSED)
    assert tally.report()["unknown"][1:] == [
        f"{name}: {times} not assessed" for name, times in sorted(unassessed.items())
    ]
    for name, row in rows.items():
        assert row["confidence"] == max(one.confidence for one in every if one.criterion == name).name.lower()


def test_a_source_that_breaks_off_leaves_no_file_open(tmp_path: Path) -> None:
    class Cut:
        name = "cut"

        def about(self) -> About:
            return About("cut", "", "", "")

        def read(self) -> Iterator[Item]:
            yield item()
            raise SourceError("the file ends here")

    made: list[Spool] = []

    class Seen(Spool):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            made.append(self)

    with patch.object(step, "Spool", Seen), pytest.raises(SourceError):
        step.inspect(cast(Source, Cut()), [], tmp_path, NOW, measure=False)
    assert [spool._file.closed for spool in made] == [True]
