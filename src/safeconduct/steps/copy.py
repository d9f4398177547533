"""Copy: execute exactly a plan.  Resumable after a crash at any point; nothing twice, nothing lost.

Each delivery is an intent, a request, a receipt.  A crash between the last two leaves an intent whose outcome nobody
knows; it is reconciled by asking the destination what is there, because servers ignore idempotency keys (measured).
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from heapq import nsmallest
from math import inf

from msgspec import Struct

from safeconduct.contracts import Destination, Source
from safeconduct.errors import DeliveryError, PlanError, SafeconductError, SourceError, Uncertain
from safeconduct.home import Custody, Home, Lease
from safeconduct.home.custody import DELIVERED, FAILED, INTENDED, UNDOING, UNDONE
from safeconduct.model import Abilities, Kind, Placed, Receipt, Shaped
from safeconduct.steps.decide import Overruled
from safeconduct.steps.inspect import Tick
from safeconduct.steps.patience import TRIES, Sleep, patiently
from safeconduct.steps.planfile import Line, Plan
from safeconduct.steps.transfer import FINISHED, Transfer, account_name, finish

PROTECTION = frozenset({Kind.BLOCK, Kind.MUTE, Kind.DOMAIN_BLOCK, Kind.FILTER})
FAILURES_IN_A_ROW = 10
PIECE = 1 << 18


class Result(Struct, frozen=True):
    """What happened, beside what was planned.

    ``differences``: item numbers where the two do not agree, with why.  ``notes``: what of an item that did arrive
    could not be delivered after all, such as a picture that could not be cleaned.  ``known``: those of the differences
    that an earlier run has told of already, for the same reason.  ``left``: lines that are for later.
    """

    transfer: str
    planned: int
    delivered: int
    already: int
    failed: int
    differences: tuple[tuple[int, str], ...] = ()
    notes: tuple[tuple[int, str], ...] = ()
    known: tuple[int, ...] = ()
    left: int = 0


class Portion(Struct, frozen=True):
    """How much of a plan is delivered now: the ``most`` oldest lines (undated ones first), and until ``stopped()``.

    What was delivered counts, so a larger portion goes on where a smaller one ended.
    """

    most: int | None = None
    stopped: Callable[[], bool] = lambda: False


class _Stopped(Exception):
    """Somebody pressed the button while a server made us wait."""


WHOLE = Portion()


def copy(
    home: Home,
    plan: Plan,
    transfer: Transfer,
    source: Source,
    destination: Destination,
    *,
    lease: Lease | None = None,
    tick: Tick = lambda count: None,
    sleep: Sleep = time.sleep,
    portion: Portion = WHOLE,
) -> Result:
    """Deliver every line of ``plan`` that has a shape, or a portion of them.

    Raises ``PlanError`` if source or server are not what the plan assumed, ``Busy`` if another worker is at it,
    ``DeliveryError`` if the destination keeps refusing.  Calling it again goes on where it stopped.
    """
    same_source(plan, source)
    _same_server(plan.header.abilities, destination.probe())
    lease = lease or lease_of(home, plan)
    try:
        custody = Custody(home, transfer.id, account_name(plan), lease)
        run = _Run(plan, source, destination, custody, tick, sleep, Overruled(home), portion)
        run.deliver()
        destination.finish()
        result = run.result()
        counts = {"delivered": result.delivered, "already": result.already, "failed": result.failed}
        if result.left:
            custody.note("paused", {**counts, "left": result.left})
        else:
            custody.note("finished", counts)
            finish(home, transfer.id, FINISHED)
        return result
    finally:
        lease.release()


def lease_of(home: Home, plan: Plan) -> Lease:
    """The right to write to this plan's account.  ``Busy`` while another worker has it."""
    return Lease(home.connection, home.mark(account_name(plan)), home.another)


def same_source(plan: Plan, source: Source) -> None:
    """``PlanError`` if the plan was made from other bytes."""
    if source.about().sha256 != plan.header.source_sha256:
        raise PlanError("The archive is not the one this plan was made from. Make a new plan for it.")


def _same_server(assumed: Abilities, now: Abilities) -> None:
    """Stop before the first write if the server is not what the plan assumed."""
    for what in ("software", "version", "account", "backdates", "audience"):
        before, after = getattr(assumed, what), getattr(now, what)
        if before != after:
            raise PlanError(
                f"The destination has changed since it was probed: {what} was {before!r} and is {after!r}. "
                "Nothing was written. Probe it and plan again."
            )
    if assumed.policy != now.policy:
        raise PlanError(
            "The community there has published another intake policy since it was probed. Nothing was written. "
            "Probe it and plan again, so that its rules are applied."
        )
    for limit, allowed in assumed.limits.items():
        if limit not in ("requests", "seconds") and now.limits.get(limit, allowed) < allowed:
            raise PlanError(
                f"The destination now allows less than the plan assumed ({limit}: {now.limits[limit]} instead of "
                f"{allowed}). Nothing was written. Probe it and plan again."
            )


def placed(shaped: Shaped, receipt: Receipt, source: Source) -> Sequence[Placed]:
    """The files that are there now; where the destination says only that all are there as they left, read them."""
    if receipt.media is not None:
        return receipt.media
    members = dict.fromkeys(medium.member for medium in shaped.media if medium.member)
    return [Placed(member, digest, digest) for member in members if (digest := _digest(source, member))]


def _digest(source: Source, member: str) -> str:
    """What cannot be read now has no digest; its post is delivered all the same."""
    try:
        with source.open(member) as stream:
            digest = hashlib.sha256()
            while piece := stream.read(PIECE):
                digest.update(piece)
            return digest.hexdigest()
    except (SourceError, OSError):
        return ""


class _Run:
    def __init__(
        self, plan: Plan, source: Source, destination: Destination, custody: Custody, tick: Tick, sleep: Sleep,
        overruled: Overruled, portion: Portion,
    ) -> None:  # fmt: skip
        self._plan, self._source, self._destination, self._custody = plan, source, destination, custody
        self._tick, self._nap, self._portion = tick, sleep, portion
        self._stopped = False
        self._now: frozenset[int] | None = None if portion.most is None else self._oldest(portion.most)
        self._states = custody.states()
        self._refusals = custody.refusals()  # of earlier runs: of accounts that are gone, nobody need be told again
        self._known: set[int] = set()
        self._parents: dict[str, tuple[int, str]] = {}
        self._already: set[int] = set()
        self._held: set[int] = set()
        self._overruled = overruled
        self._reasons: dict[int, str] = {}
        self._notes: list[tuple[int, str]] = []
        self._in_a_row = 0

    def reconcile(self) -> None:
        """Ask the destination about every intent without an outcome, before anything new is written."""
        open_ones = {number for number, state in self._states.items() if state == INTENDED}
        for line in self._lines() if open_ones else ():
            if line.n in open_ones and line.shape is not None:
                receipt = patiently(partial(self._destination.find, line.shape), self._sleep)
                if receipt is not None:
                    self._custody.delivered(line.n, receipt, True, placed(line.shape, receipt, self._source))
                    self._states[line.n] = DELIVERED

    def deliver(self) -> None:
        """Protection first (law 7), then everything else; a reply waits until its parent has an address."""
        try:
            self.reconcile()
            for protecting in (True, False):
                while self._sweep(protecting):
                    pass
        except _Stopped:  # what was intended and not answered is looked for before anything else next time
            self._stopped = True

    def _oldest(self, most: int) -> frozenset[int]:
        """Protection before everything, then what has no date, then by date."""
        lines = (
            (line.kind not in PROTECTION, line.shape.published.timestamp() if line.shape.published else -inf, line.n)
            for line in self._lines()
            if line.shape is not None
        )
        return frozenset(number for _, _, number in nsmallest(most, lines))

    def _sleep(self, seconds: float) -> None:
        """As long as the server asks, unless somebody stops it."""
        if self._portion.stopped():
            raise _Stopped
        if self._portion is WHOLE:
            self._nap(seconds)
            return
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            self._nap(min(1.0, rest))
            if self._portion.stopped():
                raise _Stopped

    def _later(self, line: Line) -> bool:
        return self._stopped or (self._now is not None and line.n not in self._now)

    def _sweep(self, protecting: bool) -> bool:
        """Once over the plan; true if another sweep may deliver more."""
        before = Counter(self._states.values())
        waiting = False
        for line in self._lines():
            if (line.kind in PROTECTION) == protecting and not self._settled(line) and not self._later(line):
                self._stopped = self._portion.stopped()
                waiting |= not self._stopped and not self._line(line)
        return waiting and before != Counter(self._states.values())

    def result(self) -> Result:
        """Plan and outcome, item by item."""
        differences = []
        planned = delivered = failed = left = 0
        for line in self._lines():
            planned += 1
            state = self._states.get(line.n, "")
            delivered += state == DELIVERED
            if self._later(line) and not self._settled(line):
                left += 1
            elif state != DELIVERED and line.n not in self._already:
                failed += 1
                differences.append((line.n, self._reasons.get(line.n, f"still {state or 'not delivered'}")))
        return Result(
            self._custody.transfer, planned, delivered, len(self._already), failed, tuple(differences),
            tuple(self._notes), tuple(number for number, _ in differences if self._told(number)), left,
        )  # fmt: skip

    def _told(self, number: int) -> bool:
        """Nothing new: refused as before, taken back by a person, or waiting for posts of which that is true."""
        state = self._states.get(number, "")
        if state == FAILED:
            return number in self._known
        refused = {one for one, state in self._states.items() if state == FAILED}
        return state in (UNDONE, UNDOING) or (not state and number not in self._held and refused <= self._known)

    def _lines(self) -> Iterator[Line]:
        return (line for line in self._plan.lines() if line.shape is not None)

    def _settled(self, line: Line) -> bool:
        settled = (
            line.n in self._already or line.n in self._held or self._states.get(line.n) in (DELIVERED, UNDONE, UNDOING)
        )
        return settled or (line.n in self._reasons and self._states.get(line.n) == FAILED)

    def _line(self, line: Line) -> bool:
        """Deliver one line; false if its parent has no address yet."""
        shaped = line.shape
        if shaped is None:
            return True
        if self._overruled.after(self._plan.header.created, line.item):
            self._reasons[line.n] = "A person has decided otherwise since this was planned. Plan and copy again."
            self._held.add(line.n)
            return True
        if self._states.get(line.n) != INTENDED and self._custody.elsewhere(line.item):
            self._already.add(line.n)
            self._tick(1)
            return True
        parent = self._parent(shaped)
        if shaped.parent and parent is None:
            self._reasons[line.n] = "The post it answers is not there, so this one waits. Plan and copy again."
            return False
        self._custody.intend(line.n, line.item)
        self._states[line.n] = INTENDED
        try:
            receipt = self._attempt(shaped, parent)
        except (DeliveryError, SourceError) as error:
            self._refused(line, error)
            return True
        except (OSError, sqlite3.OperationalError) as error:  # a full disk is no item's fault: stop, look again later
            raise DeliveryError(
                f"Stopped at {line.origin}: this computer could not read or write ({error}). Make room, or check who "
                "may write there, then copy again: it goes on here, and nothing goes twice."
            ) from error
        self._custody.delivered(line.n, receipt, media=placed(shaped, receipt, self._source))
        self._notes += [(line.n, note) for note in receipt.notes]
        self._states[line.n] = DELIVERED
        self._in_a_row = 0
        self._tick(1)
        return True

    def _attempt(self, shaped: Shaped, parent: Receipt | None) -> Receipt:
        """Deliver; after a lost answer look first whether it is there."""
        for _ in range(TRIES):
            try:
                return patiently(lambda: self._destination.deliver(shaped, self._source, parent), self._sleep)
            except Uncertain:
                found = patiently(lambda: self._destination.find(shaped), self._sleep)
                if found is not None:
                    return found
        raise DeliveryError("The destination's answer was lost again and again. Try later; nothing is delivered twice.")

    def _refused(self, line: Line, error: SafeconductError) -> None:
        self._custody.failed(line.n, str(error))
        self._states[line.n] = FAILED
        self._reasons[line.n] = str(error)
        if self._refusals.get(self._custody.mark(line.item)) == str(error):
            self._known.add(line.n)
        self._in_a_row += line.kind in (Kind.POST, Kind.POLL)  # a list of dead accounts is no sign of a dead server
        if self._in_a_row >= FAILURES_IN_A_ROW:
            raise DeliveryError(f"{FAILURES_IN_A_ROW} items in a row were refused; stopped. The last answer: {error}")

    def _parent(self, shaped: Shaped) -> Receipt | None:
        if not shaped.parent:
            return None
        if not self._parents:
            self._parents = self._map_parents()
        number, name = self._parents.get(shaped.parent, (-1, ""))
        return self._custody.receipt(number) or (self._custody.receipt_elsewhere(name) if name else None)

    def _map_parents(self) -> dict[str, tuple[int, str]]:
        """Only of posts that have an answer in the plan: ids of whole histories would not stay small."""
        wanted = {line.shape.parent for line in self._lines() if line.shape is not None and line.shape.parent}
        return {
            line.shape.id: (line.n, line.item)
            for line in self._lines()
            if line.shape is not None and line.shape.id in wanted
        }
