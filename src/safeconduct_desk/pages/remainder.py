"""What was not taken, to take along: for its owner only, and only as long as it is here."""

from __future__ import annotations

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _

from safeconduct.errors import SafeconductError
from safeconduct_desk import returning
from safeconduct_desk.custody import act
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Role
from safeconduct_desk.pages.upload import own


@door(Role.PERSON)
def view(request: HttpRequest, name: str) -> HttpResponse:
    """The download.  Its name says nothing about whose it is."""
    arrival = own(request, name)
    if request.method not in ("GET", "HEAD"):
        raise Http404
    if not returning.what(arrival):
        messages.info(request, _("There is nothing to take along, or it is not here any more."))
        return redirect("my-arrival", name)
    try:
        place = returning.given_back(arrival)
        file = place.open("rb")
    except (SafeconductError, OSError):
        messages.error(request, _("It cannot be given out at the moment. Try again later, or ask the people here."))
        return redirect("my-arrival", name)
    act(member_of(request), "took along", arrival)
    filename = "not-taken.tar" if place.suffix == ".tar" else "archive"
    # It streams, and is a response to everybody who gets it.
    return FileResponse(  # type: ignore[return-value]
        file, as_attachment=True, filename=filename, content_type="application/octet-stream"
    )


urls = [path("mine/<slug:name>/not-taken/", view, name="remainder")]
