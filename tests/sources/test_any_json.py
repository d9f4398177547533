"""Whatever JSON stands in an outbox, every record becomes an item or an unreadable, and no audience widens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.activitystreams.visibility import audience
from safeconduct.model import Item
from safeconduct.sources._activities import Ids, activity, owner
from safeconduct.sources._media import Files, portraits
from tests.sources.exports import ACTOR, ALICE, PUBLIC

KEYS = [
    "id",
    "type",
    "actor",
    "object",
    "to",
    "cc",
    "attachment",
    "tag",
    "url",
    "href",
    "name",
    "published",
    "updated",
    "inReplyTo",
    "attributedTo",
    "icon",
    "image",
    "mediaType",
    "focalPoint",
    "directMessage",
    "preferredUsername",
    "followers",
    "quote",
]
WORDS = [
    "Create",
    "Announce",
    "Note",
    "Question",
    "Document",
    PUBLIC,
    ALICE,
    f"{ALICE}/followers",
    "a/b.png",
    "..",
    "//[",
]

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=6)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)
records = st.dictionaries(st.sampled_from(KEYS), values, max_size=10)
FILES = {"a/b.png": 1, "c/b.png": 0, "b.png": 2}


@settings(deadline=None, max_examples=150)
@given(records, st.sampled_from([ACTOR, {}]))
def test_any_record_is_an_item(record: dict[str, Any], actor: Mapping[str, Any]) -> None:
    whose = owner(actor)
    item = activity(0, "o", b"", record, whose, Files(FILES), Ids(), ())
    assert isinstance(item, Item)
    assert item.visibility <= audience(record, whose.followers)
    assert all(medium.member in {None, *FILES} for medium in item.media)
    msgspec.json.encode([item.id, item.actor, item.published, item.reply, item.media, item.notes])


@settings(deadline=None, max_examples=80)
@given(records)
def test_any_profile_has_an_owner_or_none(record: dict[str, Any]) -> None:
    found = owner(record)
    assert isinstance(found.acct, str)
    assert "" not in found.followers
    assert "" not in found.own
    portraits(record, Files(FILES))


@settings(deadline=None, max_examples=80)
@given(st.lists(st.sampled_from(["b.png", "a", "c", "..", "%2e%2e", ".", "", "x"]), max_size=8), st.booleans())
def test_an_address_never_leads_out_of_the_archive(steps: list[str], remote: bool) -> None:
    address = ("https://old.example/" if remote else "") + "/".join(steps)
    assert Files(FILES).find(address) in {None, *FILES}


STEPS = ["b.png", "a", "c", "..", ".", "", "%62.png", "K", "\u212a", "k.", "b.png?x", "x#y", "é"]
NAMES = st.lists(st.sampled_from(STEPS), min_size=1, max_size=4).map("/".join)


@settings(deadline=None, max_examples=300)
@given(st.sets(NAMES, max_size=6), NAMES, st.sampled_from(["", "/", "//", "https://old.example/"]))
def test_the_short_way_to_a_file_leads_where_the_long_one_does(members: set[str], path: str, start: str) -> None:
    files = Files(dict.fromkeys(members, 1))
    for address in [start + path, *(start + member for member in members)]:
        short = files.find(address)
        with patch("safeconduct.sources._media._PLAIN", re.compile(r"(?!)")):
            assert files.find(address) == short


@settings(deadline=None, max_examples=30)
@given(st.sets(st.text(max_size=8), max_size=300), st.text(max_size=8))
def test_ids_remember_exactly_what_they_saw(addresses: set[str], other: str) -> None:
    seen = Ids()
    for address in addresses:
        seen.add(address)
        seen.add(address)
    assert all(address in seen for address in addresses)
    assert (other in seen) == (other in addresses)


def test_ids_grow() -> None:
    seen = Ids()
    for number in range(5000):
        seen.add(f"https://old.example/objects/{number}")
    assert all(f"https://old.example/objects/{number}" in seen for number in range(5000))
    assert not any(f"https://old.example/objects/{number}" in seen for number in range(5000, 9000))
    assert seen._count == 5000
