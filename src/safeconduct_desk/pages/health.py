"""For machines: does it live, can it serve, and how much is there of what."""

from __future__ import annotations

import ipaddress
import os
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from safeconduct_desk import metrics, tokens
from safeconduct_desk.doors import door
from safeconduct_desk.models import Community, Worker

LATELY = timedelta(seconds=30)
LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


@door(None)
@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """This process answers.  Asks nothing of anybody: whoever restarts what is dead must not kill what only waits."""
    return HttpResponse("ok\n", content_type="text/plain")


@door(None)
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """The database answers, the folder can be written, some worker lives.  503 and which of them not, otherwise."""
    found = {"database": _database(), "folder": _folder(), "worker": _worker()}
    return JsonResponse({"ready": all(found.values()), **found}, status=200 if all(found.values()) else 503)


@door(None)
@require_safe
def measured(request: HttpRequest) -> HttpResponse:
    """For Prometheus: from this machine itself, or with an operator's token that has the scope ``metrics:read``."""
    if not (_from_here(request) or _with_token(request)):
        answer = HttpResponse("Give an operator's token: Authorization: Bearer ...\n", status=401)
        answer["WWW-Authenticate"] = 'Bearer realm="desk"'
        answer["Content-Type"] = "text/plain"
        return answer
    return HttpResponse(metrics.page(), content_type=CONTENT_TYPE_LATEST)


def _database() -> bool:
    try:
        Community.objects.exists()
    except DatabaseError:
        return False
    return True


def _folder() -> bool:
    return os.access(Path(settings.FOLDER), os.W_OK)


def _worker() -> bool:
    try:
        return settings.WORK_AT_ONCE or Worker.objects.filter(beat__gt=timezone.now() - LATELY).exists()
    except DatabaseError:
        return False


def _from_here(request: HttpRequest) -> bool:
    """Only where nobody else can reach this desk: behind a proxy everybody seems to come from this machine."""
    if settings.BEHIND_PROXY or not set(settings.ALLOWED_HOSTS) <= LOCAL:
        return False
    if any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _with_token(request: HttpRequest) -> bool:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    token = tokens.opened(secret.strip()) if kind.lower() == "bearer" else None
    return token is not None and tokens.allows(token, "metrics:read")


urls = [
    path("healthz", alive, name="healthz"),
    path("readyz", ready, name="readyz"),
    path("metrics", measured, name="metrics"),
]
