"""One JSON value out of bytes that nobody vouches for: nothing odd is repaired without saying so.

Two ways to the same value.  The quick one is msgspec with a type that knows neither deep nesting nor integers
beyond 2^53, and a proof that no key was lost: writing the value again gives the same bytes, or the keys in the
text are as many as in the value.  Whatever does not pass goes the exact way, which can tell what is odd.
Many values are made at once where they may be: if writing them all gives the text, that is the proof for each,
and what was written for each is its bytes.
"""

from __future__ import annotations

import json
import math
import re
from operator import eq
from typing import Annotated, Any, NoReturn

import msgspec
from msgspec import Meta, Raw, Struct

from safeconduct.archives.limits import LIMITS, Limits

EXACT = 2**53  # beyond this, readers that know only doubles (JavaScript) change an integer
_LARGE = 1 << 16
_MANY = 1 << 19  # bytes of text whose values are made all at once
_QUICK_DEPTH = 9

_Scalar = None | bool | str | float | Annotated[int, Meta(ge=-EXACT, le=EXACT)]


def _nested(depth: int) -> Any:
    """The type of JSON values of at most that depth; its size doubles with each level."""
    kind: Any = _Scalar
    for _ in range(depth):
        kind = _Scalar | dict[str, kind] | list[kind]
    return kind


_quick = msgspec.json.Decoder(_nested(_QUICK_DEPTH)).decode
_encode = msgspec.json.Encoder().encode

elements = msgspec.json.Decoder(list[Raw]).decode
FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_SPACED = re.compile(rb'"[ \t\r\n]++:')
_LONE = re.compile("[\ud800-\udfff]")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[\[\]{}]', re.DOTALL)
_INSIDE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_STEP = 1 << 18


class Read(Struct, frozen=True):
    """A value, or in plain words why there is none; and what was odd about it."""

    value: Any
    problem: str = ""
    notes: tuple[str, ...] = ()


class Mismatch(Exception):
    """A bracket is closed by another kind: where this value ends cannot be known."""


class Scanner:
    """Where a value that begins with a bracket or a quote ends, in bytes that arrive piece by piece.

    Needs no recursion, and memory only for the open brackets.  ``at`` is where to go on with more bytes.
    """

    __slots__ = ("at", "deepest", "inside", "opened")

    def __init__(self) -> None:
        self.at, self.deepest = 0, 0
        self.inside = False
        self.opened = bytearray()

    def feed(self, data: bytes, at: int) -> int:
        """The place after the value, or -1 if ``data`` ends before.  Raises ``Mismatch``."""
        self.at = at
        while True:
            end = min(len(data), self.at + _STEP)
            done = self._feed(data, self.at, end)
            if done >= 0 or end == len(data):
                return done

    def _feed(self, data: bytes, at: int, end: int) -> int:
        if self.inside:
            at = self._string(data, at, end)
            if self.inside or not self.opened:
                return -1 if self.inside else at
        for token in _TOKEN.finditer(data, at, end):
            first = data[token.start()]
            if first != 34 and self._bracket(first):
                continue
            if first == 34 and not token[1]:
                self.inside, self.at = True, token.end()
                return -1
            if not self.opened:
                return token.end()
        self.at = end
        return -1

    def _string(self, data: bytes, at: int, end: int) -> int:
        inside = _INSIDE.match(data, at, end)
        self.at = inside.end() if inside else at
        if self.at < end and data[self.at] == 34:
            self.inside = False
            return self.at + 1
        return -1

    def _bracket(self, byte: int) -> bool:
        """Whether the value goes on after this bracket.  In ASCII each closing bracket is its opening one + 2."""
        if byte in b"[{":
            self.opened.append(byte)
            self.deepest = max(self.deepest, len(self.opened))
            return True
        if not self.opened or self.opened.pop() != byte - 2:
            raise Mismatch
        return bool(self.opened)


class Run(Struct, frozen=True):
    """The elements of a list, in order: their bytes, what ``read`` would say of each, and where it says more."""

    raws: list[bytes]
    values: list[Any]
    odd: dict[int, Read]


class ValueReader:
    """Reads many values alike; remembers whether writing them again is worth trying."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._turn = 0
        self._compact = True

    def read(self, raw: bytes) -> Read:
        """Never raises, whatever the bytes are."""
        if len(raw) > _LARGE and (refused := _refused(raw, self._limits)):
            return Read(None, refused)
        try:
            value = _quick(raw)
        except FAULTS:
            return exactly(raw, self._limits)
        return Read(value) if self._whole(value, raw) else exactly(raw, self._limits)

    def run(self, text: bytes, between: bytes) -> Run:
        """The elements of a JSON list; ``between`` is what stands between most of them.  Raises one of ``FAULTS``."""
        values = self._at_once(text)
        if values is None:
            return self._each(list(map(bytes, elements(text))))
        written: list[bytes] = []
        if self._worth():
            written = list(map(_encode, values))
            inner = between.join(written)
            if len(text) == len(inner) + 2 and text.startswith(inner, 1) and text[:1] + text[-1:] == b"[]":
                self._compact = True
                return Run(written, values, {})
        raws = list(map(bytes, elements(text)))
        return self._doubted(raws, values, written)

    def _at_once(self, text: bytes) -> list[Any] | None:
        if len(text) > min(_MANY, self._limits.json_values):
            return None
        try:
            values: list[Any] = _quick(text)
        except FAULTS:
            return None
        return values

    def _doubted(self, raws: list[bytes], values: list[Any], written: list[bytes]) -> Run:
        """What was not written as it stood is looked at one by one; where most was, the next is written again."""
        same = list(map(eq, written, raws)) or [False] * len(raws)
        self._compact = 2 * sum(same) > len(same)
        odd = {}
        for index, raw in enumerate(raws):
            if not same[index] and not _counted(values[index], raw):
                odd[index] = exactly(raw, self._limits)
                values[index] = odd[index].value
        return Run(raws, values, odd)

    def _each(self, raws: list[bytes]) -> Run:
        reads = [self.read(raw) for raw in raws]
        odd = {index: read for index, read in enumerate(reads) if read.problem or read.notes}
        return Run(raws, [read.value for read in reads], odd)

    def _whole(self, value: Any, raw: bytes) -> bool:
        """Whether no key of the text is missing in the value."""
        if self._worth():
            self._compact = _encode(value) == raw
            if self._compact:
                return True
        return _counted(value, raw)

    def _worth(self) -> bool:
        self._turn += 1
        return self._compact or not self._turn % 64


def _counted(value: Any, raw: bytes) -> bool:
    """Whether there are as many keys in the text as in the value: the quick proof for texts with blanks."""
    return raw.count(b'":') == _keys(value) and not _SPACED.search(raw)


def _keys(value: Any) -> int:
    """How many keys there are in all objects together; the depth is bounded by the quick type."""
    count = 0
    inner = value
    if value.__class__ is dict:
        count = len(value)
        inner = value.values()
    elif value.__class__ is not list:
        return 0
    for one in inner:
        kind = one.__class__
        if kind is dict or kind is list:
            count += _keys(one)
    return count


def exactly(raw: bytes, limits: Limits = LIMITS) -> Read:
    """The slow way: the value with everything odd about it noted, or why it cannot be read."""
    refused = _refused(raw, limits)
    if refused:
        return Read(None, refused)
    odd = _Odd()
    try:
        value = odd.read(raw)
    except UnicodeDecodeError as fault:
        return Read(None, f"this has bytes that are not UTF-8 text (at byte {fault.start})")
    except json.JSONDecodeError as fault:
        return Read(None, f"this is not valid JSON ({fault.msg} at character {fault.pos})")
    except (ValueError, RecursionError) as fault:
        return Read(None, f"this cannot be read ({fault})")
    return Read(value, "", odd.notes())


def _refused(raw: bytes, limits: Limits) -> str:
    """Why a value must not even be decoded, "" if it may."""
    values = raw.count(b",") + raw.count(b"[") + raw.count(b"{")
    if values > limits.json_values:
        return f"this holds more than {limits.json_values:,} values"
    scanner = Scanner()
    try:
        if raw[:1] in (b"[", b"{"):
            scanner.feed(raw, 0)
    except Mismatch:
        return "this is not valid JSON (a bracket is closed by another kind)"
    if scanner.deepest > limits.json_depth:
        return f"this is nested deeper than {limits.json_depth} levels"
    return ""


class _Odd:
    """The standard library's reader with a notebook."""

    def __init__(self) -> None:
        self._twice: dict[str, None] = {}
        self._lone = self._beyond = False

    def read(self, raw: bytes) -> Any:
        # The text is let go before strings are mended: in memory each of them may be four times its bytes.
        value = json.loads(
            raw.decode("utf-8", "surrogatepass"),
            object_pairs_hook=self._pairs,
            parse_int=self._integer,
            parse_float=_float,
            parse_constant=_constant,
        )
        # A text that is one long string has no object: strings are looked through at the end, wherever they are.
        return self._mended(value)

    def notes(self) -> tuple[str, ...]:
        said = [f"duplicate key {key[:60]!r}" for key in list(self._twice)[:8]]
        if self._lone:
            said.append("lone surrogate, shown as \ufffd")
        if self._beyond:
            said.append("integer beyond 2^53")
        return tuple(said)

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    self._twice[_LONE.sub("\ufffd", key)] = None
                seen.add(key)
        return found

    def _integer(self, digits: str) -> int:
        if len(digits) > 4000:
            raise ValueError(f"a number of {len(digits):,} digits")
        value = int(digits)
        self._beyond = self._beyond or abs(value) > EXACT
        return value

    def _mended(self, value: Any) -> Any:
        """Lone surrogates cannot be written in any encoding: shown as U+FFFD; the record's bytes keep them."""
        if isinstance(value, str):
            mended = _LONE.sub("\ufffd", value)
            self._lone = self._lone or mended != value
            return mended
        if isinstance(value, list):
            return [self._mended(one) for one in value]
        if isinstance(value, dict):
            return self._pairs([(self._mended(key), self._mended(one)) for key, one in value.items()])
        return value


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number too large for any reader")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
