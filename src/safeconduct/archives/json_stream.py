"""JSON of any size, one record at a time, in memory that does not grow with the file.

A collection of gigabytes is one array in one object.  A window of 256 KiB slides over it.  To cut a window into
elements, a place that looks like the seam between two elements is guessed from behind, and msgspec reads
everything up to there as a list of values.  JSON is read from left to right without ambiguity, so if that
succeeds the seam is real; if not, the next guess or the exact scanner decides (about ten times slower).  As long
as one seam after the other is found, the scanner sees only the first element and the last.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO

from msgspec import Struct

from safeconduct.archives.json_value import Read, Run, ValueReader
from safeconduct.archives.json_window import Seams, Stop, Window
from safeconduct.archives.limits import LIMITS, MIB, Limits
from safeconduct.archives.trouble import BROKEN, trouble

# Bytes decoded at once: few enough to stay in the processor's cache (measured: a third quicker than four times that).
AT_ONCE = 1 << 16


class Record(Struct, frozen=True):
    """One element of the collection: its JSON Pointer, exact bytes and value, or why it has none.

    ``problem`` is "" or plain words; then ``value`` is ``None`` and ``raw`` what there is of it (nothing if it is
    too large to keep).  ``notes`` name what is odd but was read: "duplicate key 'to'" (the last one counts),
    "lone surrogate, shown as �", "integer beyond 2^53" (exact in ``value``).
    """

    pointer: str
    raw: bytes
    value: Any
    problem: str = ""
    notes: tuple[str, ...] = ()


class Document(Struct, frozen=True):
    """A small JSON file, read whole."""

    value: Any
    raw: bytes
    notes: tuple[str, ...] = ()


def load(stream: BinaryIO, limits: Limits = LIMITS) -> Document:
    """A small JSON file.  Raises ``ArchiveError`` (``json``) if it is too large, not UTF-8 or not JSON."""
    name = _called(stream)
    raw = stream.read(limits.document_bytes + 1)
    if len(raw) > limits.document_bytes:
        raise trouble(
            "json", name, f"is larger than {limits.document_bytes / MIB:g} MiB, too large for its kind", BROKEN
        )
    start, notes = _begin(raw, name)
    read = ValueReader(limits).read(raw[start:].strip(b" \t\r\n"))
    if read.problem:
        raise trouble("json", name, f"cannot be used: {read.problem}", BROKEN)
    return Document(read.value, raw, (*notes, *read.notes))


class Collection:
    """The elements of the big array of a JSON file: of its keys named in ``arrays``, or the file itself if a list.

    Iterating (once) gives a ``Record`` for every element; it raises ``ArchiveError`` if the file is no JSON
    collection at all, or when the stream does.  Where the file breaks off, the last ``Record`` says so.
    Afterwards ``members`` holds the other top-level keys, decoded, and ``notes`` what is odd about the file.
    An array key that occurs again is read too and counted on.
    """

    def __init__(
        self,
        stream: BinaryIO,
        arrays: Sequence[str] = ("orderedItems", "items"),
        limits: Limits = LIMITS,
        window: int = AT_ONCE,
    ) -> None:
        self.members: dict[str, Any] = {}
        self.notes: list[str] = []
        self._name = _called(stream)
        self._arrays, self._limits = arrays, limits
        self._window = Window(stream, limits, window)
        self._values = ValueReader(limits)
        self._counts: dict[str, int] = {}

    def __iter__(self) -> Iterator[Record]:
        return chain.from_iterable(self._all())

    def _all(self) -> Iterator[Sequence[Record]]:
        window = self._window
        window.fill()
        window.at, notes = _begin(window.data, self._name)
        self.notes += notes
        first = window.peek()
        if first not in (b"[", b"{"):
            raise trouble("json", self._name, "is neither a JSON object nor a list", BROKEN)
        window.at += 1
        self._pointer = ""
        try:
            yield from self._elements("") if first == b"[" else self._object()
        except Stop as stop:
            raw = stop.raw[: self._limits.record_bytes]
            yield (Record(self._pointer, raw, None, f"{stop}; what follows cannot be read"),)
            return
        if window.peek():
            self.notes.append("something follows the end of the JSON; it was not read")

    def _object(self) -> Iterator[Sequence[Record]]:
        """The outermost object, from behind its opening brace."""
        window = self._window
        while (byte := window.peek()) != b"}":
            if byte != b'"':
                raise Stop("a key is missing in the outermost object" if byte else "the file ends in the middle")
            key = str(self._values.read(window.value().raw).value)
            if window.peek() != b":":
                raise Stop(f"the key {key[:60]!r} has no value")
            window.at += 1
            yield from self._member(key)
            self._pointer = ""
            if window.peek() == b",":
                window.at += 1
            elif window.peek() != b"}":
                raise Stop("the outermost object is damaged" if window.peek() else "the file ends in the middle")
        window.at += 1
        if not self._counts:
            self.notes.append(f"there is no list called {' or '.join(self._arrays)}")

    def _member(self, key: str) -> Iterator[Sequence[Record]]:
        if key in self.members or key in self._counts:
            self.notes.append(f"the key {key[:60]!r} occurs twice")
        self._pointer = f"/{escaped(key)}"
        if key in self._arrays and self._window.peek() == b"[":
            self._window.at += 1
            yield from self._elements(key)
            return
        piece = self._window.value()
        read = Read(None, piece.problem) if piece.problem else self._values.read(piece.raw)
        if key in self._arrays and (read.problem or read.value is not None):
            # AS2 lets a list of one be written without its brackets.
            self._counts.setdefault(key, 0)
            yield (Record(self._pointer, piece.raw, read.value, read.problem, read.notes),)
            return
        self.members[key] = read.value
        self.notes += [f"the key {key[:60]!r}: {note}" for note in (read.problem, *read.notes) if note]

    def _elements(self, key: str) -> Iterator[Sequence[Record]]:
        """The elements of an array, from behind its opening bracket to behind its closing one."""
        prefix = f"/{escaped(key)}/" if key else "/"
        window, seams = self._window, Seams(self._limits)
        number = self._counts.setdefault(key, 0)
        last = window.peek() == b"]"
        while not last:
            if run := seams.run(window, self._values):
                yield _records(prefix, number, run)
                number += len(run.raws)
                if window.low:
                    continue  # the same seam is looked for in what follows
            self._pointer = f"{prefix}{number}"
            record = self._element()
            yield (record,)
            number += 1
            last = self._step(f"{prefix}{number}", record.raw, seams)
        window.at += 1
        self._counts[key] = number

    def _element(self) -> Record:
        if not self._window.peek():
            raise Stop(f"the file ends before record {self._pointer}")
        try:
            piece = self._window.value()
        except Stop as stop:
            raise Stop(f"{stop} of record {self._pointer}", stop.raw) from None
        read = Read(None, piece.problem) if piece.problem else self._values.read(piece.raw)
        return Record(self._pointer, piece.raw, read.value, read.problem, read.notes)

    def _step(self, pointer: str, before: bytes, seams: Seams) -> bool:
        """Pass the comma to the next element; whether there is none."""
        window = self._window
        self._pointer = pointer
        blank = window.blank()
        byte = window.peek()
        if byte == b"]":
            return True
        if byte != b",":
            raise Stop(f"something else than a comma stands before record {pointer}" if byte else "the file ends here")
        window.at += 1
        between = blank + b"," + window.blank()
        if window.peek() == b"]":
            self.notes.append(f"a comma stands behind the last record, before {pointer}")
            return True
        if before:
            seams.learn(before, between, window)
        return False


def _records(prefix: str, first: int, run: Run) -> list[Record]:
    pointers = [f"{prefix}{number}" for number in range(first, first + len(run.raws))]
    records = list(map(Record, pointers, run.raws, run.values))
    for index, read in run.odd.items():
        records[index] = Record(pointers[index], run.raws[index], read.value, read.problem, read.notes)
    return records


def escaped(key: str) -> str:
    """A key as a part of a JSON Pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def _called(stream: BinaryIO) -> str:
    name = getattr(stream, "name", "")
    return os.path.basename(name) if isinstance(name, str) else ""


def _begin(data: bytes, name: str) -> tuple[int, list[str]]:
    """Where the JSON begins.  It must be UTF-8 (RFC 8259, section 8.1); a byte order mark is passed and noted."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise trouble("json", name, "is UTF-16 or UTF-32 text, and JSON must be UTF-8", "Convert it to UTF-8.")
    if data.startswith(b"\xef\xbb\xbf"):
        return 3, ["a byte order mark stands at the beginning"]
    return 0, []
