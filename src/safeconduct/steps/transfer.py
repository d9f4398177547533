"""Begin or resume a transfer: the row, the plan in the transfer's own folder, the index of items."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from msgspec import Struct

from safeconduct.errors import CustodyError, PlanError
from safeconduct.home import Home
from safeconduct.steps.planfile import Line, Plan

RUNNING, FINISHED, UNDONE = "running", "finished", "undone"
ROWS = 1000
PERSON = -1  # in the place of an item number: a name of whoever moves


class Transfer(Struct, frozen=True):
    """One account's journey as this home knows it.  ``source`` and ``destination`` are as the person wrote them."""

    id: str
    created: str
    source: str
    destination: str
    state: str
    folder: Path
    plan_digest: str

    @property
    def plan_path(self) -> Path:
        return self.folder / "plan.jsonl"


def account_name(plan: Plan) -> str:
    """The receiving account, for leases and "already there": the destination as written plus the account behind it."""
    return f"{plan.header.destination}\n{plan.header.abilities.account}"


def unfinished(home: Home, source_sha256: str, destination: str) -> Transfer | None:
    """A copy of the same archive to the same place that was cut short, if there is one."""
    row = home.connection.execute(
        "SELECT id FROM transfers WHERE source_key = ? AND destination = ? AND state = ? ORDER BY created DESC",
        (home.mark(source_sha256), destination, RUNNING),
    ).fetchone()
    return find(home, row[0]) if row else None


def find(home: Home, transfer: str) -> Transfer:
    """The transfer with this id, or with this beginning of an id if only one fits."""
    rows = home.connection.execute(
        "SELECT id, created, source, destination, state, plan_digest FROM transfers WHERE id LIKE ? ESCAPE '!'",
        (transfer.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%",),
    ).fetchall()
    if len(rows) != 1 or not transfer:
        raise PlanError(
            f"{'No' if not rows else 'More than one'} transfer here begins with {transfer!r}. "
            "`safeconduct trace` without arguments lists all of them."
        )
    identity, created, source, destination, state, digest = rows[0]
    return Transfer(identity, created, source, destination, state, home.folder(identity), digest)


def kept_plan(transfer: Transfer) -> Plan:
    """The plan this transfer executes.  ``CustodyError`` if another lies in its place."""
    plan = Plan(transfer.plan_path)
    if plan.digest != transfer.plan_digest:
        raise CustodyError(
            f"The plan kept for transfer {transfer.id} is not the one it was begun with. Compare with a backup."
        )
    return plan


def begin(home: Home, plan: Plan, destination: str) -> Transfer:
    """A new transfer for this plan, or the one that was begun with exactly this plan.

    The first entry of its journal says what was offered; the index gets one row for each item.  ``PlanError`` if the
    plan was not made in this home, or was changed since.
    """
    if not plan.made_with(home.mark):
        raise PlanError(
            f"{plan.path} was not made here, or was changed since. Nothing was written. "
            "Make a plan of your own: a plan is obeyed to the letter, so a stranger's is not."
        )
    if known := _known(home, plan, destination):
        return find(home, known)
    identity = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(3)
    kept = home.folder(identity) / "plan.jsonl"
    shutil.copyfile(plan.path, kept)
    kept.chmod(0o400)
    connection = home.connection
    connection.execute("BEGIN IMMEDIATE")
    try:
        known = _known(home, plan, destination)  # whoever else began it meanwhile was first
        if not known:
            _enter(home, plan, identity, destination)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
    if known:
        shutil.rmtree(kept.parent)
    return find(home, known or identity)


def _known(home: Home, plan: Plan, destination: str) -> str:
    row = home.connection.execute(
        "SELECT id FROM transfers WHERE plan_digest = ? AND destination = ?", (plan.digest, destination)
    ).fetchone()
    return row[0] if row else ""


def _enter(home: Home, plan: Plan, identity: str, destination: str) -> None:
    header = plan.header
    journal = home.journal(identity)
    home.connection.execute(
        "INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (identity, datetime.now(UTC).isoformat(), header.source, home.mark(header.source_sha256),
         home.mark(header.actor), destination, home.mark(account_name(plan)), plan.digest,
         " + ".join(header.policies), RUNNING),
    )  # fmt: skip
    for rows in _rows(home, plan, identity):
        home.connection.executemany(
            "INSERT INTO items (transfer, n, kind, origin, item_key, digest_key, fate, action, criteria, code, reason) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    names = ((home.mark(line.url), identity, line.n) for line in plan.lines() if line.url)
    home.connection.executemany("INSERT INTO names VALUES (?, ?, ?) ON CONFLICT DO NOTHING", names)
    if header.acct:
        person = (home.mark(f"acct:{header.acct}"), identity, PERSON)
        home.connection.execute("INSERT INTO names VALUES (?, ?, ?) ON CONFLICT DO NOTHING", person)
    journal.record(
        "offered",
        {
            "source": home.mark(header.source_sha256), "actor": home.mark(header.actor), "plan": plan.digest,
            "policies": list(header.digests), "records": plan.footer.records, "fates": dict(plan.footer.fates),
        },
    )  # fmt: skip


def _rows(home: Home, plan: Plan, identity: str) -> Iterator[list[tuple[object, ...]]]:
    lines = plan.lines()
    while chunk := list(islice(lines, ROWS)):
        yield [_row(home, identity, line) for line in chunk]


def _row(home: Home, identity: str, line: Line) -> tuple[object, ...]:
    return (
        identity, line.n, line.kind, line.origin, home.mark(line.item), home.mark(line.digest), line.fate,
        line.action, " ".join(line.criteria), line.code, line.reason,
    )  # fmt: skip


def finish(home: Home, transfer: str, state: str) -> None:
    """Mark it finished or undone."""
    home.connection.execute("UPDATE transfers SET state = ? WHERE id = ?", (state, transfer))
