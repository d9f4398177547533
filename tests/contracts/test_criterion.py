"""The laws of every criterion, run over all that are found, those of others (entry points) included."""

from __future__ import annotations

import copy
import inspect
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct.discover import plugins
from safeconduct.model import WHOLE, Basis, Confidence, Finding, Item, Json, MediaFacts, Medium, Pattern, Total
from safeconduct.screening.batch import BROKEN as FAULT
from safeconduct.screening.batch import Screen
from safeconduct.screening.census import CensusWriter
from safeconduct.screening.views import VIEWS
from tests.criteria.examples import examples, run
from tests.fixtures.items import ACCT, ALICE, NOW, item

CRITERIA = plugins("criteria")
NAMES = tuple(CRITERIA)
PLAIN = ("str", "int", "float", "bool", "Sequence[str]")

# --- hostile JSON: every key the field knows, with everything that does not belong there ------------------------------

KEYS = (
    "@context", "id", "type", "actor", "object", "to", "cc", "audience", "attributedTo", "published", "updated",
    "content", "contentMap", "summary", "summaryMap", "name", "nameMap", "inReplyTo", "tag", "attachment", "url",
    "href", "mediaType", "quote", "quoteUrl", "quoteUri", "_misskey_quote", "replies", "first", "items",
    "orderedItems", "oneOf", "anyOf", "location", "latitude", "longitude", "icon", "image", "value", "endTime",
    "sensitive", "source", "preview", "generator", "likes",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "", "Note", "Question", "Announce", "Person", "Create", "Mention", "https://social.example/users/alice",
            "https://bad.example/x", "as:Public", "2023-05-01T10:00:00Z", "2023-05-01", "10000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00", '<a href="https://bit.ly/x">x</a>', "<blockquote", "<!--",
            '<p style="display:none">x</p>', "+49 30 901820", "DE89370400440532013000", "4111111111111111",
            "mailto:", "tel:", "cas\u200bino", "сasino", "buy now", "http://[::1", "https://%zz@", "//", "\ud800",
            "\x00", "<", "&#x110000;", "12 rue de la Paix", "52.520008, 13.404954", "image/png",
            "https://social.example/users/alice/statuses/99999999999999999999999999", "999999999999999999",
        ]
    ),
)  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), JSON, max_size=8)


def hostile(bodies: list[dict[str, Json]]) -> list[Item]:
    """Items of these bodies; where the body names no known type it is tried as a post, so that it is looked at."""
    return [
        item({"type": "Note", **body} if "type" not in body else body, number) for number, body in enumerate(bodies)
    ]


def variants(name: str) -> Iterator[tuple[Any, list[Item]]]:
    """The criterion as it is by default, and as its examples set it up, each with that example's items."""
    for example in examples(name):
        yield example.made, example.items


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# --- what it is -------------------------------------------------------------------------------------------------------


def test_it_can_be_made_without_parameters(name: str) -> None:
    made = CRITERIA[name]()
    assert made.name == name
    assert any(hasattr(made, verb) for verb in ("inspect", "conclude"))


def test_every_parameter_has_a_name_a_plain_type_and_a_default(name: str) -> None:
    if "__init__" not in vars(CRITERIA[name]):
        return
    for parameter in inspect.signature(CRITERIA[name]).parameters.values():
        assert parameter.default is not parameter.empty, f"{name}: {parameter.name} needs a default"
        assert parameter.annotation in PLAIN, f"{name}: {parameter.name}"
        assert f"``{parameter.name}``" in (inspect.getdoc(CRITERIA[name]) or ""), (
            f"{name} does not explain {parameter.name}"
        )


def test_it_says_what_it_sees_and_why_and_what_to_mind(name: str) -> None:
    words = inspect.getdoc(CRITERIA[name]) or ""
    what = words.split("**Why**")[0].strip()
    assert len(what) > 10, f"{name} does not say what it sees"
    assert what[0].isupper(), f"{name}: its first sentence is shown to people"
    for part in ("**Why**", "**Mind**"):
        said = words.partition(part)[2].split("**")[0].strip()
        assert len(said) > 20, f"{name} needs a paragraph “{part}”"


def test_it_has_examples(name: str) -> None:
    found = examples(name)
    beside = f"{name.replace('-', '_')}.yml"
    assert sum(not each.finds for each in found) >= 2, f"{name} needs two examples under “quiet” in {beside}"
    assert sum(each.finds for each in found) >= 2, f"{name} needs two examples under “finds” in {beside}"


def test_its_patterns_are_patterns(name: str) -> None:
    for made in [CRITERIA[name](), *(made for made, _ in variants(name))]:
        if hasattr(made, "patterns"):
            found = made.patterns()
            assert all(isinstance(each, Pattern) and each.text and set(each.views) <= set(VIEWS) for each in found)
            assert [*found] == [*made.patterns()], "patterns change between two calls"


def test_its_bases_can_be_told_from_its_findings(name: str) -> None:
    from safeconduct.policy.questions import bases

    declared = bases(CRITERIA[name])
    assert declared, f"{name}: on what do its findings rest?"
    for made, items in variants(name):
        assert {finding.basis for finding in run(made, items)} <= declared


# --- what it does -----------------------------------------------------------------------------------------------------


def test_its_examples_are_lawful(name: str) -> None:
    for example in examples(name):
        items = example.items
        for finding in example.findings():
            lawful(finding, name, items)


def test_the_size_of_a_batch_changes_nothing(name: str) -> None:
    for made, items in variants(name):
        many = [*items, *_renumbered(items, len(items)), *_renumbered(items, 2 * len(items))]
        whole = run(made, many)
        assert run(made, many, step=1) == whole
        assert run(made, many, step=2) == whole


@cache
def all_set_up() -> Screen:
    """Every criterion, with the parameters of its first finding, so that it has something to look for."""
    made = [next(each.made for each in examples(name) if each.finds) for name in NAMES]
    return Screen(made, as_of=NOW, owner=ALICE, acct=ACCT, measure=measured)


def measured(medium: Medium) -> MediaFacts | None:
    """Facts of every sort, told from the name, so that criteria about media have something to chew on."""
    kinds = ("", "image/png", "video/mp4", "audio/ogg", "text/html", "application/x-dosexec")
    number = sum(map(ord, medium.name))
    if number % 7 == 6:
        return None
    return MediaFacts("ab" * 32, number, kinds[number % 7], 9 * number, 9, pdq=("cd" * 32,) * 8, quality=number % 101)


def seen(items: list[Item]) -> list[Finding]:
    screen = all_set_up()
    found = [finding for batch in screen.batches(items) for finding in screen.findings(batch)]
    with tempfile.TemporaryDirectory() as folder:
        writer = CensusWriter(Path(folder))
        for batch in screen.batches(items):
            writer.add(batch)
        census: Any = writer.close([Total("outbox.json", 0, len(items))], ALICE, NOW)
        return [*found, *screen.conclude(census)]


def unbroken(found: list[Finding], items: list[Item]) -> None:
    """No criterion raised; an item that is too deep to be read whole is nobody's fault."""
    broken = [finding for finding in found if finding.criterion == FAULT and finding.value != "unread-text"]
    assert not broken, {finding.reason for finding in broken}
    for finding in found:
        if finding.criterion != FAULT:
            lawful(finding, finding.criterion, items)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies=st.lists(OBJECTS, min_size=1, max_size=4))
def test_no_json_breaks_a_criterion_and_none_breaks_the_json(bodies: list[dict[str, Json]]) -> None:
    items = hostile(bodies)
    before = copy.deepcopy([each.record for each in items])
    first = seen(items)
    assert repr([each.record for each in items]) == repr(before), "a criterion changed an item"
    assert seen(items) == first, "the same items, other findings"
    unbroken(first, items)


WRONG: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, float("nan"), "", "x", "\ud800", [], {}, [None], [[]], [7], {"id": 7}, {"type": ["Note"]},
    {"first": 3}, {"items": [None]}, [{"type": "Mention", "href": 3}], [{"url": [{"href": None}]}],
)  # fmt: skip


@pytest.mark.parametrize("type", ["Note", "Question", "Announce", "Person", "Follow", "Create"])
def test_wrong_types_under_every_key(type: str) -> None:
    usual = {"type": type, "content": "buy now", "published": "2023-05-01T10:00:00Z", "object": {"type": "Note"}}
    items = hostile([usual | {key: value} for key in KEYS if key != "type" for value in WRONG])
    unbroken(seen(items), items)


# --- the law of a finding ---------------------------------------------------------------------------------------------


def lawful(finding: Finding, name: str, items: list[Item]) -> None:
    """It names its criterion, gives a reason, and points at something that is there."""
    assert finding.criterion == name
    assert isinstance(finding.confidence, Confidence)
    assert isinstance(finding.basis, Basis)
    assert finding.reason.strip() == finding.reason != ""
    assert len(finding.value) <= 300
    if finding.item == WHOLE:
        return
    about = next(each for each in items if each.number == finding.item)
    assert finding.evidence, "a finding about an item says where"
    for place in finding.evidence:
        thing = resolved(about.object, place.pointer)
        assert 0 <= place.start <= place.end
        if place.end:
            assert isinstance(thing, str)
            assert place.end <= len(thing), f"{place} is outside of {thing!r}"


def resolved(thing: Json, pointer: str) -> Json:
    """What a JSON Pointer (RFC 6901) leads to; ``KeyError`` and its like if there is nothing."""
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        thing = thing[step] if isinstance(thing, Mapping) else thing[int(step)]
    return thing


def _renumbered(items: list[Item], shift: int) -> list[Item]:
    return [item(each.record, each.number + shift) for each in items]
