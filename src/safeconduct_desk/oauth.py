"""Sign in with your own server: OAuth 2 as servers with the Mastodon API have it.

This desk registers itself at that server (``POST /api/v1/apps``), the person says yes there, and a code comes back that
is good for one token (RFC 6749 §4.1, with PKCE, RFC 7636, for servers that know it).  The token answers one question,
"who is this?", and is given back; only the token of a *receiving* account, agreed to on a page of its own, is kept:
sealed.

What a server says is believed about its own accounts only: the actor's id must lie on the server that gave the token,
and a name on another domain counts only if that domain's WebFinger says so (RFC 7033).
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, urlencode, urlsplit

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from msgspec import Struct

from safeconduct.errors import DeliveryError, SafeconductError, TryAgain
from safeconduct.model import Json
from safeconduct.net import LOCAL_NAMES, Client, Refused, fetch, origin_of
from safeconduct_desk.custody import sealed, unsealed
from safeconduct_desk.models import Arrival, Community, Identity, Member, Registration

# ``profile`` shows the account's own public face and nothing else; servers before Mastodon 4.3 know only the other.
SIGN_IN = ("profile", "read:accounts")
# What delivering and taking back need, one by one: no reading of timelines or messages, no reports, no favourites.
RECEIVE = (
    "read:accounts read:statuses read:search read:lists read:filters read:follows read:blocks read:mutes "
    "write:accounts write:statuses write:media write:lists write:filters write:follows write:blocks write:mutes",
)
PATIENCE = 600.0  # seconds from leaving to coming back
CAP = 256 * 1024  # bytes of one answer: an account is small
ACTIVITY = ("application/activity+json", 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"')
SIGNED_IN = "signed in"
# A server that answers slowly must not keep every thread of the desk waiting.
_outside = threading.BoundedSemaphore(3)


class Place(Struct, frozen=True):
    """A server somebody named: where its API is, and which domain its people's names carry."""

    origin: str
    domain: str


class Journey(Struct, frozen=True):
    """One way out and back, kept in the session of whoever went: nothing else can come back in its place."""

    purpose: str  # "sign in", "link", "receive"
    place: Place
    registration: int
    state: str
    verifier: str
    next: str = ""
    member: int = 0  # who went, for "link" and "receive"
    began: float = 0.0


class Account(Struct, frozen=True):
    """Who somebody is on their server, as that server says."""

    origin: str
    id: str
    acct: str
    actor: str
    token: str = ""


# --- where ----------------------------------------------------------------------------------------


def place(written: str, loopback: bool = False) -> Place:
    """The server in ``user@host``, ``@user@host``, ``host`` or an address.  ``SafeconductError`` with a sentence."""
    text = written.strip().removeprefix("https://").removeprefix("http://")
    found = re.fullmatch(r"@?(?:([\w.-]+)@)?([\w.-]+(?::\d+)?)(?:/\S*)?", text)
    if found is None:
        raise DeliveryError(
            _("Write the name of your server, as in old.example, or your whole name, alice@old.example.")
        )
    domain = found[2].lower()
    origin = _origin(domain, loopback)
    actor = _finger(origin, f"{found[1]}@{domain}", loopback)[1] if found[1] else ""
    return Place(origin_of("/".join(actor.split("/", 3)[:3]), loopback) if actor else origin, domain)


def _origin(domain: str, loopback: bool) -> str:
    host = urlsplit(f"//{domain}").hostname or ""
    return origin_of(f"{'http' if loopback and host in LOCAL_NAMES else 'https'}://{domain}", loopback)


def _finger(origin: str, acct: str, loopback: bool) -> tuple[str, str]:
    """What WebFinger at ``origin`` says about ``acct``: its own name for it, the actor's id; "" where it is silent."""
    try:
        said = fetch(
            f"{origin}/.well-known/webfinger?resource=acct:{quote(acct)}", loopback=loopback, cap=CAP,
            accept="application/jrd+json",
        ).json()  # fmt: skip
    except SafeconductError:
        return "", ""
    links = said.get("links") if isinstance(said, dict) else None
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "self" and link.get("type") in ACTIVITY:
            return str(said.get("subject", "")).removeprefix("acct:"), str(link.get("href", ""))
    return "", ""


# --- out ------------------------------------------------------------------------------------------


def begin(where: Place, back: str, purpose: str, *, then: str = "", member: int = 0) -> Journey:
    """Be known at that server; what to keep in the session.  ``back`` is our own address that people return to."""
    with _patiently():
        registration = _registered(where.origin, back, RECEIVE if purpose == "receive" else SIGN_IN)
    return Journey(
        purpose=purpose, place=where, registration=registration.pk, state=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48), next=then, member=member, began=time.time(),
    )  # fmt: skip


def address(journey: Journey) -> str:
    """Where the person goes to say yes."""
    registration = Registration.objects.get(pk=journey.registration)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(journey.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code", "client_id": registration.client, "redirect_uri": registration.back,
        "scope": registration.scopes, "state": journey.state, "code_challenge": challenge,
        "code_challenge_method": "S256",
    }  # fmt: skip
    return f"{registration.origin}/oauth/authorize?{urlencode(asked)}"


def _registered(origin: str, back: str, wishes: tuple[str, ...]) -> Registration:
    known = Registration.objects.filter(origin=origin, back=back, scopes__in=wishes).first()
    return known or _register(origin, back, wishes)


def _register(origin: str, back: str, wishes: tuple[str, ...]) -> Registration:
    """The first of ``wishes`` that the server grants."""
    community = Community.here()
    name = f"{community.name if community else 'Safeconduct'}: arrivals"[:60]
    refused = DeliveryError(_("That server did not let this desk ask who you are."))
    for scopes in wishes:
        form = {"client_name": name, "redirect_uris": back, "scopes": scopes}
        try:
            said = _call(origin, "POST", "/api/v1/apps", form)
        except Refused as error:
            refused = error
            continue
        client, secret = str(said.get("client_id") or ""), str(said.get("client_secret") or "")
        if not client or len(client) > 300:
            break
        row, _new = Registration.objects.get_or_create(
            origin=origin, scopes=scopes, back=back, defaults={"client": client, "secret": sealed(secret)}
        )
        return row
    raise refused


# --- back -----------------------------------------------------------------------------------------


def arrive(journey: Journey, code: str) -> Account:
    """Who came back.  The token of a sign-in is given back at once; ``token`` is set for a receiving account only."""
    registration = Registration.objects.get(pk=journey.registration)
    with _patiently():
        token = _token(registration, journey, code)
        said = _call(registration.origin, "GET", "/api/v1/accounts/verify_credentials", token=token)
        account = _account(journey.place, said, token)
        if journey.purpose != "receive":
            revoke(registration, token)
            return Account(account.origin, account.id, account.acct, account.actor)
    return account


def _token(registration: Registration, journey: Journey, code: str) -> str:
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": registration.back,
        "scope": registration.scopes, "code_verifier": journey.verifier, **_secrets(registration),
    }  # fmt: skip
    try:
        said = _call(registration.origin, "POST", "/oauth/token", form)
    except Refused as error:
        if error.status == 401:  # it does not know us any more: the next time we introduce ourselves again
            registration.delete()
        raise DeliveryError(_("Your server did not confirm it. Please try once more.")) from error
    token = said.get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
        raise DeliveryError(_("Your server did not confirm it. Please try once more."))
    return token


def _account(where: Place, said: Mapping[str, Json], token: str) -> Account:
    identifier, name = str(said.get("id") or ""), str(said.get("username") or "")
    if not identifier or len(identifier) > 100 or not re.fullmatch(r"[\w.-]{1,200}", name):
        raise DeliveryError(_("Your server did not say who you are."))
    host = urlsplit(where.origin).netloc
    acct, actor = _confirmed(where, name, host)
    if not actor:  # Mastodon 4.2 and later say it themselves
        actor = _own(where.origin, str(said.get("uri") or ""))
    return Account(where.origin, identifier, acct, actor, token)


def _confirmed(where: Place, name: str, host: str) -> tuple[str, str]:
    """The account's name and actor id: ``name@domain`` only if that domain itself leads to this server."""
    loopback = urlsplit(where.origin).scheme == "http"
    subject, actor = _finger(where.origin, f"{name}@{host}", loopback)
    actor = _own(where.origin, actor)
    for acct in dict.fromkeys((subject, f"{name}@{where.domain}")):
        user, _at, domain = acct.partition("@")
        if actor and domain and domain != host and user.casefold() == name.casefold():
            with_domain = _finger_of(domain, acct, loopback)
            if with_domain == actor:
                return acct.lower()[:300], actor
    return f"{name}@{host}".lower()[:300], actor


def _finger_of(domain: str, acct: str, loopback: bool) -> str:
    try:
        return _finger(_origin(domain, loopback), acct, loopback)[1]
    except SafeconductError:
        return ""


def _own(origin: str, actor: str) -> str:
    """``actor`` if it lies on this very server: nobody speaks for another one's people."""
    return actor if actor.startswith(origin + "/") and len(actor) <= 500 else ""


def revoke(registration: Registration, token: str) -> None:
    """Give a token back.  Servers that cannot do that keep it; nobody here does."""
    try:
        _call(registration.origin, "POST", "/oauth/revoke", {"token": token, **_secrets(registration)})
    except SafeconductError:
        return


def _secrets(registration: Registration) -> dict[str, str]:
    return {"client_id": registration.client, "client_secret": str(unsealed(registration.secret))}


def _call(
    origin: str, method: str, path: str, form: Mapping[str, str] | None = None, token: str = ""
) -> dict[str, Json]:
    loopback = urlsplit(origin).scheme == "http"
    client = Client(origin, token, loopback=loopback and _loopback(), cap=CAP)
    try:
        said = client.call(method, path, form=form).json()
    finally:
        client.close()
    if not isinstance(said, dict):
        raise DeliveryError(_("That server answered something that cannot be understood."))
    return said


def _loopback() -> bool:
    community = Community.here()
    return community is not None and community.loopback


@contextmanager
def _patiently() -> Iterator[None]:
    if not _outside.acquire(timeout=2):
        raise TryAgain(_("Many people are signing in just now. Please try again in a minute."), after=60)
    try:
        yield
    finally:
        _outside.release()


# --- who ------------------------------------------------------------------------------------------


class Taken(DeliveryError):
    """This account on the other server belongs to somebody else here."""


def owner(account: Account) -> Member | None:
    """Whose account this is, if it was here before."""
    identity = Identity.objects.select_related("member__user").filter(origin=account.origin, account=account.id).first()
    return identity.member if identity else None


@transaction.atomic
def keep(account: Account, member: Member) -> Identity:
    """Remember that this account is ``member``'s, and that their imports from it are proved.  ``Taken``."""
    identity = Identity.objects.filter(origin=account.origin, account=account.id).first()
    if identity is not None and identity.member_id != member.pk:
        raise Taken(_("This account belongs to somebody else at this desk. Sign out, and sign in with it."))
    identity = identity or Identity(member=member, origin=account.origin, account=account.id)
    identity.acct, identity.actor, identity.seen = account.acct, account.actor, timezone.now()
    identity.save()
    Member.objects.filter(pk=member.pk).update(acct=account.acct)
    for arrival in Arrival.objects.filter(person_id=member.user_id).exclude(proof=SIGNED_IN):
        prove(arrival)
    return identity


def newcomer(account: Account) -> Member:
    """A new person, known by their name on their server; their password is none."""
    for number in range(2, 100):
        try:
            with transaction.atomic():
                user = User.objects.create_user(account.acct[:140] if number == 2 else f"{account.acct[:140]}-{number}")
                return Member.objects.create(user=user)
        except IntegrityError:  # an account of that name that was deleted there and made again is somebody else
            continue
    raise Taken(_("There are too many people of this name here. Ask the moderators."))


def prove(arrival: Arrival) -> None:
    """An archive whose actor is an account its person signed in with is proved to be theirs."""
    known = Identity.objects.filter(member__user_id=arrival.person_id)
    same = known.filter(actor=arrival.actor) if arrival.actor else known.none()
    by_name = known.filter(actor="", acct=arrival.acct.lower()) if arrival.acct else known.none()
    if same.exists() or by_name.exists():
        Arrival.objects.filter(pk=arrival.pk).update(proof=SIGNED_IN)


def receives(account: Account, member: Member) -> None:
    """Keep the token of the account here that takes this person's posts, sealed."""
    Member.objects.filter(pk=member.pk).update(receiving=account.acct, token=sealed(account.token))


def forget_receiving(member: Member) -> None:
    """Give the receiving account's token back and forget it."""
    token, origin = str(unsealed(member.token)), receiving_origin()
    for registration in Registration.objects.filter(origin=origin, scopes__in=RECEIVE) if token and origin else ():
        revoke(registration, token)
    Member.objects.filter(pk=member.pk).update(receiving="", token=b"")


def receiving_origin() -> str:
    """The community's own server, where each person has an account of their own; "" if posts go anywhere else."""
    community = Community.here()
    kind, _colon, where = (community.destination if community else "").partition(":")
    if kind not in {"gotosocial", "mastodon"} or community is None:
        return ""
    return origin_of(where, community.loopback)
