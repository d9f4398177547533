"""Arrivals: what waits, how long it would take, and for whom."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import gettext_lazy as _

from safeconduct_desk.doors import door, member_of, role_of
from safeconduct_desk.models import Arrival, Member, Role

State = Arrival.State
FILTERS = {
    "all": _("all that is open"),
    "mine": _("mine"),
    "unclaimed": _("unclaimed"),
    "appeals": _("appeals"),
    "soft": _("arriving softly"),
    "closed": _("closed"),
}
OPEN = (State.RECEIVED, State.SCREENING, State.WAITING, State.APPLYING, State.UNDOING, State.BROKEN)
AT_WORK = (State.RECEIVED, State.SCREENING, State.APPLYING, State.UNDOING)
SHAPES = {State.WAITING: "◌", State.APPLIED: "●", State.REFUSED: "✕", State.BROKEN: "!", State.UNDONE: "↩"}
ON_A_PAGE = 50


@door(Role.PERSON)
def view(request: HttpRequest) -> HttpResponse:
    """Every open arrival, oldest first, for whoever works here; others are sent to their own page."""
    role = role_of(request.user)
    if role is None or not role.works_here:
        return redirect("mine")
    chosen = request.GET.get("show", "all")
    chosen = chosen if chosen in FILTERS else "all"
    found = wanted(chosen, member_of(request)).select_related("claimed_by", "person")
    page = Paginator(found, ON_A_PAGE).get_page(request.GET.get("page"))
    given = {"rows": [row(one) for one in page], "page": page, "chosen": chosen, "filters": FILTERS}
    return render(request, "desk/arrivals.html", given)


def wanted(chosen: str, member: Member) -> QuerySet[Arrival]:
    """The arrivals that a filter names."""
    arrivals = Arrival.objects.order_by("-created" if chosen == "closed" else "created")
    match chosen:
        case "mine":
            return arrivals.filter(claimed_by=member, state__in=OPEN)
        case "unclaimed":
            return arrivals.filter(claimed_by=None, state__in=OPEN)
        case "appeals":
            return arrivals.filter(Q(appeals__isnull=False) & Q(appeals__upheld=None)).distinct()
        case "soft":
            return arrivals.filter(state=State.APPLYING, soft_days__gt=0)
        case "closed":
            return arrivals.exclude(state__in=(*OPEN, State.OFFERED))
    return arrivals.filter(state__in=OPEN)


def row(arrival: Arrival) -> dict[str, object]:
    """One line of the table."""
    return {
        "arrival": arrival,
        "address": address(arrival),
        "origin": origin(arrival),
        "shape": SHAPES.get(State(arrival.state), "○"),
        "reviewed": arrival.state == State.WAITING and arrival.minutes > 0,
        "at_work": arrival.state in AT_WORK,
        "claimed_by": arrival.claimed_by.pseudonym if arrival.claimed_by else "",
    }


def origin(arrival: Arrival) -> str:
    """The server that the archive says it comes from."""
    host = arrival.acct.rpartition("@")[2] or arrival.actor.removeprefix("https://").partition("/")[0]
    return host or str(_("not known yet"))


def address(arrival: Arrival) -> str:
    """The page of one arrival, where it is installed."""
    try:
        return reverse("arrival", args=[arrival.name])
    except NoReverseMatch:
        return ""


urls = [path("", view, name="arrivals")]
