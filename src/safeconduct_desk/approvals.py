"""Two people for what is mass or cannot be taken back; a delay with a way to stop it where there is only one.

An act is a function, registered by name: ``ACTS["rollback"] = callable``; it gets the ``Approval`` and may be called
again after a crash, so it must be safe to repeat (starting a job is).  Whoever wants it done calls ``ask``; a second
person calls ``approve``; ``run_due`` does what nobody stopped in time and may be called by any worker, as often as it
likes: the row is locked while the act begins, so that it begins once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.urls import get_resolver
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safeconduct.errors import SafeconductError
from safeconduct.model import Json
from safeconduct_desk import jobs
from safeconduct_desk.custody import act as write_down
from safeconduct_desk.models import Approval, Arrival, Community, Member, Role

AWAY = timedelta(days=30)  # who has not signed in for so long is nobody to wait for
log = logging.getLogger("safeconduct.desk")


def rollback(approval: Approval) -> None:
    """Take back everything that was delivered, or the items of ``detail["numbers"]``."""
    numbers = approval.detail.get("numbers")
    jobs.start("undo", approval.arrival, *([numbers] if numbers else []))


ACTS: dict[str, Callable[[Approval], None]] = {"rollback": rollback}
# What an act is called on the page where it waits: after "wants to".
WORDS: dict[str, str] = {"rollback": gettext_lazy("take back what was delivered of")}  # type: ignore[dict-item]


class TwoPeople(PermissionDenied):
    """This person may not be the second one; the message says why."""


def needs_second(act: str) -> bool:
    """Does ``act`` wait for a second person here (or for the delay)?  ``KeyError`` if nobody registered it."""
    _function(act)
    community = Community.here()
    return community is None or community.two_people


def seconds(member: Member, arrival: Arrival) -> QuerySet[Member]:
    """Who could be the second person: works here, was here lately, is neither who asks nor whose import it is."""
    return (
        Member.objects.filter(
            role__gte=Role.MODERATOR, user__is_active=True, user__last_login__gt=timezone.now() - AWAY
        )
        .exclude(pk=member.pk)
        .exclude(user_id=arrival.person_id)
    )


def ask(member: Member, arrival: Arrival, act: str, detail: Mapping[str, Json] | None = None) -> Approval:
    """``member`` wants ``act`` done: at once, after a second person, or after the delay (``due``).

    Asking again for what already waits gives the approval that waits.
    """
    detail, now = dict(detail or {}), timezone.now()
    with transaction.atomic():
        for open_one in waiting().select_for_update().filter(arrival=arrival, act=act):
            if open_one.detail == detail:
                return open_one
        alone = needs_second(act) and not seconds(member, arrival).exists()
        due = now if not needs_second(act) else now + _delay() if alone else None
        approval = Approval.objects.create(arrival=arrival, act=act, detail=detail, asked_by=member, due=due)
        write_down(member, f"asked: {act}", arrival)
    if due == now:
        _do(approval, None)
    approval.refresh_from_db()
    return approval


def approve(member: Member, approval: Approval) -> Approval:
    """The second person agrees, and it is done.  ``TwoPeople`` if they cannot be that person.

    What was done or stopped meanwhile stays so.
    """
    if member.pk == approval.asked_by_id:
        raise TwoPeople(_("You asked for this yourself. Somebody else has to agree."))
    if member.user_id == approval.arrival.person_id:
        raise TwoPeople(_("This is your own import. Somebody else has to agree."))
    if not member.rank.works_here:
        raise TwoPeople(_("Only moderators can agree to this."))
    _do(approval, member)
    approval.refresh_from_db()
    return approval


def cancel(member: Member, approval: Approval) -> bool:
    """Stop it before it happens: anybody who works here may.  False if it was too late."""
    if not member.rank.works_here:
        raise TwoPeople(_("Only moderators can stop this."))
    stopped = waiting().filter(pk=approval.pk).update(cancelled_at=timezone.now()) == 1
    if stopped:
        write_down(member, f"stopped: {approval.act}", approval.arrival)
    return stopped


def again(member: Member, approval: Approval) -> Approval:
    """Try once more what was agreed to (or whose delay was over) and went wrong."""
    if not member.rank.works_here:
        raise TwoPeople(_("Only moderators can try this again."))
    if approval.problem and (approval.second_by_id or (approval.due and approval.due <= timezone.now())):
        _do(approval, approval.second_by)
    approval.refresh_from_db()
    return approval


def waiting() -> QuerySet[Approval]:
    """What is neither done nor stopped."""
    return Approval.objects.filter(done_at=None, cancelled_at=None)


def run_due() -> int:
    """Do what is due; returns how much was done.  Where the only second person has gone, the delay begins now."""
    done, now = 0, timezone.now()
    for approval in waiting().filter(problem="").select_related("asked_by", "arrival"):
        if approval.due is None:
            if not seconds(approval.asked_by, approval.arrival).exists():
                waiting().filter(pk=approval.pk, due=None).update(due=now + _delay())
        elif approval.due <= now:
            try:
                done += _do(approval, None)
            except OperationalError as error:  # the database is busy or away: the next call finds it still due
                log.warning("approval %s: %s", approval.pk, type(error).__name__)
    return done


def words(act: str) -> str:
    """What ``act`` does, after "wants to"."""
    return str(WORDS.get(act, act))


def _do(approval: Approval, second: Member | None) -> bool:
    """Begin the act once: the lock is held until it has begun.  A fault leaves it waiting and says so (law 8)."""
    try:
        with transaction.atomic():
            row = waiting().select_for_update().filter(pk=approval.pk).first()
            if row is None:
                return False
            row.second_by, row.done_at, row.problem = second, timezone.now(), ""
            row.save(update_fields=["second_by", "done_at", "problem"])
            write_down(second, f"agreed: {row.act}" if second else f"delay over: {row.act}", row.arrival)
            _function(row.act)(row)
    except OperationalError:
        raise
    except Exception as error:  # whatever an act raises: it is not done, and a person has to know
        log.warning("approval %s: %s", approval.pk, type(error).__name__)
        said = str(error) if isinstance(error, SafeconductError) else _("Something went wrong. Look at the log.")
        waiting().filter(pk=approval.pk).update(problem=said or type(error).__name__, second_by=second)
        return False
    return True


def _function(act: str) -> Callable[[Approval], None]:
    """The function of this name.  A worker has read no page yet, and pages register acts: it reads them now."""
    if act not in ACTS:
        get_resolver().url_patterns  # noqa: B018  reading it imports every page
    return ACTS[act]


def _delay() -> timedelta:
    community = Community.here()
    return timedelta(minutes=community.delay_minutes if community else 10)


def due_in(approval: Approval, now: datetime | None = None) -> int:
    """Whole minutes until it happens by itself, at least 0; -1 if it waits for a person."""
    if approval.due is None:
        return -1
    return max(0, -int((((now or timezone.now()) - approval.due).total_seconds()) // 60))
