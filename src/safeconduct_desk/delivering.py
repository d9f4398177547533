"""Deliver what was accepted; take back what was delivered.  Both go on where they stopped.

A step answers ``None`` when it is done, a number of seconds when it wants to be called again after them, and ``NEVER``
when it ends here because somebody stopped it.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from msgspec.structs import replace

from safeconduct.contracts import Destination, Hides, Terms
from safeconduct.errors import SafeconductError
from safeconduct.flow import copied, hidden, open_destination, open_source, planned, undone, visible
from safeconduct.home import Custody, Home
from safeconduct.home.custody import DELIVERED
from safeconduct.model import Action, Choices, Filter, Json, Kind
from safeconduct.steps.copy import Portion, Result
from safeconduct.steps.decide import overrule
from safeconduct.steps.planfile import Line, Plan
from safeconduct.steps.probe import probe
from safeconduct.steps.transfer import Transfer, begin, find
from safeconduct.steps.undo import Rollback
from safeconduct_desk.answers import answers
from safeconduct_desk.custody import home, unsealed
from safeconduct_desk.models import Arrival, Community
from safeconduct_desk.screening import policies_for
from safeconduct_desk.store import files
from safeconduct_desk.tombstones import bury_refused, bury_taken_back

State = Arrival.State
PLAN = "plan.jsonl"
DAY = 86400.0
NEVER = math.inf
PAUSE = 20.0  # seconds; one item does not take as long
WINDOW = 300  # seconds, in which servers count requests
LOOK = 1.0  # seconds between two looks at the stop button, and between two words about how far it is
POSTS = frozenset({Kind.POST, Kind.POLL, Kind.BOOST, Kind.MEDIA})
SHOWN = 200  # what is told in single sentences; the rest is counted


# --- delivering -------------------------------------------------------------------------------------------------------


def plan(arrival: Arrival) -> float | None:
    """Every item's fate, under the policy and what people decided; written once."""
    if arrival.state in (State.UNDOING, State.UNDONE):
        return NEVER  # somebody wanted it back before it had begun
    Arrival.objects.filter(pk=arrival.pk).update(state=State.APPLYING, problem="")
    with suppress(FileNotFoundError):
        files().fetch(arrival, PLAN)
        return None
    archive = str(files().fetch(arrival, "archive"))
    with home() as opened:
        destination = place(opened, arrival)
        _overrule(opened, arrival)
        # The gate is for those who come from outside: here the community itself decides.
        abilities = replace(probe(opened, spec(arrival), destination), policy="")
        planned(
            opened, open_source(archive), policies_for(arrival), destination, abilities, choices(arrival),
            files().path(arrival, PLAN), spec=spec(arrival), place=archive, as_of=datetime.now(UTC),
        )  # fmt: skip
    files().keep(arrival, PLAN)
    return None


def deliver(arrival: Arrival) -> float | None:
    """Execute the plan, or today's portion of it.  The core resumes at the item where it was cut short."""
    if _stopped(arrival):
        return NEVER
    source = open_source(str(files().fetch(arrival, "archive")))
    made = Plan(files().fetch(arrival, PLAN))
    lines = sum(1 for line in made.lines() if line.shape is not None)
    with home() as opened:
        transfer = begin(opened, made, made.header.destination)
        _remember(arrival, transfer)
        most, wait = _portion(arrival, lines)
        meter = Meter(arrival, "deliver", lines, delivered(opened, transfer.id), _rate(made))
        button = Button(arrival)
        portion = Portion(None if wait is None else most, button)
        _same, result, remainder = copied(
            opened, made, source, place(opened, arrival), tick=meter.tick, portion=portion
        )
        if remainder is not None and not files().path(arrival, "remainder.tar").exists():
            shutil.copyfile(remainder, files().path(arrival, "remainder.tar"))
            files().keep(arrival, "remainder.tar")
    _tell(arrival, result, remainder is not None, wait)
    return (NEVER if button.pressed else wait) if result.left else None


def settle(arrival: Arrival) -> None:
    """It is there.  What was refused does not come in by another import."""
    with home() as opened:
        for transfer in transfers(arrival):
            bury_refused(opened, arrival, transfer)
    Arrival.objects.filter(pk=arrival.pk, state=State.APPLYING).update(state=State.APPLIED, progress={})


def stop(arrival: Arrival) -> None:
    """The stop button: nothing more goes after the item that is on its way; what is there stays."""
    Arrival.objects.filter(pk=arrival.pk).update(stop=True)


def _stopped(arrival: Arrival) -> bool:
    return arrival.stop or arrival.state != State.APPLYING


class Button:
    """Has somebody pressed it, or begun to take everything back?  Asked for each item, looked at once a second."""

    def __init__(self, arrival: Arrival) -> None:
        self._pk, self._looked, self.pressed = arrival.pk, 0.0, False

    def __call__(self) -> bool:
        if not self.pressed and time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            now = Arrival.objects.only("stop", "state").get(pk=self._pk)
            self.pressed = _stopped(now)
        return self.pressed


def _portion(arrival: Arrival, lines: int) -> tuple[int, float | None]:
    """How many of the oldest lines may be there today, and the seconds until there may be more; ``None``: all may."""
    if not arrival.soft_days:
        return lines, None
    began = arrival.outcome.get("began")
    if not began:
        began = datetime.now(UTC).isoformat()
        _outcome(arrival, began=began)
    passed = max(0.0, (datetime.now(UTC) - datetime.fromisoformat(began)).total_seconds())
    day = int(passed // DAY) + 1
    if day >= arrival.soft_days:
        return lines, None
    return math.ceil(lines * day / arrival.soft_days), day * DAY - passed


def _tell(arrival: Arrival, result: Result, remainder: bool, wait: float | None) -> None:
    done = result.delivered + result.already
    _outcome(
        arrival, planned=result.planned, delivered=done, failed=result.failed, left=result.left, remainder=remainder,
        differences=[list(one) for one in result.differences[:SHOWN]],
    )  # fmt: skip
    if result.left:
        then = datetime.now(UTC) + timedelta(seconds=wait or 0.0)
        progress = {"step": "rest", "done": done, "of": result.planned, "next": then.isoformat()}
        Arrival.objects.filter(pk=arrival.pk, state=State.APPLYING).update(progress=progress)


# --- taking back ------------------------------------------------------------------------------------------------------


def hide(arrival: Arrival, numbers: list[int] | None = None) -> None:
    """First out of sight, where the destination can hide (law 10)."""
    was = arrival.outcome.get("was") if arrival.state == State.UNDOING else arrival.state
    Arrival.objects.filter(pk=arrival.pk).update(state=State.UNDOING, problem="")
    began, count = time.monotonic(), None
    with home() as opened:
        for transfer in transfers(arrival):
            _near(opened, arrival, transfer)
            found = hidden(opened, transfer, place(opened, arrival), numbers)
            count = found if count is None else count + (found or 0)
    _outcome(arrival, was=was, rollback={"hidden": count, "hidden_in": round(time.monotonic() - began, 2)})


def take_back(arrival: Arrival, numbers: list[int] | None = None) -> None:
    """Take back everything, or these items, newest first; what could not be is said."""
    done: list[Rollback] = []
    with home() as opened:
        for transfer in transfers(arrival):
            _near(opened, arrival, transfer)
            of = len(numbers) if numbers is not None else delivered(opened, transfer)
            meter = Meter(arrival, "undo", of, 0, (limits(opened, transfer), 1.0))
            done.append(undone(opened, transfer, place(opened, arrival), numbers, tick=meter.tick))
            bury_taken_back(opened, arrival, transfer, None if numbers is None else set(numbers))
    _taken(arrival, done, numbers is None)


def _taken(arrival: Arrival, done: Sequence[Rollback], whole: bool) -> None:
    failed = sum(one.failed for one in done)
    before = arrival.outcome.get("rollback") or {}
    told = [[number, words] for one in done for number, words in one.leftovers]
    _outcome(
        arrival,
        rollback={
            **before, "undone": before.get("undone", 0) + sum(one.undone for one in done), "failed": failed,
            "leftovers": told[:SHOWN], "left_over": len(told),
        },
    )  # fmt: skip
    was = State.UNDONE if whole and not failed else arrival.outcome.get("was") or State.APPLIED
    problem = _("%(n)d could not be taken back. Try again later, or delete them by hand.") % {"n": failed}
    Arrival.objects.filter(pk=arrival.pk).update(state=was, progress={}, problem=problem if failed else "")


def hold(arrival: Arrival, numbers: list[int] | None = None) -> None:
    """Nothing more arrives; what is there goes out of sight, where the destination can hide.  It can be shown again."""
    stop(arrival)
    count = None
    with home() as opened:
        for transfer in transfers(arrival):
            _near(opened, arrival, transfer)
            found = hidden(opened, transfer, place(opened, arrival), numbers)
            count = found if count is None else count + (found or 0)
    _outcome(arrival, held={"hidden": count, "at": datetime.now(UTC).isoformat()})


def show(arrival: Arrival, numbers: list[int] | None = None) -> None:
    """What was held is visible again; what had not arrived yet goes on when somebody says so."""
    with home() as opened:
        for transfer in transfers(arrival):
            _near(opened, arrival, transfer)
            visible(opened, transfer, place(opened, arrival), numbers)
    _outcome(arrival, held=None)


def limit(arrival: Arrival, numbers: list[int] | None = None) -> None:
    """After it was taken back: the same items are planned again, with a warning and out of the public timelines.

    No server here can narrow a post that is there: it is deleted and posted anew, under its old date.
    """
    wanted = None if numbers is None else set(numbers)
    with home() as opened:
        made = Plan(files().fetch(arrival, PLAN))
        names = (line.item for line in made.lines() if line.shape and (wanted is None or line.n in wanted))
        overrule(
            opened, names, Action.LIMIT, author="", because=_("Limited after reports about it."),
            filters=frozenset({Filter.CONTENT_WARNING, Filter.UNLISTED}),
        )  # fmt: skip
    files().drop(arrival, PLAN)
    Arrival.objects.filter(pk=arrival.pk).update(state=State.APPLYING, stop=False, soft_days=0)


def can_hide(arrival: Arrival) -> bool:
    """Can its destination hide what is there?  Where it cannot, the pages say so before anybody presses."""
    with suppress(SafeconductError), home() as opened:
        return isinstance(place(opened, arrival), Hides)
    return False


def forecast(arrival: Arrival, count: int) -> float:
    """Seconds until so many are taken back, by the destination's own rate."""
    with home() as opened, suppress(SafeconductError):
        chosen = [limits(opened, transfer) for transfer in transfers(arrival)]
        return eta(count, chosen[0] if chosen else {}, 0.0)
    return 0.0


# --- how far, and how long --------------------------------------------------------------------------------------------


class Meter:
    """Writes how far it is, at most once a second, with an honest guess of what is left at that moment.

    What takes longer than ``PAUSE`` between two items is waiting for a limit, and no measure of speed.
    """

    def __init__(self, arrival: Arrival, step: str, of: int, done: int, rate: tuple[Mapping[str, int], float]) -> None:
        self._pk, self._step, self._of, self._done = arrival.pk, step, of, done
        self._limits, self._each = rate
        self._first = done
        self._began = self._said = self._last = time.monotonic()
        self._busy = 0.0
        self._say()

    def tick(self, count: int) -> None:
        now = time.monotonic()
        self._busy += min(now - self._last, PAUSE)
        self._last = now
        self._done += count
        if now - self._said > LOOK:
            self._say()

    def _say(self) -> None:
        self._said = time.monotonic()
        progress = {
            "step": self._step, "done": self._done, "of": self._of, "seconds": round(self._left()),
            "at": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        Arrival.objects.filter(pk=self._pk).update(progress=progress)

    def _left(self) -> float:
        """Seconds; by the windows of the server that began when this did, as long as it is not slower than they are."""
        asked = (self._done - self._first) * self._each
        rest = round(max(0, self._of - self._done) * self._each)
        speed = asked / self._busy if self._busy else 0.0
        allowed, window = self._limits.get("requests", 0), float(self._limits.get("seconds", WINDOW))
        passed = self._said - self._began
        if not allowed or passed > (asked // allowed + 1) * window:
            return eta(rest, self._limits, speed)
        whole = eta(round((self._of - self._first) * self._each), self._limits, speed)
        return max(eta(rest, {}, speed), whole - passed)


def left(progress: Mapping[str, Any]) -> float:
    """The seconds still left of what was said some time ago."""
    said = datetime.fromisoformat(progress["at"]) if "at" in progress else datetime.now(UTC)
    return max(0.0, float(progress.get("seconds") or 0) - (datetime.now(UTC) - said).total_seconds())


def eta(requests: int, limits: Mapping[str, int], speed: float) -> float:
    """Seconds for so many requests: at the speed measured so far, or at the server's own limit if that is slower.

    All requests of a window go at once, then nothing until it ends: 100,000 at 300 in 5 minutes are 28 hours.
    """
    each = 1 / speed if speed else 0.05
    allowed = limits.get("requests", 0)
    if not allowed:
        return requests * each
    windows, rest = divmod(max(0, requests - 1), allowed)
    return max(requests * each, windows * float(limits.get("seconds", WINDOW)) + rest * each)


def _rate(made: Plan) -> tuple[Mapping[str, int], float]:
    """The server's limits, and how many requests one line takes there."""
    count = asked = 0
    for line in made.lines():
        if line.shape is not None:
            count += 1
            asked += _requests(line)
    return made.header.abilities.limits, asked / max(1, count)


def _requests(line: Line) -> int:
    if line.shape is None or line.kind not in POSTS:
        return 3  # who is it, how do we stand, make it so
    return 1 + len(line.shape.media)


def limits(opened: Home, transfer: str) -> Mapping[str, int]:
    """The limits of the server as it was when this transfer was planned."""
    return Plan(find(opened, transfer).plan_path).header.abilities.limits


def there(arrival: Arrival) -> int:
    """How many of this arrival are outside now, by the core's own index."""
    with home() as opened:
        return sum(delivered(opened, transfer) for transfer in transfers(arrival))


def delivered(opened: Home, transfer: str) -> int:
    """How many of this transfer are there."""
    states = Custody(opened, transfer).states()
    return sum(state == DELIVERED for state in states.values())


# --- what both need ---------------------------------------------------------------------------------------------------


def transfers(arrival: Arrival) -> list[str]:
    """Every transfer of this arrival in the core, newest first: an appeal that was right makes another one."""
    known = list(arrival.outcome.get("transfers") or [])
    if arrival.transfer and arrival.transfer not in known:
        known.append(arrival.transfer)
    return known[::-1]


def _remember(arrival: Arrival, transfer: Transfer) -> None:
    """Before the first item leaves, so that whatever happens then can be traced and taken back, on any machine."""
    kept = f"plan-{transfer.id}.jsonl"
    if not files().path(arrival, kept).exists():
        shutil.copyfile(files().path(arrival, PLAN), files().path(arrival, kept))
        files().keep(arrival, kept)
    known = [one for one in (arrival.outcome.get("transfers") or []) if one != transfer.id]
    Arrival.objects.filter(pk=arrival.pk).update(transfer=transfer.id)
    arrival.transfer = transfer.id
    _outcome(arrival, transfers=[*known, transfer.id])


def _near(opened: Home, arrival: Arrival, transfer: str) -> None:
    """The plan of a transfer that another machine delivered is fetched to where the core looks for it."""
    wanted = find(opened, transfer).plan_path
    if not wanted.exists():
        part = wanted.with_name(f".{wanted.name}")
        shutil.copyfile(files().fetch(arrival, f"plan-{transfer}.jsonl"), part)
        part.replace(wanted)


def _outcome(arrival: Arrival, **known: Json) -> None:
    """Add to what is known of the last copy or rollback."""
    fresh = Arrival.objects.only("outcome").get(pk=arrival.pk)
    arrival.outcome = {**fresh.outcome, **known}
    Arrival.objects.filter(pk=arrival.pk).update(outcome=arrival.outcome)


def spec(arrival: Arrival) -> str:
    """The destination, as the command line writes it."""
    return arrival.destination or Community.objects.get().destination


def place(opened: Home, arrival: Arrival) -> Destination:
    """The destination, opened with the receiving account's token."""
    community = Community.objects.get()
    own = getattr(arrival.person, "member", None)
    token = unsealed(own.token) if own is not None and own.token else unsealed(community.token)
    terms = Terms(
        choices=choices(arrival), actor=arrival.actor, acct=arrival.acct, token=str(token),
        loopback=community.loopback, key=opened.signing_key(), title=f"Arrival {arrival.name}",
    )  # fmt: skip
    return open_destination(spec(arrival), terms)


def _overrule(opened: Home, arrival: Arrival) -> None:
    """What people decided about groups, told to the core, which asks it for every item of the next plan."""
    for one in answers(arrival):
        overrule(opened, one.names, one.action, author=one.author, because=one.because, filters=one.filters)


def choices(arrival: Arrival) -> Choices:
    """What the person chose; the quiet and careful defaults where they said nothing."""
    return Choices(**arrival.choices)
