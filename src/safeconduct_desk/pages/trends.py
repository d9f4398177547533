"""Trends: one page that a meeting of the community could read."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from safeconduct_desk import trends
from safeconduct_desk.doors import door
from safeconduct_desk.models import Role


@require_safe
@door(Role.MODERATOR)
def view(request: HttpRequest) -> HttpResponse:
    """Twelve months, and what jumped lately."""
    found = trends.of()
    given = {
        "trends": found, "count": sum(count for _month, count in found.months),
        "items": sum(count for _action, count in found.items), "times": trends.JUMP, "least": trends.LEAST,
        "fewest": trends.FEWEST,
        "outcomes": [pair for pair in found.outcomes if pair[1]],
    }  # fmt: skip
    return render(request, "desk/trends.html", given)


urls = [path("trends/", view, name="trends")]
