"""HTML of strangers, reduced to what can only be read: paragraphs, line breaks, lists, emphasis, links with their host.

An allow-list does it (``nh3``), never a search for bad things.  What comes out of ``reduced`` is also what the
pages accept: they pass it through ``inert`` once more, so that no plan file can smuggle anything past this place.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

import nh3
from msgspec import Struct

from safeconduct.activitystreams.names import host

TAGS = {"p", "br", "a", "ul", "ol", "li", "strong", "b", "em", "i", "del", "s", "blockquote", "code", "pre"}
UNSAID = TAGS | {"span", "div", "wbr", "u", "sup", "sub", "small"}  # losing these changes no word
EMPTIED = {"script", "style", "template", "title", "iframe", "object", "noscript", "textarea", "svg", "math", "select"}
REL = "nofollow noopener noreferrer ugc"
DEEPEST = 100
REMOVED = "[link removed]"
LONGEST = 500_000  # characters; no server lets anybody write more

_WEB = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)
_OPEN = re.compile(r"<([a-zA-Z][a-zA-Z0-9-]*)")
_BREAKS = re.compile(
    r"</?(?:div|h[1-6]|tr|table|section|article|header|footer|dd|dt|figure|figcaption|hr)\b[^>]*>", re.I
)
_ANCHOR = re.compile(r"<a([^>]*)>(.*?)</a>", re.DOTALL)
_ATTRIBUTE = re.compile(r'(href|class)="([^"]*)"')
_TAG = re.compile(r"<[^>]*>")
_BARE = re.compile(r"https?://[^\s<]+", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


def _only_web(tag: str, name: str, value: str) -> str | None:
    if name == "href" and not _WEB.match(value):
        return None
    return value.replace("<", "%3C").replace(">", "%3E").replace('"', "%22") if name == "href" else value


_FIRST = nh3.Cleaner(
    tags=TAGS,
    clean_content_tags=EMPTIED,
    attributes={"a": {"href"}},
    attribute_filter=_only_web,
    url_schemes={"http", "https"},
    link_rel=REL,
    allowed_classes={"a": {"mention", "hashtag"}},
)
_LAST = nh3.Cleaner(
    tags=TAGS | {"bdi", "span"},
    clean_content_tags=EMPTIED,
    attributes={"a": {"href"}},
    attribute_filter=_only_web,
    url_schemes={"http", "https"},
    link_rel=REL,
    allowed_classes={"span": {"host"}},
)


class Rules(Struct, frozen=True):
    """How links are treated.  ``own``: beginnings of the author's old addresses, which are not shown."""

    no_links: bool = False
    no_mentions: bool = False
    own: tuple[str, ...] = ()
    hashtags: frozenset[str] = frozenset()
    mentions: frozenset[str] = frozenset()


def reduced(source: str, rules: Rules) -> str:
    """The text as safe HTML by these rules."""
    if "<" not in source and "&" not in source:
        return _bare(html.escape(source), rules) if source.strip() else ""
    if _too_deep(source):
        source = html.escape(plain(source))
    clean = _FIRST.clean(_BREAKS.sub("<br>", source[:LONGEST]))
    return _bare(_ANCHOR.sub(lambda match: _anchor(match[1], match[2], rules), clean), rules)


def inert(clean: str) -> str:
    """The last gate before a page."""
    return _LAST.clean(clean)


def plain(source: str) -> str:
    """The words alone, on one line: for searching and for excerpts."""
    return _SPACE.sub(" ", html.unescape(_TAG.sub(" ", source))).strip()


def lost(source: str) -> tuple[str, ...]:
    """The names of elements in a text that this site does not show."""
    return tuple(sorted({tag.lower() for tag in _OPEN.findall(source)} - UNSAID))


def link(address: str, label: str = "") -> str:
    """A bare address as a link that shows it, or ``label`` and its host; "" if a browser should not follow it."""
    if not _WEB.match(address):
        return ""
    shown = f"{html.escape(label)} <bdi>{html.escape(host(address))}</bdi>" if label else html.escape(address)
    return inert(f'<a href="{html.escape(address)}">{shown}</a>')


def _too_deep(source: str) -> bool:
    """Deep nesting costs a parser's stack; nobody writes it by hand."""
    return source.count("<") > DEEPEST * 2 and len(_OPEN.findall(source)) - source.count("</") > DEEPEST


def _anchor(attributes: str, inner: str, rules: Rules) -> str:
    found = dict(_ATTRIBUTE.findall(attributes))
    href, kinds = html.unescape(found.get("href", "")), found.get("class", "").split()
    text = html.unescape(_TAG.sub("", inner)).strip()
    # A hashtag's address only leads to the old server, which the person may not want to name.
    if not href or "hashtag" in kinds or href in rules.hashtags:
        return inner
    if any(href == own or href.startswith((own + "/", own + "?", own + "#")) for own in rules.own):
        return "[an earlier post of mine]" if _WEB.match(text) or not text else inner
    if rules.no_mentions and ("mention" in kinds or href in rules.mentions):
        return "someone"
    if rules.no_links:
        return REMOVED if _WEB.match(text) or not text else f"{inner} {REMOVED}"
    return f'<a href="{html.escape(href)}" rel="{REL}">{inner or html.escape(href)}</a>{_host(href, text)}'


def _host(href: str, text: str) -> str:
    """Where a link leads, unless its own words begin with exactly that."""
    name = host(href)
    shown = re.sub(r"^https?://", "", text, flags=re.IGNORECASE).lower()
    if not name or shown == name or shown.startswith((name + "/", name + "?", name + "#")):
        return ""
    return f' <span class="host">(<bdi>{html.escape(name)}</bdi>)</span>'


def _bare(clean: str, rules: Rules) -> str:
    """Addresses that stand in the text without being links."""
    if "://" not in clean or not (rules.no_links or rules.own):
        return clean
    return "".join(part if part.startswith("<") else _unlinked(part, rules) for part in re.split(r"(<[^>]*>)", clean))


def _unlinked(text: str, rules: Rules) -> str:
    if rules.no_links:
        return _BARE.sub(REMOVED, text)
    return _BARE.sub(lambda m: "[an earlier post of mine]" if _is_own(m[0], rules.own) else m[0], text)


def _is_own(address: str, own: Iterable[str]) -> bool:
    return any(address == one or address.startswith((one + "/", one + "?", one + "#")) for one in own)
