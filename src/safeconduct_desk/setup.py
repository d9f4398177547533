"""The first visit: whoever holds the code from the terminal sets the desk up."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from django.conf import settings

from safeconduct_desk.models import Community


def code() -> str:
    """The code that opens the set-up page: made once, in the desk's folder, readable by its owner only."""
    path = Path(settings.FOLDER) / "set-up-code"
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(16))
    return path.read_text(encoding="utf-8")


def fits(given: str) -> bool:
    """Is this the code?"""
    return hmac.compare_digest(code().encode(), given.encode())


def invitation() -> str:
    """The path to open first."""
    return "/" if Community.is_set_up() else f"/set-up/?code={code()}"
