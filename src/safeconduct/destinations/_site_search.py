"""A search index that works without a server: data files that a page loads as scripts, because ``fetch`` cannot read
from ``file://``.

Words lie in buckets by their first two characters, so one word needs one small file and beginnings of words are found
too; scripts without spaces are indexed by single characters and pairs.  ``search.js`` cuts words exactly like this.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from msgspec import Struct

from safeconduct.destinations._ledger import clear, place
from safeconduct.model import Json

# Kana, Han, Thai, Lao, Myanmar, Khmer: scripts that put no space between words.
SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_PIECES = re.compile(f"[{SPACELESS}]+|[^\\W{SPACELESS}]+")
_IS_SPACELESS = re.compile(f"[{SPACELESS}]")
_WORD_LENGTH = 40
POSTS_A_SHARD = 200
POSTS_A_BUCKET = 300
MOST_BUCKETS = 256
UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


class Entry(Struct, frozen=True):
    """One post for the index: where it is, what it says of its date, the words shown, the words searched."""

    page: str
    anchor: str
    date: str
    shown: str
    words: str


class Size(Struct, frozen=True):
    """What the search page has to know."""

    posts: int
    buckets: int


def write_index(entries: Iterable[Entry], count: int, folder: Path, work: Path) -> Iterator[str]:
    """Write all data files into ``folder`` and yield their names.  ``entries`` come newest first."""
    folder.mkdir(exist_ok=True)
    scratch = work / "words"
    clear(scratch)
    scratch.mkdir(parents=True)
    buckets = buckets_for(count)
    with ExitStack() as stack:
        files = [stack.enter_context((scratch / str(n)).open("w", encoding="utf-8")) for n in range(buckets)]
        yield from _shards(entries, folder, files)
    for number in range(buckets):
        yield _write(folder, "w", number, _postings(scratch / str(number)))
    clear(scratch)


def buckets_for(count: int) -> int:
    """How many files the words of so many posts are spread over."""
    return max(1, min(MOST_BUCKETS, count // POSTS_A_BUCKET))


def words(text: str) -> set[str]:
    """What a text is found by."""
    if not text.isascii():
        text = "".join(sign for sign in unicodedata.normalize("NFKD", text) if unicodedata.category(sign)[0] != "M")
    found: set[str] = set()
    for piece in _PIECES.findall(text.lower()):
        if _IS_SPACELESS.match(piece):
            found.update(piece)
            found.update(piece[at : at + 2] for at in range(len(piece) - 1))
        else:
            found.add(piece[:_WORD_LENGTH])
    return found


def bucket(word: str, buckets: int) -> int:
    """Which file a word is in; the same sum stands in ``search.js``."""
    total = 0
    for sign in word[:2]:
        total = (total * 31 + ord(sign)) & 0xFFFFFFFF
    return total % buckets


def script(kind: str, number: int, data: Json) -> bytes:
    """Data as a script that only calls one function: pure ASCII, and nothing in it can end a script element."""
    return f'safeconduct("{kind}",{number},{json.dumps(data, separators=(",", ":")).translate(UNSAFE)});\n'.encode(
        "ascii"
    )


def _shards(entries: Iterable[Entry], folder: Path, files: Sequence[IO[str]]) -> Iterator[str]:
    shard: list[Json] = []
    number = -1
    for number, entry in enumerate(entries):
        for word in words(entry.words):
            files[bucket(word, len(files))].write(f"{word}\t{number}\n")
        shard.append([entry.page, entry.anchor, entry.date, entry.shown])
        if len(shard) == POSTS_A_SHARD:
            yield _write(folder, "p", number // POSTS_A_SHARD, shard)
            shard = []
    if shard:
        yield _write(folder, "p", number // POSTS_A_SHARD, shard)


def _postings(path: Path) -> list[Json]:
    """``[word, [first, distance, distance, …]]``, in order: numbers are close together, so distances are short."""
    found: dict[str, list[int]] = {}
    last: dict[str, int] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            word, _, number = line.rstrip("\n").partition("\t")
            found.setdefault(word, []).append(int(number) - last.get(word, 0))
            last[word] = int(number)
    # Pairs and not an object: "__proto__" is a word like any other.
    return [[word, found[word]] for word in sorted(found)]


def _write(folder: Path, kind: str, number: int, data: Json) -> str:
    name = f"{kind}{number}.js"
    place(folder / name, script(kind, number, data))
    return f"{folder.name}/{name}"
