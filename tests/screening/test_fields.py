"""Every text of an item is read, on any JSON at all."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.model import Kind, Medium
from safeconduct.screening import fields as walk
from safeconduct.screening.fields import fields

from .made import ALICE, item, note


def pointers(thing: dict[str, Any], **more: Any) -> dict[str, str]:
    return {field.pointer: field.text for field in fields(item(thing, **more))}


def test_every_place_a_text_can_hide() -> None:
    body = "<p>body</p>"
    thing = note(
        body,
        summary="warning", name="title", contentMap={"en": body, "de": "<p>Text</p>"},
        source={"content": "source", "mediaType": "text/plain"},
        attachment=[
            {"type": "Document", "name": "alt text", "url": "/media/1.jpg"},
            {"type": "Link", "href": "https://site.example", "name": "card", "summary": "of a page"},
        ],
        tag=[
            {"type": "Hashtag", "name": "#moon", "href": "https://x.example/tags/moon"},
            {"type": "Emoji", "name": ":rock:", "icon": {"url": "https://x.example/r.png"}},
            {"type": "Mention", "name": "@bob@new.example", "href": "https://new.example/@bob"},
        ],
        oneOf=[{"type": "Note", "name": "yes"}, {"type": "Note", "name": "no"}],
        object={"type": "Note", "content": "<p>quoted</p>", "summary": "its warning"},
        strange={"deeper": ["unknown text"]},
    )  # fmt: skip
    media = [Medium("/attachment/0", "media/1.jpg", name="holiday on the moon.jpg", alt="alt text")]
    assert pointers(thing, media=media) == {
        "/content": body, "/summary": "warning", "/name": "title", "/contentMap/de": "<p>Text</p>",
        "/source/content": "source", "/attachment/0/name": "alt text", "/attachment/1/href": "https://site.example",
        "/attachment/1/name": "card", "/attachment/1/summary": "of a page", "/tag/0/name": "#moon",
        "/tag/1/name": ":rock:", "/oneOf/0/name": "yes", "/oneOf/1/name": "no", "/object/content": "<p>quoted</p>",
        "/object/summary": "its warning", "/strange/deeper/0": "unknown text",
        "/attachment/0": "holiday on the moon.jpg",
    }  # fmt: skip


def test_a_profile() -> None:
    thing = {
        "type": "Person", "id": ALICE, "preferredUsername": "alice", "name": "Alice", "summary": "<p>bio</p>",
        "attachment": [{"type": "PropertyValue", "name": "Site", "value": '<a href="https://a.example">a</a>'}],
    }  # fmt: skip
    found = {field.pointer: field.html for field in fields(item(thing, kind=Kind.PROFILE))}
    assert found == {
        "/preferredUsername": False, "/name": False, "/summary": True, "/attachment/0/name": False,
        "/attachment/0/value": True,
    }  # fmt: skip


def test_other_kinds() -> None:
    assert pointers({"type": "List", "title": "bad people", "accounts": ["dave@old.example"]}, kind=Kind.LIST) == {
        "/title": "bad people",
        "/accounts/0": "dave@old.example",
    }
    assert pointers({"phrase": "moonrocks", "keywords": [{"keyword": "rocks"}]}, kind=Kind.FILTER) == {
        "/phrase": "moonrocks",
        "/keywords/0/keyword": "rocks",
    }


def test_plain_text_content_is_not_html() -> None:
    (field,) = fields(item(note("a < b", mediaType="text/plain")))
    assert not field.html


def test_what_is_too_deep_or_too_much_is_said() -> None:
    deep: Any = "hidden"
    for _ in range(20):
        deep = {"more": deep}
    assert not fields(item(note("x", more=deep))).complete
    assert not fields(item(note("x", tag=[{"type": "Hashtag", "name": "#a"}] * 5000))).complete
    assert not fields(item(note("x", more=["a"] * 5000))).complete
    assert fields(item(note("x", more=["a"] * 50))).complete


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "name", "content", "tag", "x", "object", "href"]), inside, max_size=4
        )
    ),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["type", "content", "contentMap", "summary", "name", "tag", "attachment", "oneOf", "anyOf", "object", "source",
     "mediaType", "icon", "value", "quote", "x/y~z", "inReplyTo", "url", "alsoKnownAs", "domain"]
)  # fmt: skip
OBJECTS = st.dictionaries(KEYS, JSON, max_size=6)


def at(thing: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        thing = thing[int(step)] if isinstance(thing, list) else thing[step]
    return thing


@settings(deadline=None, max_examples=100)
@given(OBJECTS)
def test_any_json_is_read_and_every_pointer_leads_to_its_text(thing: dict[str, Any]) -> None:
    for field in fields(item(thing)):
        assert at(thing, field.pointer) == field.text


@settings(deadline=None, max_examples=100)
@given(st.lists(OBJECTS, min_size=1, max_size=5))
def test_a_shape_that_was_met_before_changes_nothing(things: list[dict[str, Any]]) -> None:
    fresh = []
    for thing in things:
        walk._plans.clear()
        fresh.append(list(fields(item(thing))))
    assert [list(fields(item(thing))) for thing in things] == fresh
    turned = [dict(reversed(thing.items())) for thing in things]
    assert [sorted(fields(item(thing)), key=str) for thing in turned] == [sorted(one, key=str) for one in fresh]


def test_shapes_are_not_remembered_without_end() -> None:
    for number in range(3 * walk._SHAPES):
        assert pointers({f"x{number}": "a text"}) == {f"/x{number}": "a text"}
        assert len(walk._plans) <= walk._SHAPES
    walk._plans.clear()
    assert pointers({"x" * 10_000: "a text"}) == {"/" + "x" * 10_000: "a text"}
    assert not walk._plans
