"""Arrivals: what waits, how long it would take, and for whom."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from safeconduct_desk.doors import door, member_of, role_of
from safeconduct_desk.models import Arrival, Role

FILTERS = ("all", "mine", "unclaimed", "appeals", "soft", "closed")


@door(Role.PERSON)
def view(request: HttpRequest) -> HttpResponse:
    """Every open arrival, oldest first, for whoever works here; others are sent to their own page."""
    role = role_of(request.user)
    if role is None or not role.works_here:
        return redirect("mine")
    chosen = request.GET.get("show", "all")
    rows = [one for one in Arrival.objects.select_related("claimed_by") if _wanted(one, chosen, request)]
    waiting = [one for one in rows if one.state == Arrival.State.WAITING]
    return render(
        request,
        "desk/arrivals.html",
        {
            "rows": rows, "chosen": chosen, "filters": FILTERS, "waiting": len(waiting),
            "minutes": round(sum(one.minutes for one in waiting)),
        },
    )  # fmt: skip


def _wanted(arrival: Arrival, chosen: str, request: HttpRequest) -> bool:
    match chosen:
        case "mine":
            return arrival.claimed_by == member_of(request)
        case "unclaimed":
            return arrival.open and arrival.claimed_by is None
        case "appeals":
            return arrival.appeals.filter(upheld=None).exists()
        case "soft":
            return arrival.state == Arrival.State.APPLYING and arrival.soft_days > 0
        case "closed":
            return not arrival.open
    return arrival.open


urls = [path("", view, name="arrivals")]
