"""Appeals: somebody other than who decided answers, where there is somebody else.

An appeal that is right opens the question again; it does not decide it the other way by itself.  What the person read
at that time is kept with the appeal, and the bytes it is about stay until it is answered (``retention``).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from safeconduct.errors import SafeconductError
from safeconduct_desk import statements
from safeconduct_desk.custody import act, home
from safeconduct_desk.delivering import transfers
from safeconduct_desk.models import Appeal, Arrival, Group, Held, Member, Role, Tombstone
from safeconduct_desk.store import files
from safeconduct_desk.tombstones import dig_up

State = Arrival.State
AWAY = timedelta(days=30)  # who has not signed in for so long is nobody to wait for
LONGEST = 4000  # characters
OPENS = (State.APPLIED, State.REFUSED, State.UNDONE)


class CannotAppeal(SafeconductError):
    """Why there is nothing to appeal against, or nobody to answer it now; what to do instead."""


def appeal(arrival: Arrival, key: str, text: str) -> Appeal:
    """The person disagrees with the statement ``key``.  ``CannotAppeal`` if there is none, or one is open already."""
    statement = statements.one(arrival, key)
    if statement is None or not statement.appeal:
        raise CannotAppeal(_("There is no decision here that an appeal could change."))
    if not text.strip():
        raise CannotAppeal(_("Say in a few words what was not seen rightly."))
    group = None if key in statements.NO_GROUP else arrival.groups.get(key=key)
    with transaction.atomic():
        Arrival.objects.select_for_update().get(pk=arrival.pk)  # two clicks are one appeal
        if arrival.appeals.filter(group=group, upheld=None).exists():
            raise CannotAppeal(_("You have appealed already. You will be told the answer here."))
        made = Appeal.objects.create(
            arrival=arrival, group=group, text=text.strip()[:LONGEST], statement=asdict(statement),
            against=[one.pk for one in statements.deciders(arrival, group)],
        )  # fmt: skip
        act(getattr(arrival.person, "member", None), "appealed", arrival, appeal=made.pk)
    return made


def waiting(member: Member) -> QuerySet[Appeal]:
    """Open appeals, oldest first; one's own imports are none of one's business here."""
    found = Appeal.objects.filter(upheld=None).exclude(arrival__person_id=member.user_id)
    return found.exclude(arrival__state=State.WITHDRAWN).select_related("arrival", "group").order_by("created")


def others(appeal: Appeal) -> QuerySet[Member]:
    """Who could answer without having decided: works here, was here lately, and moves nothing themselves."""
    lately = timezone.now() - AWAY
    working = Member.objects.filter(role__gte=Role.MODERATOR, user__is_active=True, user__last_login__gt=lately)
    return working.exclude(pk__in=appeal.against).exclude(user_id=appeal.arrival.person_id)


def why_not(member: Member, appeal: Appeal) -> str:
    """Why this member may not answer; "" if they may."""
    if not member.rank.works_here or member.user_id == appeal.arrival.person_id:
        return _("Only people who work here answer appeals, and never about their own import.")
    if member.pk in appeal.against and others(appeal).exists():
        return _("You decided this yourself. Somebody else answers, and they do not know that it was you.")
    return ""


def answer(member: Member, appeal: Appeal, stands: bool, text: str) -> Appeal:
    """The answer, once.  If the decision does not stand, its question is open again."""
    why = why_not(member, appeal)
    if why:
        raise CannotAppeal(why)
    if not text.strip():
        raise CannotAppeal(_("Write an answer that the person can read."))
    with transaction.atomic():
        done = Appeal.objects.filter(pk=appeal.pk, upheld=None).update(
            upheld=stands, answer=text.strip()[:LONGEST], answered_by=member, answered_at=timezone.now()
        )
        if not done:
            raise CannotAppeal(_("Somebody else has answered this meanwhile."))
        appeal.refresh_from_db()
        if not stands:
            _reopen(appeal, member)
        act(member, "answered an appeal", appeal.arrival, appeal=appeal.pk, stands=stands)
    return appeal


def _reopen(appeal: Appeal, member: Member) -> None:
    """It waits for a decision again, with whoever answered; what was delivered stays delivered."""
    arrival = Arrival.objects.select_for_update().get(pk=appeal.arrival_id)
    if arrival.forgotten_at or arrival.state not in (*OPENS, State.WAITING):
        raise CannotAppeal(_("The import is just being delivered or taken back. Answer when that is done."))
    if appeal.group_id:
        Group.objects.filter(pk=appeal.group_id).update(
            action="", filters="", because="", proposed="quarantine", decided_by=None, decided_at=None, second_by=None,
            later=False,
        )  # fmt: skip
    _unbury(arrival, appeal)
    for name in ("plan.jsonl", "remainder.tar"):  # the next yes makes new ones
        files().drop(arrival, name)
    Arrival.objects.filter(pk=arrival.pk).update(
        state=State.WAITING, decided_by=None, decided_at=None, ended_at=None, claimed_by=member,
        claimed_at=timezone.now(),
    )  # fmt: skip


def _unbury(arrival: Arrival, appeal: Appeal) -> None:
    """What was wrongly refused may come in again, by this import or by another."""
    if not appeal.group_id:
        Tombstone.objects.filter(arrival=arrival).delete()
        return
    numbers = set(Held.objects.filter(group_id=appeal.group_id).values_list("n", flat=True))
    with home() as opened:
        for transfer in transfers(arrival):
            dig_up(opened, arrival, transfer, numbers)
