"""Decide: a person overrules a policy.  The latest person's word stands until a person says otherwise (law 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from safeconduct.errors import SafeconductError
from safeconduct.home import Home
from safeconduct.model import Action, Decision, Filter, Reason
from safeconduct.steps.trace import Query, Traced, trace


def decide(
    home: Home, query: Query, action: Action, *, author: str, because: str, filters: frozenset[Filter] = frozenset()
) -> Sequence[Traced]:
    """Overrule the decision of every item that fits ``query``; returns those items.

    ``because`` is the sentence the person will read.  Takes effect with the next ``plan`` or ``copy`` of the same items
    from any archive.  Raises ``SafeconductError`` if nothing fits or the words are missing.
    """
    if not because.strip():
        raise SafeconductError("Say why, in a sentence the person can read: --because '…'.")
    if action == Action.LIMIT and not filters:
        raise SafeconductError("A limit needs at least one --filter; without one, accept or quarantine.")
    items = list(trace(home, query))
    if not items:
        raise SafeconductError("Nothing here fits that description, so nothing was decided.")
    connection = home.connection
    connection.execute("BEGIN IMMEDIATE")
    try:
        for item in items:
            _overrule(home, item, action, author, because, filters)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
    return items


def overrule(
    home: Home, names: Iterable[str], action: Action, *, author: str, because: str,
    filters: frozenset[Filter] = frozenset(),
) -> None:  # fmt: skip
    """Overrule by name (``steps.plan.item_name``), before any transfer has begun: the next plan obeys."""
    at = datetime.now(UTC).isoformat()
    home.connection.execute("BEGIN IMMEDIATE")
    try:
        for name in names:
            _put(home, home.mark(name), action, author, because, filters, at)
    except BaseException:
        home.connection.rollback()
        raise
    home.connection.commit()


class Overruled:
    """Asks the index for each item, so that memory does not grow with what was ever decided."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._any = home.connection.execute("SELECT 1 FROM overrules LIMIT 1").fetchone() is not None

    def after(self, planned: datetime, name: str) -> bool:
        """Has a person since then said that it must not go, or only with a limit?"""
        if not self._any:
            return False
        row = self._home.connection.execute(
            "SELECT action FROM overrules WHERE item_key = ? AND action != ? AND at > ?",
            (self._home.mark(name), Action.ACCEPT.name, planned.astimezone(UTC).isoformat()),
        ).fetchone()
        return row is not None

    def get(self, name: str) -> Decision | None:
        """What a person decided about the item of this name, if anybody did."""
        if not self._any:
            return None
        row = self._home.connection.execute(
            "SELECT action, filters, author, because FROM overrules WHERE item_key = ?", (self._home.mark(name),)
        ).fetchone()
        if row is None:
            return None
        return Decision(
            Action[row[0]],
            frozenset(Filter(name) for name in row[1].split()),
            (Reason("person", "person", row[3]),),
            author=f"person:{row[2]}",
        )


def _overrule(home: Home, item: Traced, action: Action, author: str, because: str, filters: frozenset[Filter]) -> None:
    (key,) = home.connection.execute(
        "SELECT item_key FROM items WHERE transfer = ? AND n = ?", (item.transfer, item.number)
    ).fetchone()
    _put(home, key, action, author, because, filters, datetime.now(UTC).isoformat())
    home.journal(item.transfer).record(
        "decided",
        {"n": item.number, "action": action.name.lower(), "filters": sorted(filters), "author": home.mark(author)[:32]},
    )


def _put(home: Home, key: str, action: Action, author: str, because: str, filters: frozenset[Filter], at: str) -> None:
    home.connection.execute(
        "INSERT INTO overrules VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (item_key) DO UPDATE SET "
        "action = excluded.action, filters = excluded.filters, author = excluded.author, "
        "because = excluded.because, at = excluded.at",
        (key, action.name, " ".join(sorted(filters)), author, because, at),
    )
