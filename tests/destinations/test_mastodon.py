"""Mastodon takes relations and the profile; never a post, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from safeconduct.contracts import Terms
from safeconduct.destinations.mastodon import Mastodon
from safeconduct.errors import DeliveryError
from safeconduct.model import Action, Choices, Decision, Item, Kind, Left, Shaped, Visibility
from tests.contracts.examples_of_destinations import DAY, Drawer, item, post
from tests.journeys.stand_in import TOKEN, StandIn

ACCEPT = Decision(Action.ACCEPT)


@pytest.fixture
def place() -> Iterator[StandIn]:
    with StandIn(software="mastodon", version="4.5.0") as made:
        yield made


def at(place: StandIn, **choices: Any) -> Mastodon:
    return Mastodon(place.url, Terms(choices=Choices(**choices), token=TOKEN, loopback=True))


def shape(destination: Mastodon, one: Item) -> Shaped:
    made = destination.shape(one, ACCEPT, destination.probe())
    assert isinstance(made, Shaped), made
    return made


@pytest.mark.parametrize("kind", [Kind.POST, Kind.POLL, Kind.BOOST])
def test_posts_are_left_and_the_way_to_keep_them_is_said_stand_in(place: StandIn, kind: Kind) -> None:
    destination = at(place, followers=True, boosts="link", linked=True)
    left = destination.shape(post(1, "x", kind=kind), ACCEPT, destination.probe())
    assert isinstance(left, Left)
    assert left.code == "no-backdating"
    assert "`site:`" in left.reason


def test_not_even_a_plan_made_for_another_server_posts_there_stand_in(place: StandIn) -> None:
    body = {"status": "x", "visibility": "public", "scheduled_at": "2019-05-01T10:00:00Z"}
    shaped = Shaped(1, Kind.POST, "x", Visibility.PUBLIC, body, DAY)
    with pytest.raises(DeliveryError, match="every follower"):
        at(place).deliver(shaped, Drawer(), None)
    assert at(place).find(shaped) is None
    assert (place.posts(), place.home, place.log) == ([], [], [])


def test_a_gotosocial_is_sent_to_its_own_destination_stand_in() -> None:
    with StandIn() as place, pytest.raises(DeliveryError, match="use gotosocial:"):
        at(place).probe()


def test_probing_writes_nothing_stand_in(place: StandIn) -> None:
    abilities = at(place).probe()
    assert (abilities.backdates, abilities.software) == (False, "mastodon")
    assert place.writes() == []


def test_a_server_is_blocked_and_unblocked_stand_in(place: StandIn) -> None:
    destination = at(place)
    receipt = destination.deliver(
        shape(destination, item(1, Kind.DOMAIN_BLOCK, {"domain": "rude.example"})), Drawer(), None
    )
    assert place.domains == {"rude.example"}
    assert destination.undo(receipt).leftover
    assert place.domains == set()


def test_a_bookmark_that_is_gone_is_said_stand_in(place: StandIn) -> None:
    destination = at(place)
    with pytest.raises(DeliveryError, match="may be gone"):
        destination.deliver(
            shape(destination, item(1, Kind.BOOKMARK, {"object": "https://other.example/1"})), Drawer(), None
        )


def test_likes_are_never_carried_stand_in(place: StandIn) -> None:
    destination = at(place, federating=True)
    left = destination.shape(item(1, Kind.LIKE, {"object": "https://x.example/1"}), ACCEPT, destination.probe())
    assert isinstance(left, Left)
    assert "notifies" in left.reason
