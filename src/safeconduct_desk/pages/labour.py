"""Labour: my minutes and looks this week, for my own eyes first."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_safe

from safeconduct_desk import looks
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Look, Member, Role


@require_safe
@door(Role.MODERATOR)
def view(request: HttpRequest) -> HttpResponse:
    """One's own week; leads see the sum of all, once three or more have worked."""
    member = member_of(request)
    days = looks.week(member)
    lead = member.rank >= Role.LEAD
    return render(
        request,
        "desk/labour.html",
        {
            "minutes": [(_day(one.day), round(one.seconds / 60)) for one in days],
            "sum": {
                "minutes": sum(one.seconds for one in days) / 60, "decisions": sum(one.decisions for one in days),
                "saved": sum(one.saved for one in days),
            },
            "looks": _looks(member), "hard": looks.hard(member), "cap": member.soft_cap, "member": member,
            "calm": looks.calm(member), "lead": lead, "together": looks.together() if lead else None,
            "fewest": looks.FEWEST,
        },
    )  # fmt: skip


def _looks(member: Member) -> dict[str, object]:
    """How many looks on each day, how many of them hard, how many opened pictures."""
    since = timezone.now() - timedelta(days=7)
    mine = Look.objects.filter(member=member, at__gte=since)
    days = mine.annotate(day=TruncDate("at")).order_by("day").values_list("day").annotate(Count("pk"))
    return {
        "days": [(_day(day), count) for day, count in days], "all": mine.count(),
        "severe": mine.filter(severe=True).count(), "opened": mine.filter(opened=True).count(),
    }  # fmt: skip


def _day(day: object) -> str:
    return date_format(day, "D j M")  # type: ignore[arg-type]


urls = [path("labour/", view, name="labour")]
