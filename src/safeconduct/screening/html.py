"""What a reader sees of a piece of HTML, what is kept from their sight, and where its links go.

Posts are written by servers in a handful of tags, so two regular expressions read nearly all of them (measured: a
third of the cost of the quickest parser).  Whatever they do not recognise to the last character goes to a real HTML5
parser (lexbor); a property test holds the two to the same text.  Nothing here renders or executes anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape

import re2
from selectolax.lexbor import LexborHTMLParser, LexborNode

from safeconduct.screening.spans import Chain, Span, Stretches, Trace, Whole, identity, substituted

# One space, a lower-case name, double quotes, no angle brackets inside: what servers write, and nothing cleverer.
_ATTRIBUTES = r'(?: (?!style=|hidden=)[a-z][a-z-]*="[^"]*")*'
_BLOCK_TAG = re.compile(rf"/?(?:p|br|div|blockquote|ul|ol|li|h[1-6]|pre|hr){_ATTRIBUTES} ?/?")
_INLINE_TAG = re.compile(rf"/?(?:a|span|strong|em|b|i|u|s|del|code|sub|sup|small|q){_ATTRIBUTES} ?/?")
_IMAGE_TAG = re.compile(rf"img{_ATTRIBUTES} ?/?")
_LINK_TAG = re.compile(r'a (?:(?:class|rel|target|title)="[^"]*" )*href="([^"]*)"' + _ATTRIBUTES)
_ALT = re.compile(r' alt="([^"]*)"')
_HREF = re.compile(r' href="([^"]*)"')
_CUT_ENTITY = re.compile(r"&[#\w]*<")
_ENTITY = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[0-9A-Za-z]+);?")
_TAGS = re.compile(r"<([^<>]*)>")
_SURROGATES = re.compile("[\ud800-\udfff]")
_MARKUP = re2.compile(r"""(?s)<!--.*?-->|</?[a-zA-Z](?:[^"'>]|"[^"]*"|'[^']*')*>|<[!?/][^>]*>""")

_BLOCK = re.compile(
    "p|br|div|blockquote|[uod]l|li|d[td]|h[1-6]|pre|hr|table|t[rdh]|section|article|header|footer|main|aside|nav|"
    "figure|figcaption|details|summary|form|fieldset|address|center|option"
)
_UNSEEN = re.compile("script|style|template|title|head|noembed|noframes|iframe|object|datalist")
_INVISIBLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font-size\s*:\s*0(?![.\d]*[1-9])|"
    r"opacity\s*:\s*0(?![.\d]*[1-9])|color\s*:\s*transparent|(?:left|top|text-indent)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
# Above this many tags an HTML5 tree costs quadratic time (measured: 20,000 nested <div> take half a second).
_MANY_TAGS = 3000


class Reading:
    """One HTML text as a reader sees it.

    ``text``: what is visible; blocks and ``<br>`` are newlines, the ``alt`` of a picture stands in its place.  The
    parts of an address that Mastodon shortens (``class="invisible"``) are part of the text, not hidden.
    ``hidden``: what the page keeps from sight (``display:none``, size 0, scripts, comments), one line each.
    ``hrefs``: where each ``<a>`` goes, in reading order.
    """

    __slots__ = ("_trace", "hidden", "hrefs", "source", "text")

    def __init__(self, source: str, text: str, hidden: str = "", hrefs: Sequence[str] = ()) -> None:
        self.source = source
        self.text = text
        self.hidden = hidden
        self.hrefs = hrefs
        self._trace: Trace | None = None

    @property
    def links(self) -> list[tuple[str, str]]:
        """Each link with what is written on it."""
        return _parsed(self.source).links if "<" in self.source else []

    @property
    def exact(self) -> bool:
        """Whether ``trace`` is character by character; else each character maps to the whole field."""
        return not isinstance(self.trace, Whole)

    @property
    def trace(self) -> Trace:
        """The way back from ``text`` to ``source``."""
        if self._trace is None:
            self._trace = _trace(self.source, self.text)
        return self._trace


class Parsed(Reading):
    """The same by the HTML5 parser, which also knows what is written on each link."""

    __slots__ = ("_links",)

    def __init__(self, source: str, text: str, hidden: str, links: list[tuple[str, str]]) -> None:
        super().__init__(source, text, hidden, [href for href, _ in links])
        self._links = links

    @property
    def links(self) -> list[tuple[str, str]]:
        return self._links


def reading(html: str) -> Reading:
    """Read one HTML text.  Any string at all; never raises."""
    seen = quick(html)
    return _parsed(html) if seen is None else Reading(html, seen[0], "", seen[1])


# What stands for a tag that was met before; tags repeat without end, so most cost one look-up.
_known: dict[str, str] = {}
_KNOWN_TAGS = 2048
# The same for a tag with what follows it up to the next, if that is nothing or what every address begins with.
_pieces: dict[str, str] = {}


def quick(html: str) -> tuple[str, Sequence[str]] | None:
    """``text`` and ``hrefs`` if every tag is one that servers emit in the way they emit it; else ``None``."""
    if "<" not in html:
        return (unescape(html) if "&" in html else html).strip(), ()
    met, known = _pieces.get, _known.get
    pieces = html.split("<")
    shown = [pieces[0]]
    hrefs: list[str] = []
    for piece in pieces[1:]:
        seen = met(piece)
        if seen is None:
            tag, closed, rest = piece.partition(">")
            put = known(tag)
            if put is None and (link := _LINK_TAG.fullmatch(tag)):
                hrefs.append(link[1])
                put = ""
            elif put is None:
                put = _learn(tag)
            if put is None or not closed:
                return None
            seen = put + rest if put else rest
        if seen:
            shown.append(seen)
    text = "".join(shown)
    if "&" in html:
        # ``&am<b></b>p;`` is not an ampersand, but would become one once the tag is gone.
        if _CUT_ENTITY.search(html):
            return None
        text = unescape(text)
        hrefs = [unescape(href) for href in hrefs]
    return text.strip(), hrefs


def _learn(tag: str) -> str | None:
    put = _meaning(tag)
    if put is not None and len(tag) < 80 and len(_known) < _KNOWN_TAGS:
        _known[tag] = put
        for rest in ("", "https://"):
            _pieces[f"{tag}>{rest}"] = put + rest
    return put


def _meaning(tag: str) -> str | None:
    """What a reader sees of one recognised tag; ``None`` for any other."""
    if _BLOCK_TAG.fullmatch(tag):
        return "\n"
    if _INLINE_TAG.fullmatch(tag) and not _HREF.search(tag):
        return ""
    if _IMAGE_TAG.fullmatch(tag):
        found = _ALT.search(tag)
        return found[1] if found else ""
    return None


# --- the real parser ---------------------------------------------------------------------------------


def _parsed(html: str) -> Parsed:
    clean = _SURROGATES.sub("\ufffd", html).replace("\0", "")
    if clean.count("<") > _MANY_TAGS:
        return Parsed(html, unescape(_MARKUP.sub("\n", clean)).strip(), "", [])
    # A letter first: after it a later <frameset> can no longer swallow the visible page (HTML standard, 13.2.6.4.7).
    root = LexborHTMLParser("<!doctype html><body>." + clean).body
    if root is None:
        return Parsed(html, unescape(_MARKUP.sub("\n", clean)).strip(), "", [])
    return _collected(html, root)


def _collected(html: str, root: LexborNode) -> Parsed:
    seen: list[str] = []
    unseen: list[str] = []
    anchors: list[tuple[str, str]] = []
    open_links: list[tuple[int, str, int]] = []
    for node, depth, opening, hidden in _walk(root):
        if not opening:
            if open_links and open_links[-1][0] == depth:
                _, href, start = open_links.pop()
                anchors.append((href, "".join(seen[start:]).strip()))
            seen.append("" if hidden or node.tag in ("br", "hr") else _gap(node))
        elif node.is_comment_node:
            unseen.append(node.comment_content or "")
        elif node.is_text_node:
            (unseen if hidden else seen).append(node.text_content or "")
        elif not hidden:
            seen.append(_shown(node))
            if node.tag == "a" and (goes := node.attributes.get("href")):
                open_links.append((depth, goes.strip(), len(seen)))
    text = "".join(seen).strip()
    text = text.removeprefix(".").strip()
    return Parsed(html, text, "\n".join(filter(None, map(str.strip, unseen))), anchors)


def _shown(node: LexborNode) -> str:
    if node.tag == "img":
        return node.attributes.get("alt") or ""
    return _gap(node)


def _gap(node: LexborNode) -> str:
    return "\n" if _BLOCK.fullmatch(node.tag or "") else ""


def _walk(root: LexborNode) -> Iterator[tuple[LexborNode, int, bool, bool]]:
    """Every node on the way in and every element on the way out, with its depth and whether it is kept from sight.

    Without recursion: hostile documents nest deeper than any stack.
    """
    stack: list[tuple[LexborNode, bool]] = []
    node: LexborNode | None = root.child
    hidden = False
    while node is not None:
        inside = hidden or _is_hidden(node)
        yield node, len(stack), True, inside
        child = node.child if node.is_element_node else None
        if child is not None:
            stack.append((node, hidden))
            node, hidden = child, inside
            continue
        if node.is_element_node:
            yield node, len(stack), False, inside
        following = node.next
        while following is None and stack:
            node, hidden = stack.pop()
            yield node, len(stack), False, hidden or _is_hidden(node)
            following = node.next
        node = following


def _is_hidden(node: LexborNode) -> bool:
    if not node.is_element_node:
        return False
    if _UNSEEN.fullmatch(node.tag or ""):
        return True
    attributes = node.attributes
    return "hidden" in attributes or bool(_INVISIBLE.search(attributes.get("style") or ""))


# --- back to the original ----------------------------------------------------------------------------


def _trace(source: str, text: str) -> Trace:
    return _quick_trace(source, text) or _words_trace(source, text) or Whole(len(source))


def _quick_trace(source: str, text: str) -> Trace | None:
    bare, inner = substituted(_TAGS, _plain_tag, source) if "<" in source else (source, identity(len(source)))
    decoded, outer = substituted(_ENTITY, _entity, bare)
    lead = len(decoded) - len(decoded.lstrip())
    return Chain(outer, inner, lead) if decoded.strip() == text else None


def _entity(match: re.Match[str]) -> str:
    return unescape(match[0])


def _plain_tag(match: re.Match[str]) -> str:
    known = _known.get(match[1])
    return known if known is not None else _meaning(match[1]) or ""


def _words_trace(source: str, text: str) -> Trace | None:
    """Find the words the parser gave, in order, in the source without its markup.

    A parser may move text (out of a table) and gives no positions; a word that is not found where it should be
    means that nothing better than the whole field can be said.
    """
    bare, inner = _without_markup(source)
    decoded, outer = substituted(_ENTITY, _entity, bare)
    trace = Chain(outer, inner)
    made = Stretches()
    place = 0
    for part in re.split(r"(\s+)", text):
        if part.isspace() or not part:
            made.add(len(part), *trace.cover(place, place + 1)[:1] * 2)
            continue
        found = decoded.find(part, place)
        if found < 0:
            return None
        place = found + len(part)
        _add_word(made, trace, (found, place))
    return made


def _add_word(made: Stretches, trace: Trace, span: Span) -> None:
    """A word with markup or entities inside it is mapped letter by letter."""
    start, end = trace.cover(*span)
    if end - start == span[1] - span[0]:
        made.add(end - start, start, end)
        return
    for place in range(*span):
        made.add(1, *trace.cover(place, place + 1))


def _without_markup(source: str) -> tuple[str, Trace]:
    kept: list[str] = []
    trace = Stretches()
    last = 0
    clean = _SURROGATES.sub("\ufffd", source)
    for match in _MARKUP.finditer(clean):
        start, end = match.span()
        kept.append(clean[last:start])
        trace.add(start - last, last, start)
        last = end
    kept.append(clean[last:])
    trace.add(len(clean) - last, last, len(clean))
    return "".join(kept), trace
