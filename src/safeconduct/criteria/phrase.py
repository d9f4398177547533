"""phrase: words, phrases or patterns that a community does not want to receive unread."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import matched, seen
from safeconduct.model import Basis, Confidence, Finding, Hit, Item, Kind, Pattern

VIEWS = ("plain", "folded", "skeleton", "leet", "joined", "squeezed", "across")
_HOW = {
    "plain": "",
    "folded": "",
    "skeleton": " (written with look-alike letters)",
    "leet": " (written with digits for letters)",
    "joined": " (its letters written apart)",
    "squeezed": " (with repeated letters)",
    "across": " (split over several texts)",
}
_WHERE = {
    "content": "the text",
    "contentMap": "the text",
    "summary": "the warning",
    "summaryMap": "the warning",
    "name": "the title",
    "tag": "a tag",
    "oneOf": "a poll option",
    "anyOf": "a poll option",
    "attachment": "an attachment",
}
_EXACT = frozenset(("plain", "folded"))
_SURE = frozenset(("plain", "folded", "skeleton"))


class Phrase:
    """Words, phrases or patterns, in any text of an item: body, warning, descriptions, poll options, names, tags.

    ``words``: words or phrases, in any case.  ``patterns``: regular expressions (RE2). ``allow``: words or phrases
    inside which a hit does not count (*Scunthorpe*). ``views``: which readings of the text may match.  ``label``:
    what to call the list instead of naming the word. ``whole``: only whole words; in scripts without spaces a word
    may stand anywhere.

    **Why** Some words are never wanted, or always worth a look.  People who know that a word is looked for write it
    with other letters, with gaps or in two halves, so the text is read in several ways.  Which one matched is said.

    **Mind** Word lists find the people who are insulted, and those who answer, more often than those who insult:
    let a person read.  Readings other than the plain one guess, and now and then see a word nobody wrote.
    """

    name: ClassVar[str] = "phrase"

    def __init__(
        self,
        words: Sequence[str] = (),
        patterns: Sequence[str] = (),
        allow: Sequence[str] = (),
        views: Sequence[str] = VIEWS,
        label: str = "",
        whole: bool = True,
    ) -> None:
        using = tuple(views)
        self._patterns = [Pattern(word, True, whole, using, label) for word in words if word.strip()]
        self._patterns += [Pattern(text, False, False, using, label) for text in patterns if text]
        self._allow = tuple(filter(None, (_fold(each) for each in allow)))
        self._reach = max(map(len, allow), default=0)

    def patterns(self) -> Sequence[Pattern]:
        return self._patterns

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        if not self._patterns:
            return
        hits = [hit for hit in matched(batch, self) if not (self._allow and self._allowed(hit))]
        hits.sort(key=lambda hit: (hit.item, hit.pattern.text, VIEWS.index(hit.view) if hit.view in VIEWS else 99))
        for (index, _), found in groupby(hits, key=lambda hit: (hit.item, hit.pattern.label or hit.pattern.text)):
            yield self._found(batch.items[index], list(found))

    def _found(self, item: Item, hits: list[Hit]) -> Finding:
        best = min(hits, key=lambda hit: VIEWS.index(hit.view) if hit.view in VIEWS else 99)
        named = best.pattern.label
        what = f"a phrase of the list “{named}”" if named else f"“{best.pattern.text}”"
        reason = f"Has {what} in {_where(item, best)}{_HOW.get(best.view, '')}"
        confidence = Confidence.HIGH if best.view in _EXACT else Confidence(1 + (best.view in _SURE))
        basis = Basis.EXACT if best.view in _EXACT else Basis.STATISTICAL
        same = [hit for hit in hits if hit.view == best.view]
        return Finding(item.number, self.name, confidence, basis, reason, seen(same), named or best.pattern.text)

    def _allowed(self, hit: Hit) -> bool:
        """Does the hit lie inside an allowed longer word or phrase?"""
        text = hit.field.text
        before = _fold(text[max(0, hit.start - 2 * self._reach) : hit.start])
        middle = _fold(text[hit.start : hit.end])
        around = before + middle + _fold(text[hit.end : hit.end + 2 * self._reach])
        return any(_covers(around, word, len(before), len(before) + len(middle)) for word in self._allow)


def _covers(text: str, word: str, start: int, end: int) -> bool:
    at = text.find(word, max(0, end - len(word)))
    return 0 <= at <= start and at + len(word) >= end


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    kept = "".join(letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    return kept.casefold()


def _where(item: Item, hit: Hit) -> str:
    key = hit.field.pointer.split("/")[1] if "/" in hit.field.pointer else ""
    if item.kind is Kind.PROFILE:
        return "the name" if key in ("name", "preferredUsername") else "the profile"
    return _WHERE.get(key, "the item")
