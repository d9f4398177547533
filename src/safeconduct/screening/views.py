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
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from safeconduct.screening.lookalikes import MARKS, TABLE
from safeconduct.screening.spans import Chain, Stretches, Trace, Whole, identity, pieces, substituted

VIEWS = ("plain", "folded", "skeleton", "leet", "joined", "squeezed", "across")

# Unicode Default_Ignorable_Code_Point, and the controls that are not white space.
_IGNORABLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_OVERRIDE = re.compile("\u202e([^\u202c\u202e\n]*)\u202c?")
_NOISE = re.compile(_IGNORABLE.pattern[:-2] + MARKS.pattern[1:])
_SPACE = re.compile(r" \s+|[^\S ]\s*")  # what is not one plain blank already
# Normalising sorts the marks of a letter in quadratic time: 100,000 of them take a minute, so in long texts they go.
_LONG = 1000
_CROWD = re.compile(r"[^\w\s]{31,}")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_ASCII_OR_ONE = re.compile(r"[\x00-\x7f]+|.", re.DOTALL)


def fold(text: str) -> str:
    """The ``folded`` view.  Idempotent; any string at all."""
    if text.isascii():
        return _one_line(text.lower())
    if "\u202e" in text:
        text = _OVERRIDE.sub(_turned, text)
    if len(text) > _LONG:
        text = _CROWD.sub(_thinned, text)
    # The two that sit in ordinary emoji are cheaper to take out first than to find.
    easy = _normal(text.replace("\ufe0f", "").replace("\u200d", ""))
    return _one_line(_cleaned(text) if _NOISE.search(easy) else easy)


def _one_line(text: str) -> str:
    # Not being printable is what a newline and a control have in common, and is told in no time.
    if not text.isprintable():
        text = text.replace("\n\n", " ").replace("\n", " ")
        if not text.isprintable():
            text = " ".join(_IGNORABLE.sub("", text).split())
    return " ".join(text.split()) if "  " in text else text.strip()


def _thinned(match: re.Match[str]) -> str:
    return "".join(letter for letter in match[0] if not unicodedata.combining(letter))


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
    """From ``fold(text)`` back to ``text``."""
    current, trace = _turned_trace(text)
    if len(current) > _LONG:
        current, outer = substituted(_CROWD, _thinned, current)
        trace = Chain(outer, trace)
    if _IGNORABLE.search(current):
        current, outer = substituted(_IGNORABLE, _nothing, current)
        trace = Chain(outer, trace)
    current, outer = pieces(_clusters(current), _settled)
    trace = Chain(outer, trace)
    current, outer = substituted(_SPACE, _blank, current)
    lead = len(current) - len(current.lstrip())
    return Chain(outer, trace, lead) if current.strip() == folded else Whole(len(text))


def _blank(match: re.Match[str]) -> str:
    return " "


def _nothing(match: re.Match[str]) -> str:
    return ""


def _turned_trace(text: str) -> tuple[str, Trace]:
    if "\u202e" not in text:
        return text, identity(len(text))
    made: list[str] = []
    trace = Stretches()
    last = 0
    for match in _OVERRIDE.finditer(text):
        made += (text[last : match.start()], match[1][::-1])
        trace.add(match.start() - last, last, match.start())
        for place in reversed(range(match.start(1), match.end(1))):
            trace.add(1, place, place + 1)
        last = match.end()
    made.append(text[last:])
    trace.add(len(text) - last, last, len(text))
    return "".join(made), trace


def _settled(part: str) -> str:
    return part.lower() if part.isascii() else _cleaned(part)


def _clusters(text: str) -> Iterator[str]:
    """Stretches that normalise independently: runs of ASCII, and a base with its marks.

    Hangul letters that make one syllable stay together.
    """
    start = 0
    for match in _NOT_ASCII.finditer(text):
        # The character before may be the base of the first mark.
        if match.start() - 1 > start:
            yield text[start : match.start() - 1]
            start = match.start() - 1
        for place in range(max(start + 1, match.start()), match.end()):
            letter = text[place]
            if unicodedata.combining(letter) == 0 and not "\u1160" <= letter <= "\u11ff":
                yield text[start:place]
                start = place
        yield text[start : match.end()]
        start = match.end()
    if start < len(text):
        yield text[start:]


# --- the views beyond folded -------------------------------------------------------------------------


class Gate(NamedTuple):
    """When a view could differ: an RE2 expression over folded text."""

    view: str
    expression: str


# The alphabets that Latin letters can be mistaken for, as ranges: single letters listed would take the automaton
# seconds to compile (measured), ranges take milliseconds.  Letters that are Latin without regard to case (the long s,
# the Kelvin and Ångström signs) are left out, or every post would pass.
# Every letter whose capital is among them is too, so it is the same with regard to case or without.
_KIN = (
    r"\x{c0}-\x{17e}\x{180}-\x{58f}\x{10d0}-\x{10ff}\x{13a0}-\x{13ff}\x{1c80}-\x{1eff}\x{2c60}-\x{2dff}\x{a640}-\x{a7ff}"
    r"\x{ab30}-\x{abbf}"
)
_LETTER = f"[a-z{_KIN}]"
_SYMBOL = (
    r"[*_~+=|#%^&\x{a1}-\x{a9}\x{ab}-\x{b4}\x{b6}-\x{b9}\x{bb}-\x{bf}\x{2022}\x{2024}\x{2027}-\x{20ff}"
    r"\x{2190}-\x{2bff}\x{3000}-\x{3003}\x{e000}-\x{f8ff}\x{1f000}-\x{1faff}]"
)
_THRICE = "abcdefghijklmnopqrstuvxyzабвгдежзийклмнопрстуфхцчшщыьэюя"
GATES = (
    # Only next to Latin letters, else every Russian post would be read twice.
    Gate("skeleton", f"[a-z][{_KIN}]|[{_KIN}][a-z]|[a-z] [{_KIN}]{{2}}|[{_KIN}]{{2}} [a-z]"),
    # An @ only in a word of its own: else it is an address.
    Gate(
        "leet",
        r"[a-z][0134578$!|]+[a-z]|\b[0134578][a-z]{2}|\$[a-z]{2}|[a-z]{2}[013457$](?:[\s,!?;:)]|$)|"
        r"(?:^|[\s\"'(])[a-z]+@[a-z]+(?:[\s,!?]|$)|(?:^|[\s\"'(])[a-z]+@[a-z]+@",
    ),
    Gate("joined", r"\b[a-z][^a-z0-9]{1,3}[a-z][^a-z0-9]{1,3}[a-z]\b"),
    Gate("joined", rf"\b(?:[{_KIN}][ .*_-]{{1,3}}){{3}}"),
    Gate("joined", f"{_LETTER}{_SYMBOL}{{1,3}}{_LETTER}"),
    Gate("joined", rf"{_LETTER}[\-.]{{2,3}}{_LETTER}|{_LETTER}[\-.]{_LETTER}+[\-.]{_LETTER}"),
    Gate("squeezed", "|".join([letter * 3 for letter in _THRICE] + ["wwww"])),
)
ALL = frozenset(gate.view for gate in GATES)
_LETTERS = frozenset(("skeleton",))

_LEET = str.maketrans("0134578@$!|", "oleastbasil")
_LEET_I = str.maketrans("0134578@$!|", "oieastbasii")
_TOKEN = re.compile(r"(?<![a-z0-9@$!|])[0-9@$!|]*[a-z][a-z0-9@$!|]*[a-z0-9@$|]")
_APART = re.compile(r"(?<![^\W_])[^\W\d_](?:[\W_]{1,3}[^\W\d_]){2,}(?![^\W_])")
_BROKEN = re.compile(r"(?<=[^\W\d_])(?:[^\w\s'’@/:]|_)+(?=[^\W\d_])")
_NOT_WORD = re.compile(r"[\W_]+")
_NOT_WORD_IN_LINE = re.compile(r"(?:[^\w\n]|_)+")
_REPEATED = re.compile(r"([^\W\d_])\1+")
_LOOKALIKE = re.compile("[" + "".join(map(chr, TABLE)) + "]")


class Variant(NamedTuple):
    """One view of a folded text.  ``trace()`` leads back to the folded text it was made from."""

    view: str
    text: str
    trace: Callable[[], Trace]
    drawn: Variant | None = None  # of a squeezed text: the text with its repetitions


def variants(folded: str, views: frozenset[str] = ALL) -> list[Variant]:
    """Every view beyond folded that says something else; usually none.  ``views``: the gates that opened."""
    if folded.isascii() and views <= _LETTERS:
        return []
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
    made, trace = pieces(_ASCII_OR_ONE.findall(folded), skeleton)
    return trace if made == text else Whole(len(folded))


def _unleet(table: dict[int, int], match: re.Match[str]) -> str:
    return match[0].translate(table)


def compact(text: str) -> str:
    """Only the letters and digits."""
    return _NOT_WORD.sub("", text)


def squeeze(text: str) -> str:
    """Repeated letters once: for looking up; ``runs`` then tells whether the repetition was meant."""
    return _REPEATED.sub(r"\1", text)


def spellings(texts: Sequence[str]) -> Iterator[dict[str, str]]:
    """Each of many texts without newlines as it is, compact, squeezed and both: as ``compact`` and ``squeeze`` make
    them, but all at once, which is several times quicker."""
    joined = "\n".join(texts)
    short = _NOT_WORD_IN_LINE.sub("", joined)
    lines = zip(*(one.split("\n") for one in (joined, short, squeeze(joined), squeeze(short))), strict=True)
    return (dict(zip(("plain", "compact", "squeezed", "squeezed-compact"), each, strict=True)) for each in lines)


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
    first = Stretches()
    last = 0
    for match in _APART.finditer(word.text):
        first.add(match.start() - last, last, match.start())
        for place in range(match.start(), match.end()):
            first.add(len(compact(word.text[place])), place, place + 1)
        last = match.end()
    first.add(len(word.text) - last, last, len(word.text))
    _, second = substituted(_BROKEN, _nothing, _APART.sub(_compacted, word.text))
    return Chain(Chain(second, first), word.trace())


def _apart_trace(word: Variant) -> Trace:
    return Chain(substituted(_BROKEN, _blank, word.text)[1], word.trace())


def _squeezed(word: Variant) -> Variant:
    # Never used to locate: a hit is looked for again in the text with its repetitions.
    return Variant("squeezed", squeeze(word.text), word.trace, word)


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
