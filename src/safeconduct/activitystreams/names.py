"""The names of ActivityStreams 2.0 and how to read its loose shapes.

A property may be a string, an object, or a list of either (AS2 Core §4.1); servers use all three.  Every function
here takes whatever JSON it is given, never raises, and answers "" or an empty tuple where there is nothing usable.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import idna

from safeconduct.model import Json, Object

CONTEXT = "https://www.w3.org/ns/activitystreams"
PUBLIC = frozenset({CONTEXT + "#Public", "as:Public", "Public"})  # all three are valid: ActivityPub §5.6

# What a person writes.  ``Question`` is apart because it is a poll in all software that has it.
POSTS = frozenset({"Note", "Article", "Page", "Image", "Video", "Audio", "Event", "Document", "Album", "ChatMessage"})
POLL = "Question"
MEDIA = frozenset({"Document", "Image", "Video", "Audio"})

# Where a quoted post's address is kept: FEP-044f first, then Mastodon's, Fedibird's and Misskey's older names.
QUOTES = ("quote", "quoteUri", "quoteUrl", "_misskey_quote")


def href(value: Json) -> str:
    """The first address in a string, ``{"href"|"url"|"id": …}`` or a list of these."""
    for _ in range(8):  # deeper nesting than any server writes is not an address
        if isinstance(value, str):
            return value
        if isinstance(value, Mapping):
            value = value.get("href") or value.get("url") or value.get("id")
        elif isinstance(value, list) and value:
            value = value[0]
        else:
            return ""
    return ""


def link(value: Json) -> str:
    """The id in a string, ``{"id": …}`` or a list of these (``inReplyTo``, ``actor``, ``object``)."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) else ""


def text(value: Json) -> str:
    """The value if it is a string, else ""."""
    return value if isinstance(value, str) else ""


def parts(value: Json) -> list[Json]:
    """One value or many, always as a list; nothing is an empty list."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def quoted(thing: Object) -> str:
    """The address of the post that this one quotes, "" if none."""
    for name in QUOTES:
        if found := link(thing.get(name)):
            return found
    return ""


def edited(thing: Object) -> bool:
    """Whether it says it was changed after it was published."""
    updated = thing.get("updated")
    return isinstance(updated, str) and updated != "" and updated != thing.get("published")


def host(address: str) -> str:
    """The host of an address: lower case, without port, IDNA-encoded (UTS 46); "" if it has none.

    A host that is not valid IDNA is given in lower case as it stands, so that it can still be named in a report.
    """
    try:
        found = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return domain(found)


def domain(name: str) -> str:
    """A bare domain: lower case, IDNA-encoded, without the final dot."""
    name = name.strip().rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return idna.encode(name, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return name


def acct(address: str, home: str = "") -> str:
    """``user@host`` in lower case from ``@user@host``, ``acct:user@host`` or a profile's address; "" if it is none.

    ``home`` completes a bare ``user``, which means "on this server" in Misskey's and in older Mastodon's lists.
    """
    address = address.strip().removeprefix("acct:").lstrip("@")
    if "://" in address:
        return _profile(address)
    user, _, server = address.partition("@")
    server = domain(server or home)
    if not user or not server or any(mark.isspace() or mark in "/@" for mark in user + server):
        return ""
    return f"{user.lower()}@{server}"


def _profile(address: str) -> str:
    """Mastodon's ``/@user`` and ``/users/user``, Misskey's ``/@user@host``; other paths do not tell the name."""
    server = host(address)
    steps = [step for step in address.split("://", 1)[1].split("?")[0].split("#")[0].split("/")[1:] if step]
    if server and len(steps) == 1 and steps[0].startswith("@"):
        return acct(steps[0], server)
    if server and len(steps) == 2 and steps[0] == "users":
        return acct(steps[1], server)
    return ""
