"""hidden-text: text that a reader does not see, or that is not what it looks like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

import re2

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import WRITTEN, counted, matched, seen
from safeconduct.model import Basis, Confidence, Evidence, Finding, Hit, Item, Pattern
from safeconduct.screening.html import reading
from safeconduct.screening.texts import utf8

# Letters are written by number throughout this file: nobody should have to trust an invisible character in source code.
_BLANK = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2064\u3164\ufeff\uffa0"
_JOINERS = "\u200c\u200d"
_EUROPEAN = "A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u052f"
_LATIN = "A-Za-z"
_OTHER = "\u0391-\u03c9\u0400-\u052f\u0531-\u0587"  # Greek, Cyrillic, Armenian
_LOOKALIKE = frozenset(
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03bd\u03c1\u03b9"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0430\u0435\u043e\u0440\u0441\u0443\u0445"
    "\u0405\u0406\u0408\u0455\u0456\u0458\u04bb\u0501\u051b\u051d\u0561\u0578\u057d\u0585\u0570\u0566"
)
_VIEW = ("plain",)


def _regex(text: str, label: str) -> Pattern:
    return Pattern(text, literal=False, whole=False, views=_VIEW, label=label)


_PATTERNS = (
    _regex(f"[{_BLANK}]", "invisible"),
    _regex(f"[{_EUROPEAN}][{_JOINERS}]+[{_EUROPEAN}]", "invisible"),
    _regex("[\u202d\u202e]", "direction"),
    _regex("[\U000e0020-\U000e007e]+", "tags"),
    _regex(f"[{_LATIN}][{_OTHER}]|[{_OTHER}][{_LATIN}]", "look-alike"),
    _regex("[\U0001d400-\U0001d7ff]{4,}", "fancy"),
)
_SAYS = {
    "invisible": ("invisible character", "between the letters"),
    "direction": ("character", "that turns the direction of reading"),
    "tags": ("run", "of characters no screen shows"),
    "look-alike": ("word", "mixing letters of two scripts that look the same"),
    "fancy": ("word", "in mathematical letters"),
}
# Whatever ``reading`` may keep from sight: attributes, elements, comments and what HTML takes for comments.  In any
# case and with the NULs that it drops, but in no other spelling: HTML knows no entities in names.
_MARKED = re2.compile(
    rb"(?i)style|hidden|<!|<[?]|</[^a-z]|\x00|<(?:script|template|title|head|noembed|noframes|iframe|object|datalist)"
)
_LONGEST = 500
_TOKEN = re.compile(r"<a[ >]|</a|invisible")
_WORD = re.compile(r"[^\W\d_]+")


class HiddenText:
    """Text that a reader does not see, or that is not what it looks like.

    Invisible characters inside words; characters that turn the direction of reading; words that mix Latin with
    letters of another script that look the same; mathematical letters; text hidden by markup.

    ``at_least``: how many invisible characters in one item are worth a word.

    **Why** What people cannot see they cannot judge, and a word list cannot match what is cut by an invisible
    character.

    **Mind** Emoji, Persian, Arabic and the scripts of India need invisible joiners, and those are not found.  Text
    copied from web pages brings soft hyphens; 𝓯𝓪𝓷𝓬𝔂 letters are fashion, and screen readers suffer them more than
    moderators do.
    """

    name: ClassVar[str] = "hidden-text"

    def __init__(self, at_least: int = 1) -> None:
        self._least = at_least

    def patterns(self) -> tuple[Pattern, ...]:
        return _PATTERNS

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        hits: dict[int, dict[str, list[Hit]]] = {}
        for hit in matched(batch, self):
            if _meant(hit):
                hits.setdefault(hit.item, {}).setdefault(hit.pattern.label, []).append(hit)
        marked = _suspects(batch)
        for index in sorted(hits.keys() | marked):
            item = batch.items[index]
            if index in hits:
                yield from self._characters(item, hits[index])
            if index in marked:
                yield from self._markup(item)

    def _characters(self, item: Item, hits: dict[str, list[Hit]]) -> Iterator[Finding]:
        for label, found in sorted(hits.items()):
            where = seen(found)
            count = len({(hit.field.pointer, hit.start) for hit in found})
            if label == "invisible" and count < self._least:
                continue
            noun, rest = _SAYS[label]
            confidence = {"fancy": Confidence.LOW, "tags": Confidence.HIGH}.get(label, Confidence.MEDIUM)
            reason = f"{counted(count, noun)} {rest}"
            yield Finding(item.number, self.name, confidence, Basis.STATISTICAL, reason, where, label)

    def _markup(self, item: Item) -> Iterator[Finding]:
        for key in ("content", "summary"):
            text = item.object.get(key)
            if isinstance(text, str) and (found := _hidden(text)):
                place = (Evidence("/" + key, *found),)
                reason = "Has text that its markup hides from readers"
                yield Finding(item.number, self.name, Confidence.HIGH, Basis.EXACT, reason, place, "markup")


def _hidden(text: str) -> tuple[int, int] | None:
    """Where its markup hides something; the whole text if only a real parser can tell."""
    if "<" in text and _MARKED.search(utf8(text)) and reading(text).hidden.strip():
        return 0, len(text)
    return _invisible(text) if "invisible" in text else None


def _suspects(batch: Batch) -> set[int]:
    """The places of posts and profiles whose markup may hide something."""
    found = {place for place in batch.doubtful() if batch.items[place].kind in WRITTEN}
    for place, item in enumerate(batch.items):
        for text in (item.object.get("content"), item.object.get("summary")):
            if type(text) is not str or "invisible" not in text or item.kind not in WRITTEN:
                continue
            if not _plainly_linked(text):
                found.add(place)
    return found


def _plainly_linked(text: str) -> bool:
    """Is ``invisible`` written only where Mastodon writes it, inside links?"""
    place = text.find("invisible")
    while place >= 0:
        begun = text.rfind("<a ", 0, place)
        if begun < 0 or text.find("</a", begun, place) >= 0:
            return False
        end = text.find("</a", place)
        place = text.find("invisible", end) if end >= 0 else -1
    return True


def _invisible(text: str) -> tuple[int, int] | None:
    """Mastodon hides the ends of long addresses inside links in this way, which is no secret; outside it is one."""
    if _plainly_linked(text):
        return None
    linked = False
    for token in _TOKEN.finditer(text):
        if token[0] != "invisible":
            linked = token[0][1] != "/"
        elif not linked:
            # a tag longer than this is left alone, so that a hostile text costs no more than its length
            start = text.rfind("<", max(0, token.start() - _LONGEST), token.start())
            end = text.find(">", token.end(), token.end() + _LONGEST)
            within = start >= 0 and end >= 0 and ">" not in text[start : token.start()]
            if within and text[end + 1 : end + 2].strip(" <"):
                return start, end + 1
    return None


def _meant(hit: Hit) -> bool:
    """Is this more than what honest writing needs?"""
    text, start, end = hit.field.text, hit.start, hit.end
    if hit.pattern.label == "look-alike":
        return _disguised(_word(text, start, end))
    if hit.pattern.label == "tags":  # the flags of Scotland and Wales end in such characters
        before = text[max(0, start - 1) : start]
        return before != "\U0001f3f4"
    if hit.pattern.label == "invisible":
        inside = text[max(0, start - 1) : start], text[end : end + 1]
        return len(text[start:end]) > 1 or all(each.isalnum() for each in inside) or text[start:end] == "\u3164"
    return True


def _word(text: str, start: int, end: int) -> str:
    around = _WORD.finditer(text, max(0, start - 40), end + 40)
    return next((each.group() for each in around if each.start() <= start and each.end() >= end), "")


def _disguised(word: str) -> bool:
    """Every letter of the rarer script has a twin in the other one: nobody writes such a word by accident."""
    foreign = [letter for letter in word if "\u0370" <= letter <= "\u0587"]
    if not foreign or len(word) < 3:
        return False
    twins = [letter for letter in foreign if letter in _LOOKALIKE]
    latin = [letter for letter in word if letter.isascii()]
    return len(twins) == len(foreign) or (len(latin) < len(foreign) and set(latin) <= set("ABCEHIKMOPTXYaceiopxyjsun"))
