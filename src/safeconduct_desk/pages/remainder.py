"""What was not taken, to take along: for its owner only, and only as long as it is here."""

from __future__ import annotations

from typing import BinaryIO

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _

from safeconduct_desk.custody import act
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Arrival, Role
from safeconduct_desk.pages.upload import own
from safeconduct_desk.store import files

State = Arrival.State
WHOLE = (State.REFUSED, State.UNDONE, State.BROKEN)
ARCHIVE, REMAINDER = "archive", "remainder.tar"
NAMES = {ARCHIVE: "archive", REMAINDER: "not-taken.tar"}


@door(Role.PERSON)
def view(request: HttpRequest, name: str) -> HttpResponse:
    """The download.  Its name says nothing about whose it is."""
    arrival = own(request, name)
    if request.method not in ("GET", "HEAD"):
        raise Http404
    kind = what(arrival)
    if not kind:
        messages.info(request, _("There is nothing to take along, or it is not here any more."))
        return redirect("my-arrival", name)
    try:
        file = files().fetch(arrival, kind).open("rb")
    except OSError:
        messages.error(request, _("It cannot be given out at the moment. Try again later, or ask the people here."))
        return redirect("my-arrival", name)
    act(member_of(request), "took along", arrival)
    return _sent(file, NAMES[kind])


def what(arrival: Arrival) -> str:
    """The file to give: a container of what stayed behind, the archive as it was given, or "" for nothing.

    What a law orders to be kept is copied for nobody, and nobody is told by this page whether that is why.
    """
    if arrival.forgotten_at or arrival.legal_holds.filter(released_at=None).exists():
        return ""
    if arrival.state in WHOLE and arrival.received_at:
        return ARCHIVE
    return REMAINDER if arrival.state == State.APPLIED and arrival.outcome.get("remainder") else ""


def _sent(file: BinaryIO, name: str) -> HttpResponse:
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")
    response["X-Content-Type-Options"] = "nosniff"
    return response  # type: ignore[return-value]  # it streams, and is a response to everybody who gets it


urls = [path("mine/<slug:name>/not-taken/", view, name="remainder")]
