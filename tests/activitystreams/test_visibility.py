"""Law 5: an audience never widens."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.activitystreams.visibility import audience, effective
from safeconduct.model import Visibility

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
ALICE = "https://old.example/users/alice"
FOLLOWERS = ALICE + "/followers"
OWN = frozenset({FOLLOWERS})
BOB = "https://friends.example/users/bob"


@pytest.mark.parametrize(
    ("to", "cc", "expected"),
    [
        ([PUBLIC], [FOLLOWERS], Visibility.PUBLIC),
        (["as:Public"], [], Visibility.PUBLIC),
        ("Public", None, Visibility.PUBLIC),
        ([FOLLOWERS], [PUBLIC, BOB], Visibility.UNLISTED),
        ([FOLLOWERS], [BOB], Visibility.FOLLOWERS),
        ([BOB], [FOLLOWERS], Visibility.FOLLOWERS),
        ([BOB], [], Visibility.NAMED),
        ([], [BOB], Visibility.NAMED),
        (["https://evil.example/users/mallory/followers"], [], Visibility.NAMED),
        ([ALICE + "/followers/"], [], Visibility.NAMED),
        ([], [], Visibility.NOBODY),
        (None, None, Visibility.NOBODY),
        ([{"id": PUBLIC}], 7, Visibility.NOBODY),
        ({"to": PUBLIC}, [[PUBLIC]], Visibility.NOBODY),
        (["as:public", "", "everybody"], [None], Visibility.NOBODY),
        ([True, 1.5, [PUBLIC]], [], Visibility.NOBODY),
    ],
)
def test_what_to_and_cc_spell(to: Any, cc: Any, expected: Visibility) -> None:
    assert audience({"to": to, "cc": cc}, OWN) == expected


def test_a_private_note_in_a_public_activity_is_private() -> None:
    wrapper = {"to": [PUBLIC], "cc": [FOLLOWERS]}
    assert effective(wrapper, {"to": [BOB], "cc": []}, OWN) == Visibility.NAMED
    assert effective({"to": [BOB]}, {"to": [PUBLIC]}, OWN) == Visibility.NAMED


@pytest.mark.parametrize("flag", [True, 1, "true", "false", []])
def test_a_direct_message_is_at_most_named(flag: Any) -> None:
    public = {"to": [PUBLIC]}
    assert effective(public, public | {"directMessage": flag}, OWN) == Visibility.NAMED
    assert effective(public | {"directMessage": flag}, public, OWN) == Visibility.NAMED
    assert effective({}, {"directMessage": flag}, OWN) == Visibility.NOBODY


def test_not_a_direct_message_changes_nothing() -> None:
    assert effective({"to": [PUBLIC], "directMessage": False}, {"to": [PUBLIC]}, OWN) == Visibility.PUBLIC


addresses = st.sampled_from([PUBLIC, "as:Public", FOLLOWERS, BOB, "did:example:1", ""])
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | addresses | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
parts = st.fixed_dictionaries({}, optional={"to": json, "cc": json, "directMessage": json})
garbage = st.none() | st.booleans() | st.integers() | st.lists(addresses) | st.dictionaries(st.just("id"), addresses)
proper = st.fixed_dictionaries({"to": st.lists(addresses, max_size=3), "cc": st.lists(addresses, max_size=3)})


@settings(deadline=None, max_examples=100)
@given(parts, parts)
def test_the_narrower_of_wrapper_and_object_whatever_the_json(record: dict[str, Any], thing: dict[str, Any]) -> None:
    narrower = min(audience(record, OWN), audience(thing, OWN))
    direct = record.get("directMessage") not in (None, False) or thing.get("directMessage") not in (None, False)
    assert effective(record, thing, OWN) == (min(narrower, Visibility.NAMED) if direct else narrower)


@settings(deadline=None, max_examples=100)
@given(proper, garbage, st.sampled_from(["to", "cc"]), st.integers(0, 3))
def test_garbage_among_the_addresses_never_widens(part: dict[str, Any], junk: Any, where: str, at: int) -> None:
    before = audience(part, OWN)
    assert audience(part | {where: [*part[where][:at], junk, *part[where][at:]]}, OWN) <= before


@settings(deadline=None, max_examples=100)
@given(proper, garbage, st.sampled_from(["to", "cc"]))
def test_garbage_instead_of_the_addresses_never_widens(part: dict[str, Any], junk: Any, where: str) -> None:
    instead = [junk] if isinstance(junk, list) else junk  # a bare list of addresses is no garbage
    assert audience(part | {where: instead}, OWN) <= audience(part, OWN)


ADDRESSES = st.sampled_from([PUBLIC, "as:Public", FOLLOWERS, BOB, "", None, 1, True, [PUBLIC], {"id": PUBLIC}])
AUDIENCES = st.dictionaries(st.sampled_from(["to", "cc"]), ADDRESSES | st.lists(ADDRESSES, max_size=3))


@settings(max_examples=200, deadline=None)
@given(AUDIENCES, AUDIENCES)
def test_the_narrower_of_wrapper_and_object_counts(wrapper: dict[str, Any], thing: dict[str, Any]) -> None:
    narrower = min(audience(wrapper, OWN), audience(thing, OWN))
    assert effective(wrapper, thing, OWN) == effective(thing, wrapper, OWN) == narrower
    assert effective(wrapper, wrapper, OWN) == effective(wrapper, dict(wrapper), OWN) == audience(wrapper, OWN)
