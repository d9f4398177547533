"""Readings of a text that defeat the usual disguises, each of them traced back to the original string.

| view | what it is |
|---|---|
| ``plain`` | the visible text (``html.py``) in its own case |
| ``folded`` | NFKC, case-folded, without default-ignorables, controls and stray combining marks; text after a right-to-left override turned round; every white space is one blank |
| ``skeleton`` | folded, accents dropped and look-alike letters made Latin: for comparing only |
| ``leet`` | digits and symbols among letters read as letters |
| ``joined`` | single letters set apart put together, words broken by symbols mended or parted |
| ``squeezed`` | repeated letters once |
| ``across`` | warning and body read as one |

Views build on each other in this order, so that disguises on top of each other are undone too.  Ordinary text has no
view beyond folded: ``GATES`` are cheap patterns that say which disguise could be there at all.
"""  # noqa: E501

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from safeconduct.screening.lookalikes import MARKS, TABLE, accented
from safeconduct.screening.spans import Trace, identity, pieces, substituted, through, whole

VIEWS = ("plain", "folded", "skeleton", "leet", "joined", "squeezed", "across")

# Unicode Default_Ignorable_Code_Point, and the controls that are not white space.
_IGNORABLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_OVERRIDE = re.compile("\u202e([^\u202c\u202e\n]*)\u202c?")
_NOISE = re.compile(_IGNORABLE.pattern[:-2] + MARKS.pattern[1:])
_SPACE = re.compile(r"\s+")


def fold(text: str) -> str:
    """The ``folded`` view.  Idempotent; any string at all."""
    if text.isascii():
        return _one_line(text.lower())
    if "\u202e" in text:
        text = _OVERRIDE.sub(_turned, text)
    easy = _normal(text)
    return _one_line(_cleaned(text) if _NOISE.search(easy) else easy)


def _one_line(text: str) -> str:
    # Not being printable is what a newline and a control have in common, and is told in no time.
    if not text.isprintable():
        text = text.replace("\n\n", " ").replace("\n", " ")
        if not text.isprintable():
            text = " ".join(_IGNORABLE.sub("", text).split())
    return " ".join(text.split()) if "  " in text else text.strip()


def _turned(match: re.Match[str]) -> str:
    return match[1][::-1]


def _normal(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    return text if unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)


def _cleaned(text: str) -> str:
    """Normal, and nothing in it that cannot be seen or that no letter takes; until nothing changes."""
    before = ""
    while text != before:
        before, text = text, MARKS.sub("", _normal(_IGNORABLE.sub("", text)))
    return text


def fold_trace(text: str, folded: str) -> Trace:
    """For every character of ``fold(text)`` the stretch of ``text`` it stands for."""
    current, trace = _turned_trace(text)
    for step in (partial(substituted, _IGNORABLE, lambda match: ""), _normal_trace, _blanks):
        current, outer = step(current)
        trace = through(outer, trace)
    lead = len(current) - len(current.lstrip())
    if current.strip() != folded:
        return whole(len(folded), len(text))
    return trace[lead : lead + len(folded)]


def _turned_trace(text: str) -> tuple[str, Trace]:
    made: list[str] = []
    trace: Trace = []
    last = 0
    for match in _OVERRIDE.finditer(text):
        made += (text[last : match.start()], match[1][::-1])
        trace += [(place, place + 1) for place in range(last, match.start())]
        trace += [(place, place + 1) for place in reversed(range(match.start(1), match.end(1)))]
        last = match.end()
    made.append(text[last:])
    trace += [(place, place + 1) for place in range(last, len(text))]
    return "".join(made), trace


def _blanks(text: str) -> tuple[str, Trace]:
    return substituted(_SPACE, lambda match: " ", text)


def _normal_trace(text: str) -> tuple[str, Trace]:
    return pieces(_clusters(text), _cleaned)


def _clusters(text: str) -> Iterator[str]:
    """Stretches that normalise independently: a base with its marks, or Hangul letters that make one syllable."""
    start = 0
    for place in range(1, len(text)):
        letter = text[place]
        if unicodedata.combining(letter) == 0 and not "\u1160" <= letter <= "\u11ff":
            yield text[start:place]
            start = place
    if text:
        yield text[start:]


# --- the views beyond folded -------------------------------------------------------------------------


class Gate(NamedTuple):
    """When a view could differ: an RE2 expression over folded text."""

    view: str
    expression: str


_LETTERS = "abcdefghijklmnopqrstuvxyz"
_OTHERS = "".join(map(chr, TABLE))
GATES = (
    # Accents anywhere; other look-alikes only next to Latin letters, else every Russian post would be read twice.
    Gate(
        "skeleton",
        f"[{accented()}]|[a-z][{_OTHERS}]|[{_OTHERS}][a-z]|[a-z][^\\pL]{{1,3}}[{_OTHERS}]{{2}}|[{_OTHERS}]{{2}}[^\\pL]{{1,3}}[a-z]",
    ),
    Gate("leet", r"[a-z][0134578@$!|]+[a-z]|\b[0134578][a-z]{2}|\$[a-z]{2}|[a-z]{2}[013457$]\b"),
    Gate("joined", r"\pL[^\pL\pN]{1,3}\pL[^\pL\pN]{1,3}\pL(?:[^\pL\pN]|$)"),
    Gate("joined", r"\pL(?:[^\pL\pN\s'’@/:.,()\-]|[\-.][^\s\pL\pN]|[^\s\pL\pN][\-.])+\pL|\pL[\-.]\pL+[\-.]\pL"),
    Gate("squeezed", "|".join([letter * 3 for letter in _LETTERS + "абвгдежзийклмнопрстуфхцчшщыьэюя"] + ["wwww"])),
)
ALL = frozenset(gate.view for gate in GATES)

_LEET = str.maketrans("0134578@$!|", "oleastbasil")
_LEET_I = str.maketrans("0134578@$!|", "oieastbasii")
_TOKEN = re.compile(r"[0-9@$!|]*[a-z][a-z0-9@$!|]*[a-z0-9@$|]")
_APART = re.compile(r"(?<![^\W_])[^\W\d_](?:[\W_]{1,3}[^\W\d_]){2,}(?![^\W_])")
_BROKEN = re.compile(r"(?<=[^\W\d_])(?:[^\w\s'’@/:]|_)+(?=[^\W\d_])")
_NOT_WORD = re.compile(r"[\W_]+")
_REPEATED = re.compile(r"([^\W\d_])\1+")
_LOOKALIKE = re.compile(f"[{_OTHERS}]")


class Variant(NamedTuple):
    """One view of a folded text.  ``trace()`` leads back to the folded text it was made from."""

    view: str
    text: str
    trace: Callable[[], Trace]
    drawn: Variant | None = None  # of a squeezed text: the text with its repetitions


def variants(folded: str, views: frozenset[str] = ALL) -> list[Variant]:
    """Every view beyond folded that says something else; usually none.  ``views``: the gates that opened."""
    base = Variant("skeleton", folded, lambda: identity(len(folded)))
    if not folded.isascii() and (text := skeleton(folded)) != folded:
        base = Variant("skeleton", text, partial(_skeleton_trace, folded, text))
    found = [base] if base.text != folded else []
    if "leet" in views:
        texts = {_TOKEN.sub(partial(_unleet, table), base.text) for table in (_LEET_I, _LEET)} - {base.text}
        found += [Variant("leet", text, base.trace) for text in sorted(texts)]
    if "joined" in views:
        found += [other for word in (found or [base]) for other in _joined(word)]
    if "squeezed" in views:
        found += [_squeezed(word) for word in [base, *[other for other in found if other != base]]]
    return found


def skeleton(folded: str) -> str:
    """Accents dropped, look-alikes made Latin.  For comparing only."""
    if folded.isascii():
        return folded
    bare = MARKS.sub("", unicodedata.normalize("NFD", folded))
    return bare if bare.isascii() else _LOOKALIKE.sub(_latin, bare)


def _latin(match: re.Match[str]) -> str:
    return TABLE[ord(match[0])]


def _skeleton_trace(folded: str, text: str) -> Trace:
    made, trace = pieces(folded, skeleton)
    return trace if made == text else whole(len(text), len(folded))


def _unleet(table: dict[int, int], match: re.Match[str]) -> str:
    return match[0].translate(table)


def compact(text: str) -> str:
    """Only the letters and digits."""
    return _NOT_WORD.sub("", text)


def squeeze(text: str) -> str:
    """Repeated letters once: for looking up; ``runs`` then tells whether the repetition was meant."""
    return _REPEATED.sub(r"\1", text)


def runs(literal: str) -> str:
    """An RE2 expression for ``literal`` with any of its letters drawn out to three or more."""
    parts = []
    for match in re.finditer(r"(.)\1*", literal, re.DOTALL):
        letter, times = re.escape(match[1]), len(match[0])
        if not match[1].isalpha():
            parts.append(letter * times)
        else:
            parts.append(f"(?:{letter}{{{max(times, 3)},}}|{letter * times})")
    return "".join(parts)


def _joined(word: Variant) -> list[Variant]:
    together, apart = _APART.sub(_compacted, word.text), _BROKEN.sub(" ", word.text)
    mended = _BROKEN.sub("", together)
    found = []
    if mended != word.text:
        found.append(Variant("joined", mended, partial(_mended_trace, word)))
    if apart not in (word.text, mended):
        found.append(Variant("joined", apart, partial(_apart_trace, word)))
    return found


def _compacted(match: re.Match[str]) -> str:
    return compact(match[0])


def _mended_trace(word: Variant) -> Trace:
    kept = [match.span() for match in _APART.finditer(word.text)]
    first: Trace = []
    last = 0
    for start, end in [*kept, (len(word.text), len(word.text))]:
        first += [(place, place + 1) for place in range(last, start)]
        first += [(place, place + 1) for place in range(start, end) if compact(word.text[place])]
        last = end
    _, second = substituted(_BROKEN, lambda match: "", _APART.sub(_compacted, word.text))
    return through(through(second, first), word.trace())


def _apart_trace(word: Variant) -> Trace:
    return through(substituted(_BROKEN, lambda match: " ", word.text)[1], word.trace())


def _squeezed(word: Variant) -> Variant:
    return Variant("squeezed", squeeze(word.text), partial(_squeezed_trace, word), word)


def _squeezed_trace(word: Variant) -> Trace:
    return through(substituted(_REPEATED, lambda match: match[1], word.text)[1], word.trace())


# --- words -------------------------------------------------------------------------------------------

# Scripts written without blanks between words: a word may begin or end at any of their characters.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff"
    "\uaa60-\uaa7f\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)


def bounded(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` begins and ends where words do (law of ``Pattern.whole``)."""
    return _edge(text, start) and _edge(text, end)


def _edge(text: str, place: int) -> bool:
    if place <= 0 or place >= len(text):
        return True
    before, after = text[place - 1], text[place]
    if not (_is_word(before) and _is_word(after)):
        return True
    return bool(_UNSPACED.match(before) or _UNSPACED.match(after))


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_" or unicodedata.category(letter)[0] == "M"
