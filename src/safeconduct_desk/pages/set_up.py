"""Set up: the community, its first policy, the operator; once."""

from __future__ import annotations

from django import forms
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from safeconduct.policy import presets, read_policy
from safeconduct_desk import setup
from safeconduct_desk.doors import door
from safeconduct_desk.models import Community, Member, PolicyVersion, Role


class SetUp(forms.Form):
    """What has to be known before anything can arrive."""

    community = forms.CharField(label=_("Name of your community"), max_length=100)
    destination = forms.CharField(
        label=_("Where accepted posts go"), max_length=300, initial="nowhere",
        help_text=_("For example gotosocial:https://garden.example, site:/srv/arrivals, or nowhere to try things out."),
    )  # fmt: skip
    policy = forms.ChoiceField(
        label=_("The policy to begin with"), choices=[(name, name) for name in presets()], initial="careful"
    )
    name = forms.CharField(
        label=_("Your name for signing in"), max_length=60, widget=forms.TextInput({"autocomplete": "username"})
    )
    password = forms.CharField(
        label=_("Your password"), min_length=12, help_text=_("At least 12 characters; a few words are good."),
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )  # fmt: skip

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


@door(None)
def view(request: HttpRequest) -> HttpResponse:
    """Once only, and only for whoever has the code."""
    if Community.is_set_up():
        return redirect("arrivals")
    given = request.POST.get("code") or request.GET.get("code") or ""
    if not setup.fits(given):
        raise PermissionDenied(_("Open the address that the terminal printed: it holds the code for setting up."))
    form = SetUp(request.POST or None)
    if request.method == "POST" and form.is_valid():
        login(request, made(form.cleaned_data), backend="django.contrib.auth.backends.ModelBackend")
        return redirect("arrivals")
    return render(request, "desk/set_up.html", {"form": form, "code": given}, status=400 if form.errors else 200)


@transaction.atomic
def made(given: dict[str, str]) -> User:
    """The community, its live policy, its operator."""
    Community.objects.create(name=given["community"], destination=given["destination"])
    user = User.objects.create_user(given["name"], password=given["password"], is_staff=True, is_superuser=True)
    member = Member.objects.create(user=user, role=Role.OPERATOR)
    text = presets()[given["policy"]].read_text(encoding="utf-8")
    PolicyVersion.objects.create(
        name=given["policy"], text=text, digest=read_policy(given["policy"]).digest, author=member,
        state=PolicyVersion.State.LIVE, because=str(_("Set up")), lived=timezone.now(),
    )  # fmt: skip
    return user


urls = [path("set-up/", view, name="set-up")]
