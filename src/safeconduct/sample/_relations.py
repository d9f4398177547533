"""Alice's relations as Mastodon writes them: the CSV files, the filters, likes and bookmarks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from random import Random

import msgspec

from safeconduct.model import Json
from safeconduct.sample._people import ACTOR, ALICE, DAVE, FRIENDS, MALLORY

_LANGUAGES = ("", "", "", "de", "en, fr", "ja")


def files(random: Random) -> Iterator[tuple[str, bytes]]:
    """Every small file of the archive, by name, in Mastodon's order."""
    yield "likes.json", _collection("likes.json", _liked(random, 60))
    yield "bookmarks.json", _collection("bookmarks.json", _liked(random, 25))
    yield "actor.json", msgspec.json.encode(ACTOR)
    yield "following_accounts.csv", _following(random)
    yield "followers.csv", _table([["Account address"], *([acct] for _, acct, _ in FRIENDS[:12])])
    yield "blocked_accounts.csv", _table([[DAVE[1]], [MALLORY[1]]])
    muted = [["quizbot@noise.example", "true"], [FRIENDS[9][1], "false"]]
    yield "muted_accounts.csv", _table([["Account address", "Hide notifications"], *muted])
    yield "blocked_domains.csv", _table([["bad.example"], ["spam.example"]])
    yield "lists.csv", _lists()
    yield "bookmarks.csv", _table([[uri] for uri in _liked(random, 5)])
    yield "followed_tags.csv", _table([["Hashtag"], ["gardening"], ["nighttrains"], ["パン作り"]])
    yield "custom_filters.json", msgspec.json.encode({"custom_filters": _FILTERS})
    yield "featured.json", _collection("featured.json", [f"{ALICE}/statuses/98765432101234567"])


_FILTERS: list[dict[str, Json]] = [
    {
        "title": "Football results",
        "expires_at": None,
        "context": ["home", "public"],
        "action": "warn",
        "keywords_attributes": [{"keyword": "penalty shoot-out", "whole_word": True}],
        "statuses": [],
    },
    {
        "title": "Spoilers: the bread series",
        "expires_at": "2026-12-31T00:00:00Z",
        "context": ["home", "notifications", "thread"],
        "action": "hide",
        "keywords_attributes": [
            {"keyword": "season finale", "whole_word": False},
            {"keyword": "Zopf", "whole_word": True},
        ],
        "statuses": [],
    },
]


def _liked(random: Random, count: int) -> list[str]:
    return [f"{random.choice(FRIENDS)[2]}/statuses/{random.randrange(10**17, 10**18)}" for _ in range(count)]


def _following(random: Random) -> bytes:
    rows = [["Account address", "Show boosts", "Notify on new posts", "Languages"]]
    for _, acct, _ in FRIENDS:
        boosts, notify = random.random() < 0.8, random.random() < 0.1
        rows.append([acct, str(boosts).lower(), str(notify).lower(), random.choice(_LANGUAGES)])
    return _table(rows)


def _lists() -> bytes:
    rows = [["Bread, trains and tea", acct] for _, acct, _ in FRIENDS[:5]]
    return _table([*rows, *(["Gardeners", acct] for _, acct, _ in FRIENDS[4:7])])


def _table(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _collection(name: str, uris: list[str]) -> bytes:
    context = "https://www.w3.org/ns/activitystreams"
    return msgspec.json.encode({"@context": context, "id": name, "type": "OrderedCollection", "orderedItems": uris})
