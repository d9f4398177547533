"""Deciding: the verbs of whoever works here, on one group or on a whole import.

Every verb refuses in a sentence (``NotNow``) what cannot be done any more; two people who press at once do not
overwrite each other.  Nothing here delivers: the last yes starts a job.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safeconduct.errors import SafeconductError
from safeconduct.model import Filter
from safeconduct_desk import approvals, jobs
from safeconduct_desk.answers import RELEASES, settled
from safeconduct_desk.custody import act
from safeconduct_desk.grouping import FEW, MANY, SMALL, WHOLE, key_of
from safeconduct_desk.models import Approval, Arrival, Group, Held, Member, Question, Role
from safeconduct_desk.screening import minutes

ACTIONS = ("accept", "limit", "quarantine", "reject")
MASS = 100  # held items released at once, from which two people are asked
SPLITS = ("year", "kind", "finding", "one by one")
MOST_PARTS = 60
FOUND_BY_HAND = "found-by-a-person"


class NotNow(SafeconductError):
    """It cannot be done (any more); the message says why and what to do instead."""


# --- one group --------------------------------------------------------------------------------------------------------


def questions(arrival: Arrival) -> list[Group]:
    """What is still to be answered, the next best first: what settles most with one look.

    The whole import comes first, since everything waits for it; severe ones stand apart at the end; "not now" last.
    """
    asked = [group for group in arrival.groups.exclude(proposed="reject") if not group.action or not settled(group)]
    return sorted(asked, key=_order)


def _order(group: Group) -> tuple[bool, bool, bool, int, int]:
    return group.later, group.criterion != WHOLE, group.severe, -group.count, group.pk


def decide(
    group: Group, member: Member, action: str, *, filters: Iterable[str] = (), because: str = ""
) -> Group:  # fmt: skip
    """``member`` answers for the whole group; on a severe one that somebody else answered, as the second reader."""
    words = _checked(group.arrival, action, filters)
    not_own(group.arrival, member)
    if group.action and group.severe and not settled(group) and group.decided_by_id != member.pk:
        return _second(group, member, action, words)
    if group.action:
        raise NotNow(_("This group has an answer already. Take that back first, if it was wrong."))
    changed = Group.objects.filter(pk=group.pk, action="").update(
        action=action, filters=words, because=because.strip(), decided_by=member, decided_at=timezone.now(),
        second_by=None, later=False,
    )  # fmt: skip
    if not changed:
        raise NotNow(_("Somebody else answered this at the same moment. Look at what they said."))
    act(member, "decided", group.arrival, group=group.pk, action=action, items=group.count)
    return _fresh(group)


def _checked(arrival: Arrival, action: str, filters: Iterable[str]) -> str:
    _waits(arrival)
    if action not in ACTIONS:
        raise NotNow(_("Choose accept, limit, hold or reject."))
    known = {one.value for one in Filter}
    words = sorted(set(filters) & known) if action == "limit" else []
    if action == "limit" and not words:
        raise NotNow(_("Choose at least one limit, or accept it as it is."))
    return " ".join(words)


def not_own(arrival: Arrival, member: Member) -> None:
    """Nobody decides about their own import, unless they are alone here."""
    if member.user_id == arrival.person_id and approvals.seconds(member, arrival).exists():
        raise NotNow(_("This is your own import. Somebody else who works here decides about it."))


def _second(group: Group, member: Member, action: str, words: str) -> Group:
    """Two who agree settle it; two who do not leave it held."""
    agree = action == group.action and words == group.filters
    values: dict[str, Any] = {"second_by": member} if agree else {"second_by": member, "action": "quarantine"}
    Group.objects.filter(pk=group.pk, second_by=None, action=group.action).update(**values)
    act(member, "read second", group.arrival, group=group.pk, agreed=agree)
    return _fresh(group)


def undo(group: Group, member: Member) -> Group:
    """Take an answer back: whoever gave it within seconds, and everybody who works here as long as nothing was done."""
    _waits(group.arrival)
    if group.criterion == FOUND_BY_HAND:
        raise NotNow(_("What was found in a sample stays held. Answer an appeal instead."))
    Group.objects.filter(pk=group.pk).update(
        action="", filters="", because="", decided_by=None, decided_at=None, second_by=None
    )
    act(member, "took back", group.arrival, group=group.pk, action=group.action)
    return _fresh(group)


def put_off(group: Group, member: Member) -> Group:
    """Not now: it goes to the end of the questions, for everybody."""
    Group.objects.filter(pk=group.pk, action="").update(later=True)
    act(member, "not now", group.arrival, group=group.pk)
    return _fresh(group)


def _fresh(group: Group) -> Group:
    group.refresh_from_db()
    Arrival.objects.filter(pk=group.arrival_id).update(minutes=minutes(group.arrival))
    return group


# --- splitting --------------------------------------------------------------------------------------------------------


def split(group: Group, member: Member, by: str) -> list[Group]:
    """The same members in smaller groups, each of which has its own answer."""
    if group.action:
        raise NotNow(_("This group has an answer already. Take that back first, then split it."))
    parts: dict[str, list[Held]] = {}
    for one in group.members.order_by("n"):
        parts.setdefault(part_of(one, group, by), []).append(one)
    if len(parts) < 2:
        raise NotNow(_("All of these are the same in that, so there is nothing to split."))
    if by == "finding":
        parts = _largest(parts)
    if len(parts) > MOST_PARTS:
        raise NotNow(_("That would make more than %(n)s questions. Split it by year first.") % {"n": MOST_PARTS})
    with transaction.atomic():
        made = [_part(group, by, name, members) for name, members in sorted(parts.items())]
        Group.objects.filter(pk=group.pk).delete()
    act(member, "split", group.arrival, by=by, into=len(made))
    Arrival.objects.filter(pk=group.arrival_id).update(minutes=minutes(group.arrival))
    return made


def _largest(parts: dict[str, list[Held]]) -> dict[str, list[Held]]:
    """The largest parts each for itself, all others as one."""
    order = sorted(parts, key=lambda name: (-len(parts[name]), name))
    rest = [one for name in order[MANY:] for one in parts[name]]
    return {name: parts[name] for name in order[:MANY]} | ({f"{SMALL}:{len(order) - MANY}": rest} if rest else {})


def part_of(one: Held, group: Group, by: str) -> str:
    """The name of the part in which a member would stand."""
    if by == "year":
        return str(one.published.year) if one.published else "?"
    if by == "kind":
        return one.kind
    if by == "finding":
        return value_of(one, group.criterion) or "?"
    return f"{one.n:09d}"


def value_of(one: Held, criterion: str) -> str:
    """What this criterion says to group by: a host, a kind of data, the text it is like."""
    return next((str(finding["value"]) for finding in one.findings if finding["criterion"] == criterion), "")


def _part(group: Group, by: str, name: str, members: list[Held]) -> Group:
    from safeconduct_desk import originals, screening

    first = members[0]
    shown = originals.item(group.arrival, first.n)
    made = Group.objects.create(
        arrival=group.arrival, key=key_of(group.key, by, name), rule=group.rule, criterion=group.criterion,
        value=value_of(first, group.criterion)[:300] if by == "one by one" else name[:300],
        sentence=group.sentence, excerpt=screening.excerpt(shown), count=len(members), severe=group.severe,
        media=_with_media(members, group), basis=group.basis, confidence=group.confidence, proposed=group.proposed,
    )  # fmt: skip
    Held.objects.filter(pk__in=[one.pk for one in members]).update(group=made)
    return made


def _with_media(members: list[Held], group: Group) -> int:
    """How many of a part show a picture; not more than are known of the whole."""
    from safeconduct_desk import originals

    if not group.media:
        return 0
    found = originals.items(group.arrival, [one.n for one in members[: originals.MOST]])
    return sum(bool(item.media) for item in found.values())


# --- the whole import -------------------------------------------------------------------------------------------------


def decided(arrival: Arrival, member: Member, soft_days: int = 0) -> Approval | None:
    """The last yes: what people answered is done, everything else as the policy says; what is open stays held.

    Releasing very many held items is a mass act: then it waits for a second person and the approval is returned.
    """
    _waits(arrival)
    not_own(arrival, member)
    detail = {"soft_days": max(0, min(int(soft_days), 365))}
    if released(arrival) > MASS:
        approval = approvals.ask(member, arrival, "apply", detail)
        return None if approval.done_at else approval
    _apply(arrival, member, detail["soft_days"])
    return None


def refuse(arrival: Arrival, member: Member, because: str) -> Approval | None:
    """Not here: nothing of it is taken.  A mass act, so it waits for a second person."""
    _waits(arrival)
    not_own(arrival, member)
    if not because.strip():
        raise NotNow(_("Say why, in a sentence that the person can read."))
    approval = approvals.ask(member, arrival, "reject", {"because": because.strip()})
    return None if approval.done_at else approval


def released(arrival: Arrival) -> int:
    """How many items that the policy keeps back people have released."""
    groups = [one for one in arrival.groups.filter(action__in=RELEASES).exclude(criterion=WHOLE) if settled(one)]
    return sum(one.count for one in groups)


def _waits(arrival: Arrival) -> None:
    arrival.refresh_from_db()
    if arrival.state != Arrival.State.WAITING:
        raise NotNow(_("This import does not wait for a decision any more, so nothing was changed."))


def _apply(arrival: Arrival, member: Member | None, soft_days: int) -> None:
    """Both or neither: nothing says that it is being delivered while no job knows of it."""
    with transaction.atomic():
        changed = Arrival.objects.filter(pk=arrival.pk, state=Arrival.State.WAITING).update(
            state=Arrival.State.APPLYING, decided_by=member, decided_at=timezone.now(), soft_days=soft_days, stop=False
        )
        if changed:
            act(member, "accepted", arrival, soft_days=soft_days)
            arrival.refresh_from_db()
            jobs.start("apply", arrival)


def _applied(approval: Approval) -> None:
    """The act that two people agreed to.  Safe to repeat: only what still waits is begun."""
    _apply(approval.arrival, approval.asked_by, int(approval.detail.get("soft_days", 0)))


def _refused(approval: Approval) -> None:
    arrival, because = approval.arrival, str(approval.detail["because"])
    changed = Arrival.objects.filter(pk=arrival.pk, state=Arrival.State.WAITING).update(
        state=Arrival.State.REFUSED, decided_by=approval.asked_by, decided_at=timezone.now(),
        outcome={**arrival.outcome, "because": because},
    )  # fmt: skip
    if changed:
        act(approval.asked_by, "refused", arrival)


approvals.ACTS["apply"] = _applied
approvals.ACTS["reject"] = _refused
approvals.WORDS["apply"] = gettext_lazy("deliver, with what was released,")  # type: ignore[assignment]
approvals.WORDS["reject"] = gettext_lazy("take nothing of")  # type: ignore[assignment]


# --- questions to others, and who looks after it ---------------------------------------------------------------------


def ask(arrival: Arrival, member: Member, to: str, text: str, group: Group | None = None) -> Question:
    """Ask the person, or the origin.  The import waits meanwhile; nothing is refused by asking."""
    if to not in {"person", "origin"}:
        raise NotNow(_("Ask the person or the origin."))
    if not text.strip():
        raise NotNow(_("Write your question first."))
    made = Question.objects.create(arrival=arrival, group=group, to=to, text=text.strip()[:2000], asked_by=member)
    act(member, f"asked the {to}", arrival, question=made.pk)
    return made


def claim(arrival: Arrival, member: Member) -> None:
    """Look after it: the others see that.  Who has it already keeps it; a lead may take it over."""
    free = Arrival.objects.filter(pk=arrival.pk)
    if member.rank < Role.LEAD:
        free = free.filter(claimed_by=None) | free.filter(claimed_by=member)
    if not free.update(claimed_by=member, claimed_at=timezone.now()):
        raise NotNow(_("Somebody else looks after this import. Ask them to hand it over."))
    act(member, "claimed", arrival)


def give_back(arrival: Arrival, member: Member) -> None:
    """Nobody looks after it any more."""
    if Arrival.objects.filter(pk=arrival.pk, claimed_by=member).update(claimed_by=None, claimed_at=None):
        act(member, "gave back", arrival)


def hand_over(arrival: Arrival, member: Member, to: Member) -> None:
    """To another who works here, by whoever has it or a lead."""
    if not to.rank.works_here or to.user_id == arrival.person_id:
        raise NotNow(_("Only somebody who works here, and whose import it is not, can look after it."))
    mine = Arrival.objects.filter(pk=arrival.pk)
    if member.rank < Role.LEAD:
        mine = mine.filter(claimed_by=member)
    if not mine.update(claimed_by=to, claimed_at=timezone.now()):
        raise NotNow(_("You do not look after this import, so you cannot hand it over."))
    act(member, "handed over", arrival, to=to.pk)


def others(arrival: Arrival, member: Member) -> QuerySet[Member]:
    """Who it can be handed to."""
    working = Member.objects.filter(role__gte=Role.MODERATOR, user__is_active=True)
    return working.exclude(pk=member.pk).exclude(user_id=arrival.person_id).order_by("pseudonym")


# --- what was found by hand -------------------------------------------------------------------------------------------


def found_by_hand(arrival: Arrival, member: Member, held: Held) -> Group:
    """Hold an item that no rule found: in a group of its own, which only grows."""
    with transaction.atomic():
        group, _new = Group.objects.get_or_create(
            arrival=arrival, key=key_of(FOUND_BY_HAND, "", ""),
            defaults={
                "rule": FOUND_BY_HAND, "criterion": FOUND_BY_HAND, "count": 0, "proposed": "quarantine",
                "sentence": str(_("A moderator looked at this and holds it back.")), "action": "quarantine",
                "decided_by": member, "decided_at": timezone.now(),
            },
        )  # fmt: skip
        if not group.members.filter(n=held.n).exists():
            held.group = group
            held.save()
            Group.objects.filter(pk=group.pk).update(count=F("count") + 1)
    return group


__all__ = ["FEW", "NotNow", "ask", "claim", "decide", "decided", "questions", "refuse", "split", "undo"]
