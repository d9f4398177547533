"""The laws of a destination, over every destination in the folder.

Those that speak to a server run against a stand-in here; the journeys run against a real one when there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct.contracts import Destination, Hides
from safeconduct.discover import plugins
from safeconduct.model import (
    Abilities,
    Action,
    Decision,
    Fate,
    Filter,
    Kind,
    Left,
    Reason,
    Receipt,
    Shaped,
    Visibility,
)
from tests.contracts.examples_of_destinations import Drawer, Example, example, items, post

ACCEPT = Decision(Action.ACCEPT)
WHY = (Reason("rule", "criterion", "Because of a reason."),)
CARRIED = (Kind.POST, Kind.POLL, Kind.BOOST)


@pytest.fixture(params=sorted(plugins("destinations")))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Example]:
    with example(request.param, tmp_path) as made:
        yield made


def shapes(destination: Destination, abilities: Abilities) -> list[Shaped]:
    host = abilities.account.rpartition("@")[2]
    made = [destination.shape(one, ACCEPT, abilities) for one in items(host)]
    return [shaped for shaped in made if isinstance(shaped, Shaped)]


def deliver_all(destination: Destination, shaped: list[Shaped]) -> list[Receipt]:
    receipts: dict[str, Receipt] = {}
    for one in shaped:
        receipts[one.id or str(one.number)] = destination.deliver(one, Drawer(), receipts.get(one.parent))
    return list(receipts.values())


def test_a_probe_is_dated_and_names_what_it_saw(place: Example) -> None:
    abilities = place.make().probe()
    assert abilities.probed.tzinfo is not None
    assert abilities.destination
    assert abilities.software
    assert abilities.carries


def test_abilities_survive_a_file(place: Example) -> None:
    abilities = place.make().probe()
    assert msgspec.json.decode(msgspec.json.encode(abilities), type=Abilities) == abilities


def test_what_is_neither_accepted_nor_limited_is_refused(place: Example) -> None:
    destination = place.make()
    abilities = destination.probe()
    for one in items():
        for action, fate in ((Action.QUARANTINE, Fate.HELD), (Action.REJECT, Fate.REFUSED)):
            left = destination.shape(one, Decision(action, reasons=WHY), abilities)
            assert isinstance(left, Left)
            assert left.fate is fate
            assert left.reason


def test_shape_is_pure(place: Example) -> None:
    destination = place.make()
    abilities = destination.probe()
    before = place.state()
    for one in items():
        kept = msgspec.json.encode(one.object)
        assert destination.shape(one, ACCEPT, abilities) == destination.shape(one, ACCEPT, abilities)
        assert msgspec.json.encode(one.object) == kept
    assert place.state() == before


def test_every_item_is_shaped_or_left_with_a_reason(place: Example) -> None:
    destination = place.make()
    abilities = destination.probe()
    for one in items():
        made = destination.shape(one, ACCEPT, abilities)
        assert made.number == one.number
        assert isinstance(made, Shaped) or (made.reason and made.code)


def test_a_shape_survives_a_file(place: Example) -> None:
    destination = place.make()
    for shaped in shapes(destination, destination.probe()):
        assert msgspec.json.decode(msgspec.json.encode(shaped), type=Shaped) == shaped


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    visibility=st.sampled_from(Visibility),
    audience=st.sampled_from(Visibility),
    filters=st.frozensets(st.sampled_from(Filter)),
    kind=st.sampled_from(CARRIED),
)
def test_an_audience_never_widens(
    place: Example, visibility: Visibility, audience: Visibility, filters: frozenset[Filter], kind: Kind
) -> None:
    destination = place.make()
    abilities = msgspec.structs.replace(_probed(place), audience=audience)
    one = post(0, "The first morning.", visibility=visibility, kind=kind, thing={"object": "https://other.example/1"})
    made = destination.shape(one, Decision(Action.LIMIT, filters, WHY), abilities)
    destination.finish()
    if isinstance(made, Shaped):
        assert made.visibility <= visibility


_known: dict[int, Abilities] = {}


def _probed(place: Example) -> Abilities:
    if id(place) not in _known:
        _known.clear()
        _known[id(place)] = place.make().probe()
    return _known[id(place)]


def test_delivering_twice_is_delivering_once(place: Example) -> None:
    destination = place.make()
    shaped = shapes(destination, destination.probe())
    first = deliver_all(destination, shaped)
    state = place.state()
    again = deliver_all(destination, shaped)
    assert [receipt.new_id for receipt in again] == [receipt.new_id for receipt in first]
    assert place.state() == state


def test_what_was_delivered_is_found_also_after_a_restart_and_looking_writes_nothing(place: Example) -> None:
    destination = place.make()
    shaped = shapes(destination, destination.probe())
    assert [destination.find(one) for one in shaped] == [None] * len(shaped)
    receipts = deliver_all(destination, shaped)
    destination.finish()
    state = place.state()
    fresh = place.make()
    for one, receipt in zip(shaped, receipts, strict=True):
        found = fresh.find(one)
        if place.keeps and one.kind is not Kind.PROFILE:
            assert found is not None
            assert found.new_id == receipt.new_id
    assert place.state() == state
    fresh.finish()


def test_undo_puts_everything_back_newest_first_with_receipts_from_a_file_and_twice(place: Example) -> None:
    destination = place.make()
    abilities = destination.probe()
    before = place.state()
    shaped = shapes(destination, abilities)
    kept = msgspec.json.encode(deliver_all(destination, shaped))
    destination.finish()
    assert not place.keeps or place.state() != before
    fresh = place.make()
    receipts = msgspec.json.decode(kept, type=list[Receipt])
    for receipt in reversed(receipts):
        assert fresh.undo(receipt).number == receipt.number
    for receipt in reversed(receipts):
        assert fresh.undo(receipt).number == receipt.number
    fresh.finish()
    assert place.state() == before
    assert all(fresh.find(one) is None for one in shaped)
    fresh.finish()


def test_what_is_hidden_is_gone_from_outside_found_and_put_back_or_undone(place: Example) -> None:
    destination = place.make()
    shaped = shapes(destination, destination.probe())
    assert isinstance(destination, Hides) == destination.probe().hides
    if not isinstance(destination, Hides):
        return
    before = place.state()
    receipts = deliver_all(destination, shaped)
    destination.finish()
    shown = place.state()
    assert destination.hide(receipts) == len(receipts)
    assert destination.hide(receipts) == len(receipts)
    hidden = place.make()
    assert not place.keeps or [hidden.find(one) is not None for one in shaped] == [True] * len(shaped)
    assert isinstance(hidden, Hides)
    assert hidden.show(receipts) == len(receipts)
    hidden.finish()
    assert place.state() == shown
    again = place.make()
    assert isinstance(again, Hides)
    again.hide(receipts)
    again.finish()
    for receipt in reversed(receipts):
        again.undo(receipt)
    again.finish()
    assert place.state() == before


def test_finish_may_be_called_again(place: Example) -> None:
    destination = place.make()
    destination.finish()
    destination.probe()
    destination.finish()
    destination.finish()


def test_a_token_is_in_no_receipt_shape_or_name(place: Example) -> None:
    destination = place.make()
    abilities = destination.probe()
    shaped = shapes(destination, abilities)
    text = repr((destination, vars(destination).get("_opened"), abilities, shaped, deliver_all(destination, shaped)))
    assert not place.secret or place.secret not in text
