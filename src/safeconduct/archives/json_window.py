"""A window that slides over a JSON file, and the seams between the elements of an array in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import BinaryIO, TypeVar

from msgspec import Raw, Struct

from safeconduct.archives.json_value import FAULTS, Mismatch, Run, Scanner, ValueReader, elements
from safeconduct.archives.limits import Limits

WINDOW = 1 << 18
_GUESSES = 4
_HEAD = 48
_OPENED = 1_000_000  # brackets open at once, above which nobody looks for the end of a value any more
Found = TypeVar("Found")
_BLANK = re.compile(rb"[ \t\r\n]*+")
_SCALAR = re.compile(rb'[^][{}",: \t\r\n]++')


class Piece(Struct, frozen=True):
    """The bytes of one value, or why they are not kept."""

    raw: bytes
    problem: str = ""


class Stop(Exception):
    """The file cannot be read on from here; the message says why, ``raw`` is what there is of the value."""

    def __init__(self, why: str, raw: bytes = b"") -> None:
        super().__init__(why)
        self.raw = raw


class Window:
    """``data[at:]`` is what has been read of the file and not yet been used."""

    def __init__(self, stream: BinaryIO, limits: Limits, step: int = WINDOW) -> None:
        self._stream, self._limits, self._step = stream, limits, step
        self.data, self.at = b"", 0
        self._dropped = 0

    @property
    def place(self) -> int:
        """Where ``at`` is in the file."""
        return self._dropped + self.at

    @property
    def end(self) -> int:
        """How much of the file has been read."""
        return self._dropped + len(self.data)

    def more(self) -> bool:
        """Forget what was used and read on, doubling what is waiting; ``False`` at the end of the file."""
        rest = self.data[self.at :]
        chunk = self._stream.read(max(self._step, len(rest)))
        self._dropped += self.at
        self.data, self.at = rest + chunk, 0
        return bool(chunk)

    @property
    def low(self) -> bool:
        """Whether less than half a window is ahead."""
        return len(self.data) - self.at < self._step // 2

    def fill(self) -> None:
        """Have at least half a window ahead."""
        if self.low:
            self.more()

    def blank(self) -> bytes:
        """Pass white space; what was passed, as far as it is short."""
        passed = b""
        while True:
            found = _BLANK.match(self.data, self.at)
            end = found.end() if found else self.at
            passed = passed + self.data[self.at : end] if end - self.at < 256 > len(passed) else passed
            self.at = end
            if end < len(self.data) or not self.more():
                return passed

    def peek(self) -> bytes:
        """The next byte that is not white space, b"" at the end."""
        self.blank()
        return self.data[self.at : self.at + 1]

    def value(self) -> Piece:
        """Pass one value.  Raises ``Stop`` where its end cannot be found."""
        first = self.peek()
        if first in (b"{", b"[", b'"'):
            return self._bracketed()
        return self._scalar()

    def _bracketed(self) -> Piece:
        scanner, at, passed = Scanner(), self.at, 0
        while True:
            try:
                done = scanner.feed(self.data, at)
            except Mismatch:
                raise Stop("a bracket is closed by another kind in the middle", self.data[self.at :]) from None
            if done >= 0:
                raw, self.at = self.data[self.at : done], done
                return self._kept(raw, passed)
            if len(scanner.opened) > _OPENED:
                raise Stop("brackets are nested without end in the middle")
            if scanner.at - self.at > self._limits.record_bytes:
                passed += scanner.at - self.at
                self.at = scanner.at
            at = scanner.at - self.at
            if not self.more():
                raise Stop("the file ends in the middle", b"" if passed else self.data[self.at :])

    def _kept(self, raw: bytes, passed: int) -> Piece:
        if passed + len(raw) <= self._limits.record_bytes:
            return Piece(raw)
        return Piece(b"", f"this is {passed + len(raw):,} bytes long, more than {self._limits.record_bytes:,}")

    def _scalar(self) -> Piece:
        """A number or a word; anything that is neither is passed too, and refused when it is decoded."""
        length = 0
        while True:
            found = _SCALAR.match(self.data, self.at + length)
            length = found.end() - self.at if found else length
            if length > self._limits.record_bytes:
                raise Stop("an endless number stands in the middle")
            if self.at + length < len(self.data) or not self.more():
                break
        if not length:
            raise Stop("a value is missing in place", self.data[self.at : self.at + 1])
        raw = self.data[self.at : self.at + length]
        self.at += length
        return Piece(raw)


class Seams:
    """Guesses where elements end, from how the last two met; only a guess that proves right is used."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._seam = self._between = b""
        self._wait = 0

    def learn(self, before: bytes, between: bytes, window: Window) -> None:
        """How two elements meet: the last byte of one, what is between, and how both begin alike."""
        ahead = window.data[window.at : window.at + _HEAD]
        alike = next((i for i, (a, b) in enumerate(zip(before, ahead, strict=False)) if a != b), len(ahead))
        cut = max(ahead.rfind(mark, 0, alike) for mark in (b'"', b"/", b":"))
        self._between = between
        self._seam = before[-1:] + between + ahead[: max(cut + 1, min(alike, 1))]

    def cut(self, window: Window) -> Sequence[Raw]:
        """Whole elements from ``at`` on; passes them and the comma after them.  Empty if nothing could be proved."""
        return self._cut(window, elements) or ()

    def run(self, window: Window, values: ValueReader) -> Run | None:
        """``cut`` with the values."""
        return self._cut(window, lambda text: values.run(text, self._between))

    def _cut(self, window: Window, read: Callable[[bytes], Found]) -> Found | None:
        """A window that was tried in vain is left to the exact scanner, so that no file costs more than both once."""
        if not self._seam or window.place < self._wait:
            return None
        window.fill()
        below = len(window.data)
        for _ in range(_GUESSES):
            last = window.data.rfind(self._seam, window.at, below)
            if last < 0 or last + 1 - window.at > self._limits.record_bytes:
                break
            try:
                found = read(b"[%b]" % window.data[window.at : last + 1])
            except FAULTS:
                below = last + len(self._seam) - 1
                continue
            window.at = last + 1 + len(self._between)
            return found
        self._wait = window.end
        return None
