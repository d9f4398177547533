"""Set up: the community, where posts go, its first policy, the operator; once."""

from __future__ import annotations

from functools import cache
from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from safeconduct.errors import SafeconductError
from safeconduct.policy import explain, preset_files, read_policy
from safeconduct_desk import setup
from safeconduct_desk.custody import sealed
from safeconduct_desk.doors import door
from safeconduct_desk.models import Community, Member, PolicyVersion, Role

PLACES = (
    ("nowhere", _("nowhere yet: try the desk out first")),
    ("gotosocial", _("to a GoToSocial server")),
    ("mastodon", _("to a Mastodon server, or one that speaks its language")),
    ("site", _("onto a site: pages in a folder on this machine")),
    ("container", _("into one file on this machine")),
)


@cache
def _presets() -> list[dict[str, Any]]:
    """Each policy that comes with the desk: its title, what it is for, its rules as sentences."""
    found: list[dict[str, Any]] = []
    for name in preset_files():
        title, about, *rules = (line for line in explain(read_policy(name)).splitlines() if line.strip())
        found.append({
            "name": name, "title": title, "about": about,
            "rules": [rule.removeprefix("• ").strip() for rule in rules if rule.startswith("• ")],
        })  # fmt: skip
    return found


class Where(forms.Form):
    """Where accepted posts go; it is looked at, from here and now: a wrong place costs an evening later."""

    kind = forms.ChoiceField(
        label=_("Where do accepted posts go?"), choices=PLACES, initial="nowhere", widget=forms.RadioSelect
    )
    place = forms.CharField(
        label=_("Which server, folder or file?"), max_length=280, required=False,
        help_text=_("For example garden.example, or /srv/arrivals. Leave it empty for “nowhere yet”."),
        widget=forms.TextInput({"autocapitalize": "none", "spellcheck": "false"}),
    )  # fmt: skip
    token = forms.CharField(
        label=_("Key of one account that takes everything"), required=False, strip=True,
        help_text=_("Most communities leave this empty: each person then allows their own account to be written to."),
        widget=forms.PasswordInput({"autocomplete": "off"}),
    )  # fmt: skip
    loopback = forms.BooleanField(
        label=_("That server runs on this very machine, for trying out"), required=False,
        help_text=_("Allows http to localhost. Never set it on a machine that others use."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                given["destination"] = setup.destination(given["kind"], given["place"], given["loopback"])
                setup.look(given["destination"], given["token"], given["loopback"])
            except SafeconductError as error:
                self.add_error("place", str(error))
        return given


class SetUp(Where):
    """What has to be known before anything can arrive."""

    community = forms.CharField(
        label=_("Name of your community"), max_length=100, help_text=_("People who move see it on every page.")
    )
    contact = forms.CharField(
        label=_("How people reach you"), max_length=200, required=False,
        help_text=_("An address on the Fediverse or for e-mail. It is shown to everybody."),
    )  # fmt: skip
    policy = forms.ChoiceField(
        label=_("The policy to begin with"), initial="careful",
        choices=lambda: [(one["name"], one["title"]) for one in _presets()],
        widget=forms.RadioSelect, help_text=_("You can change every rule of it later, and see first what that does."),
    )  # fmt: skip
    name = forms.CharField(
        label=_("Your name for signing in"), max_length=60, help_text=_("Nobody outside sees it."),
        widget=forms.TextInput({"autocomplete": "username", "autocapitalize": "none"}),
    )  # fmt: skip
    password = forms.CharField(
        label=_("Your password"), strip=False, help_text=_("At least 12 characters; a few words are good."),
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )  # fmt: skip
    field_order = ("community", "contact", "kind", "place", "loopback", "token", "policy", "name", "password")

    def clean_name(self) -> str:
        name: str = get_adapter().clean_username(self.cleaned_data["name"])
        return name

    def clean(self) -> dict[str, Any]:
        """The password first: nothing is asked outside for a form that is wrong anyway."""
        if "password" in self.cleaned_data:
            try:
                validate_password(self.cleaned_data["password"], User(username=self.cleaned_data.get("name", "")))
            except ValidationError as error:
                self.add_error("password", error)
        return super().clean()


@door(None)
def view(request: HttpRequest) -> HttpResponse:
    """Once only, and only for whoever has the code."""
    if Community.is_set_up():
        return redirect("arrivals")
    given = request.POST.get("code") or request.GET.get("code") or ""
    if not setup.fits(given):
        return render(request, "desk/set_up.html", {"form": None, "wrong": bool(given)}, status=403)
    form = SetUp(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = made(form.cleaned_data)
        except IntegrityError:  # two set it up at the same moment; the first one did
            return redirect("arrivals")
        login(request, user)
        return redirect("arrivals")
    return render(
        request,
        "desk/set_up.html",
        {"form": form, "code": given, "presets": _presets()},
        status=400 if form.errors else 200,
    )


@transaction.atomic
def made(given: dict[str, Any]) -> User:
    """The community (row 1: there is no second one), its live policy, its operator.  ``IntegrityError`` if it is there.

    ``given``: ``community``, ``destination``, ``policy``, ``name``, ``password``; perhaps ``contact``, ``token``,
    ``loopback``.
    """
    Community.objects.create(
        pk=1, name=given["community"], destination=given["destination"], contact=given.get("contact", ""),
        loopback=bool(given.get("loopback")), token=sealed(given["token"]) if given.get("token") else b"",
    )  # fmt: skip
    user = User.objects.create_user(given["name"], password=given["password"], is_staff=True, is_superuser=True)
    member = Member.objects.create(user=user, role=Role.OPERATOR)
    text = preset_files()[given["policy"]].read_text(encoding="utf-8")
    PolicyVersion.objects.create(
        name=given["policy"], text=text, digest=read_policy(given["policy"]).digest, author=member,
        state=PolicyVersion.State.LIVE, because=_now("Set up"), lived=timezone.now(),
    )  # fmt: skip
    return user


urls = [path("set-up/", view, name="set-up")]
