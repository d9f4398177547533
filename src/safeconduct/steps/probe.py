"""Probe: what a destination is and allows today, kept with its date so that ``plan`` works offline.

The gate cannot be walked around: a community may publish its intake policy at ``/.well-known/safeconduct``; whoever
copies there uses it, and the stricter of it and the person's own wins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from safeconduct.contracts import Destination
from safeconduct.errors import PlanError, PolicyError
from safeconduct.home import Home
from safeconduct.model import Abilities
from safeconduct.policy import Policy, parse_policy, read_policy

LOCAL = ("nowhere", "site", "container")
DEFAULT = "balanced"


def probe(home: Home, spec: str, destination: Destination) -> Abilities:
    """Ask the destination now and keep the answer.  ``DeliveryError`` if it cannot serve at all.

    A published policy that cannot be understood is said here, and stops every plan and copy (``policies_for``).
    """
    abilities = destination.probe()
    try:
        published(abilities)
    except PolicyError as error:
        abilities = msgspec.structs.replace(abilities, notes=(*abilities.notes, str(error)))
    path = _path(home, spec)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(abilities)))
    return abilities


def probed(home: Home, spec: str, destination: Destination) -> Abilities:
    """The latest answer; a local folder or file is asked on the spot.  ``PlanError`` if it was never probed."""
    if spec.partition(":")[0] in LOCAL:
        return destination.probe()
    try:
        return msgspec.json.decode(_path(home, spec).read_bytes(), type=Abilities)
    except FileNotFoundError:
        raise PlanError(
            f"Nobody has probed {spec} yet. Run `safeconduct probe {spec}` while online, then plan."
        ) from None
    except msgspec.MsgspecError as error:
        raise PlanError(
            f"The probe of {spec} cannot be read any more. Run `safeconduct probe {spec}` again."
        ) from error


def policies_for(names: Sequence[str], abilities: Abilities) -> list[Policy]:
    """The person's policies (``balanced`` if none is given) and the one the community publishes, if any."""
    chosen = [read_policy(name) for name in names or (DEFAULT,)]
    return [*chosen, *published(abilities)]


def published(abilities: Abilities) -> list[Policy]:
    """The policy the community publishes, if any.  ``PolicyError`` if what it publishes is none: no way round it."""
    if not abilities.policy:
        return []
    try:
        return [parse_policy(abilities.policy, f"{abilities.destination}/.well-known/safeconduct")]
    except PolicyError as error:
        raise PolicyError(
            f"This server answers where an intake policy belongs, but not with one that can be understood. Nothing is "
            f"copied there until it does: ask the people who run it. {error}"
        ) from error


def _path(home: Home, spec: str) -> Path:
    return home.path / "probes" / f"{hashlib.sha256(spec.encode()).hexdigest()[:32]}.json"
