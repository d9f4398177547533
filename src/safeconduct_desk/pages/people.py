"""People who work here: invited by a link that works once, given a role, let go.  For operators."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from safeconduct_desk import invitations
from safeconduct_desk.custody import act
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Member, Role

SHOWN = 200  # people who move and whom a search found


class Invite(forms.Form):
    """Whom?"""

    role = forms.TypedChoiceField(
        label=gettext_lazy("Invite somebody as"), coerce=int, initial=Role.MODERATOR,
        choices=[(role.value, role.label) for role in Role if role.works_here], widget=forms.RadioSelect,
    )  # fmt: skip


class Change(forms.Form):
    """What they are from now on."""

    role = forms.TypedChoiceField(coerce=int, choices=Role.choices)


@door(Role.OPERATOR)
def view(request: HttpRequest) -> HttpResponse:
    """Who works here; people who move only when they are searched for."""
    sought = request.GET.get("q", "").strip()
    people = Member.objects.select_related("user").order_by("-role", "user__username")
    found = people.filter(user__username__icontains=sought)[:SHOWN] if sought else people.filter(role__gt=Role.PERSON)
    return render(
        request,
        "desk/people.html",
        {
            "rows": found, "sought": sought, "form": Invite(), "roles": Role.choices,
            "persons": Member.objects.filter(role=Role.PERSON).count(), "me": member_of(request),
            "link": request.session.pop("link", ""), "link_for": request.session.pop("link for", ""),
        },
    )  # fmt: skip


@door(Role.OPERATOR)
@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    """A link that works once; it is shown on the next page and never again."""
    form = Invite(request.POST)
    if not form.is_valid():
        raise Http404
    role = Role(form.cleaned_data["role"])
    _show(request, invitations.invite(member_of(request), role), str(role.label))
    act(member_of(request), "invited", role=int(role))
    return redirect("people")


@door(Role.OPERATOR)
@require_POST
def change(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Another role; close and open the account; a link for a new password; forget second factors."""
    member = get_object_or_404(Member.objects.select_related("user"), pk=pk)
    does = {"role": _role, "close": _close, "open": _open, "way-in": _way_in, "factors": _factors}.get(verb)
    if does is None:
        raise Http404
    said = does(request, member)
    if said:
        messages.error(request, said)
    else:
        act(member_of(request), f"people: {verb}", about=member.pk, role=Member.objects.get(pk=pk).role)
    return redirect("people")


def _role(request: HttpRequest, member: Member) -> str:
    form = Change(request.POST)
    if not form.is_valid():
        raise Http404
    with transaction.atomic():
        if form.cleaned_data["role"] < Role.OPERATOR and _last_operator(member):
            return _("Nobody else is an operator. Make somebody else one first.")
        Member.objects.filter(pk=member.pk).update(role=form.cleaned_data["role"])
    return ""


def _close(request: HttpRequest, member: Member) -> str:
    with transaction.atomic():
        if _last_operator(member):
            return _("Nobody else is an operator. Make somebody else one first.")
        User.objects.filter(pk=member.user_id).update(is_active=False)
    return ""


def _open(request: HttpRequest, member: Member) -> str:
    User.objects.filter(pk=member.user_id).update(is_active=True)
    return ""


def _way_in(request: HttpRequest, member: Member) -> str:
    _show(request, invitations.way_in(member_of(request), member), member.user.username)
    return ""


def _factors(request: HttpRequest, member: Member) -> str:
    """For who lost their telephone: the password alone is enough until they set it up anew."""
    Authenticator.objects.filter(user=member.user).delete()
    return ""


def _last_operator(member: Member) -> bool:
    """Rows are locked: two operators who remove each other at the same moment leave one."""
    operators = list(
        Member.objects.select_for_update().filter(role=Role.OPERATOR, user__is_active=True).values_list("pk", flat=True)
    )
    return operators == [member.pk]


def _show(request: HttpRequest, secret: str, whom: str) -> None:
    request.session["link"] = request.build_absolute_uri(reverse("welcome", args=[secret]))
    request.session["link for"] = whom


urls = [
    path("people/", view, name="people"),
    path("people/invite/", invite, name="invite"),
    path("people/<int:pk>/<slug:verb>/", change, name="person-change"),
]
