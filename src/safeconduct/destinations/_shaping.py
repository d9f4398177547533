"""Own words out of HTML: as plain text where that is enough, as Markdown that says exactly the same where not.

Both are written so that nobody is mentioned *by construction*: plain text is used only for words without any ``@``,
and in Markdown every ``@`` is escaped, which reads the same and wakes no parser (measured on GoToSocial 0.20: no
mention, no WebFinger look-up, no mail address link; a numeric character reference would be shown as it stands there).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

from safeconduct.model import Json, Object

SIMPLE = frozenset({"p", "br", "span", "a", "div", "-text", "wbr"})
BLOCKS = frozenset({"p", "div", "blockquote", "ul", "ol", "li", "pre", "hr", "table", "tr", "section", "article"})
HEADS = {f"h{n}": n for n in range(1, 7)}
MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "strike": "~~"}
TAGS = {"**": "strong", "*": "em", "~~": "del"}
HIDDEN = frozenset({"script", "style", "template", "head", "title", "-comment", "!doctype", "noscript", "iframe"})
DEPTH = 40  # deeper nesting is flattened to its words

SPACE = re.compile(r"[ \t\r\n\f]+")
WEB = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
FREE = re.compile(r"(?<!\w)" + WEB.pattern, re.IGNORECASE)
# What GoToSocial reads even in plain text: names, and (measured) backslashes and named character references.
READ = re.compile(r"[@\\]|&\w+;")
NAME = re.compile(r"@[\w.-]+(?:@[\w.:-]+)?")
LABEL = re.compile(r"@?\w[\w.-]*(?:@[\w.:-]+)?")
SPECIAL = re.compile(r"[\\`*\[\]<>~#@]|(?<![^\W_])_|_(?![^\W_])")
DOMAIN_MARKS = re.compile(r"(?<=\w)[.:](?=[\w/])")
LINE_START = re.compile(r"^(?:(\d{1,9})([.)])(?=\s|$)|([-+=]))", re.MULTILINE)
DESTINATION = {"<": "%3C", ">": "%3E", "(": "%28", ")": "%29", "\\": "%5C", " ": "%20", "&": "&amp;", "@": "&#64;"}


class Words(Struct, frozen=True):
    """Text for a post.  ``mentions`` and ``links`` count what was defused and what was taken out."""

    text: str
    markdown: bool
    mentions: int = 0
    links: int = 0
    people: int = 0


class Rules(Struct, frozen=True):
    """``names``: profile address to ``@user@host``, from the Mention tags.  The rest are the community's filters."""

    names: Mapping[str, str] = {}
    no_links: bool = False
    no_mentions: bool = False


def words(source: str, rules: Rules, extras: Iterable[str] = ()) -> Words:
    """The visible words of an HTML text, then the extra lines (plain text that may contain addresses)."""
    lines = tuple(extras)
    tree = LexborHTMLParser(f"<body>{source}</body>")
    body = tree.body
    pen = _Pen(rules, markdown=rules.no_links or not _simple(body, lines))
    blocks = pen.blocks(body, 0) if body is not None else []
    blocks += [pen.finish("\n".join(pen.prose(part) for part in line.split("\n"))) for line in lines]
    text = "\n\n".join(block for block in blocks if block.strip())
    return Words(text, pen.markdown, pen.mentions, pen.links, pen.people)


def visible(source: str) -> str:
    """The words alone, for places that take no markup: a bio, a list's name."""
    body = LexborHTMLParser(f"<body>{source}</body>").body
    if body is None:
        return ""
    pen = _Pen(Rules(), markdown=False)
    return "\n\n".join(block for block in pen.blocks(body, 0) if block.strip())


def names_of(tags: Json) -> dict[str, str]:
    """Whom an object mentions: profile address to ``@user@host``."""
    found = {}
    for tag in tags if isinstance(tags, list) else [tags]:
        if isinstance(tag, Mapping) and tag.get("type") == "Mention" and isinstance(tag.get("href"), str):
            found[tag["href"]] = str(tag.get("name") or "")
    return found


def body_of(thing: Object) -> tuple[str, str]:
    """The HTML of an object and its language tag ("" if none): ``content``, else the first of ``contentMap``."""
    content, by_language = thing.get("content"), thing.get("contentMap")
    languages = by_language if isinstance(by_language, Mapping) else {}
    if not isinstance(content, str):
        content = next((text for text in languages.values() if isinstance(text, str)), "")
    tag = next((str(key) for key, text in languages.items() if text == content), "")
    title = thing.get("name")
    if isinstance(title, str) and title.strip() and thing.get("type") not in ("Note", "Question"):
        content = f"<p>{html.escape(title)}</p>{content}"
    return content, tag


def _simple(body: LexborNode | None, lines: tuple[str, ...]) -> bool:
    if body is None or any(READ.search(line) for line in lines):
        return False
    for node in body.traverse(include_text=True):
        tag = node.tag
        if tag == "body":
            continue
        if tag not in SIMPLE or (tag == "-text" and READ.search(node.text_content or "")):
            return False
        if tag == "a" and not (_is_hashtag(node) or (_bare(node) and not READ.search(_href(node)))):
            return False
    return True


def _href(node: LexborNode) -> str:
    return (node.attributes.get("href") or "").strip()


def _classes(node: LexborNode) -> str:
    return f"{node.attributes.get('class') or ''} {node.attributes.get('rel') or ''}".lower()


def _is_hashtag(node: LexborNode) -> bool:
    label = node.text(deep=True).strip()
    marked = "hashtag" in _classes(node) or "tag" in _classes(node).split()
    return marked and re.fullmatch(r"#\w+", label) is not None


def _bare(node: LexborNode) -> bool:
    """Does the link show its own address (also shortened, as Mastodon and Misskey do)?"""
    label, href = node.text(deep=True).strip(), _href(node)
    if not WEB.fullmatch(href):
        return False
    bare = re.sub(r"^https?://(?:www\.)?", "", href, flags=re.IGNORECASE)
    shown = re.sub(r"^https?://(?:www\.)?", "", label, flags=re.IGNORECASE)
    if shown.endswith(("…", "...")):
        return len(shown) > 4 and bare.startswith(shown.rstrip("….").rstrip("/"))
    return shown.rstrip("/") == bare.rstrip("/")


class _Pen:
    """Writes one text in one of the two ways and counts what it changed."""

    def __init__(self, rules: Rules, markdown: bool) -> None:
        self.rules, self.markdown = rules, markdown
        self.mentions = self.links = self.people = 0
        self._label = False  # inside the words of a link there is no second link

    # -- blocks

    def blocks(self, node: LexborNode, depth: int) -> list[str]:
        done: list[str] = []
        line: list[str] = []
        for child in node.iter(include_text=True):
            tag = child.tag or ""
            if tag not in BLOCKS and tag not in HEADS:
                line.append(self.inline(child, depth))
                continue
            done.append(self.finish("".join(line)))
            line = []
            done += self.block(child, tag, depth) if depth < DEPTH else [self.finish(self.prose(child.text(deep=True)))]
        done.append(self.finish("".join(line)))
        return [block for block in done if block]

    def block(self, node: LexborNode, tag: str, depth: int) -> list[str]:
        if tag == "pre":
            return [self.listing(node.text(deep=True))]
        if tag == "hr":
            return ["\\* \\* \\*" if self.markdown else "* * *"]
        if tag in ("ul", "ol"):
            return ["\n".join(self.entries(node, tag, depth))]
        if tag in HEADS and self.markdown:
            words = " ".join("".join(self.inline(child, depth) for child in node.iter(include_text=True)).split())
            return ["#" * HEADS[tag] + " " + words] if words else []
        inner = self.blocks(node, depth + 1)
        if not inner or not self.markdown:
            return inner
        if tag == "blockquote":
            return ["\n".join(f"> {line}".rstrip() for line in "\n\n".join(inner).split("\n"))]
        return inner

    def entries(self, node: LexborNode, tag: str, depth: int) -> list[str]:
        made: list[str] = []
        for child in node.iter(include_text=True):
            # Words between the entries are not allowed there, and written all the same.
            text = self.finish(self.inline(child, depth)) if child.tag == "-text" else self.entry(child, depth)
            mark = f"{len(made) + 1}. " if tag == "ol" else ("- " if self.markdown else "• ")
            if text:
                made.append(mark + re.sub(r"\n(?=[^\n])", "\n" + " " * len(mark), text))
        return made

    def entry(self, node: LexborNode, depth: int) -> str:
        return "" if node.tag in HIDDEN else "\n\n".join(self.blocks(node, depth + 1))

    def listing(self, text: str) -> str:
        text = text.strip("\n")
        if not self.markdown:
            return text
        # Character references mean nothing inside a fence, so a listing with an @ goes as HTML.
        if "@" in text or "```" in text:
            return f"<pre><code>{html.escape(text).replace('@', '&#64;')}</code></pre>"
        return f"```\n{text}\n```"

    def finish(self, text: str) -> str:
        """One paragraph: no space around its lines, nothing at a line's start that Markdown would read."""
        lines = (line.strip(" \t") for line in text.strip().split("\n"))
        joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
        if not self.markdown:
            return joined
        return LINE_START.sub(lambda m: f"{m[1]}\\{m[2]}" if m[1] else f"\\{m[3]}", joined)

    # -- inside a line

    def inline(self, node: LexborNode, depth: int) -> str:
        tag = node.tag or ""
        if tag == "-text":
            return self.prose(node.text_content or "")
        if tag in HIDDEN:
            return ""
        if tag == "br":
            return "\n"
        if tag == "img":
            return self.prose(node.attributes.get("alt") or node.attributes.get("title") or "")
        if tag == "a" and _href(node):
            return self.anchor(node, depth)
        if depth >= DEPTH:
            return self.prose(node.text(deep=True))
        if tag == "code" and self.markdown:
            return self.code(node.text(deep=True))
        inner = "".join(self.inline(child, depth + 1) for child in node.iter(include_text=True))
        if tag in BLOCKS or tag in HEADS:
            return f"\n{inner}\n"
        return self.marked(inner, MARKS[tag]) if tag in MARKS and self.markdown else inner

    def marked(self, inner: str, mark: str) -> str:
        words = inner.strip()
        if not words:
            return inner
        # Asterisks next to punctuation often mean nothing to Markdown; tags always mean what they say.
        safe = words[0].isalnum() and words[-1].isalnum() and "\n" not in words
        made = f"{mark}{words}{mark}" if safe else f"<{TAGS[mark]}>{words}</{TAGS[mark]}>"
        lead, tail = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
        return lead + made + tail

    def code(self, text: str) -> str:
        if not text.strip() or "@" in text or "`" in text or "\n" in text:
            unlinked = self.escape(SPACE.sub(" ", text)).replace("://", "\\://")
            return f"<code>{unlinked}</code>"
        return f"`{text}`"

    def prose(self, text: str) -> str:
        """Words, with any address in them as an address."""
        text = SPACE.sub(" ", text)
        if not self.markdown or self._label:
            return self.escape(text) if self.markdown else text
        made, at = [], 0
        for match in FREE.finditer(text):
            url = match[0].rstrip(".,;:!?)'")
            made += [self.escape(text[at : match.start()]), self.address(url)]
            at = match.start() + len(url)
        return "".join(made) + self.escape(text[at:])

    def escape(self, text: str) -> str:
        text = SPECIAL.sub(lambda m: "\\" + m[0], text.replace("&", "\0"))
        if self.rules.no_links:
            text = DOMAIN_MARKS.sub(lambda m: "\\" + m[0], text)
        return text.replace("\0", "&amp;")

    def address(self, url: str) -> str:
        if self.rules.no_links:
            self.links += 1
            return "\\[link removed\\]"
        if not self.markdown:
            return url
        return f"[{self.escape(url)}]({_destination(url)})" if re.search(r"[@<>\\]", url) else f"<{url}>"

    def anchor(self, node: LexborNode, depth: int) -> str:
        href, label = _href(node), node.text(deep=True).strip()
        if _is_hashtag(node):
            return label
        if self.is_mention(node, href, label):
            return self.person(href, label)
        if _bare(node):
            return self.address(href)
        self._label = linked = WEB.fullmatch(href) is not None and self.markdown and not self.rules.no_links
        inner = "".join(self.inline(child, depth + 1) for child in node.iter(include_text=True)).strip()
        self._label = False
        self.links += self.rules.no_links and WEB.fullmatch(href) is not None
        if not linked or not inner:
            return inner
        return f"[{inner}]({_destination(href)})".replace("\n", " ")

    def is_mention(self, node: LexborNode, href: str, label: str) -> bool:
        """A name that says whom it means.  Longer words with a link on them stay the person's own words."""
        marked = href in self.rules.names or "mention" in _classes(node).split()
        if marked:
            return self.rules.no_mentions or LABEL.fullmatch(label) is not None
        return NAME.fullmatch(label) is not None

    def person(self, href: str, label: str) -> str:
        if self.rules.no_mentions:
            self.people += 1
            return "someone"
        self.mentions += 1
        name = (self.rules.names.get(href) or label).lstrip("@")
        host = _host(href)
        name = name if "@" in name or not host else f"{name}@{host}"
        if not self.markdown:
            return name
        shown = self.escape(name)
        return shown if self.rules.no_links or not WEB.fullmatch(href) else f"[{shown}]({_destination(href)})"


def _host(href: str) -> str:
    try:
        return urlsplit(href).netloc
    except ValueError:
        return ""


def _destination(url: str) -> str:
    return "".join(DESTINATION.get(c, c) for c in url)
