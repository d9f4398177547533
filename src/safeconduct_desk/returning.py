"""What was not taken goes back to its owner, as a container or as the very file that was given.

What a law orders to be kept is copied for nobody: then everything else goes back as a container.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from safeconduct.contracts import Destination, Source, Terms
from safeconduct.discover import plugins
from safeconduct.flow import open_source
from safeconduct.home import Home
from safeconduct.model import Abilities, Action, Decision, Fate, Item, Left, Shaped
from safeconduct.steps.planfile import Plan
from safeconduct.steps.remainder import STAYS
from safeconduct_desk.custody import home
from safeconduct_desk.models import Arrival
from safeconduct_desk.store import files

State = Arrival.State
WHOLE = (State.REFUSED, State.UNDONE, State.BROKEN)
ARCHIVE, REMAINDER = "archive", "remainder.tar"


def what(arrival: Arrival) -> str:
    """``ARCHIVE`` (all of it, as it was given), ``REMAINDER`` (what stayed behind), or "" for nothing."""
    if arrival.forgotten_at:
        return ""
    if arrival.state in WHOLE and arrival.received_at:
        return ARCHIVE
    return REMAINDER if arrival.state == State.APPLIED and arrival.outcome.get("remainder") else ""


def given_back(arrival: Arrival) -> Path:
    """The file to give.  ``FileNotFoundError`` if there is none; ``SafeconductError`` if it cannot be made now."""
    kind, kept = what(arrival), sealed(arrival)
    if not kind:
        raise FileNotFoundError(arrival.name)
    if not kept:
        return files().fetch(arrival, kind)
    name = f"given-{hashlib.sha256(repr((kind, arrival.transfer, sorted(kept))).encode()).hexdigest()[:16]}.tar"
    path = files().path(arrival, name)
    if not path.exists():
        part = path.with_name(f".{secrets.token_hex(8)}.tar")
        try:
            with home() as opened:
                _write(opened, arrival, kind, kept, part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path


def sealed(arrival: Arrival) -> set[int]:
    """The numbers of items that a law orders to be kept."""
    holds = arrival.legal_holds.filter(released_at=None).values_list("numbers", flat=True)
    return {number for numbers in holds for number in numbers}


def _write(opened: Home, arrival: Arrival, kind: str, kept: Collection[int], path: Path) -> None:
    source = open_source(str(files().fetch(arrival, ARCHIVE)))
    terms = Terms(actor=arrival.actor, acct=arrival.acct, key=opened.signing_key(), title="What was not taken")
    container: Destination = plugins("destinations")["container"](str(path), terms)
    items: Iterable[Item] = (one for one in source.read() if isinstance(one, Item) and one.number not in kept)
    if kind == REMAINDER:
        stays = _stays(arrival)
        items = (one for one in items if one.number in stays)
    _fill(container, items, source)


def _fill(container: Destination, items: Iterable[Item], source: Source) -> None:
    abilities: Abilities = container.probe()
    for item in items:
        shaped: Shaped | Left = container.shape(item, Decision(Action.ACCEPT, author="person:owner"), abilities)
        if isinstance(shaped, Shaped):
            container.deliver(shaped, source, None)
    container.finish()


def _stays(arrival: Arrival) -> set[int]:
    """What the plan left behind, and what the destination would not take after all."""
    plan = Plan(files().fetch(arrival, "plan.jsonl"))
    differences: Sequence[Any] = arrival.outcome.get("differences") or ()
    return {line.n for line in plan.lines() if Fate(line.fate) in STAYS} | {int(one[0]) for one in differences}
