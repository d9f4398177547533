"""The page behind a link that works once: begin working here, or choose a new password."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.utils import perform_login
from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext_lazy

from safeconduct_desk import invitations
from safeconduct_desk.custody import act
from safeconduct_desk.doors import door, member_of, slowed
from safeconduct_desk.models import Invitation, Member


class Password(forms.Form):
    """A new password."""

    password = forms.CharField(
        label=gettext_lazy("Your new password"), strip=False,
        help_text=gettext_lazy("At least 12 characters. Three or four words that nobody else would put together."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class Newcomer(Password):
    """A name and a password."""

    name = forms.CharField(
        label=gettext_lazy("Your name for signing in"), max_length=60,
        help_text=gettext_lazy("Nobody outside sees it."),
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )  # fmt: skip
    field_order = ("name", "password")

    def clean_name(self) -> str:
        name: str = get_adapter().clean_username(self.cleaned_data["name"])
        return name


@door(None)
@slowed("invitation")
def view(request: HttpRequest, secret: str) -> HttpResponse:
    """Look what the link is for; opening it uses nothing up, only the button does."""
    invitation = invitations.opened(secret)
    if invitation is None:
        return render(request, "desk/welcome.html", {"invitation": None}, status=404)
    if invitation.member is not None:
        return _new_password(request, invitation, invitation.member)
    if request.user.is_authenticated:
        if request.method == "POST":
            invitations.accept(invitation, member_of(request))
            return redirect("arrivals")
        return render(request, "desk/welcome.html", {"invitation": invitation, "form": None})
    request.session[invitations.SESSION] = secret  # whoever holds it may also come in with their own server
    form = Newcomer(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _begun(request, invitation, form)
    return _page(request, invitation, form)


def _begun(request: HttpRequest, invitation: Invitation, form: Newcomer) -> HttpResponse:
    with transaction.atomic():
        user = User.objects.create_user(form.cleaned_data["name"], password=form.cleaned_data["password"])
        member = Member.objects.create(user=user)
        if not invitations.accept(invitation, member):  # somebody was quicker with the same link
            transaction.set_rollback(True)
            return render(request, "desk/welcome.html", {"invitation": None}, status=404)
    return _in(request, user)


def _new_password(request: HttpRequest, invitation: Invitation, member: Member) -> HttpResponse:
    form = Password(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, invitation, form)
    if not invitations.use(invitation):
        return render(request, "desk/welcome.html", {"invitation": None}, status=404)
    member.user.set_password(form.cleaned_data["password"])
    member.user.save(update_fields=["password"])  # sessions opened with the old one end with it
    act(member, "chose a new password")
    return _in(request, member.user)


def _in(request: HttpRequest, user: User) -> HttpResponse:
    request.session.pop(invitations.SESSION, None)
    response: HttpResponse = perform_login(request, user, email_verification="none", redirect_url="/")
    return response


def _page(request: HttpRequest, invitation: Invitation, form: Password) -> HttpResponse:
    status = 400 if form.errors else 200
    return render(request, "desk/welcome.html", {"invitation": invitation, "form": form}, status=status)


urls = [path("welcome/<str:secret>/", view, name="welcome")]
