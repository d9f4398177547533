"""What people said about groups, item by item, as the core is told it.

The latest word of a person wins (law 3); a question that is still open holds; a severe group counts as released only
when two people have read it.  Releasing an item answers the rules that held it: what other rules limit stays limited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from safeconduct.model import Action, Filter
from safeconduct_desk.models import Arrival, Community, Group, Held, Member, Role

AWAY = timedelta(days=30)  # whoever has not signed in for so long is nobody to wait for
RELEASES = frozenset({"accept", "limit"})
OPEN_QUESTION = "A question about this is still open, so it waits."


@dataclass(frozen=True)
class Answer:
    """The same word for several items: their names, the action with its filters, who said it and why."""

    names: Sequence[str]
    action: Action
    filters: frozenset[Filter]
    author: str
    because: str


def settled(group: Group) -> bool:
    """Has this group its answer?  A severe one that is released needs a second reader, or time where there is none."""
    if not group.action:
        return False
    if not group.severe or group.action == "quarantine" or group.second_by_id is not None:
        return True
    if group.decided_by is None or group.decided_at is None or readers(group.decided_by, group.arrival).exists():
        return False
    community = Community.here()
    delay = timedelta(minutes=community.delay_minutes if community else 10)
    return timezone.now() >= group.decided_at + delay


def readers(first: Member, arrival: Arrival) -> QuerySet[Member]:
    """Who could read a severe group after ``first``."""
    lately = timezone.now() - AWAY
    working = Member.objects.filter(role__gte=Role.MODERATOR, user__is_active=True, user__last_login__gt=lately)
    return working.exclude(pk=first.pk).exclude(user_id=arrival.person_id)


def answers(arrival: Arrival) -> Iterator[Answer]:
    """Everything to be told before the next plan, oldest word first, so that the latest is the one that counts."""
    for group in arrival.groups.exclude(action="").select_related("decided_by", "arrival").order_by("decided_at", "pk"):
        yield from _of(group)
    asked = Held.objects.filter(group__arrival=arrival, group__action="")
    spoken = Held.objects.filter(group__arrival=arrival, group__action__in=RELEASES)
    both = list(asked.filter(n__in=spoken.values("n")).exclude(item="").values_list("item", flat=True))
    if both:
        yield Answer(both, Action.QUARANTINE, frozenset(), "", OPEN_QUESTION)


def _of(group: Group) -> Iterator[Answer]:
    author = group.decided_by.pseudonym if group.decided_by else ""
    because = group.because or group.sentence
    if not settled(group) or group.action not in RELEASES:
        action = Action[group.action.upper()] if settled(group) else Action.QUARANTINE
        names = list(group.members.exclude(item="").values_list("item", flat=True))
        yield Answer(names, action, frozenset(), author, because)
        return
    said = set(group.filters.split())
    for otherwise in group.members.order_by().values_list("otherwise", flat=True).distinct():
        filters = frozenset(Filter(name) for name in said | set(otherwise.split()))
        members = group.members.filter(otherwise=otherwise).exclude(item="")
        names = list(members.values_list("item", flat=True))
        yield Answer(names, Action.LIMIT if filters else Action.ACCEPT, filters, author, because)
