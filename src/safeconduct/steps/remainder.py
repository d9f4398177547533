"""What does not travel is saved as a container, so that nobody loses anything; what waits is kept for the queue."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from safeconduct.contracts import Destination, Source
from safeconduct.errors import CustodyError, PlanError
from safeconduct.home import Home
from safeconduct.model import Action, Decision, Fate, Item, Kind, Left, Shaped, Unreadable
from safeconduct.reports.text import inert
from safeconduct.steps.planfile import Plan
from safeconduct.steps.transfer import Transfer
from safeconduct.stores.segments import Segments

STAYS = frozenset({Fate.HELD, Fate.REFUSED, Fate.LEFT_BY_PERSON, Fate.LEFT_BY_DESTINATION})
WAITS = frozenset({Fate.HELD, Fate.REFUSED})


def keep_held(home: Home, plan: Plan, transfer: Transfer, source: Source) -> int:
    """Keep the original bytes of every held or refused item in the transfer's own store; returns how many.

    So the queue can show them, and an appeal can be answered, even when the archive is gone.  What could not be
    read, where and why, is listed beside it (``unreadable``).
    """
    store = Segments(transfer.folder / "store")
    kept = 0
    rows: list[tuple[str, str, int]] = []
    entries = _listing(source.read(), unreadable(transfer)) if plan.footer.unreadable else source.read()
    for item, fate in _fates(plan, entries):
        if fate in WAITS:
            rows.append((store.put(item.raw), transfer.id, item.number))
            kept += 1
    home.connection.executemany("UPDATE items SET stored = ? WHERE transfer = ? AND n = ?", rows)
    return kept


def save_remainder(plan: Plan, source: Source, refused: frozenset[int], container: Destination) -> int:
    """Write every item that stays behind into ``container``, as it left; returns how many.

    ``refused``: items the destination did not take after all.  The container is the person's own: every kind, every
    visibility, whatever any policy said.
    """
    abilities = container.probe()
    saved = 0
    for item, fate in _fates(plan, source.read()):
        if fate not in STAYS and item.number not in refused:
            continue
        shaped = container.shape(item, Decision(Action.ACCEPT, author="person:owner"), abilities)
        if isinstance(shaped, Shaped):
            container.deliver(shaped, source, None)
            saved += 1
        elif isinstance(shaped, Left) and item.kind != Kind.MEDIA:
            raise CustodyError(f"{item.origin} could not be kept in the remainder: {shaped.reason} Keep the archive.")
    if saved:
        container.finish()
    return saved


def unreadable(transfer: Transfer) -> Path:
    """Where the list of what could not be read lies, if there is anything on it: place and reason, a row each."""
    return transfer.folder / "unreadable.csv"


def _listing(entries: Iterable[Item | Unreadable], path: Path) -> Iterator[Item | Unreadable]:
    """The same entries; what is unreadable is written down on the way."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("where", "why"))
        for entry in entries:
            if isinstance(entry, Unreadable):
                writer.writerow((inert(entry.origin), inert(entry.reason)))
            yield entry


def _fates(plan: Plan, entries: Iterable[Item | Unreadable]) -> Iterator[tuple[Item, Fate]]:
    lines = plan.lines()
    for entry in entries:
        if not isinstance(entry, Unreadable):
            line = next(lines, None)
            if line is None or line.n != entry.number:
                raise PlanError("The plan does not fit the archive. Nothing more was written; make a new plan.")
            yield entry, line.fate
