"""Offer an import: read what is promised, agree one thing at a time, choose, and only then send a file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safeconduct.model import Json
from safeconduct_desk import budgets, intake, published
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Community, Role

SESSION = "offer"
CHOICES = "choices"


class Agree(forms.Form):
    """One thing to agree to."""

    agree = forms.BooleanField()

    def __init__(self, *args: Any, label: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agree"].label = label
        self.fields["agree"].error_messages["required"] = _("Tick this if you agree. If you do not, stop here.")


class Choose(forms.Form):
    """The person's choices; what is chosen already is what wakes nobody and shows least."""

    origin = forms.CharField(
        label=gettext_lazy("Which server do you come from?"), required=False, max_length=300,
        help_text=gettext_lazy("Its name, as old.example. You can leave this empty."),
    )  # fmt: skip
    mentions = forms.ChoiceField(
        label=gettext_lazy("Names of others in your posts"), widget=forms.RadioSelect, initial="defuse",
        choices=[("defuse", gettext_lazy("Keep the name and a link, and tell nobody")),
                 ("leave", gettext_lazy("Leave posts with names of others behind"))],
    )  # fmt: skip
    replies = forms.ChoiceField(
        label=gettext_lazy("Your answers to others"), widget=forms.RadioSelect, initial="own-words",
        choices=[("own-words", gettext_lazy("Bring my own words, with a link to what I answered")),
                 ("leave", gettext_lazy("Leave them behind"))],
    )  # fmt: skip
    polls = forms.ChoiceField(
        label=gettext_lazy("Your polls"), widget=forms.RadioSelect, initial="text",
        choices=[("text", gettext_lazy("Bring them as text")), ("leave", gettext_lazy("Leave them behind"))],
    )  # fmt: skip
    boosts = forms.ChoiceField(
        label=gettext_lazy("What you shared of others"), widget=forms.RadioSelect, initial="leave",
        choices=[("leave", gettext_lazy("Leave it behind")), ("link", gettext_lazy("Bring a link to it"))],
    )  # fmt: skip
    followers = forms.BooleanField(
        label=gettext_lazy("Bring posts that only followers could see"), required=False,
        help_text=gettext_lazy("The people who follow you here are other people. They could read them then."),
    )  # fmt: skip
    linked = forms.BooleanField(
        label=gettext_lazy("Show that my old account and this one are the same person"), required=False,
        help_text=gettext_lazy("Then old addresses are shown. If you do not want to be found, leave this empty."),
    )  # fmt: skip
    federating = forms.BooleanField(
        label=gettext_lazy("Follow and block the same accounts on other servers"), required=False,
        help_text=gettext_lazy("Their servers are told. If you leave this empty, nobody is told anything."),
    )  # fmt: skip
    profile = forms.BooleanField(
        label=gettext_lazy("Bring my profile: name, text, pictures"), required=False, initial=True
    )
    pictures = forms.BooleanField(label=gettext_lazy("Bring pictures and other files"), required=False, initial=True)

    def chosen(self) -> dict[str, Json]:
        """As ``model.Choices`` calls them; a form's own "media" are its scripts."""
        given = dict(self.cleaned_data)
        given["media"] = given.pop("pictures")
        return {name: given[name] for name in intake.CHOICES}


@door(Role.PERSON)
def view(request: HttpRequest) -> HttpResponse:
    """Where one is: the first thing that is not agreed to; or that nothing can be offered now, and why."""
    community = Community.objects.get()
    draft, steps = _draft(request), published.sections(community)
    why = budgets.refusal(community, _user(request), 0, budgets.origin_of(_user(request), ""))
    rows = [{"step": one, "done": draft["agreed"].get(one.key, {}).get("digest") == one.digest} for one in steps]
    now = budgets.forecast(community)
    given = {
        "rows": rows, "why": why, "next": _next(request, community), "now": now, "wait": budgets.about(now.days),
        "chosen": CHOICES in draft,
    }  # fmt: skip
    return render(request, "desk/offer.html", given)


@door(Role.PERSON)
def step(request: HttpRequest, key: str) -> HttpResponse:
    """One thing to read and agree to.  What was agreed to is remembered with its digest."""
    community = Community.objects.get()
    section = next((one for one in published.sections(community) if one.key == key), None)
    if section is None:
        raise Http404
    form = Agree(request.POST if request.method == "POST" else None, label=section.agree)
    if request.method == "POST" and form.is_valid():
        draft = _draft(request)
        draft["agreed"][key] = {"at": timezone.now().isoformat(), "digest": section.digest}
        request.session[SESSION] = draft
        return _go_on(request, community)
    number = [one.key for one in published.sections(community)].index(key) + 1
    given = {"section": section, "form": form, "number": number, "of": len(published.sections(community)) + 1}
    return render(request, "desk/offer_step.html", given, status=400 if form.errors else 200)


@door(Role.PERSON)
def choose(request: HttpRequest) -> HttpResponse:
    """The choices; after them the import is offered, and its file can come."""
    community = Community.objects.get()
    form = Choose(request.POST if request.method == "POST" else None, initial=_draft(request).get(CHOICES))
    if request.method == "POST" and form.is_valid():
        draft = _draft(request)
        draft[CHOICES] = form.cleaned_data
        request.session[SESSION] = draft
        if _next(request, community) != CHOICES:
            return _go_on(request, community)
        return _offer(request, community, form)
    proved = member_of(request).acct
    if proved:
        del form.fields["origin"]
    number = len(published.sections(community)) + 1
    given = {"form": form, "proved": proved, "number": number, "of": number}
    return render(request, "desk/offer_choices.html", given, status=400 if form.errors else 200)


def _offer(request: HttpRequest, community: Community, form: Choose) -> HttpResponse:
    agreed = {key: one["at"] for key, one in _draft(request)["agreed"].items()}
    record = published.consent(community, agreed, origin=form.cleaned_data.get("origin", ""))
    try:
        arrival = intake.offered(_user(request), "", 0, record, form.chosen())
    except intake.NotTaken:
        return redirect("offer")  # it says why
    del request.session[SESSION]
    return redirect("upload", arrival.name)


def _go_on(request: HttpRequest, community: Community) -> HttpResponse:
    key = _next(request, community)
    return redirect("offer-choices") if key == CHOICES else redirect("offer-step", key)


def _next(request: HttpRequest, community: Community) -> str:
    """The first section that was not agreed to as it reads now; then the choices."""
    agreed = _draft(request)["agreed"]
    for one in published.sections(community):
        if agreed.get(one.key, {}).get("digest") != one.digest:
            return one.key
    return CHOICES


def _draft(request: HttpRequest) -> dict[str, Any]:
    draft: dict[str, Any] = request.session.get(SESSION) or {"agreed": {}}
    return draft


def _user(request: HttpRequest) -> User:
    return member_of(request).user


urls = [
    path("offer/", view, name="offer"),
    path("offer/choices/", choose, name="offer-choices"),
    path("offer/<slug:key>/", step, name="offer-step"),
]
