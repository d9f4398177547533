"""One's own arrival: where it is, what happens next, what is asked, what was not taken and why; and the way out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from safeconduct_desk import budgets, retention, returning, statements
from safeconduct_desk.custody import act
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Arrival, Community, Group, Question, Role
from safeconduct_desk.pages.upload import own

State = Arrival.State
AT_WORK = (State.SCREENING, State.APPLYING, State.UNDOING)


@dataclass(frozen=True)
class Course:
    """Where an arrival is, in plain words: a tag, a sentence, and what happens next."""

    tag: str
    colour: str
    now: str
    then: str


@door(Role.PERSON)
def view(request: HttpRequest, name: str) -> HttpResponse:
    """Everything the person may know about it."""
    arrival = own(request, name)
    given = {
        "arrival": arrival, "course": course(arrival), "place": budgets.place(arrival), "asked": asked(arrival),
        "answered": arrival.questions.filter(to="person").exclude(answered_at=None),
        "statements": statements.of(arrival), "pending": _pending(arrival), "ruled": _ruled(arrival),
        "appeals": arrival.appeals.all(), "may_withdraw": arrival.state in retention.MAY_WITHDRAW,
        "may_delete": _may_delete(arrival), "at_work": arrival.state in AT_WORK,
        "due": retention.due(arrival), "remainder": returning.what(arrival),
    }  # fmt: skip
    place = budgets.place(arrival)
    given["wait"] = budgets.about(place.days) if place else ""
    return render(request, "desk/my_arrival.html", given)


@door(Role.PERSON)
def reasons(request: HttpRequest, name: str) -> HttpResponse:
    """The statements as one file for programs."""
    arrival = own(request, name)
    address = f"{request.scheme}://{request.get_host()}"
    response = JsonResponse(
        statements.as_data(arrival, address), json_dumps_params={"ensure_ascii": False, "indent": 1}
    )
    response["Content-Disposition"] = 'attachment; filename="reasons.json"'
    return response


@door(Role.PERSON)
def withdraw(request: HttpRequest, name: str) -> HttpResponse:
    """Take the offer back, after one question."""
    arrival = own(request, name)
    possible = arrival.state in retention.MAY_WITHDRAW or _may_delete(arrival)
    if request.method != "POST" or "sure" not in request.POST:
        return render(request, "desk/withdraw.html", {"arrival": arrival, "possible": possible, "ends": _ends(arrival)})
    if not possible or not retention.withdraw(arrival):
        messages.error(request, _("It is too late for that: something is just being delivered or taken back."))
        return redirect("my-arrival", name)
    act(member_of(request), "withdrew", arrival)
    messages.success(request, _("Your file is deleted."))
    return redirect("my-arrival", name)


def course(arrival: Arrival) -> Course:
    """Its state as sentences.  What nobody has decided is never said to be refused."""
    if asked(arrival) and arrival.state == State.WAITING:
        return Course(
            _("Your answer"), "yellow", _("The people here have asked you something."),
            _("Answer below. Nothing happens before, and nothing is refused by asking."),
        )  # fmt: skip
    known = {
        State.OFFERED: Course(_("Your file"), "yellow", _("This waits for your file."),
                              _("Send it, or go on where you stopped.")),
        State.RECEIVED: Course(_("In line"), "grey", _("Your file is here. It is read when it is its turn."),
                               _("You need not stay.")),
        State.SCREENING: Course(_("Being read"), "blue", _("A program is reading your archive."),
                                _("Then a person looks at the report. You need not stay.")),
        State.WAITING: Course(_("With people"), "blue", _("Your archive was read. A person decides now."),
                              _promise(arrival)),
        State.APPLYING: Course(_("Arriving"), "blue", _("It was accepted, and is being published."),
                               _("You will see here when all of it is there.")),
        State.APPLIED: Course(_("Arrived"), "green", _arrived(arrival), _("Below you see what was not taken, and why.")
                              if statements.of(arrival) else _("There is nothing more for you to do.")),
        State.UNDOING: Course(_("Going back"), "orange", _("What was published is being taken back."),
                              _("You will see here what could not be taken back.")),
        State.UNDONE: Course(_("Taken back"), "orange", _("What was published has been taken back."),
                             _("Below you see why, and how to disagree.")),
        State.REFUSED: Course(_("Not taken"), "red", _("This import was not taken. Nothing was published."),
                              _("Below you see why, and how to disagree. Your old account is as it was.")),
        State.WITHDRAWN: Course(_("Withdrawn"), "grey", arrival.problem or _("You took this offer back."),
                                _("Your file is deleted here. Your old account is as it was.")),
        State.BROKEN: Course(_("Waits"), "yellow", _broken(arrival),
                             _("Nothing was refused. A person here can try again, or you give another file.")),
    }  # fmt: skip
    return known[State(arrival.state)]


def asked(arrival: Arrival) -> list[Question]:
    """Questions that wait for the person's answer."""
    return list(arrival.questions.filter(to="person", answered_at=None).order_by("asked_at"))


def _may_delete(arrival: Arrival) -> bool:
    return arrival.state in retention.MAY_DELETE and arrival.forgotten_at is None


def _ends(arrival: Arrival) -> bool:
    """Does withdrawing end it, or only delete the file of something that has ended?"""
    return arrival.state not in retention.MAY_DELETE


def _pending(arrival: Arrival) -> list[dict[str, object]]:
    """What waits for a person: only once a person can look at it."""
    if arrival.state not in (State.WAITING, *statements.DECIDED):
        return []
    ruled = {group.pk for group in _ruled_groups(arrival)}
    return [_row(group) for group in statements.pending(arrival) if group.pk not in ruled]


def _ruled(arrival: Arrival) -> list[dict[str, object]]:
    """What an exact rule does not take, before anybody has decided about all of it."""
    return [_row(group) for group in _ruled_groups(arrival)]


def _ruled_groups(arrival: Arrival) -> list[Group]:
    if arrival.state != State.WAITING:
        return []
    return [group for group in statements.pending(arrival) if group.proposed == "reject" and not group.action]


def _row(group: Group) -> dict[str, object]:
    return {"count": group.count, "sentence": group.sentence}


def _promise(arrival: Arrival) -> str:
    community, since = Community.here(), arrival.received_at or arrival.created
    if community is None:
        return ""
    left = community.promise_days - (datetime.now(since.tzinfo) - since).days
    if left < 0:
        return _("We promised a decision earlier than today. We are sorry. You can write to us, or withdraw.")
    return ngettext(
        "We promised a decision within %(n)s day from now. Nothing is published before a person has said yes.",
        "We promised a decision within %(n)s days from now. Nothing is published before a person has said yes.",
        max(1, left),
    ) % {"n": max(1, left)}  # fmt: skip


def _arrived(arrival: Arrival) -> str:
    n = int(arrival.outcome.get("delivered") or 0)
    return ngettext("%(n)s item has arrived.", "%(n)s items have arrived.", n) % {"n": n}


def _broken(arrival: Arrival) -> str:
    return _("It could not be finished: %(why)s") % {"why": arrival.problem or _("nobody knows yet why.")}


urls = [
    path("mine/<slug:name>/", view, name="my-arrival"),
    path("mine/<slug:name>/reasons.json", reasons, name="reasons"),
    path("mine/<slug:name>/withdraw/", withdraw, name="withdraw"),
]
