"""GoToSocial, against a stand-in that enforces its rules: what is asked, what is verified, what every fault leads to.

Each test that speaks to the stand-in says so in its name; ``tests/journeys`` tells the story to a real server.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from safeconduct.contracts import Terms
from safeconduct.destinations.gotosocial import COPIES, GoToSocial, _ulid
from safeconduct.errors import DeliveryError, LockedOut, PlanError, TryAgain, Uncertain
from safeconduct.model import (
    Abilities,
    Action,
    Choices,
    Decision,
    Item,
    Kind,
    Medium,
    Receipt,
    Reply,
    Shaped,
    Visibility,
)
from safeconduct.net import Refused
from tests.contracts.examples_of_destinations import DAY, PICTURE, Drawer, item, post
from tests.journeys.stand_in import TOKEN, Fault, StandIn, ulid

ACCEPT = Decision(Action.ACCEPT)
BOLD = Choices(followers=True, federating=True)


@pytest.fixture
def place() -> Iterator[StandIn]:
    with StandIn() as made:
        yield made


def at(place: StandIn, choices: Choices = BOLD) -> GoToSocial:
    return GoToSocial(place.url, Terms(choices=choices, token=TOKEN, loopback=True))


def shape(destination: GoToSocial, one: Item) -> Shaped:
    made = destination.shape(one, ACCEPT, destination.probe())
    assert isinstance(made, Shaped), made
    return made


def send(destination: GoToSocial, one: Item, parent: Receipt | None = None) -> Receipt:
    return destination.deliver(shape(destination, one), Drawer(), parent)


# --- before the first write ------------------------------------------------------------------------


def test_probe_reads_limits_and_asks_for_old_dates_without_posting_stand_in(place: StandIn) -> None:
    abilities = at(place).probe()
    assert (abilities.software, abilities.version, abilities.backdates) == ("gotosocial", "0.20.0", True)
    assert abilities.account == f"alice@{place.host}"
    assert abilities.limits == {
        "characters": 5000,
        "attachments": 6,
        "description": 1500,
        "image_bytes": 1 << 20,
        "video_bytes": 1 << 20,
        "fields": 6,
    }
    assert "image/png" in abilities.types
    assert place.posts() == []
    assert place.writes() == [("POST", "/api/v1/statuses")]


def test_probe_says_when_old_dates_are_switched_off_stand_in() -> None:
    with StandIn(backdating=False) as place:
        assert at(place).probe().backdates is False


def test_probe_knows_the_pace_the_server_allows_stand_in() -> None:
    with StandIn(requests=300) as place:
        limits = at(place).probe().limits
        assert (limits["requests"], limits["seconds"]) == (300, 300)


@pytest.mark.parametrize(("software", "version"), [("mastodon", "4.5.0"), ("", "0.20.0"), ("pleroma", "2.9")])
def test_other_software_is_refused_before_anything_is_written_stand_in(software: str, version: str) -> None:
    with StandIn(software=software, version=version) as place:
        with pytest.raises(DeliveryError, match="not GoToSocial"):
            at(place).probe()
        assert place.writes() == []


GATE = "/.well-known/safeconduct"


def test_a_published_policy_is_taken_along_stand_in(place: StandIn) -> None:
    place.published = (b'name = "ours"', "text/plain")
    assert at(place).probe().policy == 'name = "ours"'
    place.published = None
    assert gate_notes(at(place)) == ("", [])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (404, ""), (410, ""), (401, "closed (401)"), (403, "closed (403)"), (406, "closed (406)"),
        ((b"<!doctype html><p>Hello", "text/html; charset=utf-8"), "a web page"),
        ((b"<html>", "text/plain"), "a web page"), ((b" ", "text/plain"), "nothing at all"),
    ],
)  # fmt: skip
def test_what_is_no_policy_is_none_but_is_said_stand_in(place: StandIn, answer: Any, said: str) -> None:
    if isinstance(answer, int):
        place.faults.append(Fault(answer, "GET", GATE))
    else:
        place.published = answer
    policy, notes = gate_notes(at(place))
    assert policy == ""
    assert len(notes) == bool(said)
    assert all(said in note and "ask it" in note and place.host in note for note in notes)


@pytest.mark.parametrize("kind", [500, 502, 503, 429, "drop-before"])
def test_a_gate_that_cannot_be_asked_about_is_not_open_stand_in(place: StandIn, kind: int | str) -> None:
    place.faults.append(Fault(kind, "GET", GATE))
    with pytest.raises(TryAgain, match="intake policy"):
        at(place).probe()
    assert at(place).probe().policy == ""


def gate_notes(destination: GoToSocial) -> tuple[str, list[str]]:
    abilities = destination.probe()
    return abilities.policy, [note for note in abilities.notes if GATE in note]


@pytest.mark.parametrize("version", ["0.17.4", "0.1.0", "", "unknown"])
def test_old_or_unknown_versions_are_refused_before_anything_is_written_stand_in(version: str) -> None:
    with StandIn(version=version) as place:
        with pytest.raises(DeliveryError, match=r"need 0\.18"):
            at(place).probe()
        assert place.writes() == []


@pytest.mark.parametrize("version", ["0.18.0", "0.20.0-rc1", "0.21.1+git-abc", "1.0.0"])
def test_newer_versions_are_accepted_stand_in(version: str) -> None:
    with StandIn(version=version) as place:
        assert at(place).probe().backdates


def test_a_mastodon_that_calls_itself_gotosocial_publishes_nothing_stand_in() -> None:
    with StandIn(behaves="mastodon") as place:
        with pytest.raises(DeliveryError, match="does not say"):
            at(place).probe()
        assert (place.posts(), place.home, place.bob.notifications) == ([], [], [])


def test_delivery_looks_first_even_if_nobody_asked_stand_in() -> None:
    with StandIn(software="mastodon") as there, StandIn() as gts:
        shaped = shape(at(gts), post(1, "x"))
        with pytest.raises(DeliveryError, match="not GoToSocial"):
            at(there).deliver(shaped, Drawer(), None)
        assert there.writes() == []


def test_a_server_that_switched_old_dates_off_stops_the_run_stand_in(place: StandIn) -> None:
    shaped = shape(at(place), post(1, "x"))
    place.backdating = False
    with pytest.raises(PlanError, match="no longer"):
        at(place).deliver(shaped, Drawer(), None)
    assert place.posts() == []


def test_a_wrong_token_is_said_in_words_stand_in(place: StandIn) -> None:
    with pytest.raises(LockedOut, match="does not accept the token"):
        GoToSocial(place.url, Terms(token="wrong", loopback=True)).probe()
    with pytest.raises(LockedOut, match="needs a token"):
        GoToSocial(place.url, Terms(loopback=True)).probe()


# --- delivery --------------------------------------------------------------------------------------


def test_a_post_arrives_under_its_old_date_and_wakes_nobody_stand_in(place: StandIn) -> None:
    send(at(place), post(1, "hello", thing={"summary": "cw"}, media=(PICTURE,), visibility=Visibility.UNLISTED))
    (made,) = place.posts()
    assert made["created_at"] == "2019-05-01T10:01:00.000Z"
    assert made["visibility"] == "unlisted"
    assert (made["spoiler_text"], made["sensitive"], made["language"]) == ("cw", True, "und")
    assert made["media_attachments"][0]["description"] == "A red field"
    assert made["media_attachments"][0]["meta"]["focus"] == {"x": 0.5, "y": -0.25}
    assert (place.home, place.bob.notifications, place.lookups) == ([], [], [])


def test_a_thread_arrives_as_a_thread_stand_in(place: StandIn) -> None:
    destination = at(place)
    parent = send(destination, post(0, "first"))
    child = post(1, "second", reply=Reply(post(0, "").id, mine=True))
    with pytest.raises(DeliveryError, match="has not arrived"):
        send(destination, child)
    send(destination, child, parent)
    assert place.posts()[1]["in_reply_to_id"] == parent.new_id


def test_a_mention_is_neither_looked_up_nor_refused_stand_in(place: StandIn) -> None:
    words = f'<a class="u-url mention" href="{place.url}/@bob">@bob</a> and @bob and @x@far.invalid `@bob`'
    send(at(place), post(1, "", thing={"content": words}))
    assert len(place.posts()) == 1
    assert place.lookups == []


def test_the_servers_no_is_passed_on_in_its_own_words_stand_in(place: StandIn) -> None:
    destination = at(place)
    shaped = shape(destination, post(1, "x" * 4000))
    place.characters = 100
    with pytest.raises(Refused, match=r"exceed max chars \(100\)"):
        destination.deliver(shaped, Drawer(), None)


def test_a_file_that_is_too_large_or_missing_stops_its_post_only_stand_in(place: StandIn) -> None:
    destination = at(place)
    shaped = shape(destination, post(1, "x", media=(PICTURE,)))
    destination._abilities = None
    with pytest.raises(DeliveryError, match="larger than"):
        destination.deliver(shaped, _Heavy(), None)
    assert place.posts() == []


def test_a_file_the_server_cannot_read_is_named_stand_in(place: StandIn) -> None:
    destination = at(place)
    shaped = shape(destination, post(1, "x", media=(PICTURE,)))
    place.faults.append(Fault(422, path="/api/v2/media"))
    with pytest.raises(DeliveryError, match=r"file 1 \(1\.png\) was not taken"):
        destination.deliver(shaped, Drawer(), None)
    with pytest.raises(DeliveryError, match="is empty"):
        destination.deliver(shaped, _Empty(), None)
    assert place.posts() == []


class _Empty(Drawer):
    members = {"media/1.png": b""}  # noqa: RUF012


class _Heavy(Drawer):
    members = {"media/1.png": b"x" * ((1 << 20) + 1)}  # noqa: RUF012


@pytest.mark.parametrize("misdate", [True, False])
def test_a_post_with_another_date_is_deleted_and_stops_everything_stand_in(misdate: bool) -> None:
    with StandIn(misdate=misdate) as place:
        destination = at(place)
        if misdate:
            with pytest.raises(PlanError, match=r"dated a post .* deleted at once"):
                send(destination, post(1, "x"))
            assert place.posts() == []
        else:
            assert send(destination, post(1, "x")).new_id


def test_a_server_that_turns_mastodon_after_the_look_is_stopped_at_the_first_post_stand_in(place: StandIn) -> None:
    destination = at(place)
    shaped = shape(destination, post(1, "x"))
    place.behaves = "mastodon"
    with pytest.raises(PlanError, match="deleted at once"):
        destination.deliver(shaped, Drawer(), None)
    assert place.posts() == []


# --- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["drop-after", "fail-after"])
def test_a_post_whose_answer_is_lost_is_uncertain_and_found_stand_in(place: StandIn, kind: str) -> None:
    destination = at(place)
    shaped = shape(destination, post(1, "hello", media=(PICTURE,)))
    place.faults.append(Fault(kind))
    with pytest.raises(Uncertain):
        destination.deliver(shaped, Drawer(), None)
    found = at(place).find(shaped)
    assert found is not None
    assert found.new_id == place.posts()[0]["id"]


def test_a_post_that_never_arrived_is_not_found_and_its_file_is_not_sent_again_stand_in(place: StandIn) -> None:
    destination = at(place)
    shaped = shape(destination, post(1, "hello", media=(PICTURE,)))
    place.faults.append(Fault("drop-before"))
    with pytest.raises(Uncertain):
        destination.deliver(shaped, Drawer(), None)
    assert destination.find(shaped) is None
    destination.deliver(shaped, Drawer(), None)
    assert len(place.posts()) == 1
    assert len(place.media) == 1


def test_a_lost_file_is_just_sent_again_stand_in(place: StandIn) -> None:
    destination = at(place)
    shaped = shape(destination, post(1, "hello", media=(PICTURE,)))
    place.faults.append(Fault("drop-after", path="/api/v2/media"))
    with pytest.raises(TryAgain):
        destination.deliver(shaped, Drawer(), None)
    destination.deliver(shaped, Drawer(), None)
    assert len(place.posts()) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_wait_is_obeyed_stand_in(place: StandIn, status: int) -> None:
    destination = at(place)
    shaped = shape(destination, post(1, "hello"))
    place.faults.append(Fault(status, headers={"Retry-After": "17"}))
    with pytest.raises(TryAgain) as wait:
        destination.deliver(shaped, Drawer(), None)
    assert wait.value.after == 17
    destination.deliver(shaped, Drawer(), None)
    assert len(place.posts()) == 1


def test_nothing_is_begun_that_the_allowance_does_not_cover_stand_in() -> None:
    with StandIn(requests=8) as place:
        destination = at(place)
        shaped = shape(destination, post(1, "hello", media=(PICTURE,)))
        place.log.clear()
        with pytest.raises(TryAgain) as wait:
            destination.deliver(shaped, Drawer(), None)
        assert 0 < wait.value.after <= 300
        assert place.writes() == []


def test_twins_are_not_taken_for_each_other_stand_in(place: StandIn) -> None:
    destination = at(place)
    first, second = (
        shape(destination, post(1, "same", published=DAY)),
        shape(destination, post(2, "same", published=DAY)),
    )
    receipt = destination.deliver(first, Drawer(), None)
    assert destination.find(second) is None
    other = destination.deliver(second, Drawer(), None)
    assert other.new_id != receipt.new_id
    found = destination.find(first)
    assert found is not None
    assert found.new_id == receipt.new_id


@pytest.mark.parametrize(
    "change",
    [{"content": "other"}, {"summary": "cw"}],
)
def test_another_post_of_the_same_second_is_not_taken_for_it_stand_in(place: StandIn, change: dict[str, Any]) -> None:
    destination = at(place)
    destination.deliver(shape(destination, post(1, "words", published=DAY)), Drawer(), None)
    assert at(place).find(shape(at(place), post(2, "words", published=DAY, thing=change))) is None
    assert at(place).find(shape(at(place), post(2, "words", published=DAY, visibility=Visibility.UNLISTED))) is None


def test_it_is_found_among_many_of_the_same_minute_stand_in(place: StandIn) -> None:
    destination = at(place)
    shaped = [shape(destination, post(n, f"word {n}", published=DAY)) for n in range(50)]
    receipts = [destination.deliver(one, Drawer(), None) for one in shaped]
    fresh = at(place)
    for one, receipt in zip(shaped, receipts, strict=True):
        found = fresh.find(one)
        assert found is not None
        assert found.new_id == receipt.new_id


def test_an_id_carries_its_date() -> None:
    moment = datetime(2019, 5, 1, 10, tzinfo=UTC)
    assert _ulid(moment) == "01D9SDCB800000000000000000"
    assert _ulid(moment) < ulid(moment) < _ulid(moment + timedelta(milliseconds=1))


# --- undo ------------------------------------------------------------------------------------------


def test_undo_says_what_it_cannot_take_back_stand_in(place: StandIn) -> None:
    destination = at(place)
    public, private = post(1, "x"), post(2, "y", visibility=Visibility.FOLLOWERS)
    receipts = send(destination, public), send(destination, private)
    assert [destination.undo(receipt).leftover for receipt in receipts] == [COPIES, ""]
    assert place.posts() == []
    assert destination.undo(receipts[0]).number == 1


def test_an_undone_post_can_be_delivered_again_stand_in(place: StandIn) -> None:
    destination = at(place)
    destination.undo(send(destination, post(1, "x")))
    send(destination, post(1, "x"))
    assert len(place.posts()) == 1


# --- relations, quietly ----------------------------------------------------------------------------


def bob(number: int, kind: Kind, place: StandIn, **thing: Any) -> Item:
    return item(number, kind, {"acct": f"bob@{place.host}", **thing})


def test_a_block_is_a_mute_until_the_person_says_yes_stand_in(place: StandIn) -> None:
    quiet, loud = at(place, Choices()), at(place)
    receipt = send(quiet, bob(1, Kind.BLOCK, place))
    assert place.relations[place.bob.id] == {"muting"}
    assert "muted, not blocked" in shape(quiet, bob(1, Kind.BLOCK, place)).adapted[0]
    assert quiet.undo(receipt).leftover == ""
    receipt = send(loud, bob(1, Kind.BLOCK, place))
    assert place.relations[place.bob.id] == {"blocking"}
    assert "does not come back by itself" in loud.undo(receipt).leftover
    assert place.relations[place.bob.id] == set()


def test_what_was_so_before_stays_so_after_undo_stand_in(place: StandIn) -> None:
    place.relations[place.bob.id] = {"muting"}
    destination = at(place)
    receipt = send(destination, bob(1, Kind.MUTE, place))
    assert receipt.before["already"] is True
    destination.undo(receipt)
    assert place.relations[place.bob.id] == {"muting"}


@pytest.mark.parametrize("kind", [Kind.FOLLOW, Kind.LIST])
def test_follows_wait_for_a_yes_stand_in(place: StandIn, kind: Kind) -> None:
    quiet = at(place, Choices())
    made = quiet.shape(bob(1, kind, place, title="Friends"), ACCEPT, quiet.probe())
    assert not isinstance(made, Shaped)
    assert made.code == "waits-for-yes"


def test_a_list_needs_its_follow_and_goes_again_with_its_last_member_stand_in(place: StandIn) -> None:
    destination = at(place)
    member = bob(2, Kind.LIST, place, title="Friends")
    with pytest.raises(DeliveryError, match="not followed yet"):
        send(destination, member)
    send(destination, bob(1, Kind.FOLLOW, place))
    receipt = send(destination, member)
    assert [entry["members"] for entry in place.lists.values()] == [[place.bob.id]]
    destination.undo(receipt)
    destination.undo(receipt)
    assert place.lists == {}


def test_an_account_that_is_gone_is_named_stand_in(place: StandIn) -> None:
    with pytest.raises(DeliveryError, match=r"dave@far\.invalid could not be found"):
        send(at(place), item(1, Kind.MUTE, {"acct": "dave@far.invalid"}))
    assert place.lookups == ["@dave@far.invalid"]


@pytest.mark.parametrize(
    "kind", [Kind.LIKE, Kind.BOOKMARK, Kind.DOMAIN_BLOCK, Kind.FOLLOWER, Kind.PIN, Kind.MEDIA, Kind.OTHER]
)
def test_what_would_wake_somebody_or_has_no_place_is_left_with_a_reason(kind: Kind) -> None:
    made = GoToSocial("x", Terms(choices=BOLD)).shape(
        item(1, kind, {"object": "https://x.example/1"}), ACCEPT, ABILITIES
    )
    assert not isinstance(made, Shaped)
    assert len(made.reason) > 20


ABILITIES = Abilities(
    "gotosocial:https://there.example", "gotosocial", "0.20", DAY, frozenset({Kind.POST, Kind.FILTER, Kind.PROFILE})
)


def test_a_filter_that_ran_out_is_left() -> None:
    thing = {
        "title": "x",
        "context": ["home"],
        "keywords_attributes": [{"keyword": "x"}],
        "expires_at": "2018-01-01T00:00:00Z",
    }
    made = GoToSocial("x", Terms()).shape(item(1, Kind.FILTER, thing), ACCEPT, ABILITIES)
    assert not isinstance(made, Shaped)
    assert made.code == "expired"


def test_a_profile_is_replaced_and_put_back_stand_in(place: StandIn) -> None:
    place.alice.display_name, place.alice.note = "Old", "Before"
    place.alice.fields = [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]
    place.media["00000000000000000000000001"] = {"data": b"old picture", "used": True}
    place.alice.pictures["avatar"] = f"{place.url}/files/00000000000000000000000001"
    thing = {
        "type": "Person",
        "name": "Alice",
        "summary": "<p>With @bob</p>",
        "attachment": [{"name": "c", "value": "3"}],
    }
    destination = at(place)
    media = (Medium("/icon", "media/1.png", "image/png"), Medium("/image", "media/2.png", "image/png"))
    receipt = send(destination, item(1, Kind.PROFILE, thing, media=media))
    assert (place.alice.display_name, place.alice.note) == ("Alice", "With ＠bob")
    assert place.alice.fields == [{"name": "c", "value": "3"}]
    assert set(place.alice.pictures) == {"avatar", "header"}
    assert at(place).undo(receipt).leftover == ""
    assert (place.alice.display_name, place.alice.note, len(place.alice.fields)) == ("Old", "Before", 2)
    assert set(place.alice.pictures) == {"avatar"}
    assert place.media[place.alice.pictures["avatar"].rsplit("/", 1)[1]]["data"] == b"old picture"
