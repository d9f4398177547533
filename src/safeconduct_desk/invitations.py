"""Links that work once: to begin working here, or to choose a new password.  Made by an operator, given by hand."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from safeconduct_desk.custody import act
from safeconduct_desk.models import Invitation, Member, Role

LASTS = timedelta(days=3)
SESSION = "invitation"


def invite(operator: Member, role: Role) -> str:
    """A fresh secret that lets one person begin here as ``role``; it is shown once and only its digest is kept."""
    return _made(operator, role, None)


def way_in(operator: Member, member: Member) -> str:
    """A fresh secret that lets ``member`` choose a new password; older ones for the same member stop working."""
    Invitation.objects.filter(member=member, used=None).update(used=timezone.now())
    return _made(operator, Role(member.role), member)


def opened(secret: str) -> Invitation | None:
    """The invitation, if it can still be used."""
    return Invitation.objects.filter(digest=_digest(secret), used=None, until__gt=timezone.now()).first()


def invited(request: HttpRequest) -> Invitation | None:
    """The invitation that this browser opened, if it can still be used."""
    return opened(str(request.session.get(SESSION, "")))


@transaction.atomic
def accept(invitation: Invitation, member: Member) -> bool:
    """``member`` begins in the role they were invited to; they lose none they have.  False: somebody was quicker."""
    if not use(invitation):
        return False
    Member.objects.filter(pk=member.pk).update(role=max(member.role, invitation.role))
    act(member, "accepted an invitation", role=invitation.role)
    return True


def use(invitation: Invitation) -> bool:
    """Use it up; False if that has happened already."""
    return Invitation.objects.filter(pk=invitation.pk, used=None).update(used=timezone.now()) == 1


def _made(operator: Member, role: Role, member: Member | None) -> str:
    secret = secrets.token_urlsafe(24)
    Invitation.objects.create(
        digest=_digest(secret), role=role, member=member, made_by=operator, until=timezone.now() + LASTS
    )
    return secret


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
