"""Reports about what was delivered: handed in, listed by import, acted on and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from safeconduct_desk import notices
from safeconduct_desk.api._ground import Pages, at_least, needs, paged, person
from safeconduct_desk.api.arrivals import Name, worker
from safeconduct_desk.models import Notice, Role

router = Router()
READ, DECIDE, WRITE = needs("arrivals:read"), needs("arrivals:decide"), needs("notices:write")


class Report(Schema):
    """Something is not right with one thing. ``outside`` is the report's own id where it comes from."""

    thing: str = Field(min_length=1, max_length=1000, description="An address or id of what was delivered.")
    said: str = Field("", max_length=5000)
    outside: str = Field("", max_length=200)


class Handed(Schema):
    """A report as it is kept; ``arrival`` is "" if nothing of this desk is meant, ``n`` the item's number."""

    id: int
    thing: str
    said: str
    channel: str
    outside: str
    arrival: str
    n: int | None
    created: datetime
    closed_at: datetime | None
    outcome: str


class Reports(Schema):
    """One page of reports, newest first."""

    items: list[Handed]
    page: int
    next: str | None


class Flagged(Schema):
    """Open reports about one import, and what they say together."""

    arrival: str
    items: list[int]
    reports: int
    of_person: int
    sentence: str


class Done(Schema):
    """What is done with what was reported, and how far it reaches."""

    verb: Literal["hold", "show", "limit", "undo"]
    scope: Literal["these", "group", "import", "person", "origin"]


class Told(Schema):
    """What happened, or what waits for whom."""

    sentence: str


class Answer(Schema):
    """How the reports about an import end."""

    outcome: str = Field(min_length=1, max_length=40)


class Closed(Schema):
    """How many reports were answered."""

    reports: int


@router.post("notices", auth=WRITE, response={201: Handed}, operation_id="report_something")
def hand_in(request: HttpRequest, report: Report) -> Status[Any]:
    """Hand in a report. It is matched with what was delivered; the same report again is the same notice."""
    return Status(201, _shown(notices.received(report.thing, report.said, "api", report.outside)))


@router.get("notices", auth=READ, response=Reports, operation_id="list_reports")
def listed(request: HttpRequest, pages: Query[Pages]) -> dict[str, Any]:
    """Reports, newest first. For whoever works here."""
    at_least(request, Role.MODERATOR)
    rows = Notice.objects.select_related("arrival").order_by("-created", "-pk")
    return paged(request, rows, pages, _shown)


@router.get("notices/flagged", auth=READ, response=list[Flagged], operation_id="list_flagged_imports")
def flagged(request: HttpRequest) -> list[dict[str, Any]]:
    """Open reports by import: "41 items of this person are reported, all from this import"."""
    at_least(request, Role.MODERATOR)
    return [
        {"arrival": one.arrival.name, "items": list(one.items), "reports": one.reports, "of_person": one.of_person,
         "sentence": one.sentence}
        for one in notices.flagged()
    ]  # fmt: skip


@router.post("arrivals/{name}/reported", auth=DECIDE, response=Told, operation_id="act_on_reports")
def do(request: HttpRequest, name: Name, done: Done) -> dict[str, Any]:
    """One action for what was reported: hold, show again, limit or undo these items, their group, the import, …"""
    return {"sentence": notices.do(person(request).member, worker(request, name), done.verb, done.scope)}


@router.post("arrivals/{name}/reports/close", auth=DECIDE, response=Closed, operation_id="close_reports")
def close(request: HttpRequest, name: Name, answer: Answer) -> dict[str, Any]:
    """The open reports about this import are answered."""
    return {"reports": notices.close(person(request).member, worker(request, name), answer.outcome)}


def _shown(notice: Notice) -> dict[str, Any]:
    told = {name: getattr(notice, name) for name in Handed.model_fields if name not in ("id", "arrival")}
    return {**told, "id": notice.pk, "arrival": notice.arrival.name if notice.arrival else ""}
