"""Imports: the list, one of them, its report, and what is done with it as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from safeconduct_desk import approvals, delivering, groups, jobs
from safeconduct_desk.api._ground import NAME, Pages, Problem, at_least, needs, paged, person, tagged
from safeconduct_desk.custody import act
from safeconduct_desk.doors import arrival_for
from safeconduct_desk.models import Approval, Arrival, Role

router = Router()
State = Arrival.State
Name = Path[NAME]
READ, DECIDE = needs("arrivals:read"), needs("arrivals:decide")


class Import(Schema):
    """One import. ``actor`` and ``acct`` are claims of its archive; ``proof`` says how they were proved."""

    name: str
    state: str
    created: datetime
    filename: str
    size: int
    got: int
    actor: str
    acct: str
    proof: str
    destination: str
    items: int
    held: int
    minutes: float
    problem: str
    progress: dict[str, Any]
    outcome: dict[str, Any]
    claimed_by: str
    decided_at: datetime | None
    soft_days: int
    transfer: str


class Imports(Schema):
    """One page of imports; ``next`` is the address of the following one."""

    items: list[Import]
    page: int
    next: str | None


class Wanted(Pages):
    """Which imports."""

    state: State | None = None
    acct: str = Field("", max_length=300)


class Softly(Schema):
    """Over how many days it is delivered; 0: at once."""

    soft_days: int = Field(0, ge=0, le=365)


class Because(Schema):
    """Why, in a sentence that the person will read."""

    because: str = Field(min_length=1, max_length=2000)


class Which(Schema):
    """Numbers of the items; all of them if none is given."""

    numbers: list[Annotated[int, Field(ge=0, le=2**31)]] = Field([], max_length=100_000)


class Waiting(Schema):
    """What was asked for has begun (``approval`` is null), or waits for a second person or its delay."""

    state: str
    approval: int | None


def shown(arrival: Arrival) -> dict[str, Any]:
    """An import as programs see it; whoever works here has a pseudonym only."""
    told = {name: getattr(arrival, name) for name in Import.model_fields if name != "claimed_by"}
    return {**told, "claimed_by": arrival.claimed_by.pseudonym if arrival.claimed_by else ""}


@router.get("arrivals", auth=READ, response=Imports, operation_id="list_imports")
def imports(request: HttpRequest, wanted: Query[Wanted]) -> dict[str, Any]:
    """Imports, newest first: one's own, or all of them for whoever works here."""
    rows = Arrival.objects.select_related("claimed_by").order_by("-created", "-pk")
    if not person(request).member.rank.works_here:
        rows = rows.filter(person=person(request))
    if wanted.state is not None:
        rows = rows.filter(state=wanted.state)
    if wanted.acct:
        rows = rows.filter(acct=wanted.acct.lower().lstrip("@"))
    return paged(request, rows, wanted, shown)


@router.get("arrivals/{name}", auth=READ, response=Import, operation_id="read_import")
def one(request: HttpRequest, name: Name) -> dict[str, Any]:
    """One import."""
    return shown(arrival_for(request, name))


@router.get("arrivals/{name}/report", auth=READ, response=dict[str, Any], operation_id="read_report")
def report(request: HttpRequest, name: Name) -> HttpResponse:
    """What `safeconduct inspect --json` says of it. For whoever works here; with an ETag."""
    return tagged(request, worker(request, name).report)


@router.get("arrivals/{name}/shape", auth=READ, response=dict[str, Any], operation_id="read_shape")
def shape(request: HttpRequest, name: Name) -> HttpResponse:
    """Its volume, kinds, languages, hosts and mentions, in numbers. For whoever works here; with an ETag."""
    return tagged(request, worker(request, name).shape)


@router.post("arrivals/{name}/claim", auth=DECIDE, response=Import, operation_id="claim_import")
def claim(request: HttpRequest, name: Name) -> dict[str, Any]:
    """Look after it; the others see that."""
    groups.claim(worker(request, name), person(request).member)
    return shown(arrival_for(request, name))


@router.delete("arrivals/{name}/claim", auth=DECIDE, response=Import, operation_id="give_import_back")
def give_back(request: HttpRequest, name: Name) -> dict[str, Any]:
    """Look after it no longer."""
    groups.give_back(worker(request, name), person(request).member)
    return shown(arrival_for(request, name))


@router.post("arrivals/{name}/apply", auth=DECIDE, response={202: Waiting}, operation_id="apply_import")
def apply(request: HttpRequest, name: Name, softly: Softly) -> Status[Any]:
    """The last yes: what was decided is done, everything else as the policy says; what is open stays held.

    Where that releases very many held items, it waits for a second person.
    """
    arrival = worker(request, name)
    return _begun(arrival, groups.decided(arrival, person(request).member, softly.soft_days))


@router.post("arrivals/{name}/refuse", auth=DECIDE, response={202: Waiting}, operation_id="refuse_import")
def refuse(request: HttpRequest, name: Name, why: Because) -> Status[Any]:
    """Not here: nothing of it is taken. It waits for a second person, or for a delay where there is none."""
    arrival = worker(request, name)
    return _begun(arrival, groups.refuse(arrival, person(request).member, why.because))


@router.post("arrivals/{name}/rollback", auth=DECIDE, response={202: Waiting}, operation_id="roll_import_back")
def rollback(request: HttpRequest, name: Name, which: Which) -> Status[Any]:
    """Take back what was delivered: hidden first where that can be, then deleted.  It waits for a second person."""
    arrival = worker(request, name)
    if arrival.state not in (State.APPLIED, State.APPLYING, State.UNDOING):
        raise Problem(409, "Nothing of this import was delivered, so there is nothing to take back.")
    detail = {"numbers": sorted(set(which.numbers))} if which.numbers else {}
    approval = approvals.ask(person(request).member, arrival, "rollback", detail)
    return _begun(arrival, None if approval.done_at else approval)


@router.post("arrivals/{name}/stop", auth=DECIDE, response=Import, operation_id="stop_delivery")
def stop(request: HttpRequest, name: Name) -> dict[str, Any]:
    """Stop a delivery that is under way; what has arrived stays."""
    arrival = worker(request, name)
    if arrival.state != State.APPLYING:
        raise Problem(409, "This import is not being delivered at the moment, so there is nothing to stop.")
    delivering.stop(arrival)
    act(person(request).member, "stopped the delivery", arrival)
    return shown(arrival_for(request, name))


@router.delete("arrivals/{name}/stop", auth=DECIDE, response=Import, operation_id="let_delivery_go_on")
def go_on(request: HttpRequest, name: Name) -> dict[str, Any]:
    """Let a delivery that was stopped go on where it stopped."""
    arrival = worker(request, name)
    if not Arrival.objects.filter(pk=arrival.pk, state=State.APPLYING, stop=True).update(stop=False):
        raise Problem(409, "This import was not stopped, so there is nothing to go on with.")
    act(person(request).member, "let the delivery go on", arrival)
    jobs.start("apply", arrival)
    return shown(arrival_for(request, name))


def worker(request: HttpRequest, name: str) -> Arrival:
    """The import, for whoever works here; first whether it may be seen at all."""
    arrival = arrival_for(request, name)
    at_least(request, Role.MODERATOR)
    return arrival


def _begun(arrival: Arrival, approval: Approval | None) -> Status[Any]:
    arrival.refresh_from_db()
    return Status(202, {"state": arrival.state, "approval": approval.pk if approval else None})
