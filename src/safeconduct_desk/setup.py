"""The first visit: whoever holds the code from the terminal sets the desk up."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from safeconduct.contracts import Terms
from safeconduct.errors import DeliveryError, LockedOut, SafeconductError
from safeconduct.flow import open_destination
from safeconduct.net import fetch, origin_of
from safeconduct_desk.models import Community

SERVERS = ("gotosocial", "mastodon")


def code() -> str:
    """The code that opens the set-up page: made once, in the desk's folder, readable by its owner only."""
    path = Path(settings.FOLDER) / "set-up-code"
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(16))
    return path.read_text(encoding="utf-8")


def fits(given: str) -> bool:
    """Is this the code?"""
    return hmac.compare_digest(code().encode(), given.strip().encode("utf-8", "replace"))


def invitation() -> str:
    """The path to open first."""
    return "/" if Community.is_set_up() else f"/set-up/?code={code()}"


def destination(kind: str, place: str, loopback: bool) -> str:
    """The destination as the command line writes it.  ``SafeconductError`` says what is wrong with the place."""
    place = place.strip()
    if kind == "nowhere":
        return kind
    if not place:
        raise DeliveryError(_("Say where: the address of the server, or the folder or file on this machine."))
    if kind in SERVERS:
        return f"{kind}:{origin_of(place if '://' in place else f'https://{place}', loopback)}"
    if not Path(place).is_absolute():
        raise DeliveryError(_("Write the whole path, from the root: /srv/arrivals and not arrivals."))
    return f"{kind}:{place}"


def look(spec: str, token: str, loopback: bool) -> str:
    """Go and look whether it is there: its name and version.  ``SafeconductError`` in words if it is not.

    A server is asked for its NodeInfo (nodeinfo.diaspora.software); with a token, also whether the token opens it.
    """
    kind, _colon, place = spec.partition(":")
    if kind in SERVERS:
        name, version = _software(place, loopback)
        if (kind == "gotosocial") != (name == "gotosocial"):
            raise DeliveryError(
                _("%(place)s runs %(name)s. Choose that kind of server above.") % {"place": place, "name": name}
            )
        if not token:
            return f"{name} {version}"
    try:
        abilities = open_destination(spec, Terms(token=token, loopback=loopback)).probe()
    except LockedOut as error:
        raise DeliveryError(_("The server is there, but the key does not open it. %s") % error) from error
    return f"{abilities.software} {abilities.version}"


def _software(origin: str, loopback: bool) -> tuple[str, str]:
    try:
        said = fetch(f"{origin}/.well-known/nodeinfo", loopback=loopback, accept="application/json").json()
        links = said["links"] if isinstance(said, dict) else []
        address = str(links[-1]["href"])
        if not address.startswith(f"{origin}/"):
            raise KeyError(address)
        told = fetch(address, loopback=loopback, accept="application/json").json()
        software = told["software"]
        return str(software["name"]).lower()[:60], str(software["version"])[:60]
    except (KeyError, IndexError, TypeError) as error:
        raise DeliveryError(_("%s answers, but not as a server of the Fediverse does.") % origin) from error
    except SafeconductError as error:
        raise DeliveryError(
            _("Nobody could be asked at %(origin)s: %(why)s") % {"origin": origin, "why": error}
        ) from error
