"""Undo: take back an item, a group or a whole transfer, newest first, and say what could not be taken back."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from msgspec import Struct

from safeconduct.contracts import Destination, Hides
from safeconduct.errors import DeliveryError
from safeconduct.home import Custody, Home, Lease
from safeconduct.home.custody import INTENDED
from safeconduct.steps.inspect import Tick
from safeconduct.steps.patience import Sleep, patiently
from safeconduct.steps.planfile import Plan
from safeconduct.steps.transfer import UNDONE, Transfer, account_name, finish


class Rollback(Struct, frozen=True):
    """``leftovers``: (item number, what could not be taken back and why), in plain words."""

    transfer: str
    undone: int
    failed: int
    leftovers: tuple[tuple[int, str], ...]


def undo(
    home: Home,
    plan: Plan,
    transfer: Transfer,
    destination: Destination,
    numbers: Iterable[int] | None = None,
    *,
    tick: Tick = lambda count: None,
    sleep: Sleep,
) -> Rollback:
    """Take back what ``transfer`` delivered (all of it, or these items), newest first.

    Resumable: what was being taken back when the power went is taken back again.  Raises ``Busy``.
    """
    lease = Lease(home.connection, home.mark(account_name(plan)), home.another)
    try:
        custody = Custody(home, transfer.id, account_name(plan), lease)
        _find_lost(plan, destination, custody, sleep)
        leftovers: list[tuple[int, str]] = []
        undone = failed = 0
        for delivery, receipt in custody.receipts(numbers, why="undo"):
            custody.undoing(delivery.number)
            try:
                result = patiently(partial(destination.undo, receipt), sleep)
            except DeliveryError as error:
                leftovers.append((delivery.number, str(error)))
                failed += 1
                continue
            custody.undone(delivery.number, result.leftover)
            if result.leftover:
                leftovers.append((delivery.number, result.leftover))
            undone += 1
            tick(1)
        destination.finish()
        if numbers is None and not failed:
            finish(home, transfer.id, UNDONE)
        return Rollback(transfer.id, undone, failed, tuple(leftovers))
    finally:
        lease.release()


def hide(
    home: Home, plan: Plan, transfer: Transfer, destination: Destination, numbers: Iterable[int] | None = None, *,
    sleep: Sleep,
) -> int | None:  # fmt: skip
    """Hide what ``transfer`` delivered (all of it, or these items): nobody outside sees it from now on (law 10).

    Returns how many items, or ``None`` if this destination cannot hide.  Raises ``Busy``.
    """
    return _sight(home, plan, transfer, destination, numbers, sleep, "hidden")


def show(
    home: Home, plan: Plan, transfer: Transfer, destination: Destination, numbers: Iterable[int] | None = None, *,
    sleep: Sleep,
) -> int | None:  # fmt: skip
    """Put what was hidden back in sight, as it was.  As ``hide`` in everything else."""
    return _sight(home, plan, transfer, destination, numbers, sleep, "shown")


def _sight(
    home: Home, plan: Plan, transfer: Transfer, destination: Destination, numbers: Iterable[int] | None,
    sleep: Sleep, what: str,
) -> int | None:  # fmt: skip
    if not isinstance(destination, Hides):
        return None
    lease = Lease(home.connection, home.mark(account_name(plan)), home.another)
    try:
        custody = Custody(home, transfer.id, account_name(plan), lease)
        _find_lost(plan, destination, custody, sleep)
        receipts = (receipt for _, receipt in custody.receipts(numbers, why=what))
        count = destination.hide(receipts) if what == "hidden" else destination.show(receipts)
        custody.note(what, {"count": count})
        if what == "shown":
            destination.finish()
        return count
    finally:
        lease.release()


def _find_lost(plan: Plan, destination: Destination, custody: Custody, sleep: Sleep) -> None:
    """An intent without an outcome may have arrived: look, so that it is taken back too."""
    lost = {number for number, state in custody.states().items() if state == INTENDED}
    for line in plan.lines() if lost else ():
        if line.n in lost and line.shape is not None:
            receipt = patiently(partial(destination.find, line.shape), sleep)
            if receipt is None:
                custody.failed(line.n, "never arrived")
            else:
                custody.delivered(line.n, receipt, found=True)
