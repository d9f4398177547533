"""The ten laws, over whole archives from one end of the pipeline to the other."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct import flow
from safeconduct.contracts import Destination, Source, Terms
from safeconduct.destinations.gotosocial import CARRIES, GoToSocial
from safeconduct.destinations.nowhere import Nowhere
from safeconduct.destinations.site import Site
from safeconduct.home import Custody, Home
from safeconduct.model import Abilities, Action, Choices, Decision, Fate, Filter, Item, Kind, Left, Receipt, Shaped
from safeconduct.policy import parse_policy, read_policy
from safeconduct.steps.decide import decide
from safeconduct.steps.planfile import Line, Plan
from safeconduct.steps.report import inspection_report
from safeconduct.steps.trace import Query
from tests.fixtures.worlds import ALICE, PUBLIC, archive, outboxes, width

NOW = datetime(2025, 6, 1, tzinfo=UTC)
QUICK = settings(deadline=None, max_examples=15)
POLL = {
    "type": "Create", "actor": ALICE, "to": [PUBLIC], "id": f"{ALICE}/statuses/999/activity",
    "object": {"type": "Question", "id": f"{ALICE}/statuses/999", "attributedTo": ALICE, "to": [PUBLIC],
               "content": "<p>Tea?</p>", "published": "2021-01-01T00:00:00Z",
               "oneOf": [{"type": "Note", "name": "yes"}]},
}  # fmt: skip
OPEN_HOUSE = Choices(followers=True, boosts="link")
SERVER = Abilities(
    "gotosocial:https://new.example", "gotosocial", "0.20.0", NOW, CARRIES, account="alice@new.example",
    limits={"characters": 5000, "attachments": 6}, types=("image/png", "image/jpeg"),
)  # fmt: skip


class Recording(Nowhere):
    """Nowhere, but it remembers in which order things came."""

    name = "nowhere"

    def __init__(self, place: str, terms: Terms) -> None:
        super().__init__(place, terms)
        self.came: list[Shaped] = []

    def deliver(self, shaped: Shaped, source: Source, parent: Receipt | None) -> Receipt:
        self.came.append(shaped)
        return super().deliver(shaped, source, parent)


class Offline(GoToSocial):
    """A GoToSocial that is only planned for: shaping is pure and needs no server."""

    name = "gotosocial"

    def probe(self) -> Abilities:
        return SERVER


@contextmanager
def world(outbox: list[Any], **files: str) -> Iterator[tuple[Home, Source, Path]]:
    """An archive, a home and an empty folder."""
    with TemporaryDirectory() as folder:
        place = archive(Path(folder) / "archive", outbox, **files)
        with Home(Path(folder) / "home") as home:
            yield home, flow.open_source(str(place)), Path(folder)


def plan(
    home: Home, source: Source, folder: Path, destination: Destination, policy: str, choices: Choices = OPEN_HOUSE
) -> Plan:
    path = folder / f"plan-{len(list(folder.glob('plan-*')))}.jsonl"
    return flow.planned(
        home, source, [read_policy(policy)], destination, destination.probe(), choices, path,
        spec=destination.name, as_of=NOW,
    )  # fmt: skip


def lines(made: Plan) -> list[Line]:
    return list(made.lines())


@QUICK
@given(outbox=outboxes(), policy=st.sampled_from(["open", "balanced", "careful", "text-only", "trusted-origin"]))
def test_1_the_plan_is_the_dry_run(outbox: list[Any], policy: str) -> None:
    with world(outbox) as (home, source, folder):
        destination = Recording("", Terms(OPEN_HOUSE))
        first, again = (plan(home, source, folder, destination, policy) for _ in range(2))
        assert lines(first) == lines(again)
        _, result, _ = flow.copied(home, first, source, destination)
        assert result.differences == ()
        planned = {line.n: line.shape for line in lines(first) if line.shape}
        assert {shaped.number: shaped for shaped in destination.came} == planned
        assert len(destination.came) == len(planned) == result.delivered


@QUICK
@given(outbox=outboxes())
def test_2_criteria_measure_and_only_the_policy_minds(outbox: list[Any]) -> None:
    with world(outbox) as (home, source, _):
        silent = parse_policy('name = "silent"\n', "silent.toml")
        with flow.inspected(home, source, [silent], as_of=NOW) as seen:
            report = inspection_report(seen)
    assert report["decisions"]["accept"] == report["items"]
    assert all(set(found) == {"criterion", "count", "confidence", "examples"} for found in report["findings"])


@QUICK
@given(outbox=outboxes())
def test_3_a_persons_decision_yields_only_to_a_person(outbox: list[Any]) -> None:
    with world(outbox) as (home, source, folder):
        here = Nowhere("", Terms())
        flow.copied(home, plan(home, source, folder, here, "open"), source, here)
        first = next((line for line in plan(home, source, folder, here, "open").lines()), None)
        if first is None:
            return
        for action in (Action.REJECT, Action.ACCEPT):
            decide(home, Query(number=first.n), action, author="carol", because="I looked at it.")
            for policy in ("open", "careful"):
                line = lines(plan(home, source, folder, here, policy))[0]
                assert line.action == action.name.lower()
                assert (line.fate == Fate.REFUSED) == (action == Action.REJECT)


GATE = """name = "gate"
[[rule]]
when = "poll"
then = "quarantine"
because = "A person looks at polls first."
breaker = 1.0
"""


class Gated(Nowhere):
    """A place whose community publishes a policy."""

    name = "nowhere"

    def probe(self) -> Abilities:
        return msgspec.structs.replace(super().probe(), policy=GATE)


def test_3_nobody_here_speaks_for_the_community_there() -> None:
    """The gate: whoever moves may overrule an own policy, never the one that the receiving server publishes."""
    with world([POLL]) as (home, source, folder):
        here = Gated("", Terms())

        def fates(name: str) -> list[Fate]:
            policies = [read_policy("open"), parse_policy(GATE, "gate.toml")]
            path = folder / name
            flow.planned(home, source, policies, here, here.probe(), OPEN_HOUSE, path, spec="nowhere", as_of=NOW)
            return [line.fate for line in Plan(path).lines() if line.kind == "poll"]

        assert fates("one.jsonl") == [Fate.HELD]
        flow.copied(home, Plan(folder / "one.jsonl"), source, here)
        decide(home, Query(kind="poll"), Action.ACCEPT, author="alice", because="I want it there.")
        assert fates("two.jsonl") == [Fate.HELD]


@QUICK
@given(outbox=outboxes(), policy=st.sampled_from(["open", "careful"]), site=st.booleans())
def test_4_nothing_vanishes(outbox: list[Any], policy: str, site: bool) -> None:
    with world(outbox, blocked_accounts="dave@there.example\n") as (home, source, folder):
        with flow.inspected(home, source, [read_policy(policy)], as_of=NOW) as seen:
            report = inspection_report(seen)
        records = len(outbox) + 1 + 1  # the profile and Dave
        assert report["items"] + report["unreadable"] == records
        assert sum(report["fates"].values()) == report["items"] == sum(report["decisions"].values())
        destination = Site(str(folder / "site"), Terms()) if site else Offline("https://new.example", Terms())
        made = plan(home, source, folder, destination, policy)
        assert made.footer.records == records
        assert Counter(line.fate for line in made.lines()) == made.footer.fates
        assert all(line.reason or line.fate == Fate.ARRIVES for line in made.lines())
        assert all((line.shape is not None) == (line.fate in (Fate.ARRIVES, Fate.ADAPTED)) for line in made.lines())


@QUICK
@given(outbox=outboxes(), agreed=st.booleans(), filters=st.frozensets(st.sampled_from(list(Filter))))
def test_5_an_audience_never_widens(outbox: list[Any], agreed: bool, filters: frozenset[Filter]) -> None:
    choices = Choices(followers=agreed, boosts="link")
    records = {f"outbox.json#/orderedItems/{place}": record for place, record in enumerate(outbox)}
    with world(outbox) as (home, source, folder):
        for destination in (
            Offline("https://new.example", Terms(choices)),
            Site(str(folder / "site"), Terms(choices)),
            Nowhere("", Terms(choices)),
        ):
            for line in plan(home, source, folder, destination, "open", choices).lines():
                if line.shape is not None and line.origin in records:
                    assert line.shape.visibility <= width(records[line.origin])
                    assert agreed or destination.name != "gotosocial" or line.shape.visibility > 2
                    assert destination.name != "site" or width(records[line.origin]) >= 3


@QUICK
@given(outbox=outboxes())
def test_6_quiet_by_default(outbox: list[Any]) -> None:
    files = {"blocked_accounts": "dave@there.example\n", "following_accounts": "Account address\nbob@there.example\n"}
    with world(outbox, **files) as (home, source, folder):
        made = plan(home, source, folder, Offline("https://new.example", Terms()), "open", Choices())
        shapes = [line.shape for line in made.lines() if line.shape]
        assert not {shape.body.get("act") for shape in shapes} & {"block", "follow"}
        assert [shape.body["act"] for shape in shapes if shape.kind == Kind.BLOCK] == ["mute"]
        for shape in shapes:
            text = json.dumps(msgspec.to_builtins(shape.body))
            assert not re.search(r"(?<!\\)@bob", text)  # escaped, it notifies nobody (measured)
            assert shape.kind not in (Kind.POST, Kind.POLL) or shape.body.get("scheduled_at")


@QUICK
@given(outbox=outboxes())
def test_7_protection_before_posts(outbox: list[Any]) -> None:
    files = {"blocked_accounts": "dave@there.example\n", "muted_accounts": "mallory@there.example\n",
             "blocked_domains": "bad.example\n"}  # fmt: skip
    with world(outbox, **files) as (home, source, folder):
        destination = Recording("", Terms())
        flow.copied(home, plan(home, source, folder, destination, "open"), source, destination)
        kinds = [shaped.kind for shaped in destination.came]
    protecting = {Kind.BLOCK, Kind.MUTE, Kind.DOMAIN_BLOCK}
    assert set(kinds[:3]) == protecting
    assert not protecting & set(kinds[3:])


@QUICK
@given(outbox=outboxes(), policy=st.sampled_from(["open", "balanced", "careful", "trusted-origin"]))
def test_8_a_fault_holds(outbox: list[Any], policy: str) -> None:
    from safeconduct.criteria.many_links import ManyLinks

    def broken(self: ManyLinks, batch: object) -> list[Any]:
        raise RuntimeError("a bug")

    with world(outbox) as (home, source, folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(ManyLinks, "inspect", broken)
        made = lines(plan(home, source, folder, Nowhere("", Terms()), policy))
    assert {line.fate for line in made} <= {Fate.HELD, Fate.REFUSED}


@settings(deadline=None, max_examples=100)
@given(action=st.sampled_from([Action.QUARANTINE, Action.REJECT]), filters=st.frozensets(st.sampled_from(list(Filter))))
def test_9_what_was_not_allowed_is_never_shaped(action: Action, filters: frozenset[Filter]) -> None:
    item = Item(0, Kind.POST, "outbox.json#/orderedItems/0", b"{}", {}, {"type": "Note"}, id=f"{ALICE}/statuses/1")
    decision = Decision(action, filters)
    for destination in (Nowhere("", Terms()), Offline("https://new.example", Terms())):
        assert isinstance(destination.shape(item, decision, destination.probe()), Left)


@QUICK
@given(outbox=outboxes())
def test_10_every_delivery_can_be_undone(outbox: list[Any]) -> None:
    with world(outbox) as (home, source, folder):
        place = folder / "site"
        destination = Site(str(place), Terms(OPEN_HOUSE))
        transfer, result, _ = flow.copied(home, plan(home, source, folder, destination, "open"), source, destination)
        rollback = flow.undone(home, transfer.id, Site(str(place), Terms(OPEN_HOUSE)))
        assert rollback.undone == result.delivered
        assert rollback.failed == 0
        assert not place.exists() or list(place.iterdir()) == []
        assert "delivered" not in Custody(home, transfer.id).states().values()
        again = flow.undone(home, transfer.id, Site(str(place), Terms(OPEN_HOUSE)))
        assert again.undone == 0


def test_an_archive_nobody_else_may_read_stays_home(tmp_path: Path) -> None:
    """The worked example of laws 4, 5 and 6: one of each audience, and who gets it where."""
    notes = [
        {"id": f"{ALICE}/statuses/{n}/activity", "type": "Create", "actor": ALICE, "to": to, "cc": cc,
         "object": {"id": f"{ALICE}/statuses/{n}", "type": "Note", "attributedTo": ALICE, "to": to, "cc": cc,
                    "published": "2020-02-02T10:00:00Z", "content": f"<p>number {n}</p>"}}
        for n, (to, cc) in enumerate([([PUBLIC], []), ([], [PUBLIC]), ([f"{ALICE}/followers"], []), ([ALICE], [])])
    ]  # fmt: skip
    with world(notes) as (home, source, folder):
        site = plan(home, source, folder, Site(str(folder / "site"), Terms()), "open", Choices())
        posts = [line for line in site.lines() if line.kind == "post"]
    assert [line.fate in (Fate.ARRIVES, Fate.ADAPTED) for line in posts] == [True, True, False, False]
