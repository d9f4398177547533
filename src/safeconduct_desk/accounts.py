"""What allauth asks us: who may make an account, where a redirect may lead, how secrets are kept, how we go out."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import requests.adapters
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from safeconduct.errors import SafeconductError
from safeconduct.net import Client, origin_of
from safeconduct_desk.custody import sealed, unsealed
from safeconduct_desk.invitations import invited
from safeconduct_desk.models import Community


def may_sign_up(request: HttpRequest) -> bool:
    """May a stranger make an account: to offer an import, where the community takes some, or with an invitation."""
    community = Community.here()
    open_door = community is not None and community.intake_open and community.sign_up
    return open_door or invited(request) is not None


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]
    """Names and passwords."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return may_sign_up(request)

    def is_safe_url(self, url: str | None) -> bool:
        """Only to this desk: not to another port of the visitor's own machine either, which ``ALLOWED_HOSTS`` names."""
        here = context.request.get_host()
        return url_has_allowed_host_and_scheme(url, {here}, require_https=context.request.is_secure())

    def clean_username(self, username: str, shallow: bool = False) -> str:
        if "@" in username and not shallow:  # alice@old.example is who signed in at old.example, and nobody else
            raise ValidationError(_("A name here has no @ in it. To use your server's name, sign in with your server."))
        cleaned: str = super().clean_username(username, shallow)
        return cleaned

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Nobody is written to: no address is known here."""


class Factors(DefaultMFAAdapter):  # type: ignore[misc]
    """One-time codes and passkeys."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(sealed(text)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return str(unsealed(base64.b64decode(encrypted_text)))

    def build_totp_svg(self, url: str) -> str:
        """Dark on white, also where the page is dark: cameras read nothing else."""
        drawn: str = super().build_totp_svg(url)
        return re.sub(r"(<svg[^>]*>)", r'\1<rect width="100%" height="100%" fill="#fff"/>', drawn, count=1)

    def get_totp_issuer(self) -> str:
        community = Community.here()
        return community.name if community else "Safeconduct"


class Elsewhere(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Single sign-on by OpenID Connect."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: object) -> bool:
        return may_sign_up(request)

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        """Its name for the person, and nothing else: no e-mail address, no other names."""
        sociallogin.email_addresses = []
        name = str(data.get("username") or "").replace("@", ".")
        user: User = super().populate_user(request, sociallogin, {"username": name})
        return user

    def get_requests_session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        for scheme in ("https://", "http://"):
            session.mount(scheme, Guarded())
        return session


class Guarded(requests.adapters.BaseAdapter):
    """Requests that allauth makes go out by ``safeconduct.net``, which looks where they lead."""

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        address, parts = str(request.url), urlsplit(str(request.url))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        token = str(request.headers.get("Authorization", "")).removeprefix("Bearer ")
        form = dict(parse_qsl(request.body)) if isinstance(request.body, str) else None
        community = Community.here()
        loopback = community is not None and community.loopback
        try:
            client = Client(origin_of(address, loopback), token, loopback)
            answer = client.call(request.method or "GET", path, form=form)
        except SafeconductError as error:
            raise requests.ConnectionError(str(error), request=request) from error
        response = requests.Response()
        response.status_code, response._content, response.url = answer.status, answer.body, answer.url
        response.headers.update(answer.headers)
        response.request = request
        return response

    def close(self) -> None:
        """Every request closes its own connection."""
