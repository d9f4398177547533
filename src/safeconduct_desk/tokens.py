"""Keys for programs: who they act for, and what they may do.  Only a digest of each is kept.

A token never allows more than the role of its member does at that moment; a person's token sees their own arrivals.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from safeconduct_desk.custody import act
from safeconduct_desk.models import Member, Role, Token

PREFIX = "scd_"  # so that a scanner for leaked secrets can tell what it found
USED = timedelta(minutes=1)  # how exactly it is kept when a token was last used

# Each scope: the least role that may have it, and what it allows, after "may".
SCOPES: dict[str, tuple[Role, Promise]] = {
    "arrivals:read": (Role.PERSON, _("read imports, their reports and what became of them")),
    "arrivals:offer": (Role.PERSON, _("offer an import and send its file")),
    "arrivals:decide": (Role.MODERATOR, _("decide, apply and take back imports")),
    "policy:read": (Role.MODERATOR, _("read the policy and its versions")),
    "policy:write": (Role.LEAD, _("write drafts of the policy and make them live")),
    "notices:write": (Role.MODERATOR, _("hand in reports about what was delivered")),
    "screen": (Role.MODERATOR, _("have posts looked at before another importer takes them over")),
    "trends:read": (Role.MODERATOR, _("read the numbers of this community")),
    "metrics:read": (Role.OPERATOR, _("read the measurements of this desk")),
}  # fmt: skip


def digest(secret: str) -> str:
    """What is kept of a token.  It holds 256 bits of chance, so that no salt and no slow hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def offered(member: Member) -> dict[str, str]:
    """The scopes that this member may give to a program."""
    return {name: str(words) for name, (least, words) in SCOPES.items() if member.role >= least}


def make(member: Member, title: str, scopes: Iterable[str]) -> tuple[Token, str]:
    """A new token, and its secret, which is shown once.  ``ValueError`` for a scope the member may not give."""
    chosen = sorted(set(scopes))
    if not chosen or not set(chosen) <= set(offered(member)):
        raise ValueError(f"not for this member: {', '.join(chosen) or 'no scope at all'}")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token.objects.create(member=member, title=title[:100], digest=digest(secret), scopes=" ".join(chosen))
    act(member, "made a token", token=token.pk, scopes=token.scopes)
    return token, secret


def revoke(member: Member, token: Token) -> None:
    """From now on it opens nothing."""
    if Token.objects.filter(pk=token.pk, revoked=None).update(revoked=timezone.now()):
        act(member, "revoked a token", token=token.pk)


def opened(secret: str) -> Token | None:
    """The token of this secret, if it still opens something."""
    token = Token.objects.select_related("member__user").filter(digest=digest(secret), revoked=None).first()
    if token is None or not token.member.user.is_active:
        return None
    now = timezone.now()
    if token.used is None or now - token.used > USED:
        Token.objects.filter(pk=token.pk).update(used=now)
    return token


def allows(token: Token, scope: str) -> bool:
    """Whether the token has the scope, and its member the role for it today."""
    return scope in token.scopes.split() and token.member.role >= SCOPES[scope][0]
