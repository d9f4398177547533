"""Alice's posts move to a GoToSocial, Bob follows her there and notices nothing, and everything is taken back.

Against the real server that ``SAFECONDUCT_GOTOSOCIAL`` (its address) and ``SAFECONDUCT_GOTOSOCIAL_TOKEN`` name, and
against the stand-in otherwise; ``SAFECONDUCT_GOTOSOCIAL_FOLLOWER_TOKEN`` lets the story look through a follower's
eyes there too.  The account is left as it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct

from safeconduct.contracts import Terms
from safeconduct.destinations.gotosocial import GoToSocial
from safeconduct.model import Action, Choices, Decision, Item, Kind, Medium, Receipt, Reply, Shaped, Visibility
from safeconduct.net import Client
from tests.contracts.examples_of_destinations import ALICE, DAY, PICTURE, Drawer, item, post
from tests.journeys.stand_in import FOLLOWER_TOKEN, TOKEN, StandIn

ACCEPT = Decision(Action.ACCEPT)
BLUE = Medium("/attachment/1", "media/2.png", "image/png", "2.png", "Blue @bob", (-1.0, 1.0))


class Server(Struct, frozen=True):
    url: str
    token: str
    follower: str

    def destination(self) -> GoToSocial:
        choices = Choices(followers=True, boosts="link")
        return GoToSocial(self.url, Terms(choices=choices, actor=ALICE, token=self.token, loopback=True))

    def seen(self, path: str, token: str) -> Any:
        client = Client(self.url, token, loopback=True)
        try:
            return client.call("GET", path).json()
        finally:
            client.close()


@pytest.fixture
def server() -> Iterator[Server]:
    real, token = os.environ.get("SAFECONDUCT_GOTOSOCIAL"), os.environ.get("SAFECONDUCT_GOTOSOCIAL_TOKEN")
    if real and token:
        yield Server(real, token, os.environ.get("SAFECONDUCT_GOTOSOCIAL_FOLLOWER_TOKEN", ""))
        return
    with StandIn() as place:
        yield Server(place.url, TOKEN, FOLLOWER_TOKEN)


def history(host: str) -> list[Item]:
    """Every shape a post can have; the dates are Alice's own."""
    bob = f'<a class="u-url mention" href="https://{host}/@bob">@<span>bob</span></a>'
    tag = [{"type": "Mention", "href": f"https://{host}/@bob", "name": "@bob"}]
    question = {"type": "Question", "oneOf": [{"name": "yes @bob", "replies": {"totalItems": 3}}, {"name": "no"}]}
    hard = (
        "<p># 1. *a* _b_ ~~c~~ `d` &lt;e&gt; &amp;amp; \\ [f](g)<br>- @bob</p><ul><li>h</li></ul><pre>i @bob\n  j</pre>"
    )
    return [
        post(0, "The first morning."),
        post(1, "And the second.", reply=Reply(f"{ALICE}/statuses/0", mine=True)),
        post(2, "Pictures.", media=(PICTURE, BLUE), visibility=Visibility.UNLISTED, thing={"summary": "Colours"}),
        post(3, "For friends.", visibility=Visibility.FOLLOWERS, thing={"contentMap": {"de": "<p>For friends.</p>"}}),
        post(4, "", thing={"content": f"<p>{bob} and @bob and @bob@{host}, look</p>", "tag": tag}),
        post(
            5, "", thing={"content": f"<p>{bob} yes</p>", "tag": tag}, reply=Reply("https://x.example/@dave/1", False)
        ),
        post(6, "Tea?", kind=Kind.POLL, thing=question),
        post(7, "", kind=Kind.BOOST, thing={"type": "Announce", "object": "https://x.example/@dave/2"}),
        post(8, "", thing={"content": hard}),
        post(9, "Oldest.", published=DAY.replace(year=1985)),
    ]


def shapes(destination: GoToSocial, host: str) -> list[Shaped]:
    abilities = destination.probe()
    made = [destination.shape(one, ACCEPT, abilities) for one in history(host)]
    assert all(isinstance(one, Shaped) for one in made), made
    return [one for one in made if isinstance(one, Shaped)]


def test_a_history_arrives_quietly_is_found_and_is_taken_back(server: Server) -> None:
    destination = server.destination()
    me = server.seen("/api/v1/accounts/verify_credentials", server.token)["id"]
    listing = f"/api/v1/accounts/{me}/statuses?limit=40"
    before = _ids(server.seen(listing, server.token))
    quiet = _follower(server)
    shaped = shapes(destination, server.url.split("//")[1])
    receipts: dict[str, Receipt] = {}
    try:
        for one in shaped:
            assert destination.find(one) is None
            receipts[one.id] = destination.deliver(one, Drawer(), receipts.get(one.parent))
        _check(server, shaped, receipts)
        assert _follower(server) == quiet
        fresh = server.destination()
        found = [fresh.find(one) for one in shaped]
        assert [receipt and receipt.new_id for receipt in found] == [receipts[one.id].new_id for one in shaped]
        fresh.finish()
    finally:
        for receipt in reversed(receipts.values()):
            destination.undo(receipt)
        destination.finish()
    assert _ids(server.seen(listing, server.token)) == before


def _check(server: Server, shaped: list[Shaped], receipts: dict[str, Receipt]) -> None:
    """What the server itself now says of each post."""
    for one in shaped:
        made = server.seen(f"/api/v1/statuses/{receipts[one.id].new_id}", server.token)
        assert one.published is not None
        assert made["created_at"] == one.published.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        assert made["visibility"] == one.body["visibility"]
        assert made["spoiler_text"] == one.body["spoiler_text"]
        assert made["language"] == one.body["language"]
        assert made["in_reply_to_id"] == (receipts[one.parent].new_id if one.parent else None)
        assert not made.get("mentions")
        assert [file["description"] for file in made["media_attachments"]] == [medium.alt for medium in one.media]
        for file, medium in zip(made["media_attachments"], one.media, strict=True):
            assert (file["meta"]["focus"]["x"], file["meta"]["focus"]["y"]) == medium.focus


def _follower(server: Server) -> Any:
    """What Bob is told: his notifications, by id, and the home timeline where the server keeps old posts out of it.

    A real GoToSocial 0.20 fills a home timeline that has less than a page with old posts, each at its old date
    (measured); nothing is ever pushed, and nothing appears above what Bob has read.
    """
    if not server.follower:
        return None
    pages = ("notifications",) if os.environ.get("SAFECONDUCT_GOTOSOCIAL") else ("notifications", "timelines/home")
    return [_ids(server.seen(f"/api/v1/{page}", server.follower)) for page in pages]


def _ids(page: list[dict[str, Any]]) -> list[str]:
    return sorted(str(entry.get("id", entry)) for entry in page)


def test_relations_arrive_and_are_put_back(server: Server) -> None:
    destination = server.destination()
    abilities = destination.probe()
    host = abilities.account.rpartition("@")[2]
    filter_ = {"title": "No tea", "context": ["home"], "keywords_attributes": [{"keyword": "tea", "whole_word": True}]}
    profile = {
        "type": "Person",
        "name": "Alice moved",
        "summary": "<p>With @bob</p>",
        "attachment": [{"name": "a", "value": "b"}],
    }
    items = [
        item(1, Kind.BLOCK, {"acct": f"bob@{host}"}),
        item(2, Kind.MUTE, {"acct": f"bob@{host}"}),
        item(3, Kind.FILTER, filter_),
        item(4, Kind.HASHTAG, {"name": "#tea"}),
        item(5, Kind.PROFILE, profile, media=(Medium("/icon", "media/1.png", "image/png"),)),
    ]
    before = _profile(server)
    receipts = []
    try:
        for one in items:
            shaped = destination.shape(one, ACCEPT, abilities)
            assert isinstance(shaped, Shaped)
            receipts.append(destination.deliver(shaped, Drawer(), None))
        assert _profile(server) != before
        assert receipts[1].before["already"] is True
    finally:
        for receipt in reversed(receipts):
            assert destination.undo(receipt).leftover == ""
    assert _profile(server) == before
    for one in items[:4]:
        shaped = destination.shape(one, ACCEPT, abilities)
        assert isinstance(shaped, Shaped)
        assert destination.find(shaped) is None
    destination.finish()


def _profile(server: Server) -> Any:
    me = server.seen("/api/v1/accounts/verify_credentials", server.token)
    return [me.get(key) for key in ("display_name", "note", "avatar", "header")] + [me["source"]["fields"]]
