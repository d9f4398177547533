"""Every address in an item, with its host as the DNS knows it and the part it plays.

Hosts are cut out by one regular expression the way browsers do it (WHATWG URL: a backslash is a slash, everything
before the last ``@`` is not the host, a trailing dot and a port do not matter), and remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeGuard
from urllib.parse import unquote

from safeconduct.model import Item, Kind, Link
from safeconduct.screening.domains import ascii_host
from safeconduct.screening.fields import fields
from safeconduct.screening.texts import Text

# Browsers drop tabs and newlines inside an address and take any number of slashes and backslashes.
_DROPPED = re.compile("[\t\r\n]")
_HOST = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?[/\\]{2,}([^/\\?#]*)")
_SINGLE = re.compile(r"https?:[/\\]?([^/\\?#]+)", re.IGNORECASE)
_PORT = re.compile(r":\d*$")
_SCHEME = re.compile(r"(?<![a-zA-Z0-9])[a-zA-Z][a-zA-Z0-9+.-]*$")
# Any letter but a blank and ``<>"“”«»``; nearly all are those of the first set, which is looked up and not searched.
_REST = re.compile(r":[/\\]{2}(?=[^\s<>\"“”«»])[!#-;=?-~]*+(?:[^\s<>\"“”«»][!#-;=?-~]*+)*+")
_WWW = re.compile(r"(?<![\w/.@])www\.[^\s<>\"“”«»]+")
_ENDING = ".,;:!?'’…)]}"
_QUOTES = ("quoteUrl", "quoteUri", "quote", "_misskey_quote")
_POST = Kind.POST
_ACCT = re.compile(r"@?[^@\s/]+@([^@\s/:]+)")


_NAME = re.compile(r"[a-zA-Z0-9.-]{1,255}")
_names: dict[str, str] = {}  # what stands between ``https://`` and the next slash -> its host
_REMEMBERED = 8192  # names; memory must not grow with an import


def host_of(href: str) -> str:
    """The host of an address: lower case, without port, user or trailing dot, IDNA-encoded; "" if it has none."""
    if not href.startswith("https://"):
        # A path, as archives name their files; not where a second slash follows, or what a browser drops before one.
        return "" if href[:1] == "/" and href[1:2] not in "/\\\t\r\n" else _host(href)
    end = href.find("/", 8)
    name = href[8:end] if end >= 0 else href[8:]
    known = _names.get(name)
    if known is None:
        known = _host(href)
        if _NAME.fullmatch(name):
            if len(_names) >= _REMEMBERED:
                _names.clear()
            _names[name] = known
    return known


@lru_cache(maxsize=1024)
def _host(href: str) -> str:
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


def bare_links(text: str) -> list[str]:
    """Addresses written out in plain text, with a scheme or ``www.``, without the sentence's own punctuation."""
    found: list[str] = []
    if ":" in text:
        for sign in ("://", ":\\\\") if "\\" in text else ("://",):
            place = text.find(sign)
            while place >= 0:
                rest = _REST.match(text, place)
                if rest is not None and (scheme := _scheme(text, place)):
                    found.append((scheme + rest[0]).rstrip(_ENDING))
                place = text.find(sign, rest.end() if rest is not None else place + 3)
    if "www." in text:
        found += ["https://" + match[0].rstrip(_ENDING) for match in _WWW.finditer(text)]
    return found


def _scheme(text: str, place: int) -> str:
    if text.endswith("https", 0, place) and not text[place - 6 : place - 5].isalnum():
        return "https"
    found = _SCHEME.search(text[max(0, place - 30) : place])
    return found[0] if found is not None else ""


def links_of(item: Item, texts: Iterable[Text] | None = None) -> list[Link]:
    """All links of an item, in its own properties and in its texts (read here unless they are given).

    The same address in the same role is given once, at the first place it was seen.
    """
    found: _Links = {}
    known = _structural(item, found)
    for text in texts if texts is not None else map(Text, fields(item)):
        plain = text.plain
        for href in text.hrefs:
            _add(found, text.field.pointer, href, known.get(href, "link"))
        if ":" in plain or "www." in plain:
            for href in bare_links(plain):
                _add(found, text.field.pointer, href, known.get(href, "link"))
    return list(found.values())


_Links = dict[tuple[str, str], Link]  # by address and role


def _add(found: _Links, pointer: str, href: object, role: str) -> None:
    if isinstance(href, str) and href and (key := (href, role)) not in found:
        found[key] = Link(pointer, href, host_of(href), role)


def _structural(item: Item, found: _Links) -> dict[str, str]:
    """Links that the object's own properties make.  Returns the role of each tag's address, for the body's anchors."""
    known: dict[str, str] = {}
    thing: Mapping[str, Any] = item.object if _is_object(item.object) else {}
    get = thing.get
    if tags := get("tag"):
        _tags(tags, found, known)
    for medium in item.media:
        _add(found, medium.pointer, _address(thing, medium.pointer), "media")
    if attached := get("attachment"):
        _attached(attached, found)
    if reply := get("inReplyTo"):
        _add(found, "/inReplyTo", _id(reply), "reply")
    if "quote" in thing or "quoteUrl" in thing or "quoteUri" in thing or "_misskey_quote" in thing:
        for key in _QUOTES:
            if quoted := get(key):
                _add(found, f"/{key}", _id(quoted), "quote")
    if item.kind is not _POST:
        _own(item.kind, thing, found)
    return known


def _own(kind: Kind, thing: Mapping[str, Any], found: _Links) -> None:
    """What only things of this kind have."""
    if kind is Kind.BOOST:
        _boosted(thing, found)
    elif kind is Kind.PROFILE:
        _profile(thing, found)
    elif kind is not Kind.POST and kind is not Kind.POLL:
        _related(thing, found)


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    kind = type(value)
    return kind is dict or (kind is not str and isinstance(value, Mapping))


_STEPS = tuple(f"/{place}" for place in range(16))


def _each(value: object) -> Iterable[tuple[str, Any]]:
    """One thing or each of a list, with its step in the pointer."""
    if not isinstance(value, list):
        return (("", value),)
    steps = _STEPS if len(value) <= len(_STEPS) else [f"/{place}" for place in range(len(value))]
    return zip(steps, value, strict=False)


def _id(value: object) -> object:
    if isinstance(value, list):
        value = value[0] if value else None
    return (value.get("id") or value.get("href")) if _is_object(value) else value


def _tags(tags: object, found: _Links, known: dict[str, str]) -> None:
    for place, tag in _each(tags):
        if not _is_object(tag):
            continue
        kind, href = tag.get("type"), tag.get("href")
        if kind == "Mention":
            role = "mention"
            _mention(f"/tag{place}", tag, found)
        else:
            role = _TAGS.get(kind, "link") if type(kind) is str else "link"
            _add(found, f"/tag{place}/href", href, role)
        if isinstance(href, str):
            known[href] = role


_TAGS = {"Hashtag": "hashtag", "Link": "quote"}


def _mention(pointer: str, tag: Mapping[str, Any], found: _Links) -> None:
    href, name = tag.get("href"), tag.get("name")
    if isinstance(href, str) and href:
        _add(found, f"{pointer}/href", href, "mention")
    elif isinstance(name, str) and (acct := _ACCT.fullmatch(name.strip())):
        found.setdefault((name, "mention"), Link(f"{pointer}/name", name, ascii_host(acct[1]), "mention"))


def _attached(attached: object, found: _Links) -> None:
    for place, one in _each(attached):
        if not _is_object(one):
            continue
        role = "link" if one.get("type") == "Link" else "media"
        for key in ("url", "href"):
            value = one.get(key)
            if isinstance(value, str):
                _add(found, f"/attachment{place}/{key}", value, role)
            elif value:
                for inner, address in _each(value):
                    href = address.get("href") if _is_object(address) else address
                    _add(found, f"/attachment{place}/{key}{inner}", href, role)


def _boosted(thing: Mapping[str, Any], found: _Links) -> None:
    target = thing.get("object")
    if target is None:
        _add(found, "/id", thing.get("id"), "boost")
        _add(found, "/url", thing.get("url") if isinstance(thing.get("url"), str) else None, "boost")
    else:
        _add(found, "/object", _id(target), "boost")


def _profile(thing: Mapping[str, Any], found: _Links) -> None:
    for key in ("url", "movedTo", "alsoKnownAs"):
        for place, address in _each(thing.get(key)):
            href = address.get("href") if _is_object(address) else address
            _add(found, f"/{key}{place}", href, "profile")
    for key in ("icon", "image"):
        for place, picture in _each(thing.get(key)):
            if _is_object(picture):
                _add(found, f"/{key}{place}/url", _id(picture.get("url")), "media")


def _related(thing: Mapping[str, Any], found: _Links) -> None:
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
    for step in _steps(pointer):
        if _is_object(thing):
            thing = thing.get(step)
        elif isinstance(thing, list) and step.isdigit() and len(step) < 9 and int(step) < len(thing):
            thing = thing[int(step)]
        else:
            return None
    if _is_object(thing):
        thing = thing.get("url") or thing.get("href")
    return _id(thing)


@lru_cache(maxsize=256)
def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
