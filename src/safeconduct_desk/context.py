"""What every page knows: the community, who is here, what waits."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from safeconduct_desk.doors import role_of
from safeconduct_desk.models import Community


def desk(request: HttpRequest) -> dict[str, Any]:
    """``community``, ``role`` (a ``Role``) and whether the caller works here."""
    role = role_of(request.user) if hasattr(request, "user") else None
    return {"community": Community.here(), "role": role, "works_here": role is not None and role.works_here}
