"""Groups: like findings of one import, decided at once; the decision taken back; what waits for a second person."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Path, Query, Router, Schema
from pydantic import Field

from safeconduct.model import Filter
from safeconduct_desk import approvals
from safeconduct_desk import groups as deciding
from safeconduct_desk.answers import settled
from safeconduct_desk.api._ground import KEY, Pages, Problem, needs, paged, person
from safeconduct_desk.api.arrivals import Name, worker
from safeconduct_desk.models import Approval, Group, Held

router = Router()
READ, DECIDE = needs("arrivals:read"), needs("arrivals:decide")
Key = Path[KEY]
LARGEST = 2**63 - 1


class Question(Schema):
    """One group. ``proposed`` is what the policy says, ``action`` what a person said ("" while it is open)."""

    key: str
    rule: str
    criterion: str
    value: str
    sentence: str
    excerpt: str
    count: int
    media: int
    severe: bool
    basis: str
    confidence: int
    proposed: str
    action: str
    filters: str
    because: str
    decided_at: datetime | None
    settled: bool
    later: bool


class Questions(Schema):
    """One page of groups, the largest first."""

    items: list[Question]
    page: int
    next: str | None


class Member(Schema):
    """One item of a group: its number in the archive and what was found."""

    n: int
    kind: str
    published: datetime | None
    findings: list[dict[str, Any]]


class Members(Schema):
    """One page of a group's items."""

    items: list[Member]
    page: int
    next: str | None


class Word(Schema):
    """What a person says of a whole group; ``filters`` belong to *limit*."""

    action: Literal["accept", "limit", "quarantine", "reject"]
    filters: list[Filter] = Field([])
    because: str = Field("", max_length=2000)


class Parts(Schema):
    """By what a group is split."""

    by: Literal["year", "kind", "finding", "one by one"]


class Agreement(Schema):
    """An act that waits, or was agreed to or stopped."""

    id: int
    act: str
    arrival: str
    asked_by: str
    asked_at: datetime
    due: datetime | None
    done_at: datetime | None
    cancelled_at: datetime | None
    problem: str


@router.get("arrivals/{name}/groups", auth=READ, response=Questions, operation_id="list_groups")
def listed(request: HttpRequest, name: Name, pages: Query[Pages]) -> dict[str, Any]:
    """The groups of an import, the largest first."""
    rows = worker(request, name).groups.order_by("-count", "pk")
    return paged(request, rows, pages, _shown)


@router.get("arrivals/{name}/groups/{key}", auth=READ, response=Question, operation_id="read_group")
def one(request: HttpRequest, name: Name, key: Key) -> dict[str, Any]:
    """One group."""
    return _shown(_group(request, name, key))


@router.get("arrivals/{name}/groups/{key}/items", auth=READ, response=Members, operation_id="list_group_items")
def items(request: HttpRequest, name: Name, key: Key, pages: Query[Pages]) -> dict[str, Any]:
    """What is in a group: numbers and findings, never the text."""

    def shown(held: Held) -> dict[str, Any]:
        return {field: getattr(held, field) for field in Member.model_fields}

    return paged(request, _group(request, name, key).members.order_by("n"), pages, shown)


@router.post("arrivals/{name}/groups/{key}/decision", auth=DECIDE, response=Question, operation_id="decide_group")
def decide(request: HttpRequest, name: Name, key: Key, word: Word) -> dict[str, Any]:
    """Decide the whole group; a severe one counts as released once a second person says the same."""
    group = _group(request, name, key)
    said = deciding.decide(
        group, person(request).member, word.action, filters=[one.value for one in word.filters], because=word.because
    )
    return _shown(said)


@router.delete("arrivals/{name}/groups/{key}/decision", auth=DECIDE, response=Question, operation_id="undo_decision")
def undo(request: HttpRequest, name: Name, key: Key) -> dict[str, Any]:
    """Take the decision back, as long as nothing was done with it."""
    return _shown(deciding.undo(_group(request, name, key), person(request).member))


@router.post("arrivals/{name}/groups/{key}/later", auth=DECIDE, response=Question, operation_id="put_group_off")
def later(request: HttpRequest, name: Name, key: Key) -> dict[str, Any]:
    """Not now: it goes to the end of the questions."""
    return _shown(deciding.put_off(_group(request, name, key), person(request).member))


@router.post("arrivals/{name}/groups/{key}/split", auth=DECIDE, response=list[Question], operation_id="split_group")
def split(request: HttpRequest, name: Name, key: Key, parts: Parts) -> list[dict[str, Any]]:
    """The same items in smaller groups, each with an answer of its own."""
    return [_shown(one) for one in deciding.split(_group(request, name, key), person(request).member, parts.by)]


@router.get("approvals", auth=DECIDE, response=list[Agreement], operation_id="list_approvals")
def waiting(request: HttpRequest) -> list[dict[str, Any]]:
    """What waits for a second person, or for its delay."""
    return [_agreed(one) for one in approvals.waiting().select_related("arrival", "asked_by").order_by("asked_at")]


@router.post("approvals/{int:pk}/{verb}", auth=DECIDE, response=Agreement, operation_id="answer_approval")
def answer(request: HttpRequest, pk: Path[int], verb: Path[Literal["approve", "cancel", "again"]]) -> dict[str, Any]:
    """Agree as the second person, stop it, or try again what went wrong."""
    approval = Approval.objects.filter(pk=min(pk, LARGEST)).select_related("arrival", "asked_by").first()
    if approval is None:
        raise Http404
    getattr(approvals, verb)(person(request).member, approval)
    approval.refresh_from_db()
    if approval.problem:
        raise Problem(409, approval.problem)
    return _agreed(approval)


def _group(request: HttpRequest, name: str, key: str) -> Group:
    group = worker(request, name).groups.filter(key=key).first()
    if group is None:
        raise Http404
    return group


def _shown(group: Group) -> dict[str, Any]:
    told = {name: getattr(group, name) for name in Question.model_fields if name != "settled"}
    return {**told, "settled": settled(group)}


def _agreed(approval: Approval) -> dict[str, Any]:
    told = {name: getattr(approval, name) for name in ("act", "asked_at", "due", "done_at", "cancelled_at", "problem")}
    asked = approval.asked_by.pseudonym
    return {**told, "id": approval.pk, "arrival": approval.arrival.name, "asked_by": asked}
