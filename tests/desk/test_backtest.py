"""Trying a draft on stored imports: the difference is that of two full runs, and nothing is changed by trying."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.flow import inspected, open_source
from safeconduct.home import Home
from safeconduct.model import Action
from safeconduct.policy import Policy, parse_policy, preset_files
from safeconduct_desk import backtest, workbench
from safeconduct_desk.backtest import Difference, Outcome, difference
from safeconduct_desk.models import Arrival, Group, Held, PolicyVersion, Role
from safeconduct_desk.store import files
from tests.desk.conftest import somebody

CAREFUL = preset_files()["careful"].read_text(encoding="utf-8")
WITHOUT = 'name = "milder"\nbase = "careful"\nwithout = ["burst", "copies"]\n'
PICTURES = 'name = "no-pictures"\nbase = "careful"\n' + workbench.rule_text(
    "no-pictures", "image", "quarantine", "No pictures here."
)
OLD = 'name = "young"\nbase = "balanced"\n' + workbench.rule_text(
    "old", "old", "quarantine", "It is old.", {"days": 1000}
)
NONE = 'name = "nothing"\n'
TEXTS = [CAREFUL, WITHOUT, PICTURES, OLD, NONE, preset_files()["text-only"].read_text(encoding="utf-8")]
MOMENT = datetime.fromisoformat("2025-06-01T12:00:00+00:00")


def full(opened: Home, archive: Path, policy: Policy) -> tuple[numpy.ndarray, set[str]]:
    """One inspection with this policy and nothing else: its actions and its questions."""
    with inspected(opened, open_source(str(archive)), [policy], as_of=MOMENT) as inspection:
        actions = numpy.array(inspection.census.column("action"), copy=True)
        return actions, {one.rule for one in inspection.questions}


def test_the_difference_is_that_of_two_full_runs(sample: Path, tmp_path: Path) -> None:
    policies = [parse_policy(text, str(n)) for n, text in enumerate(TEXTS)]
    with Home(tmp_path / "home") as opened:
        alone = [full(opened, sample, policy) for policy in policies]
        for live, draft in [(0, 1), (1, 0), (0, 2), (0, 3), (4, 0), (0, 4), (2, 5), (0, 0)]:
            before, after = backtest.compare(opened, open_source(str(sample)), policies[live], policies[draft], MOMENT)
            for outcome, (actions, asks) in ((before, alone[live]), (after, alone[draft])):
                assert outcome.actions.tolist() == actions.tolist()
                assert set(outcome.asks) == asks
            assert (
                sum(map(bool, (difference(before, after).holds, difference(before, after).releases))) or live == draft
            )
    assert any((actions >= Action.QUARANTINE).any() for actions, _asks in alone)


@given(st.lists(st.tuples(st.sampled_from(Action), st.sampled_from(Action)), max_size=60))
@settings(deadline=None, max_examples=100)
def test_every_change_is_counted_once_and_the_way_back_is_the_mirror(told: list[tuple[Action, Action]]) -> None:
    live, draft = (
        Outcome(numpy.array([pair[side] for pair in told], dtype=numpy.uint8), {}, {}, (), {}) for side in (0, 1)
    )
    there, back = difference(live, draft), difference(draft, live)
    assert (there.releases, there.holds, there.other) == (back.holds, back.releases, back.other)
    assert len(there.releases) + len(there.holds) + there.other == sum(one != other for one, other in told)
    assert all(told[n][0] >= Action.QUARANTINE > told[n][1] for n in there.releases)
    assert all(told[n][0] < Action.QUARANTINE <= told[n][1] for n in there.holds)
    assert isinstance(there, Difference)


def draft(text: str) -> PolicyVersion:
    return PolicyVersion.objects.create(name="draft", text=text, digest=parse_policy(text).digest)


def test_trying_changes_nothing_but_the_draft(screened: Arrival) -> None:
    def everything() -> list[object]:
        rows = [list(kind.objects.order_by("pk").values()) for kind in (Arrival, Group, Held)]
        return [*rows, PolicyVersion.live()]

    before, made = everything(), draft(WITHOUT)
    assert backtest.begin(made)
    assert everything() == before
    said = made.tried["imports"][screened.name]
    assert said["items"] == screened.items
    assert said["held"] == screened.held + screened.report["decisions"]["reject"]
    assert backtest.sums(made.tried)["releases"] == len(said["releases"]) > 0
    assert set(said["rules"]) >= {str(n) for n in said["releases"][:5]}


def test_what_was_cut_short_goes_on_where_it_stopped(screened: Arrival, monkeypatch: pytest.MonkeyPatch) -> None:
    made, tried = draft(WITHOUT), []
    live = PolicyVersion.live()
    assert live is not None
    done = {"items": 1, "held": 0, "releases": [], "holds": [], "other": 0, "asks": [], "asks_no_more": []}
    made.tried = {"against": live.pk, "imports": {screened.name: done}, "of": 1}
    made.save()
    monkeypatch.setattr(backtest, "compare", lambda *given: tried.append(given))
    assert backtest.begin(made)
    assert tried == []
    assert made.tried["imports"] == {screened.name: done}


def test_it_is_tried_again_when_another_policy_is_live(screened: Arrival) -> None:
    made = draft(WITHOUT)
    backtest.begin(made)
    assert backtest.current(made)
    PolicyVersion.objects.filter(state="live").update(state="retired")
    PolicyVersion.objects.create(name="same", text=WITHOUT, digest=made.digest, state="live")
    assert not backtest.current(made)
    assert backtest.begin(made)
    assert backtest.current(made)
    assert backtest.sums(made.tried)["releases"] == 0


def test_an_import_without_its_file_is_said_and_counts_as_a_doubt(screened: Arrival) -> None:
    files().drop(screened, "archive")
    made = draft(CAREFUL)
    assert backtest.begin(made)
    assert "not here any more" in made.tried["imports"][screened.name]["problem"]
    assert backtest.releases_much(made.tried)


def tried(releases: int, held: int, **more: object) -> dict[str, object]:
    one = {"items": 1000, "held": held, "releases": list(range(releases)), "holds": [], "other": 0, "asks": [],
           "asks_no_more": [], **more}  # fmt: skip
    return {"imports": {"a": one}}


@pytest.mark.parametrize(
    ("given", "much"),
    [
        (tried(0, 0), False), (tried(10, 100), False), (tried(11, 100), True), (tried(50, 5000), False),
        (tried(51, 5000), True), (tried(0, 100, asks_no_more=["forged"]), True), ({"imports": {}}, False),
    ],
)  # fmt: skip
def test_much_is_more_than_fifty_or_a_tenth_or_a_question_less(given: dict[str, object], much: bool) -> None:
    assert backtest.releases_much(given) is much


def test_hits_in_what_was_delivered_are_a_queue_and_answered_once(screened: Arrival) -> None:
    somebody("frank", Role.LEAD)
    made = draft(PICTURES)
    backtest.begin(made)
    assert backtest.queue(made) == []  # it is not delivered yet
    Arrival.objects.filter(pk=screened.pk).update(state=Arrival.State.APPLIED)
    ((arrival, said),) = backtest.queue(made)
    assert arrival == screened
    assert said["holds"]
    assert Arrival.objects.get(pk=screened.pk).state == Arrival.State.APPLIED
    assert backtest.answered(made, screened.name, "left")
    assert not backtest.answered(made, screened.name, "taken back")
    made.refresh_from_db()
    assert backtest.queue(made) == []
    assert made.tried["imports"][screened.name]["answer"] == "left"


def test_it_is_as_of_the_day_it_was_read(screened: Arrival) -> None:
    hits = []
    for day in ("2013-01-01", "2026-01-01"):
        Arrival.objects.filter(pk=screened.pk).update(created=datetime.fromisoformat(f"{day}T00:00:00+00:00"))
        made = draft(OLD)
        backtest.begin(made)
        hits.append(made.tried["imports"][screened.name]["hits"]["old"])
    assert hits[0] < 10  # whose date cannot be
    assert hits[1] > 50
