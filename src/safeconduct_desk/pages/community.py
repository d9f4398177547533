"""The community: what people read about it, how much it takes, how careful it is, where posts go.  For operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safeconduct_desk.custody import act, sealed
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Arrival, Community, Role
from safeconduct_desk.pages.set_up import Where

if TYPE_CHECKING:
    _Form = forms.ModelForm[Community]
else:
    _Form = forms.ModelForm

# Before it is decided, an arrival goes wherever the community says by then; afterwards it stays tied to where it went.
FREE = (Arrival.State.OFFERED, Arrival.State.RECEIVED, Arrival.State.SCREENING, Arrival.State.WAITING)


class About(_Form):
    """Everything but the place."""

    class Meta:
        model = Community
        fields = (
            "name", "about", "contact", "sellers", "intake_open", "sign_up", "per_person_week", "per_origin_week",
            "per_day", "most_items", "review_minutes_day", "promise_days", "retention_days", "soft_days", "two_people",
            "delay_minutes",
        )  # fmt: skip
        labels: ClassVar = {
            "name": gettext_lazy("Name of your community"),
            "about": gettext_lazy("What people who move should know about it"),
            "contact": gettext_lazy("How people reach you"),
            "sellers": gettext_lazy("What you ask of accounts that sell something"),
            "intake_open": gettext_lazy("Imports can be offered"),
            "sign_up": gettext_lazy("People can make an account here, to offer their own import"),
            "per_person_week": gettext_lazy("Imports of one person in a week"),
            "per_origin_week": gettext_lazy("Imports from one server in a week"),
            "per_day": gettext_lazy("Imports in a day"),
            "most_items": gettext_lazy("Items in one import, at most"),
            "review_minutes_day": gettext_lazy("Minutes of review you can give in a day"),
            "promise_days": gettext_lazy("Days until people know your decision"),
            "retention_days": gettext_lazy("Days that the files of an import are kept"),
            "soft_days": gettext_lazy("Days over which posts arrive; 0 for at once"),
            "two_people": gettext_lazy("Two people for what is mass or cannot be taken back"),
            "delay_minutes": gettext_lazy("Minutes it waits instead, where there is no second person"),
        }
        help_texts: ClassVar = {
            "sellers": gettext_lazy("Labels, limits, a share for moderation. It is published."),
            "review_minutes_day": gettext_lazy("Above this, the intake slows itself."),
            "promise_days": gettext_lazy("It is published. Promise less than you can keep."),
            "retention_days": gettext_lazy("It is published, and people agree to it before they send anything."),
        }


@door(Role.OPERATOR)
def view(request: HttpRequest) -> HttpResponse:
    """Two forms, saved apart: what the community is, and where posts go."""
    community = Community.objects.get()
    about = About(request.POST if "about-form" in request.POST else None, instance=community)
    where = Where(request.POST if "where-form" in request.POST else None, initial=_now(community))
    if request.method == "POST":
        if about.is_bound and about.is_valid():
            about.save()
            act(member_of(request), "changed the community", changed=", ".join(about.changed_data))
            return _saved(request)
        if where.is_bound and where.is_valid():
            moved(community, where.cleaned_data)
            act(member_of(request), "changed the destination")
            return _saved(request)
    wrong = next((form for form in (about, where) if form.is_bound), None)
    return render(
        request,
        "desk/community.html",
        {"about": about, "where": where, "form": wrong, "now": Community.objects.get()},
        status=400 if wrong is not None else 200,
    )


@transaction.atomic
def moved(community: Community, given: dict[str, str]) -> None:
    """From now on posts go elsewhere.  What was delivered stays tied to where it is, so that it can be taken back."""
    Arrival.objects.filter(destination="").exclude(state__in=FREE).update(destination=community.destination)
    same = given["destination"] == community.destination
    token = sealed(given["token"]) if given["token"] else bytes(community.token) if same else b""
    Community.objects.filter(pk=community.pk).update(
        destination=given["destination"], loopback=given["loopback"], token=token
    )


def _now(community: Community) -> dict[str, object]:
    kind, _colon, place = community.destination.partition(":")
    return {"kind": kind, "place": place, "loopback": community.loopback}


def _saved(request: HttpRequest) -> HttpResponse:
    messages.success(request, _("Saved."))
    return redirect("community")


urls = [path("community/", view, name="community")]
