"""Every address in an item, with its host as the DNS knows it and the part it plays.

Hosts are cut out by one regular expression the way browsers do it (WHATWG URL: a backslash is a slash, everything
before the last ``@`` is not the host, a trailing dot and a port do not matter), and remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from safeconduct.model import Field, Item, Kind, Link
from safeconduct.screening.domains import ascii_host
from safeconduct.screening.html import Reading

# Browsers drop tabs and newlines inside an address and take any number of slashes and backslashes.
_DROPPED = re.compile("[\t\r\n]")
_HOST = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?[/\\]{2,}([^/\\?#]*)")
_SINGLE = re.compile(r"https?:[/\\]?([^/\\?#]+)", re.IGNORECASE)
_PORT = re.compile(r":\d*$")
_SCHEME = re.compile(r"(?<![a-zA-Z0-9])[a-zA-Z][a-zA-Z0-9+.-]*$")
_REST = re.compile(r":[/\\]{2}[^\s<>\"“”«»]+")
_WWW = re.compile(r"(?<![\w/.@])www\.[^\s<>\"“”«»]+")
_ENDING = ".,;:!?'’…)]}"
_ACCT = re.compile(r"@?[^@\s/]+@([^@\s/:]+)")


@lru_cache(maxsize=16384)
def host_of(href: str) -> str:
    """The host of an address: lower case, without port, user or trailing dot, IDNA-encoded; "" if it has none."""
    href = _DROPPED.sub("", href.strip())
    match = _HOST.match(href) or _SINGLE.match(href)
    if match is None:
        return ""
    host = match[1].rpartition("@")[2]
    if "%" in host:
        host = unquote(host)
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return ascii_host(_PORT.sub("", host))


def bare_links(text: str) -> Iterator[str]:
    """Addresses written out in plain text, with a scheme or ``www.``, without the sentence's own punctuation."""
    for sign in ("://", ":\\\\"):
        place = text.find(sign)
        while place >= 0:
            rest = _REST.match(text, place)
            scheme = _scheme(text, place) if rest is not None else ""
            if scheme and rest is not None:
                yield (scheme + rest[0]).rstrip(_ENDING)
            place = text.find(sign, rest.end() if rest is not None else place + 3)
    if "www." in text:
        for match in _WWW.finditer(text):
            yield "https://" + match[0].rstrip(_ENDING)


def _scheme(text: str, place: int) -> str:
    if text.endswith("https", 0, place) and not text[place - 6 : place - 5].isalnum():
        return "https"
    found = _SCHEME.search(text[max(0, place - 30) : place])
    return found[0] if found is not None else ""


def links_of(item: Item, texts: Iterable[tuple[Field, Reading | None, str]]) -> list[Link]:
    """All links of an item; ``texts`` are its fields with their HTML reading (``None`` for plain text) and plain view.

    The same address in the same role is given once, at the first place it was seen.
    """
    found: dict[tuple[str, str], Link] = {}
    known = _structural(item, found)
    for field, reading, plain in texts:
        if reading is not None:
            for href in reading.hrefs:
                _add(found, field.pointer, href, known.get(href, "link"))
        if ":" in plain or "www." in plain:
            for href in bare_links(plain):
                _add(found, field.pointer, href, known.get(href, "link"))
    return list(found.values())


def _add(found: dict[tuple[str, str], Link], pointer: str, href: object, role: str) -> None:
    if isinstance(href, str) and href and (href, role) not in found:
        found[href, role] = Link(pointer, href, host_of(href), role)


def _structural(item: Item, found: dict[tuple[str, str], Link]) -> dict[str, str]:
    """Links that the object's own properties make.  Returns the role of each tag's address, for the body's anchors."""
    known: dict[str, str] = {}
    thing: Mapping[str, Any] = item.object if isinstance(item.object, Mapping) else {}
    if tags := thing.get("tag"):
        _tags(tags, found, known)
    for medium in item.media:
        _add(found, medium.pointer, _address(thing, medium.pointer), "media")
    if attached := thing.get("attachment"):
        _attached(attached, found)
    if reply := thing.get("inReplyTo"):
        _add(found, "/inReplyTo", _id(reply), "reply")
    for key in ("quoteUrl", "quoteUri", "quote", "_misskey_quote"):
        if quoted := thing.get(key):
            _add(found, f"/{key}", _id(quoted), "quote")
    if item.kind is Kind.BOOST:
        _boosted(thing, found)
    elif item.kind is Kind.PROFILE:
        _profile(thing, found)
    elif item.kind not in (Kind.POST, Kind.POLL):
        _related(thing, found)
    return known


def _each(value: object) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [(f"/{place}", one) for place, one in enumerate(value)]
    return [("", value)]


def _id(value: object) -> object:
    if isinstance(value, list):
        value = value[0] if value else None
    return (value.get("id") or value.get("href")) if isinstance(value, Mapping) else value


def _tags(tags: object, found: dict[tuple[str, str], Link], known: dict[str, str]) -> None:
    for place, tag in _each(tags):
        if not isinstance(tag, Mapping):
            continue
        kind, href = tag.get("type"), tag.get("href")
        if kind == "Mention":
            _mention(f"/tag{place}", tag, found)
            role = "mention"
        elif kind == "Hashtag":
            role = "hashtag"
            _add(found, f"/tag{place}/href", href, role)
        else:
            role = "quote" if kind == "Link" else "link"
            _add(found, f"/tag{place}/href", href, role)
        if isinstance(href, str):
            known[href] = role


def _mention(pointer: str, tag: Mapping[str, Any], found: dict[tuple[str, str], Link]) -> None:
    href, name = tag.get("href"), tag.get("name")
    if isinstance(href, str) and href:
        _add(found, f"{pointer}/href", href, "mention")
    elif isinstance(name, str) and (acct := _ACCT.fullmatch(name.strip())):
        found.setdefault((name, "mention"), Link(f"{pointer}/name", name, ascii_host(acct[1]), "mention"))


def _attached(attached: object, found: dict[tuple[str, str], Link]) -> None:
    for place, one in _each(attached):
        if not isinstance(one, Mapping):
            continue
        role = "link" if one.get("type") == "Link" else "media"
        for key in ("url", "href"):
            for inner, address in _each(one.get(key)):
                href = address.get("href") if isinstance(address, Mapping) else address
                _add(found, f"/attachment{place}/{key}{inner}", href, role)


def _boosted(thing: Mapping[str, Any], found: dict[tuple[str, str], Link]) -> None:
    target = thing.get("object")
    if target is None:
        _add(found, "/id", thing.get("id"), "boost")
        _add(found, "/url", thing.get("url") if isinstance(thing.get("url"), str) else None, "boost")
    else:
        _add(found, "/object", _id(target), "boost")


def _profile(thing: Mapping[str, Any], found: dict[tuple[str, str], Link]) -> None:
    for key in ("url", "movedTo", "alsoKnownAs"):
        for place, address in _each(thing.get(key)):
            href = address.get("href") if isinstance(address, Mapping) else address
            _add(found, f"/{key}{place}", href, "profile")
    for key in ("icon", "image"):
        for place, picture in _each(thing.get(key)):
            if isinstance(picture, Mapping):
                _add(found, f"/{key}{place}/url", _id(picture.get("url")), "media")


def _related(thing: Mapping[str, Any], found: dict[tuple[str, str], Link]) -> None:
    """Follows, blocks, lists, likes …: whom or what they are about, as an address, an account or a bare domain."""
    for key, value in thing.items():
        for place, one in _each(value):
            if not isinstance(one, str) or key in ("type", "actor", "@context"):
                continue
            if "://" in one:
                _add(found, f"/{key}{place}", one, "link")
            elif acct := _ACCT.fullmatch(one.strip()):
                found.setdefault((one, "profile"), Link(f"/{key}{place}", one, ascii_host(acct[1]), "profile"))
            elif key == "domain":
                found.setdefault((one, "link"), Link(f"/{key}{place}", one, ascii_host(one), "link"))


def _address(thing: object, pointer: str) -> object:
    """What a JSON Pointer of a medium leads to, if that is an address or holds one."""
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(thing, Mapping):
            thing = thing.get(step)
        elif isinstance(thing, list) and step.isdigit() and len(step) < 9 and int(step) < len(thing):
            thing = thing[int(step)]
        else:
            return None
    if isinstance(thing, Mapping):
        thing = thing.get("url") or thing.get("href")
    return _id(thing)
