"""Sign in: by password and passkey, by single sign-on, or with one's own server.

What allauth does for us is named here view by view, each behind its door; nothing else of it has an address.
"""

from __future__ import annotations

import hmac
import time
from typing import Any

import msgspec
import requests
from allauth.account import views as account
from allauth.account.adapter import get_adapter
from allauth.account.utils import perform_login
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from allauth.socialaccount import views as social
from allauth.socialaccount.providers.openid_connect import views as oidc
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from safeconduct.errors import SafeconductError
from safeconduct_desk import oauth
from safeconduct_desk.accounts import may_sign_up
from safeconduct_desk.custody import act
from safeconduct_desk.doors import door, member_of, slowed
from safeconduct_desk.models import Community, Role

JOURNEY = "journey"  # in the session: the one way out that has not come back


class Server(forms.Form):
    """Whose server?"""

    server = forms.CharField(
        label=gettext_lazy("Your server, or your whole name there"), max_length=300,
        help_text=gettext_lazy("For example old.example, or alice@old.example."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "url"}),
    )  # fmt: skip


class SignIn(account.LoginView):  # type: ignore[misc]
    """The page with every way in."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        apps: Any = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
        then = _next(self.request)
        return {
            **super().get_context_data(**kwargs),
            "server": kwargs.get("server") or Server(),
            "single": [(app["name"], reverse("openid_connect_login", args=[app["provider_id"]])) for app in apps],
            "then": then,
            "may_sign_up": may_sign_up(self.request),
        }


@door(None)
@require_POST
@slowed("elsewhere")
def elsewhere(request: HttpRequest) -> HttpResponse:
    """A server was named: be known there, and show the way."""
    form = Server(request.POST)
    if not form.is_valid():
        return _again(request, form)
    community = Community.here()
    loopback = community is not None and community.loopback
    linking = request.user.is_authenticated
    try:
        where = oauth.place(form.cleaned_data["server"], loopback)
        journey = oauth.begin(
            where, back_address(request), "link" if linking else "sign in", then=_next(request),
            member=member_of(request).pk if linking else 0,
        )  # fmt: skip
    except SafeconductError as error:
        form.add_error("server", str(error))
        return _again(request, form)
    return leave_for(request, journey)


def leave_for(request: HttpRequest, journey: oauth.Journey) -> HttpResponse:
    """Keep the journey in the session and show the page with the link out."""
    request.session[JOURNEY] = msgspec.to_builtins(journey)
    return redirect("server-leave")


@door(None)
@require_GET
def leave(request: HttpRequest) -> HttpResponse:
    """A link, because no form may lead away from here; and so that nobody leaves without having seen where to."""
    journey = _journey(request)
    if journey is None:
        return redirect(settings.LOGIN_URL)
    return render(request, "desk/leave.html", {"journey": journey, "address": oauth.address(journey)})


@door(None)
@require_GET
def back(request: HttpRequest) -> HttpResponse:
    """They return from their server, with a code or a no."""
    journey = _journey(request)
    request.session.pop(JOURNEY, None)  # whatever happens now, it cannot come back twice
    given, issuer = request.GET.get("state", ""), request.GET.get("iss")
    if journey is None or not hmac.compare_digest(journey.state.encode(), given.encode()):
        return _failed(request, _("This sign-in was not begun here, or too long ago. Please begin again."))
    if issuer is not None and issuer.rstrip("/") != journey.place.origin:  # RFC 9207: another server answered
        return _failed(request, _("Another server answered than the one you named. Please begin again."))
    if "code" not in request.GET:
        return _failed(request, _("Your server did not say yes. Nothing was changed."), journey)
    try:
        found = oauth.arrive(journey, request.GET["code"])
        return _arrived(request, journey, found)
    except SafeconductError as error:
        return _failed(request, str(error), journey)


def _arrived(request: HttpRequest, journey: oauth.Journey, found: oauth.Account) -> HttpResponse:
    if journey.purpose == "sign in":
        return _signed_in(request, journey, found)
    member = member_of(request)
    if member.pk != journey.member:  # somebody else has signed in here meanwhile
        return _failed(request, _("Somebody else signed in here meanwhile. Please begin again."), journey)
    if journey.purpose == "receive":
        oauth.receives(found, member)
        messages.success(request, _("Posts that are accepted will go to %(name)s.") % {"name": found.acct})
    else:
        oauth.keep(found, member)
        messages.success(request, _("%(name)s is yours: confirmed.") % {"name": found.acct})
    act(member, f"proved: {journey.purpose}")
    return redirect(journey.next or "account")


def _signed_in(request: HttpRequest, journey: oauth.Journey, found: oauth.Account) -> HttpResponse:
    member = oauth.owner(found)
    if member is None and not may_sign_up(request):
        return render(request, "account/signup_closed.html", status=403)
    member = member or oauth.newcomer(found)
    oauth.keep(found, member)
    response: HttpResponse = perform_login(
        request, member.user, email_verification="none", redirect_url=journey.next or None
    )
    return response


def _journey(request: HttpRequest) -> oauth.Journey | None:
    try:
        journey = msgspec.convert(request.session.get(JOURNEY), oauth.Journey)
    except msgspec.ValidationError:
        return None
    return journey if time.time() - journey.began < oauth.PATIENCE else None


def _failed(request: HttpRequest, sentence: str, journey: oauth.Journey | None = None) -> HttpResponse:
    if journey is not None and journey.purpose != "sign in":
        messages.error(request, sentence)
        return redirect("account")
    form = Server(initial={"server": journey.place.domain if journey else ""})
    return _again(request, form, sentence)


def _again(request: HttpRequest, form: Server, sentence: str = "") -> HttpResponse:
    """The same form again, with what is wrong."""
    return render(request, "desk/server.html", {"form": form, "sentence": sentence, "then": _next(request)}, status=400)


def _next(request: HttpRequest) -> str:
    """Where they wanted to go, if that is here; "" otherwise."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if wanted.startswith("/") and get_adapter().is_safe_url(wanted) else ""


def back_address(request: HttpRequest) -> str:
    """Our own address that people come back to."""
    return request.build_absolute_uri(reverse("server-back"))


@door(None)
@slowed("elsewhere", get=True)
def single(request: HttpRequest, provider_id: str) -> HttpResponse:
    """On to single sign-on, once it has said where that is."""
    try:
        response: HttpResponse = oidc.login(request, provider_id)
    except requests.RequestException:
        return render(request, "socialaccount/authentication_error.html", status=503)
    return response


stranger, person = door(None), door(Role.PERSON)
urls = [
    path("sign-in/", stranger(SignIn.as_view()), name="account_login"),
    path("sign-in/server/", elsewhere, name="server"),
    path("sign-in/server/leave/", leave, name="server-leave"),
    path("sign-in/server/back/", back, name="server-back"),
    path("sign-in/<slug:provider_id>/", single, name="openid_connect_login"),
    path("sign-in/<slug:provider_id>/back/", stranger(oidc.callback), name="openid_connect_callback"),
    path("sign-out/", stranger(account.logout), name="account_logout"),
    path("sign-up/", stranger(account.signup), name="account_signup"),
    path("account/closed/", stranger(account.account_inactive), name="account_inactive"),
    path("account/again/", person(account.reauthenticate), name="account_reauthenticate"),
    path("account/password/", person(account.password_change), name="account_change_password"),
    path("account/password/first/", person(account.password_set), name="account_set_password"),
    path("account/single/", person(social.connections), name="socialaccount_connections"),
    path("account/single/stopped/", stranger(social.login_cancelled), name="socialaccount_login_cancelled"),
    path("account/single/failed/", stranger(social.login_error), name="socialaccount_login_error"),
    path("account/single/name/", stranger(social.signup), name="socialaccount_signup"),
    path("account/factors/", person(factors.index), name="mfa_index"),
    path("account/factors/ask/", stranger(factors.authenticate), name="mfa_authenticate"),
    path("account/factors/again/", person(factors.reauthenticate), name="mfa_reauthenticate"),
    path("account/codes/on/", person(totp.activate_totp), name="mfa_activate_totp"),
    path("account/codes/off/", person(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("account/recovery/", person(codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("account/recovery/new/", person(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("account/recovery/file/", person(codes.download_recovery_codes), name="mfa_download_recovery_codes"),
    path("account/passkeys/", person(passkeys.list_webauthn), name="mfa_list_webauthn"),
    path("account/passkeys/add/", person(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path("account/passkeys/again/", person(passkeys.reauthenticate_webauthn), name="mfa_reauthenticate_webauthn"),
    path("account/passkeys/<int:pk>/remove/", person(passkeys.remove_webauthn), name="mfa_remove_webauthn"),
    path("account/passkeys/<int:pk>/name/", person(passkeys.edit_webauthn), name="mfa_edit_webauthn"),
    path("sign-in/passkey/use/", stranger(passkeys.login_webauthn), name="mfa_login_webauthn"),
]
