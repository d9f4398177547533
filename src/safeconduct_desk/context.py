"""What every page knows: the community, who is here, what waits, and where one can go."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from safeconduct_desk.budgets import forecast
from safeconduct_desk.doors import role_of
from safeconduct_desk.models import Arrival, Community, Member, Role

# The name of a page's address, what it is called, and the least role that may open it.
PLACES = (
    ("arrivals", _("Arrivals"), Role.MODERATOR),
    ("mine", _("My arrivals"), Role.PERSON),
    ("offer", _("Offer an import"), Role.PERSON),
    ("appeals", _("Appeals"), Role.MODERATOR),
    ("approvals", _("Second look"), Role.MODERATOR),
    ("notices", _("Reports"), Role.MODERATOR),
    ("policy", _("Policy"), Role.MODERATOR),
    ("trends", _("Trends"), Role.MODERATOR),
    ("labour", _("Labour"), Role.MODERATOR),
    ("audit", _("Audit"), Role.LEAD),
    ("people", _("People"), Role.OPERATOR),
    ("community", _("Community"), Role.OPERATOR),
)
FOR_PERSONS = {"mine", "offer"}  # whoever works here has them one step away


def desk(request: HttpRequest) -> dict[str, Any]:
    """``community``, ``role`` (a ``Role``), ``works_here``, ``places`` to go to, and ``load``: what waits."""
    role = role_of(request.user) if hasattr(request, "user") else None
    works_here = role is not None and role.works_here
    community = Community.here()
    return {
        "community": community, "role": role, "works_here": works_here,
        "places": places(role, request.path) if role is not None else [],
        "load": SimpleLazyObject(lambda: load(request, community)) if works_here and community else None,
    }  # fmt: skip


def places(role: Role, path: str) -> list[dict[str, Any]]:
    """Where this role may go.  A page that is not installed is not offered."""
    found = []
    for name, label, least in PLACES:
        if role < least or (role.works_here and name in FOR_PERSONS):
            continue
        try:
            address = reverse(name)
        except NoReverseMatch:
            continue
        within = path.startswith("/arrivals/") if address == "/" else path.startswith(address)
        found.append({"address": address, "label": label, "here": path == address or within})
    return found


def load(request: HttpRequest, community: Community) -> dict[str, Any]:
    """How many arrivals wait for this member, the minutes all of them would take, and whether more are taken in."""
    member = Member.objects.filter(user__pk=request.user.pk or 0).first()
    mine = Q(claimed_by=None) | Q(claimed_by=member)
    waiting = Arrival.objects.filter(mine, state=Arrival.State.WAITING).count()
    now = forecast(community)
    return {"waiting": waiting, "minutes": round(now.minutes), "intake": now.state}
