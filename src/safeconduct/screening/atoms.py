"""What every match of an expression must hold, so that only texts that hold it need to be asked.

Compiling hundreds of expressions takes a second, compiling their words takes milliseconds (measured), and words are
found in the same pass as all phrases.  Whatever is not understood here needs nothing known and is always looked for:
an answer may be too generous, never too narrow.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product
from typing import NamedTuple

_SHORTEST = 4  # letters of an atom; shorter ones are everywhere
_LONGEST = 8  # letters beyond which an atom is not rarer
_MOST = 16  # spellings that one stretch of an expression may have
_LENGTH = 64  # letters of one spelling
_TOKEN = re.compile(
    r"(?P<flags>\(\?[imsU]*(?:-[imsU]+)?\))|(?P<open>\((?:\?(?:P?<\w+>|[imsU]*(?:-[imsU]+)?:)|(?!\?)))|(?P<close>\))|"
    r"(?P<either>\|)|(?P<times>(?:(?P<sign>[*+?])|\{(?P<low>\d+)(?:(?P<comma>,)(?P<high>\d*))?\})\??)|"
    r"(?P<set>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])|"
    r"(?P<escape>\\(?:x\{(?P<hex>[0-9A-Fa-f]+)\}|x[0-9A-Fa-f]{2}|[pP]\{[^}]*\}|[pP].|[0-9]+|(?P<itself>[^\w\s])|[^x]))|"
    r"(?P<words>(?:[^\\\[(){}|*+?.^$](?![*+?{]))+|[^\\\[()|*+?.^$])|(?P<other>[.^$])",
    re.DOTALL,
)
_MEMBER = r"(?:\\x\{[0-9A-Fa-f]+\}|[^\\])"
_MEMBERS = re.compile(rf"({_MEMBER})(?:-({_MEMBER}))?", re.DOTALL)
# Characters that folding leaves alone but for their case, about which RE2 and Python agree; no white space.  Only a
# mark after them, or a text turned round, makes others of them: see ``may_change``.
_SURE = re.compile("[!-~\u00e0-\u00f6\u00f8-\u00fe\u0430-\u044f\u4e00-\u9fff]+")
# In UTF-8 every combining mark that these characters compose with (U+0300 to U+036F) begins with one of two bytes.
_CHANGING = (b"\xcc", b"\xcd", "\u202e".encode())
_LATIN = {0x17F, 0x212A}  # the long s and the Kelvin sign are s and k without regard to case


class Need(NamedTuple):
    """``atoms``: every match holds one of these, both case-folded; none if nothing is known.  ``also``: and one of
    each of these too.  ``wide``: every match holds a character that is not ASCII."""

    atoms: tuple[str, ...] = ()
    also: tuple[tuple[str, ...], ...] = ()
    wide: bool = False


@lru_cache(maxsize=4096)
def needs(expression: str) -> Need:
    """What the matches of this expression (RE2 syntax, without regard to case) have in common."""
    try:
        piece = _parsed(expression)
    except _Strange:
        return Need()
    known = _all(*piece.needs, piece.exact or ())
    atoms = _best(*known)
    return Need(atoms, tuple(one for one in known if one != atoms) if atoms else (), piece.wide)


def may_change(text: bytes) -> bool:
    """Whether folding could take an atom out of this text (UTF-8)."""
    return any(map(text.__contains__, _CHANGING))


class _Strange(Exception):
    """Something here is not understood."""


class _Piece(NamedTuple):
    """A part of an expression.  ``exact``: all that it can be, where that is little; ``needs``: one of each of these
    is in it."""

    exact: tuple[str, ...] | None = None
    needs: tuple[tuple[str, ...], ...] = ()
    wide: bool = False


def _row(parts: list[_Piece]) -> _Piece:
    """Parts one after the other."""
    if len(parts) == 1:
        return parts[0]
    known: list[tuple[str, ...]] = []
    run: tuple[str, ...] = ("",)
    whole = True
    for part in parts:
        longer = _both(run, part.exact)
        if longer is not None:
            run = longer
            continue
        whole = False
        known += (run, part.exact or (), *part.needs)
        run = ("",)
    wide = any(part.wide for part in parts)
    return _Piece(run, (), wide) if whole else _Piece(None, _all(*known, run), wide)


def _parsed(expression: str) -> _Piece:
    """Groups are kept on a stack of our own: an expression may nest them deeper than Python calls."""
    open_groups: list[list[list[_Piece]]] = [[[]]]
    place = 0
    while place < len(expression):
        match = _TOKEN.match(expression, place)
        if match is None:
            raise _Strange
        place = match.end()
        if match["open"]:
            open_groups.append([[]])
        elif match["either"]:
            open_groups[-1].append([])
        elif match["close"]:
            if len(open_groups) == 1:
                raise _Strange
            piece = _either([_row(parts) for parts in open_groups.pop()])
            open_groups[-1][-1].append(piece)
        elif match["times"]:
            _repeat(open_groups[-1][-1], match)
        elif not match["flags"]:
            open_groups[-1][-1].append(_single(match))
    if len(open_groups) != 1:
        raise _Strange
    return _either([_row(parts) for parts in open_groups[0]])


def _single(match: re.Match[str]) -> _Piece:
    if match["words"] is not None:
        return _literal(match["words"])
    if match["set"]:
        return _Piece(wide=_only_wide(match["set"][1:-1]))
    if match["hex"]:
        return _literal(_letter(match["hex"]))
    if match["itself"]:
        return _literal(match["itself"])
    if match["escape"] in (r"\Q", r"\E"):
        raise _Strange
    return _Piece()


def _literal(text: str) -> _Piece:
    return _Piece((text,), (), any(ord(letter) > 127 and ord(letter) not in _LATIN for letter in text))


def _letter(number: str) -> str:
    if int(number, 16) > 0x10FFFF:
        raise _Strange
    return chr(int(number, 16))


def _only_wide(members: str) -> bool:
    """Whether a set has no ASCII letter in it, not even without regard to case."""
    place = 0
    while place < len(members):
        match = _MEMBERS.match(members, place)
        if match is None:  # another escape
            return False
        place = match.end()
        low = _member(match[1])
        high = _member(match[2]) if match[2] else low
        if low < 128 or any(low <= one <= high for one in _LATIN):
            return False
    return bool(members)


def _member(written: str) -> int:
    return ord(_letter(written[3:-1]) if len(written) > 1 else written)


def _repeat(parts: list[_Piece], match: re.Match[str]) -> None:
    if not parts:
        raise _Strange
    part = parts.pop()
    low = int(match["low"]) if match["low"] else int(match["sign"] == "+")
    if low:
        parts.append(_Piece(None, _all(*part.needs, part.exact or ()), part.wide))
    elif match["sign"] == "?" and part.exact is not None:
        parts.append(_Piece((*part.exact, "")))
    else:
        parts.append(_Piece())


def _either(rows: list[_Piece]) -> _Piece:
    if len(rows) == 1:
        return rows[0]
    wide = all(row.wide for row in rows)
    exact = tuple(dict.fromkeys(text for row in rows for text in row.exact or ()))
    if all(row.exact is not None for row in rows):
        return _Piece(exact, (), wide)
    needed = [_best(*row.needs, row.exact or ()) for row in rows]
    return _Piece(None, (tuple(text for one in needed for text in one),) if all(needed) else (), wide)


def _both(first: tuple[str, ...], second: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Each of the first followed by each of the second, unless that is too much."""
    if second is None:
        return None
    if len(first) * len(second) > max(_MOST, len(first)):
        return None
    made = tuple(dict.fromkeys(one + other for one, other in product(first, second)))
    return made if max(map(len, made)) <= _LENGTH else None


def _all(*choices: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Those of several lists, each of which every match holds one of, that say anything."""
    return tuple(dict.fromkeys(clean for choice in choices if (clean := _sure(choice))))


def _best(*choices: tuple[str, ...]) -> tuple[str, ...]:
    """The one of them that says most."""
    return max(_all(*choices), key=_worth, default=())


def _worth(atoms: tuple[str, ...]) -> tuple[int, int, int]:
    shortest = min(map(len, atoms))
    return min(shortest, _LONGEST), -len(atoms), shortest


def _sure(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Of each text the longest stretch that folding leaves as it is; nothing if one has none."""
    if not texts or min(map(len, texts)) < _SHORTEST:
        return ()
    found = [max(_SURE.findall(text.casefold()), key=len, default="") for text in texts]
    return tuple(dict.fromkeys(found)) if min(map(len, found)) >= _SHORTEST else ()
