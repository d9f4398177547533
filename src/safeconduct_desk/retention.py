"""Forgetting: bytes go after the published time, whoever forgets to; the journal and the tombstones stay.

The *transit copy* is an upload nobody finished, or a file that was not taken.  The *intake copy* is the community's:
the file of what was taken, and the originals of what was held, from which later questions are answered.
"""

from __future__ import annotations

import logging
import shutil
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from safeconduct.errors import SafeconductError
from safeconduct.home import Home
from safeconduct.steps.transfer import find
from safeconduct_desk.custody import act, home
from safeconduct_desk.delivering import transfers
from safeconduct_desk.models import Appeal, Arrival, Community
from safeconduct_desk.store import files

State = Arrival.State
TRANSIT = timedelta(days=7)  # an upload nobody goes on with
NOT_TAKEN = timedelta(days=30)  # time to appeal, and to take it along
TAKEN = (State.APPLIED,)
LEFT = (State.REFUSED, State.UNDONE, State.BROKEN)
ENDS = (*TAKEN, *LEFT, State.WITHDRAWN)
CONTENT = ("findings", "groups", "whole", "questions", "notes", "totals")  # parts of a report that quote the archive
log = logging.getLogger("safeconduct.desk")


def due(arrival: Arrival) -> datetime | None:
    """When the bytes of this arrival go; ``None`` while nothing has ended."""
    if arrival.forgotten_at:
        return arrival.forgotten_at
    if arrival.state == State.OFFERED:
        return arrival.changed + TRANSIT
    if arrival.ended_at is None or arrival.state not in ENDS:
        return None
    if arrival.state in TAKEN:
        community = Community.here()
        return arrival.ended_at + timedelta(days=community.retention_days if community else 0)
    return arrival.ended_at + (NOT_TAKEN if arrival.state in LEFT else timedelta())


def forget_due() -> int:
    """Forget what is due; returns how many.  Safe to call often, by any worker."""
    _note_ends()
    now, count = timezone.now(), 0
    community = Community.here()
    keep = timedelta(days=community.retention_days if community else 0)
    over = (
        Q(state=State.OFFERED, changed__lt=now - TRANSIT) | Q(state__in=TAKEN, ended_at__lt=now - keep)
        | Q(state__in=LEFT, ended_at__lt=now - NOT_TAKEN) | Q(state=State.WITHDRAWN)
    )  # fmt: skip
    for arrival in Arrival.objects.filter(over, forgotten_at=None).exclude(pk__in=_kept()):
        count += _forget(arrival)
    return count


MAY_WITHDRAW = (State.OFFERED, State.RECEIVED, State.SCREENING, State.WAITING, State.BROKEN)
MAY_DELETE = (State.REFUSED, State.UNDONE)  # it has ended, and how it ended stays true


def withdraw(arrival: Arrival) -> bool:
    """The person takes their offer back, or has the file of one that ended deleted: the bytes go now.

    False if it is too late: something is being delivered, or was.
    """
    gone = Arrival.objects.filter(pk=arrival.pk, state__in=MAY_WITHDRAW).update(
        state=State.WITHDRAWN, ended_at=timezone.now(), problem="", progress={}
    )
    arrival.refresh_from_db()
    if not gone and (arrival.state not in MAY_DELETE or arrival.forgotten_at):
        return False
    _forget(arrival)
    return True


def _note_ends() -> None:
    """Whoever ended it need not think of retention; who opens it again stops the clock."""
    now = timezone.now()
    Arrival.objects.filter(state__in=ENDS, ended_at=None).update(ended_at=now)
    Arrival.objects.exclude(state__in=ENDS).exclude(ended_at=None).update(ended_at=None)


def _kept() -> list[int]:
    """Arrivals whose bytes must stay, because nobody has answered an appeal.  What a law orders to be kept lies sealed
    beside them, and outlives them (``store``)."""
    waits = Appeal.objects.filter(upheld=None).exclude(arrival__state=State.WITHDRAWN)
    return list(waits.values_list("arrival", flat=True).distinct())


def _forget(arrival: Arrival) -> int:
    """Bytes and quotations; what happened stays.  False if somebody else did it meanwhile."""
    try:
        _forget_bytes(arrival)
    except (SafeconductError, OSError) as error:  # tried again at the next call: it is not said to be forgotten
        log.warning("arrival %s is not forgotten yet: %s", arrival.pk, type(error).__name__)
        return 0
    unfinished = arrival.state == State.OFFERED
    with transaction.atomic():
        done = Arrival.objects.filter(pk=arrival.pk, forgotten_at=None).update(
            forgotten_at=timezone.now(), filename="", shape={},
            report={name: part for name, part in arrival.report.items() if name not in CONTENT},
            **({"state": State.WITHDRAWN, "got": 0} if unfinished else {}),
        )  # fmt: skip
        if done:
            _forget_words(arrival)
            act(None, "forgotten", arrival)
    arrival.refresh_from_db()
    return done


def _forget_words(arrival: Arrival) -> None:
    """Withdrawn or taken: nothing of the archive's text stays in the database, and of the withdrawn no name either."""
    arrival.groups.update(excerpt="")
    if arrival.state == State.WITHDRAWN:
        arrival.groups.all().delete()
        Arrival.objects.filter(pk=arrival.pk).update(actor="", acct="", sha256="", report={}, origin="", consent={})


def _forget_bytes(arrival: Arrival) -> None:
    """What is published stays in the plan, without which it could not be taken back; of what is not, nothing stays."""
    files().forget(arrival)
    with home() as opened:
        for transfer in transfers(arrival):
            forget_originals(opened, transfer)
            if arrival.state not in TAKEN:
                files().drop(arrival, f"plan-{transfer}.jsonl")
                find(opened, transfer).plan_path.unlink(missing_ok=True)


def forget_originals(opened: Home, transfer: str) -> None:
    """What the core kept of a transfer: originals of held items, the remainder, the list of what was unreadable."""
    folder = find(opened, transfer).folder
    shutil.rmtree(folder / "store", ignore_errors=True)
    for name in ("remainder.tar", "unreadable.csv"):
        (folder / name).unlink(missing_ok=True)
