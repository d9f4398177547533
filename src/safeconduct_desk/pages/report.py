"""The import report, and what can be done with an import as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from safeconduct_desk import groups, looks, notices, sampling, summary
from safeconduct_desk.doors import arrival_for, door, member_of
from safeconduct_desk.grouping import WHOLE
from safeconduct_desk.models import Approval, Arrival, Community, Group, Member, Role
from safeconduct_desk.pages.group import last

State = Arrival.State
AT_WORK = (State.RECEIVED, State.SCREENING, State.APPLYING, State.UNDOING)
ON_A_PAGE = 30
SOFT_DAYS = 14


class Soft(forms.Form):
    """Over how many days."""

    days = forms.IntegerField(label=gettext_lazy("Over how many days"), min_value=1, max_value=365)


class Refusal(forms.Form):
    """Why not here."""

    because = forms.CharField(
        label=gettext_lazy("Why, for the person to read"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("They read it with your pseudonym, and how to appeal."),
    )  # fmt: skip


class Ask(forms.Form):
    """A question to somebody outside."""

    text = forms.CharField(
        label=gettext_lazy("Your question"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )  # fmt: skip


class Hand(forms.Form):
    """To whom."""

    to = forms.ModelChoiceField(label=gettext_lazy("To whom"), queryset=Member.objects.none())

    def __init__(self, *args: Any, arrival: Arrival, member: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["to"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = groups.others(arrival, member)
        field.label_from_instance = _pseudonym  # type: ignore[method-assign]


def _pseudonym(obj: Member) -> str:
    return obj.pseudonym


@require_safe
@door(Role.MODERATOR)
def view(request: HttpRequest, name: str) -> HttpResponse:
    """One page, taken in in a minute; while a job is at it, how far it is."""
    arrival, member = arrival_for(request, name), member_of(request)
    given: dict[str, Any] = {
        "arrival": arrival, "at_work": arrival.state in AT_WORK, "last": last(request, arrival),
        "calm": looks.calm(member), "mine": arrival.claimed_by_id == member.pk, "lead": member.rank >= Role.LEAD,
        "waiting": Approval.objects.filter(arrival=arrival, done_at=None, cancelled_at=None),
        "asked": arrival.questions.order_by("-asked_at"), "decides": arrival.state == State.WAITING,
        "flagged": next((one.sentence for one in notices.flagged(arrival)), ""),
    }  # fmt: skip
    if arrival.report:
        given |= read(request, arrival)
    given |= _forms(arrival, member)
    return render(request, "desk/report.html", given)


def read(request: HttpRequest, arrival: Arrival) -> dict[str, Any]:
    """What the report says, part by part."""
    asked = groups.questions(arrival)
    page = Paginator(asked, ON_A_PAGE).get_page(request.GET.get("page"))
    samples = list(arrival.samples.order_by("-created"))
    return {
        "sentence": summary.sentence(arrival), "charts": summary.charts(arrival), "questions": page, "page": page,
        "minutes": len([one for one in asked if not one.action]) / 2, "whole": _whole(asked),
        "relations": summary.relations(arrival), "forgery": summary.forgery(arrival),
        "overlap": summary.overlap(arrival), "presets": summary.presets(arrival),
        "unassessed": summary.unassessed(arrival.report), "unseen": summary.unseen(arrival),
        "proof": summary.PROOFS.get(arrival.proof, arrival.proof), "policy": summary.policy_name(arrival),
        "samples": [(one, sampling.statement(one)) for one in samples], "size": sampling.SIZE,
        "released": groups.released(arrival), "shadow": arrival.report.get("shadow", {}), **summary.answered(arrival),
    }  # fmt: skip


def _whole(asked: list[Group]) -> bool:
    """Is a question about the whole import open?  Then all of it waits."""
    return any(one.criterion == WHOLE and not one.action for one in asked)


def _forms(arrival: Arrival, member: Member) -> dict[str, Any]:
    community = Community.here()
    days = (community.soft_days if community else 0) or SOFT_DAYS
    return {
        "soft": Soft(initial={"days": days}, auto_id="soft_%s"), "soft_days": days,
        "refusal": Refusal(auto_id="refusal_%s"),
        "ask_person": Ask(auto_id="person_%s"), "ask_origin": Ask(auto_id="origin_%s"),
        "hand": Hand(arrival=arrival, member=member, auto_id="hand_%s"),
    }  # fmt: skip


# --- what can be done -------------------------------------------------------------------------------------------------


@require_POST
@door(Role.MODERATOR)
def do(request: HttpRequest, name: str, verb: str) -> HttpResponse:
    """One act on the whole import; what cannot be done is said."""
    arrival, member = arrival_for(request, name), member_of(request)
    if verb not in VERBS:
        raise Http404
    try:
        said = VERBS[verb](request, arrival, member)
    except groups.NotNow as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    return redirect("arrival", name)


def _accept(request: HttpRequest, arrival: Arrival, member: Member) -> str:
    return _accepted(groups.decided(arrival, member))


def _softly(request: HttpRequest, arrival: Arrival, member: Member) -> str:
    days = _clean(Soft(request.POST))["days"]
    return _accepted(groups.decided(arrival, member, days))


def _accepted(approval: Approval | None) -> str:
    return _waits(approval) if approval else _("Accepted. Delivery has begun; what is held stays held.")


def _waits(approval: Approval) -> str:
    if approval.due is not None:
        return _("This happens by itself after the delay, unless somebody stops it.")
    return _("This waits for a second person.")


def _refuse(request: HttpRequest, arrival: Arrival, member: Member) -> str:
    approval = groups.refuse(arrival, member, _clean(Refusal(request.POST))["because"])
    return _waits(approval) if approval else _("Not taken. The person is told why, and how to appeal.")


def _ask_person(request: HttpRequest, arrival: Arrival, member: Member) -> str:
    groups.ask(arrival, member, "person", _clean(Ask(request.POST))["text"])
    return _("Asked. The person finds your question on their page.")


def _ask_origin(request: HttpRequest, arrival: Arrival, member: Member) -> str:
    groups.ask(arrival, member, "origin", _clean(Ask(request.POST))["text"])
    return _("Written down. Send it to the origin's contact, and put the answer here.")


def _claim(request: HttpRequest, arrival: Arrival, member: Member) -> str:
    groups.claim(arrival, member)
    return _("You look after this import now.")


def _give_back(request: HttpRequest, arrival: Arrival, member: Member) -> str:
    groups.give_back(arrival, member)
    return _("Nobody looks after this import now.")


def _hand(request: HttpRequest, arrival: Arrival, member: Member) -> str:
    to = _clean(Hand(request.POST, arrival=arrival, member=member))["to"]
    groups.hand_over(arrival, member, to)
    return _("Handed over to %(name)s.") % {"name": to.pseudonym}


def _clean(form: forms.Form) -> dict[str, Any]:
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        raise groups.NotNow(f"{form.fields[field].label}: {errors[0]}")
    return form.cleaned_data


VERBS: dict[str, Callable[[HttpRequest, Arrival, Member], str]] = {
    "accept": _accept, "softly": _softly, "refuse": _refuse, "ask-person": _ask_person, "ask-origin": _ask_origin,
    "claim": _claim, "give-back": _give_back, "hand-over": _hand,
}  # fmt: skip
urls = [
    path("arrivals/<slug:name>/", view, name="arrival"),
    path("arrivals/<slug:name>/do/<slug:verb>/", do, name="arrival-do"),
]
