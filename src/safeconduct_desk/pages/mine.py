"""My arrivals: what I have offered, what became of it, and what I am asked."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Arrival, Role
from safeconduct_desk.pages import my_arrival

SHOWN = 100


@door(Role.PERSON)
def view(request: HttpRequest) -> HttpResponse:
    """One's own, newest first; whoever works here has their own here too."""
    found = Arrival.objects.filter(person_id=member_of(request).user_id).order_by("-created")[:SHOWN]
    rows = [{"arrival": one, "course": my_arrival.course(one), "asked": my_arrival.asked(one)} for one in found]
    return render(request, "desk/mine.html", {"rows": rows})


urls = [path("mine/", view, name="mine")]
