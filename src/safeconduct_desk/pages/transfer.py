"""One delivery: how far it is, the stop button, and taking it back."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from safeconduct_desk import approvals, delivering, jobs
from safeconduct_desk.custody import act
from safeconduct_desk.doors import arrival_for, door, member_of
from safeconduct_desk.models import Approval, Arrival, Role

State = Arrival.State
SOON = timedelta(seconds=30)  # within which a worker begins with what was agreed to
OUTSIDE = (State.APPLYING, State.APPLIED, State.UNDOING)
STEPS = {
    "deliver": gettext_lazy("It is being delivered."),
    "undo": gettext_lazy("It is being taken back."),
    "rest": gettext_lazy("Today's part is there. The next one follows."),
}


@require_safe
@door(Role.MODERATOR)
def view(request: HttpRequest, name: str) -> HttpResponse:
    """What is there, what is still to come and when, and what taking it back would need."""
    arrival = arrival_for(request, name)
    there = delivering.there(arrival) if arrival.state in OUTSIDE else 0
    begun, rollback = about_to_begin(arrival), arrival.outcome.get("rollback") or {}
    seconds = delivering.forecast(arrival, there) if arrival.state in OUTSIDE else 0.0
    return render(
        request,
        "desk/transfer.html",
        {
            "arrival": arrival, "outcome": arrival.outcome, "progress": arrival.progress, "there": there,
            "sentence": sentence(arrival), "left": span(delivering.left(arrival.progress)),
            "next": _moment(arrival.progress.get("next")), "needs": span(seconds),
            "hides": arrival.state in OUTSIDE and delivering.can_hide(arrival),
            "can_stop": arrival.state == State.APPLYING and not arrival.stop,
            "can_go_on": arrival.state == State.APPLYING and arrival.stop,
            "can_undo": arrival.state in (State.APPLYING, State.APPLIED) and bool(arrival.transfer) and not begun,
            "begun": begun, "remains": Counter(why for _n, why in rollback.get("leftovers", ())).most_common(),
            "held": arrival.outcome.get("held"), "rollback": rollback,
            "waiting": Approval.objects.filter(arrival=arrival, done_at=None, cancelled_at=None),
            "polled": "HX-Request" in request.headers,
            "at_work": begun or (arrival.state in (State.APPLYING, State.UNDOING) and not arrival.stop),
        },
    )  # fmt: skip


@require_POST
@door(Role.MODERATOR)
def answer(request: HttpRequest, name: str, verb: str) -> HttpResponse:
    """Stop, go on, take back."""
    arrival, member = arrival_for(request, name), member_of(request)
    if verb == "stop" and arrival.state == State.APPLYING:
        delivering.stop(arrival)
        act(member, "stopped the delivery", arrival)
        messages.success(request, _("Stopped. What is there stays; nothing more arrives."))
    elif verb == "go-on" and arrival.state == State.APPLYING:
        Arrival.objects.filter(pk=arrival.pk).update(stop=False)
        act(member, "let the delivery go on", arrival)
        jobs.start("apply", arrival)
        messages.success(request, _("It goes on where it stopped."))
    elif verb == "take-back" and arrival.state in (State.APPLYING, State.APPLIED) and arrival.transfer:
        approval = approvals.ask(member, arrival, "rollback")
        told = _("It has begun.") if approval.done_at else _("Asked for. It begins once it is agreed to.")
        messages.success(request, told)
    elif verb not in ("stop", "go-on", "take-back"):
        raise Http404
    else:
        messages.error(request, _("That was no longer possible: look at its state."))
    return redirect("transfer", name=name)


def about_to_begin(arrival: Arrival) -> bool:
    """Was it agreed a moment ago to take it back, and no worker has begun?  Then nobody is asked to press again."""
    agreed = Approval.objects.filter(arrival=arrival, act="rollback", done_at__gt=timezone.now() - SOON)
    return arrival.state in (State.APPLYING, State.APPLIED) and not arrival.problem and agreed.exists()


def sentence(arrival: Arrival) -> str:
    """What happens to it now, in words."""
    if arrival.state == State.APPLYING and arrival.stop:
        return _("It is stopped. What is there stays.")
    step = STEPS.get(str(arrival.progress.get("step")))
    return str(step) if step and arrival.state in OUTSIDE else str(arrival.get_state_display()).capitalize() + "."


def span(seconds: float) -> str:
    """A time nobody takes for a promise: "about 28 hours"."""
    if seconds < 90:
        return _("about a minute")
    if seconds < 5400:
        return _("about %(n)d minutes") % {"n": round(seconds / 60)}
    if seconds < 48 * 3600:
        return _("about %(n)d hours") % {"n": round(seconds / 3600)}
    return _("about %(n)d days") % {"n": round(seconds / 86400)}


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


urls = [
    path("arrivals/<slug:name>/transfer/", view, name="transfer"),
    path("arrivals/<slug:name>/transfer/<slug:verb>/", answer, name="transfer-answer"),
]
