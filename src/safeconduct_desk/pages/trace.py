"""Trace: whatever somebody has in hand, and its whole story in sentences.

Old and new addresses are never side by side, except when the sealed map is opened: that needs a second person, and each
look is an entry in the journal.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from safeconduct.home import Custody
from safeconduct.model import Json, Receipt
from safeconduct.steps.trace import Query, Traced, story, trace
from safeconduct_desk import approvals
from safeconduct_desk.custody import act, arrivals_of, home
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Approval, Arrival, Held, Notice, Role

MOST = 100
LONGEST = 1000
OPEN_MAP = "open-map"
EVENTS = {
    "intended": gettext_lazy("It was about to be delivered."),
    "delivered": gettext_lazy("It was delivered."),
    "failed": gettext_lazy("The destination did not take it."),
    "undoing": gettext_lazy("It was about to be taken back."),
    "undone": gettext_lazy("It was taken back."),
    "decided": gettext_lazy("A person decided about it."),
    "map-opened": gettext_lazy("The sealed map was opened."),
}
STATES = {
    "": gettext_lazy("not delivered"),
    "intended": gettext_lazy("on its way"),
    "delivered": gettext_lazy("there"),
    "failed": gettext_lazy("not taken there"),
    "undone": gettext_lazy("taken back"),
    "undoing": gettext_lazy("being taken back"),
}


class Why(forms.Form):
    """Why the map has to be opened."""

    why = forms.CharField(label=gettext_lazy("Why it has to be opened"), max_length=300)


@require_safe
@door(Role.MODERATOR)
def view(request: HttpRequest) -> HttpResponse:
    """Everything that fits; one item's story at once, several as a list."""
    thing = request.GET.get("q", "").strip()[:LONGEST]
    with home() as opened:
        found = list(islice(trace(opened, Query(thing=thing)), MOST + 1)) if thing else []
    if len(found) == 1:
        return redirect("trace-item", transfer=found[0].transfer, number=found[0].number)
    arrivals = arrivals_of({one.transfer for one in found})
    rows = [{"one": one, "arrival": arrivals.get(one.transfer), "state": STATES[one.state]} for one in found[:MOST]]
    named = Arrival.objects.filter(name=thing) | Arrival.objects.filter(acct__iexact=thing.lstrip("@"))
    return render(
        request, "desk/trace.html",
        {
            "thing": thing, "rows": rows, "more": len(found) > MOST, "most": MOST,
            "imports": {one.pk: one for one in [*named[:20], *arrivals.values()]}.values() if thing else [],
            "notices": Notice.objects.filter(thing=thing).order_by("-created")[:20] if thing else [],
        },
    )  # fmt: skip


@require_safe
@door(Role.MODERATOR)
def item(request: HttpRequest, transfer: str, number: int) -> HttpResponse:
    """One item: from the offer to now, in sentences."""
    found, arrival = _found(transfer, number)
    opening = Approval.objects.filter(act=OPEN_MAP, arrival=arrival, detail__transfer=transfer, detail__n=number)
    with home() as opened:
        told = list(sentences(found, arrival, story(opened, transfer, number)))
    return render(
        request, "desk/trace_item.html",
        {
            "one": found, "arrival": arrival, "state": STATES[found.state], "told": told, "form": Why(),
            "waiting": opening.filter(done_at=None, cancelled_at=None).first(),
            "agreed": opening.exclude(done_at=None).order_by("-done_at").first(),
            "sealed": found.state in ("delivered", "undoing") and arrival is not None,
        },
    )  # fmt: skip


@require_POST
@door(Role.MODERATOR)
def ask(request: HttpRequest, transfer: str, number: int) -> HttpResponse:
    """Ask for the sealed map of one item to be opened."""
    _one, arrival = _found(transfer, number)
    form = Why(request.POST)
    if arrival is None or not form.is_valid():
        messages.error(request, _("Say why it has to be opened."))
    else:
        detail = {"transfer": transfer, "n": number, "why": form.cleaned_data["why"]}
        approval = approvals.ask(member_of(request), arrival, OPEN_MAP, detail)
        messages.success(request, _("It is open.") if approval.done_at else _("Asked for. Somebody has to agree."))
    return redirect("trace-item", transfer=transfer, number=number)


@require_POST
@door(Role.MODERATOR)
def look(request: HttpRequest, pk: int) -> HttpResponse:
    """Open it, once more: each look is written into the journal, with why."""
    approval = get_object_or_404(Approval, pk=pk, act=OPEN_MAP, cancelled_at=None, done_at__isnull=False)
    member = member_of(request)
    transfer, number = str(approval.detail["transfer"]), int(approval.detail["n"])
    act(member, "opened the sealed map", approval.arrival, n=number, approval=approval.pk)
    receipt = _opened(transfer, number, str(approval.detail.get("why", "")))
    if receipt is None:
        messages.error(request, _("It is not there any more, so there is nothing to open."))
        return redirect("trace-item", transfer=transfer, number=number)
    found, arrival = _found(transfer, number)
    return render(request, "desk/trace_map.html", {"one": found, "arrival": arrival, "receipt": receipt})


def _opened(transfer: str, number: int, why: str) -> Receipt | None:
    with home() as opened:
        return next((receipt for _row, receipt in Custody(opened, transfer).receipts([number], why=why)), None)


def _found(transfer: str, number: int) -> tuple[Traced, Arrival | None]:
    with home() as opened:
        found = next(trace(opened, Query(transfer=transfer, number=number)), None)
    if found is None:
        raise Http404
    return found, arrivals_of([transfer]).get(transfer)


def sentences(found: Traced, arrival: Arrival | None, entries: list[dict[str, Json]]) -> Iterator[tuple[object, str]]:
    """(when, what happened): moments of the desk and of the core's journal, in order."""
    if arrival is not None:
        yield arrival.created, _("The import was offered here.")
        yield from _decisions(arrival, found.number)
    for entry in entries:
        said = EVENTS.get(str(entry["event"]))
        if said:
            found_again = entry["detail"].get("reconciled")
            yield (
                entry["at"],
                str(said) + (" " + _("It was found there after an answer was lost.") if found_again else ""),
            )
    if found.reason:
        yield None, found.reason
    for notice in Notice.objects.filter(arrival=arrival, n=found.number) if arrival is not None else []:
        yield notice.created, _("It was reported (%(channel)s).") % {"channel": notice.channel}
        if notice.closed_at:
            yield notice.closed_at, _("The report was closed.")


def _decisions(arrival: Arrival, number: int) -> Iterator[tuple[object, str]]:
    for held in Held.objects.filter(group__arrival=arrival, n=number).select_related("group__decided_by"):
        group = held.group
        yield None, _("It was held: %(why)s") % {"why": group.sentence}
        if group.action:
            by = group.decided_by.pseudonym if group.decided_by else _("nobody by name")
            yield group.decided_at, _("%(who)s decided: %(what)s.") % {"who": by, "what": group.action}


approvals.ACTS[OPEN_MAP] = lambda approval: None  # to agree is all: each look happens, and is written down, by itself
approvals.WORDS[OPEN_MAP] = gettext_lazy("open the sealed map for one item of")  # type: ignore[assignment]

urls = [
    path("trace/", view, name="trace"),
    path("trace/look/<int:pk>/", look, name="trace-look"),
    path("trace/<slug:transfer>/<int:number>/", item, name="trace-item"),
    path("trace/<slug:transfer>/<int:number>/open/", ask, name="trace-open"),
]
