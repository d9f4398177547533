"""Trace: the whole story of whatever somebody has in hand."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.http import HttpRequest
from msgspec.structs import asdict
from ninja import Query, Router, Schema
from pydantic import Field

from safeconduct.steps.trace import Query as Sought
from safeconduct.steps.trace import trace
from safeconduct_desk.api._ground import MOST, at_least, needs
from safeconduct_desk.custody import arrivals_of, home
from safeconduct_desk.models import Role

router = Router()


class Thing(Schema):
    """An id, an address, a digest, a name (user@host), a place in the archive, or a transfer."""

    thing: str = Field(min_length=1, max_length=1000)


class Place(Schema):
    """One item of one import and what became of it; ``arrival`` is "" if another tool delivered it."""

    arrival: str
    transfer: str
    number: int
    kind: str
    origin: str
    fate: str
    action: str
    criteria: list[str]
    reason: str
    state: str


class Found(Schema):
    """Everything that fits, oldest first; ``more``: there is more than is shown."""

    items: list[Place]
    more: bool


@router.get("trace", auth=needs("arrivals:read"), response=Found, operation_id="trace")
def find(request: HttpRequest, sought: Query[Thing]) -> dict[str, Any]:
    """Everything known about one thing. For whoever works here."""
    at_least(request, Role.MODERATOR)
    with home() as opened:
        found = list(islice(trace(opened, Sought(thing=sought.thing.strip())), MOST + 1))
    names = {transfer: arrival.name for transfer, arrival in arrivals_of(one.transfer for one in found).items()}
    items = [{**asdict(one), "arrival": names.get(one.transfer, "")} for one in found[:MOST]]
    return {"items": items, "more": len(found) > MOST}
