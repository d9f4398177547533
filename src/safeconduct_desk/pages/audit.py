"""Audit: what people did here, and each import's journal with its chain checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from safeconduct.errors import CustodyError
from safeconduct.model import Json
from safeconduct_desk import deeds
from safeconduct_desk.custody import home
from safeconduct_desk.delivering import transfers
from safeconduct_desk.doors import arrival_for, door
from safeconduct_desk.models import Act, Arrival, Role

ON_A_PAGE = 100
SHOWN = 500


@require_safe
@door(Role.LEAD)
def view(request: HttpRequest) -> HttpResponse:
    """Everything that people did, newest first; of one arrival with ``?arrival=``."""
    acts = Act.objects.select_related("member__user", "arrival")
    name = request.GET.get("arrival", "")
    if name:
        acts = acts.filter(arrival__name=name)
    page = Paginator(acts, ON_A_PAGE).get_page(request.GET.get("page"))
    delivered = Arrival.objects.exclude(transfer="").order_by("-changed")[:50]
    names = deeds.Names(page)
    rows = [(one, deeds.told(one, names)) for one in page]
    return render(request, "desk/audit.html", {"rows": rows, "page": page, "name": name, "delivered": delivered})


@require_safe
@door(Role.LEAD)
def journal(request: HttpRequest, name: str) -> HttpResponse:
    """The journals of one arrival: read to the end, so that a change anywhere in them is seen."""
    arrival = arrival_for(request, name)
    with home() as opened:
        chains = [_chain(transfer, opened.journal(transfer).entries()) for transfer in transfers(arrival)]
    return render(request, "desk/audit_journal.html", {"arrival": arrival, "chains": chains, "shown": SHOWN})


def _chain(transfer: str, entries: Iterator[Mapping[str, Json]]) -> dict[str, object]:
    """The newest entries, how many there are, and what is wrong with the chain ("" if nothing)."""
    last: list[Mapping[str, Json]] = []
    count, wrong = 0, ""
    try:
        for count, entry in enumerate(entries, 1):  # noqa: B007 (it is told when the chain breaks, too)
            last.append(entry)
            if len(last) > 2 * SHOWN:
                last = last[-SHOWN:]
    except CustodyError as error:
        wrong = str(error)
    shown = list(islice(reversed(last), SHOWN))
    names = deeds.Names(Act(detail=dict(one["detail"])) for one in shown)
    rows = [(one, deeds.happened(one, names)) for one in shown]
    return {"transfer": transfer, "count": count, "wrong": wrong, "entries": rows}


urls = [
    path("audit/", view, name="audit"),
    path("audit/<slug:name>/", journal, name="audit-journal"),
]
