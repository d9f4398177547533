"""A plan is obeyed to the letter, so whose letter it is matters: edited, forged, swapped and outdated plans."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from safeconduct import flow
from safeconduct.contracts import Terms
from safeconduct.destinations.nowhere import Nowhere
from safeconduct.destinations.site import Site
from safeconduct.errors import PlanError, SafeconductError
from safeconduct.home import Home
from safeconduct.model import Abilities, Action, Choices
from safeconduct.policy import read_policy
from safeconduct.steps.decide import decide
from safeconduct.steps.planfile import Plan
from safeconduct.steps.trace import Query
from safeconduct.steps.verify import verify
from tests.fixtures.worlds import ALICE, AUDIENCES, archive

NOW = datetime(2025, 6, 1, tzinfo=UTC)
Lines = list[dict[str, Any]]


def note(number: int, audience: str = "public", text: str = "bread") -> dict[str, Any]:
    to, cc = AUDIENCES[audience]
    inner = {"id": f"{ALICE}/statuses/{number}", "type": "Note", "attributedTo": ALICE, "to": to, "cc": cc,
             "published": f"2020-02-{number:02}T10:00:00Z", "content": f"<p>{text} {number}</p>"}  # fmt: skip
    return {"id": f"{ALICE}/statuses/{number}/activity", "type": "Create", "actor": ALICE, "to": to, "cc": cc,
            "published": inner["published"], "object": inner}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Home(tmp_path / "home") as made:
        yield made


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return archive(tmp_path / "archive", [note(1), note(2), note(3, "named", "secret"), note(4)])


def planned(home: Home, world: Path, place: Path, to: str = "site") -> Plan:
    destination = Site(str(place), Terms()) if to == "site" else Nowhere("", Terms())
    path = place.with_name(f"plan-{len(home.transfers())}.jsonl")
    return flow.planned(
        home, flow.open_source(str(world)), [read_policy("open")], destination, destination.probe(), Choices(), path,
        spec=f"site:{place}" if to == "site" else "nowhere", place=str(world), as_of=NOW,
    )  # fmt: skip


def forged(plan: Plan, change: Callable[[Lines], Lines]) -> Path:
    """The plan with its lines changed and every sum and digest made right again, as anybody can."""
    header, *body, footer = [json.loads(line) for line in plan.path.read_bytes().splitlines()]
    body = change(body)
    written = b"".join(json.dumps(line).encode() + b"\n" for line in [header, *body])
    fates: dict[str, int] = {}
    for line in body:
        fates[line["fate"]] = fates.get(line["fate"], 0) + 1
    footer |= {"sha256": hashlib.sha256(written).hexdigest(), "fates": fates, "records": len(body)}
    path = plan.path.with_name("forged.jsonl")
    path.write_bytes(written + json.dumps(footer).encode() + b"\n")
    return path


def widened(lines: Lines) -> Lines:
    """The post to one named person gets the shape of a public one."""
    model = next(line["shape"] for line in lines if line["kind"] == "post" and "shape" in line)
    secret = next(line for line in lines if line["kind"] == "post" and line.get("visibility", 0) == 1)
    secret |= {"fate": "arrives", "shape": model | {"number": secret["n"], "id": secret["item"].partition(":")[2]}}
    return lines


CHANGES: dict[str, Callable[[Lines], Lines]] = {
    "nothing but spaces": lambda lines: lines,
    "widened": widened,
    "another order": lambda lines: [*reversed(lines)],
    "one line twice": lambda lines: [lines[0], *lines],
    "one line less": lambda lines: lines[1:],
    "no line": lambda lines: [],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_forged_plan_is_not_carried_out(change: Callable[[Lines], Lines], home: Home, world: Path) -> None:
    place = world.parent / "site"
    path = forged(planned(home, world, place), change)
    with pytest.raises(PlanError):
        flow.copied(home, Plan(path), flow.open_source(str(world)), Site(str(place), Terms()))
    assert not place.exists()
    assert home.transfers() == []


@pytest.mark.parametrize("cut", [0, 1, 2, 3, -1], ids=str)
def test_a_cut_plan_is_no_plan(cut: int, home: Home, world: Path) -> None:
    plan = planned(home, world, world.parent / "site")
    lines = plan.path.read_bytes().splitlines(keepends=True)
    short = world.parent / "short.jsonl"
    short.write_bytes(b"".join(lines[:cut]))
    with pytest.raises(PlanError, match="Make a new one"):
        Plan(short)


def test_a_plan_of_another_home_is_not_carried_out(home: Home, world: Path, tmp_path: Path) -> None:
    plan = planned(home, world, tmp_path / "site")
    with Home(tmp_path / "other") as other, pytest.raises(PlanError, match="not made here"):
        flow.copied(other, plan, flow.open_source(str(world)), Site(str(tmp_path / "site"), Terms()))


def test_a_plan_of_another_archive_leaves_no_trace(home: Home, world: Path, tmp_path: Path) -> None:
    plan = planned(home, world, tmp_path / "site")
    other = archive(tmp_path / "another", [note(9)])
    with pytest.raises(PlanError, match="not the one this plan was made from"):
        flow.copied(home, plan, flow.open_source(str(other)), Site(str(tmp_path / "site"), Terms()))
    assert home.transfers() == []


def test_a_swapped_plan_is_noticed(home: Home, world: Path, tmp_path: Path) -> None:
    first, _, _ = flow.copied(
        home,
        planned(home, world, tmp_path / "site"),
        flow.open_source(str(world)),
        Site(str(tmp_path / "site"), Terms()),
    )
    assert verify(home)["wrong"] == []
    (tmp_path / "two").mkdir()
    other = planned(home, world, tmp_path / "two" / "site", "nowhere")
    first.plan_path.unlink()
    first.plan_path.write_bytes(other.path.read_bytes())
    assert any("not the one it was begun with" in str(wrong) for wrong in verify(home)["wrong"])
    with pytest.raises(SafeconductError):
        flow.undone(home, first.id, Nowhere("", Terms()))


def test_a_decision_made_after_planning_holds_the_item_back(home: Home, world: Path, tmp_path: Path) -> None:
    place, source = tmp_path / "site", flow.open_source(str(world))
    here = Nowhere("", Terms())
    flow.copied(home, planned(home, world, place, "nowhere"), source, here)
    plan = planned(home, world, place)
    for number, action in ((1, Action.REJECT), (4, Action.QUARANTINE)):
        decide(home, Query(thing=f"{ALICE}/statuses/{number}"), action, author="carol", because="Not this one.")
    decide(home, Query(thing=f"{ALICE}/statuses/2"), Action.ACCEPT, author="carol", because="Fine.")
    _, result, remainder = flow.copied(home, plan, source, Site(str(place), Terms()))
    assert result.failed == 2
    assert all("A person has decided otherwise" in why for _, why in result.differences)
    shown = "".join(path.read_text() for path in place.rglob("*.html"))
    assert "bread 2" in shown
    assert "bread 1" not in shown
    assert "bread 4" not in shown
    assert remainder is not None
    kept = {entry.id for entry in flow.open_source(str(remainder)).read() if hasattr(entry, "id")}
    assert {f"{ALICE}/statuses/1", f"{ALICE}/statuses/4"} <= kept


class Gated(Nowhere):
    """A place that publishes an intake policy from one day on."""

    name = "nowhere"
    published = ""

    def probe(self) -> Abilities:
        return msgspec.structs.replace(super().probe(), policy=self.published)


def test_a_policy_published_after_the_probe_stops_the_copy(home: Home, world: Path, tmp_path: Path) -> None:
    plan = planned(home, world, tmp_path / "site", "nowhere")
    gate = Gated("", Terms())
    gate.published = 'name = "strict"\n'
    with pytest.raises(PlanError, match="another intake policy"):
        flow.copied(home, plan, flow.open_source(str(world)), gate)
