"""Regular expressions that cannot stall: RE2 decides what matches, everything else only says where to look.

A pattern is refused when a policy is loaded, with the reason, if it needs back-references or look-around, can match
nothing at all, or is too big.  ``relaxed`` is the same expression made wider and cheaper for the automaton: it may say
"perhaps" too often, never too rarely.  (Measured: Hyperscan takes 8 minutes to compile ``.{0,1000}x.{0,1000}y``; the
relaxed form takes a millisecond.)
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2

from safeconduct.model import Pattern
from safeconduct.screening.views import VIEWS, fold

_LONGEST = 1000  # characters of one pattern
_BIGGEST = 60_000  # instructions of one compiled pattern; \pL alone takes 1,200
_FEW = 8  # repetitions counted exactly by the automaton
_PROBES = ("", "a", " ", "aA1 .\n-é", "a b\n\nc_d")

_TOKEN = re.compile(
    r"(?P<escape>\\(?:[pPx]\{[^}]*\}|.))|(?P<set>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])|"
    r"(?P<repeat>\{(?P<low>\d+)(?:,(?P<high>\d*))?\})",
    re.DOTALL,
)
# RE2's \s knows no vertical tab, PCRE's does; written out, both mean the same.
_ESCAPES = {r"\A": "^", r"\z": "$", r"\s": r"[\t\n\f\r ]", r"\S": r"[^\t\n\f\r ]"}
_IN_SET = re.compile(r"\\(?:[pPx]\{[^}]*\}|.)", re.DOTALL)
_SET_ESCAPES = {r"\s": r"\t\n\f\r ", r"\S": r"\x00-\x08\x0b\x0e-\x1f!-\x{10ffff}"}
_WORD = r"\pL\pN\pM_"
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"


def check(pattern: Pattern) -> str:
    """Why this pattern cannot be used, in words for the one who wrote it; "" if it can."""
    if not pattern.text.strip():
        return "The pattern is empty."
    if len(pattern.text) > _LONGEST:
        return f"The pattern is longer than {_LONGEST} characters; split it."
    if reason := _check_views(pattern.views):
        return reason
    return _check_literal(pattern.text) if pattern.literal else _check_expression(pattern.text)


@lru_cache(maxsize=64)
def _check_views(views: tuple[str, ...]) -> str:
    unknown = [view for view in views if view not in VIEWS]
    if unknown or not views:
        return f"Unknown view {', '.join(unknown) or '(none)'}; the views are {', '.join(VIEWS)}."
    return ""


def _check_literal(text: str) -> str:
    if text.isascii() and text.isprintable():
        return ""
    return "" if fold(text) else "Nothing is left of the pattern once invisible characters are removed."


@lru_cache(maxsize=4096)  # asked when a policy is read, when its criteria are, and when they are compiled
def _check_expression(text: str) -> str:
    for sign, reason in _UNSUPPORTED:
        if sign.search(text):
            return reason
    try:
        program = compiled(text)
    except re2.error as error:
        return f"Not a regular expression (RE2 syntax): {_said(error)}."
    if program.programsize > _BIGGEST:
        return "The expression is too big once its repetitions are counted out; use fewer or smaller {n,m}."
    for probe in _PROBES:
        if any(match.start() == match.end() for match in program.finditer(probe)):
            return "The expression also matches nothing at all, so it would match everywhere; require something."
    return ""


_UNSUPPORTED = (
    (re.compile(r"(?<!\\)(?:\\\\)*\(\?<?[=!]"), "Look-ahead and look-behind cannot be used: they can stall a scan."),
    (re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]|\(\?P="), "Back-references cannot be used: they can stall a scan."),
    (re.compile(r"(?<!\\)(?:\\\\)*\\[QC]"), r"\Q and \C cannot be used; put a backslash before each special sign."),
    (re.compile(r"\(\?[imsU]*-[imsU]*[msU]"), "Only the flag i can be switched off inside an expression."),
)


def _said(error: Exception) -> str:
    said: Any = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def options() -> Any:
    """Case does not matter unless ``(?-i)`` says so; nothing is written to the terminal."""
    chosen = re2.Options()
    chosen.case_sensitive = False
    chosen.log_errors = False
    chosen.max_mem = 32 << 20
    return chosen


@lru_cache(maxsize=4096)
def compiled(text: str) -> Any:
    """The RE2 program of an expression."""
    return re2._Regexp(text, options())


def compiled_whole(text: str) -> Any:
    """The same as whole words: group 1 is the match.  Consumes its neighbours, so use it one match at a time."""
    return compiled(rf"(?:\A|[^{_WORD}]|[{_UNSPACED}])({text})(?:\z|[^{_WORD}]|[{_UNSPACED}])")


def relaxed(text: str) -> str:
    """Wider and cheaper: anchors at every line, long counted repetitions without an upper end."""
    return _TOKEN.sub(_relax, text)


def _relax(match: re.Match[str]) -> str:
    if match["escape"]:
        return _ESCAPES.get(match[0], match[0])
    if match["set"]:
        return _IN_SET.sub(lambda inner: _SET_ESCAPES.get(inner[0], inner[0]), match[0])
    low = int(match["low"])
    high = match["high"] if match["high"] is not None else match["low"]
    if max(low, int(high or 0)) <= _FEW:
        return match[0]
    return f"{{{min(low, _FEW)},}}"
