"""Every text of an item, wherever it hides: a filter that reads only the body invites the rest.

Which properties hold text: ActivityStreams 2.0 vocabulary (name, summary, content and their maps), FEP-b2b8 and
FEP-044f (previews, quotes), Mastodon's ``PropertyValue`` profile fields, ``Emoji`` and ``Hashtag`` tags, ``source``.
A string under any other name is read too, unless it is an address, a date or a name for machines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from safeconduct.model import Field, Item

_DEEP = 5  # how far objects inside objects are followed: a boost of a quote of an edited poll is 4
_MANY = 2000  # texts of one item; more is not a post but an attack, and makes ``Fields.complete`` false
_MARKUP = re.compile(r"</?[a-zA-Z!]|&(?:#\w+|\w+);")
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:[^\s]*|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^\s]*|_:[^\s]*")
_SERVER_FILE = re.compile(r"[0-9a-fA-F-]{12,}(?:\.\w{1,5})?")
_ACTORS = frozenset(["Person", "Service", "Group", "Organization", "Application"])
_PLAIN = frozenset(["text/plain", "text/markdown", "text/x.misskeymarkdown", "text/bbcode"])

# Names for machines: never text that a reader sees.
_SKIPPED = frozenset(
    (
        "@context", "id", "type", "actor", "to", "cc", "bto", "bcc", "audience", "published", "updated", "url", "href",
        "attributedTo", "inReplyTo", "inReplyToAtomUri", "atomUri", "conversation", "context", "sensitive", "replies",
        "likes", "shares", "mediaType", "blurhash", "digestMultibase", "width", "height", "focalPoint", "duration",
        "startTime", "endTime", "closed", "votersCount", "totalItems", "inbox", "outbox", "following", "followers",
        "liked", "featured", "featuredTags", "endpoints", "publicKey", "assertionMethod", "proof", "signature",
        "manuallyApprovesFollowers", "discoverable", "indexable", "memorial", "devices", "quoteUri", "quoteUrl",
        "interactionPolicy", "interactingObject", "quoteAuthorization", "rel", "visibility", "language", "hreflang",
        "movedTo", "alsoKnownAs", "attributionDomains", "generator", "first", "last", "next", "prev", "partOf",
        "nomadicLocation", "_misskey_quote", "localOnly", "likeAuthorization", "replyAuthorization",
        "announceAuthorization",
    )
)  # fmt: skip


class Fields(list[Field]):
    """The texts of one item; ``complete`` is false if it holds more, or deeper, than we read (law 8 holds it)."""

    complete = True


def fields(item: Item) -> Fields:
    """Every text of the item, with its JSON Pointer into ``Item.object``.  Never raises on any JSON shape."""
    found = Fields()
    thing = item.object
    if type(thing) is dict or isinstance(thing, Mapping):
        _object(thing, "", found, 0)
    for medium in item.media:
        if medium.name and medium.name != medium.alt and not _SERVER_FILE.fullmatch(medium.name):
            found.append(Field(medium.pointer, medium.name))
    return found


def _object(thing: Mapping[str, Any], pointer: str, found: Fields, depth: int) -> None:
    shape = tuple(thing)
    plan = _plans.get(shape)
    for key, step, reader in plan if plan is not None else _planned(shape):
        if value := thing[key]:
            reader(thing, value, pointer + step, found, depth)
            if len(found) >= _MANY:
                found.complete = False
                return


# Which keys of an object can hold text is worked out once for all objects with the same keys: most posts of a server
# share a few such shapes.
_Plan = list[tuple[str, str, "_Reader"]]
_plans: dict[tuple[str, ...], _Plan] = {}
_SHAPES, _LARGE = 256, 4000  # how many are remembered, and the most letters of their keys: hostile keys are long


def _planned(shape: tuple[str, ...]) -> _Plan:
    """The keys that can hold text, each with its step in the pointer and its reader, in the object's order."""
    wanted = [(key, f"/{_escaped(key)}", reader) for key in shape if (reader := _READERS.get(key, _unknown))]
    if all(type(key) is str for key in shape) and sum(map(len, shape)) + len(shape) < _LARGE:
        if len(_plans) >= _SHAPES:
            _plans.clear()
        _plans[shape] = wanted
    return wanted


def _escaped(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _content(thing: Mapping[str, Any], value: object, pointer: str, found: Fields, depth: int) -> None:
    if isinstance(value, str):
        found.append(Field(pointer, value, "mediaType" not in thing or thing["mediaType"] not in _PLAIN_OR_LIST))
    else:
        _other(value, pointer, found, depth)


class _PlainTypes(frozenset[str]):
    """Media types of plain text; whatever else stands in ``mediaType`` (a list, a number) is not one of them."""

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and frozenset.__contains__(self, value)


_PLAIN_OR_LIST = _PlainTypes(_PLAIN)


def _text(thing: Mapping[str, Any], value: object, pointer: str, found: Fields, depth: int) -> None:
    """Plain by custom, HTML by the vocabulary: it is HTML if it looks so."""
    if isinstance(value, str):
        found.append(Field(pointer, value, ("<" in value or "&" in value) and bool(_MARKUP.search(value))))
    else:
        _other(value, pointer, found, depth)


def _maps(single: str, thing: Mapping[str, Any], value: object, pointer: str, found: Fields, depth: int) -> None:
    """``contentMap`` and its like: only what the single form does not say already."""
    if not (type(value) is dict or isinstance(value, Mapping)):
        _other(value, pointer, found, depth)
        return
    said = thing.get(single)
    for language, text in value.items():
        if text != said:
            _content(thing, text, f"{pointer}/{_escaped(language)}", found, depth)


def _list(thing: Mapping[str, Any], value: object, pointer: str, found: Fields, depth: int) -> None:
    if depth >= _DEEP:
        found.complete = False
    elif isinstance(value, list):
        for place, one in enumerate(value):
            _one(one, f"{pointer}/{place}", found, depth)
    else:
        _one(value, pointer, found, depth)


def _one(one: object, pointer: str, found: Fields, depth: int) -> None:
    if type(one) is dict or isinstance(one, Mapping):
        kind = one.get("type")
        if kind == "Mention":
            return
        if len(found) >= _MANY:
            found.complete = False
            return
        if kind in ("Hashtag", "Emoji") and isinstance(one.get("name"), str):
            found.append(Field(f"{pointer}/name", one["name"]))
            return
        if kind == "Link" and isinstance(one.get("href"), str):
            found.append(Field(f"{pointer}/href", one["href"]))
        _object(one, pointer, found, depth + 1)
    else:
        _other(one, pointer, found, depth)


def _other(value: object, pointer: str, found: Fields, depth: int) -> None:
    """A property we do not know: strings are text unless they are addresses or dates."""
    if isinstance(value, str):
        if value and not _ADDRESS.fullmatch(value):
            found.append(Field(pointer, value, "<" in value and bool(_MARKUP.search(value))))
    elif depth >= _DEEP:
        found.complete = found.complete and not isinstance(value, Mapping | list)
    elif isinstance(value, Mapping):
        _object(value, pointer, found, depth + 1)
    elif isinstance(value, list):
        for place, one in enumerate(value[:_MANY]):
            _other(one, f"{pointer}/{place}", found, depth + 1)
        found.complete = found.complete and len(value) <= _MANY


def _value(thing: Mapping[str, Any], value: object, pointer: str, found: Fields, depth: int) -> None:
    """The value of a profile field is HTML."""
    if isinstance(value, str):
        found.append(Field(pointer, value, "<" in value or "&" in value))
    else:
        _other(value, pointer, found, depth)


def _summary(thing: Mapping[str, Any], value: object, pointer: str, found: Fields, depth: int) -> None:
    """A bio is HTML; a content warning is plain by custom."""
    kind = thing.get("type")
    if isinstance(kind, str) and kind in _ACTORS and isinstance(value, str):
        found.append(Field(pointer, value, True))
    else:
        _text(thing, value, pointer, found, depth)


def _unknown(thing: Mapping[str, Any], value: object, pointer: str, found: Fields, depth: int) -> None:
    _other(value, pointer, found, depth)


_Reader = Callable[[Mapping[str, Any], object, str, Fields, int], None]
_READERS: dict[str, _Reader | None] = dict.fromkeys(_SKIPPED) | {
    "content": _content,
    "summary": _summary,
    "name": _text,
    "contentMap": partial(_maps, "content"),
    "summaryMap": partial(_maps, "summary"),
    "nameMap": partial(_maps, "name"),
    "value": _value,
    "tag": _list,
    "attachment": _list,
    "oneOf": _list,
    "anyOf": _list,
    "icon": _list,
    "image": _list,
}
