"""Problems as programs are told them (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus

from django.http import HttpResponse

from safeconduct.model import Json

PROBLEM = "application/problem+json"


def problem(status: int, detail: str = "", **extra: Json) -> HttpResponse:
    """A problem as it goes out."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    response = HttpResponse(json.dumps(body), status=status, content_type=PROBLEM)
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="desk"'
    if status == 503:
        response["Retry-After"] = "1"
        response._has_been_logged = True  # type: ignore[attr-defined]  # that all places are taken is no error
    return response
