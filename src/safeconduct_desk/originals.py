"""Items as they were, at hand: what people are going to look at is kept beside the archive when it is read.

Everything else is looked up in the archive, from its beginning, and is at hand from then on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from safeconduct.flow import open_source
from safeconduct.model import Item
from safeconduct_desk.models import Arrival
from safeconduct_desk.store import files

FILE = "items.db"
SCHEMA = "CREATE TABLE IF NOT EXISTS items (n INTEGER PRIMARY KEY, item BLOB NOT NULL)"
MOST = 200  # of one group: nobody reads more of them one by one


class Shelf:
    """Where items are put while an archive is read; nothing is on the shelf before ``with`` ends well."""

    def __init__(self, arrival: Arrival) -> None:
        self._arrival = arrival
        self._rows: list[tuple[int, bytes]] = []

    def __enter__(self) -> Shelf:
        return self

    def put(self, item: Item) -> None:
        self._rows.append((item.number, msgspec.msgpack.encode(item)))
        if len(self._rows) >= 500:
            self._flush()

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()
            files().keep(self._arrival, FILE)

    def _flush(self) -> None:
        with _opened(files().path(self._arrival, FILE)) as connection:
            connection.executemany("INSERT OR REPLACE INTO items VALUES (?, ?)", self._rows)
        self._rows.clear()


def items(arrival: Arrival, numbers: Iterable[int]) -> dict[int, Item]:
    """The items with these numbers; those that are no items are left out.  ``SourceError`` if the archive is gone."""
    wanted = set(numbers)
    found = dict(_kept(arrival, wanted))
    missing = wanted - set(found)
    if missing:
        with Shelf(arrival) as shelf:
            for item in _sought(arrival, missing):
                found[item.number] = item
                shelf.put(item)
    return found


def item(arrival: Arrival, number: int) -> Item | None:
    """One item; ``None`` if there is none with this number."""
    return items(arrival, (number,)).get(number)


def _kept(arrival: Arrival, wanted: set[int]) -> Iterator[tuple[int, Item]]:
    try:
        path = files().fetch(arrival, FILE)
    except FileNotFoundError:
        return
    with _opened(path) as connection:
        for number in sorted(wanted):
            row = connection.execute("SELECT item FROM items WHERE n = ?", (number,)).fetchone()
            if row is not None:
                yield number, msgspec.msgpack.decode(row[0], type=Item)


def _sought(arrival: Arrival, missing: set[int]) -> Iterator[Item]:
    last = max(missing)
    for entry in open_source(str(files().fetch(arrival, "archive"))).read():
        if entry.number in missing and isinstance(entry, Item):
            yield entry
        if entry.number >= last:
            return


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute(SCHEMA)
        yield connection
        connection.commit()
