"""The invented export: the same every time, lifelike in its shares, and read exactly as expected."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from safeconduct.model import Item, Kind, Total, Unreadable, Visibility
from safeconduct.sample import FEWEST, build
from safeconduct.sources.mastodon_archive import MastodonArchive

GOLDEN = Path(__file__).parents[1] / "fixtures" / "sample.expected.jsonl"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
OWN = "https://old.example/users/alice/"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "small.zip"
    build(path, FEWEST)
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "large.zip"
    build(path, 4000)
    return path


def line(thing: Item | Unreadable) -> dict[str, Any]:
    """What is golden of an item: all but its texts, and but the sizes of pictures, which depend on the encoder."""
    if isinstance(thing, Unreadable):
        return {"number": thing.number, "origin": thing.origin, "reason": thing.reason}
    short: dict[str, Any] = {"number": thing.number, "kind": thing.kind.value, "origin": thing.origin}
    short |= {"id": thing.id, "visibility": thing.visibility.name.lower()}
    short |= {"published": thing.published.isoformat() if thing.published else None}
    if thing.reply:
        short["reply"] = [thing.reply.to, thing.reply.mine]
    if thing.media:
        short["media"] = [[medium.pointer, medium.member, medium.type] for medium in thing.media]
    if thing.kind not in (Kind.POST, Kind.BOOST, Kind.POLL, Kind.PROFILE):
        short["object"] = {key: value for key, value in thing.object.items() if key != "size"}
    return short | ({"notes": list(thing.notes)} if thing.notes else {})


def test_the_small_sample_reads_as_expected(small: Path) -> None:
    """``SAFECONDUCT_GOLDEN=write`` writes the expectation anew; look at the difference before you commit it."""
    found = [line(thing) for thing in MastodonArchive(small).read()]
    if os.environ.get("SAFECONDUCT_GOLDEN") == "write":
        GOLDEN.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found), "utf-8")
    expected = [json.loads(one) for one in GOLDEN.read_text("utf-8").splitlines()]
    for one, other in zip(found, expected, strict=False):
        assert one == other
    assert len(found) == len(expected)


def test_the_same_arguments_make_the_same_bytes(small: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "safeconduct.sample", str(tmp_path / "b.zip"), "--posts", str(FEWEST)]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "7"})
    assert (tmp_path / "b.zip").read_bytes() == small.read_bytes()


def test_another_seed_makes_another_archive(small: Path, tmp_path: Path) -> None:
    build(tmp_path / "b.zip", FEWEST, seed=2)
    assert (tmp_path / "b.zip").read_bytes() != small.read_bytes()


def test_counts_are_those_of_the_file(large: Path) -> None:
    with zipfile.ZipFile(large) as archive:
        outbox = json.loads(archive.read("outbox.json"))
        files = [name for name in archive.namelist() if not name.endswith((".json", ".csv"))]
    source = MastodonArchive(large)
    kinds = Counter(thing.kind for thing in source.read() if isinstance(thing, Item))
    boosts = sum(activity["type"] == "Announce" for activity in outbox["orderedItems"])
    polls = sum(
        activity["type"] == "Create" and activity["object"]["type"] == "Question" for activity in outbox["orderedItems"]
    )
    assert len(outbox["orderedItems"]) == 4000
    assert (kinds[Kind.BOOST], kinds[Kind.POLL], kinds[Kind.POST]) == (boosts, polls, 4000 - boosts - polls)
    assert kinds[Kind.MEDIA] == len(files)
    assert Total("outbox.json", 4001, 4000) in source.about().totals


def test_every_kind_and_every_audience_is_in_it(small: Path) -> None:
    found = [thing for thing in MastodonArchive(small).read() if isinstance(thing, Item)]
    assert {item.kind for item in found} == set(Kind) - {Kind.OTHER}
    assert {item.visibility for item in found if item.kind is Kind.POST} == set(Visibility) - {Visibility.NOBODY}
    assert "dave@example.net" in [item.object["acct"] for item in found if item.kind is Kind.BLOCK]
    media = [medium for item in found if item.kind is Kind.POST for medium in item.media]
    assert {medium.type for medium in media} >= {"image/jpeg", "image/png", "image/gif", "audio/wav", "video/mp4"}
    assert any(medium.member is None for medium in media)


def test_ids_rise(large: Path) -> None:
    posts = [item for item in MastodonArchive(large).read() if isinstance(item, Item) and item.id.startswith(OWN)]
    numbers = [int(item.id.split("/")[6]) for item in posts if item.kind in (Kind.POST, Kind.POLL, Kind.BOOST)]
    assert len(numbers) > 3900
    assert numbers == sorted(set(numbers))


def test_fifteen_languages_and_their_scripts(large: Path) -> None:
    spoken = Counter(
        next(iter(item.object["contentMap"]))
        for item in MastodonArchive(large).read()
        if isinstance(item, Item) and "contentMap" in item.object
    )
    assert len(spoken) == 15
    assert min(spoken.values()) > 30


def test_a_mover_that_drops_the_awkward_ones_carries_about_42_percent(large: Path) -> None:
    """The rules of a date-keeping mover: own public posts, no replies to others, no mentions, no polls."""
    with zipfile.ZipFile(large) as archive:
        outbox = json.loads(archive.read("outbox.json"))["orderedItems"]
    fates: Counter[str] = Counter()
    arrived: set[str] = set()
    for activity in outbox:
        fate = mover(activity, arrived)
        fates[fate] += 1
        if fate == "carried":
            arrived.add(activity["object"]["id"])
    share = {fate: 100 * count / len(outbox) for fate, count in fates.items()}
    assert 38 < share["carried"] < 46, share
    assert 20 < share["boost"] < 25, share
    assert 15 < share["reply"] < 19, share
    assert 9 < share["audience"] < 12.5, share


def mover(activity: dict[str, Any], arrived: set[str]) -> str:
    note = activity["object"]
    if activity["type"] == "Announce":
        return "boost"
    parent = note["inReplyTo"]
    if parent and not parent.startswith(OWN):
        return "reply"
    if PUBLIC not in activity["to"] + activity["cc"]:
        return "audience"
    if parent and parent not in arrived:
        return "orphan"
    if any(tag["type"] == "Mention" for tag in note["tag"]):
        return "mention"
    return "poll" if note["type"] == "Question" else "carried"
