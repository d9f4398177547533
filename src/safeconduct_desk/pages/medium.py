"""One picture of an item, drawn anew and small, as the moderator wishes to see it; never a byte of the original."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from safeconduct.archives.media import LIMITS, Preview, previewed
from safeconduct.errors import SafeconductError
from safeconduct.flow import open_source
from safeconduct.model import Medium
from safeconduct_desk import looks, originals
from safeconduct_desk.custody import home
from safeconduct_desk.doors import arrival_for, door, member_of
from safeconduct_desk.models import Arrival, Group, Role
from safeconduct_desk.store import files

SMALL, LARGE = 320, 1000


@require_safe
@door(Role.MODERATOR)
def view(request: HttpRequest, name: str, n: int, i: int) -> HttpResponse:
    """A JPEG or WebP; 404 for what cannot or must not be shown.  Opening it counts as a look."""
    arrival, member = arrival_for(request, name), member_of(request)
    item = None if sealed(arrival, n) else originals.item(arrival, n)
    if item is None or i >= len(item.media):
        raise Http404
    wished = looks.shown(member)
    side = SMALL if wished["small"] else LARGE
    data = _bytes(arrival, item.media[i])
    made = previewed(data, Preview(side, wished["blurred"], wished["grey"], wished["still"])) if data else None
    if made is None:
        raise Http404
    with home() as opened:
        marked = looks.mark(opened, f"medium:{item.media[i].member}:{arrival.sha256}")
    severe = Group.objects.filter(arrival=arrival, severe=True, members__n=n).exists()
    looks.saw(member, marked, severe=severe, opened=True)
    response = HttpResponse(made[0], content_type=made[1])
    response["Content-Disposition"] = f'inline; filename="preview.{made[1].rpartition("/")[2]}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def sealed(arrival: Arrival, number: int) -> bool:
    """Is the item under a legal hold?  Then nobody is shown anything of it."""
    holds = arrival.legal_holds.filter(released_at=None)
    return any(not one.numbers or number in one.numbers for one in holds)


def _bytes(arrival: Arrival, medium: Medium) -> bytes:
    """The file, if it is here and not too long to be opened safely."""
    if medium.member is None:
        return b""
    try:
        source = open_source(str(files().fetch(arrival, "archive")))  # kept: it closes its archive when it goes
        with source.open(medium.member) as stream:
            data = stream.read(LIMITS.image_bytes + 1)
    except (SafeconductError, OSError, ValueError):
        return b""
    return data if len(data) <= LIMITS.image_bytes else b""


urls = [path("arrivals/<slug:name>/items/<int:n>/media/<int:i>/", view, name="medium")]
