"""CSV as people and servers really write it: one physical record at a time, its original bytes kept.

Seen in real files: with and without a header, headers with ``#`` before each name, a space after the comma,
``TRUE``/``True``/``true``, quoted lists ("en, fr") and the same unquoted, ``;`` and tabs from spreadsheets,
a byte order mark, blank lines.  Nothing is repaired silently: a record that cannot be read says so.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, cast

from msgspec import Struct

LONGEST = 64 * 1024  # bytes of one record; the longest real one (a domain block with a comment) was under 1 KB
SPANNED = 20  # lines of one quoted cell
TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Row(Struct, frozen=True):
    """One record: its first line (from 1), its bytes, and its cells by column; ``problem`` if it cannot be read."""

    line: int
    raw: bytes
    cells: Mapping[str, str] = {}
    problem: str = ""


class Columns(Struct, frozen=True):
    """What a file's columns mean: ``names`` in the order of a file without header; ``key`` is the one it is about.

    ``words`` are the headers that are known (``account address``), each with the name it has here.  ``greedy`` is
    the column that takes what too many commas leave over; without it they become columns of their own.
    """

    names: Sequence[str]
    key: str
    words: Mapping[str, str]
    greedy: str = ""
    joint: str = ", "


def rows(stream: BinaryIO, columns: Columns) -> Iterator[Row]:
    """Every record but blank lines and the header, in order."""
    buffered = io.BufferedReader(cast(io.RawIOBase, stream))  # a stream of an archive finds lines byte by byte
    try:
        yield from _rows(buffered, columns)
    finally:
        buffered.detach()


def _rows(stream: BinaryIO, columns: Columns) -> Iterator[Row]:
    names: Sequence[str] | None = None
    delimiter = ","
    for line, raw in _records(stream):
        if len(raw) > LONGEST:
            yield Row(line, raw[:256], problem=f"the line is longer than {LONGEST // 1024} KB")
            continue
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            yield Row(line, raw, problem="the line is not UTF-8; save the file as UTF-8 and try again")
            continue
        if names is None:
            names, delimiter, header = _header(text, columns)
            if header:
                continue
        cells = _cells(text, delimiter)
        if cells is None:
            yield Row(line, raw, problem="the quotation marks in this line do not match")
        else:
            yield Row(line, raw, _named(cells, names, columns))


def truth(cell: str) -> bool | None:
    """What a yes-or-no cell says; ``None`` if it says neither."""
    return TRUTH.get(cell.strip().lower())


def _records(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Records with the number of their first line; blank ones left out."""
    ahead: deque[bytes] = deque()
    number = 1
    while raw := ahead.popleft() if ahead else _line(stream):
        more = _closing(stream, ahead) if raw.count(b'"') % 2 else 0
        raw += b"".join(ahead.popleft() for _ in range(more))
        bare = (raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw).rstrip(b"\r\n")
        if bare.strip(b" \t,;"):
            yield number, bare
        number += 1 + more


def _line(stream: BinaryIO) -> bytes:
    """One line; of one that is far too long, only its beginning."""
    raw = stream.readline(LONGEST + 2)
    end = raw
    while len(end) > LONGEST and not end.endswith(b"\n"):
        end = stream.readline(LONGEST + 2)
    return raw


def _closing(stream: BinaryIO, ahead: deque[bytes]) -> int:
    """How many of the next lines belong to a quoted cell that is still open.

    0 if it is not closed soon: then it is a stray mark, and must not swallow the people on the lines after it.
    """
    for count in range(1, SPANNED + 1):
        if len(ahead) < count and not (more := _line(stream)):
            return 0
        if len(ahead) < count:
            ahead.append(more)
        if ahead[count - 1].count(b'"') % 2:
            return count
    return 0


def _cells(text: str, delimiter: str) -> list[str] | None:
    try:
        reader = csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True)
        return [cell.strip() for row in reader for cell in row]
    except csv.Error:
        return None


def _header(text: str, columns: Columns) -> tuple[Sequence[str], str, bool]:
    """The columns' names, the delimiter, and whether this first line was a header at all."""
    for delimiter in (",", ";", "\t"):
        cells = _cells(text, delimiter) or []
        names = [columns.words.get(_word(cell), cell) for cell in cells]
        if names.count(columns.key) == 1:
            return names, delimiter, True
    return columns.names, ",", False


def _word(header: str) -> str:
    return header.removeprefix("#").strip().replace("_", " ").lower()


def _named(cells: list[str], names: Sequence[str], columns: Columns) -> Mapping[str, str]:
    """Cells by name; too many of them means commas without quotation marks, which belong to the greedy column."""
    extra = len(cells) - len(names)
    if extra > 0 and columns.greedy in names:
        at = names.index(columns.greedy)
        cells[at : at + extra + 1] = [columns.joint.join(cells[at : at + extra + 1])]
    named = dict(zip(names, cells, strict=False))
    return named | {str(at + 1): cell for at, cell in enumerate(cells) if at >= len(names)}
