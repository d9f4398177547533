"""The policy: the live one, its versions, and drafts of new ones."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from safeconduct.errors import PolicyError
from safeconduct_desk import backtest, workbench
from safeconduct_desk.api._ground import Pages, Problem, needs, paged, person, tagged
from safeconduct_desk.models import PolicyVersion
from safeconduct_desk.published import rules

router = Router()
READ, WRITE = needs("policy:read"), needs("policy:write")
AGREE = needs("arrivals:decide")  # whoever decides about imports may be the second person
LARGEST = 2**63 - 1


class Brief(Schema):
    """One version without its text."""

    id: int
    name: str
    digest: str
    state: str
    because: str
    created: datetime
    lived: datetime | None


class Version(Brief):
    """One version: its text (TOML), and what it says as sentences."""

    text: str
    sentences: list[str]


class Versions(Schema):
    """One page of versions, newest first."""

    items: list[Brief]
    page: int
    next: str | None


class Draft(Schema):
    """A new version; it decides nothing before somebody makes it live."""

    name: str = Field(min_length=1, max_length=60)
    text: str = Field(min_length=1, max_length=1_000_000)
    because: str = Field("", max_length=2000)


class Why(Schema):
    """Why it is to decide from now on."""

    because: str = Field(min_length=1, max_length=2000)


class Tried(Schema):
    """What a draft would change in stored imports; ``done``: all of them were tried against today's policy."""

    done: bool
    tried: dict[str, Any]


@router.get("policy", auth=READ, response=Version, operation_id="read_policy")
def live(request: HttpRequest) -> HttpResponse:
    """The policy that decides today; with an ETag."""
    version = PolicyVersion.live()
    if version is None:
        raise Http404
    return tagged(request, _whole(version))


@router.get("policy/versions", auth=READ, response=Versions, operation_id="list_policy_versions")
def versions(request: HttpRequest, pages: Query[Pages]) -> dict[str, Any]:
    """Every version there was, newest first."""
    return paged(request, PolicyVersion.objects.order_by("-created", "-pk"), pages, _brief)


@router.get("policy/versions/{int:pk}", auth=READ, response=Version, operation_id="read_policy_version")
def one(request: HttpRequest, pk: Path[int]) -> HttpResponse:
    """One version; with an ETag."""
    return tagged(request, _whole(_version(pk)))


@router.post("policy/versions", auth=WRITE, response={201: Brief}, operation_id="write_policy_draft")
def draft(request: HttpRequest, draft: Draft) -> Status[Any]:
    """Write a draft. A text that is no policy is a 422 that says in which line, and what to write instead."""
    try:
        version = workbench.save(person(request).member, draft.name, draft.text, draft.because)
    except PolicyError as error:
        said = {"pointer": "/text", "detail": str(error), "line": str(error.line), "instead": error.instead}
        raise Problem(422, str(error), errors=[said]) from None
    return Status(201, _brief(version))


@router.post("policy/versions/{int:pk}/try", auth=WRITE, response=Tried, operation_id="try_policy_draft")
def attempt(request: HttpRequest, pk: Path[int]) -> dict[str, Any]:
    """Try a draft on the imports whose files are still here: what it would release, and what it would newly hold."""
    version = _version(pk)
    if version.state != PolicyVersion.State.DRAFT:
        raise Problem(409, "This version was live before. Save it as a new draft first.")
    done = backtest.begin(version)
    version.refresh_from_db()
    return {"done": done, "tried": version.tried}


@router.get("policy/versions/{int:pk}/try", auth=READ, response=Tried, operation_id="read_policy_trial")
def tried(request: HttpRequest, pk: Path[int]) -> dict[str, Any]:
    """How far trying it is, and what came out."""
    version = _version(pk)
    return {"done": backtest.current(version), "tried": version.tried}


@router.post("policy/versions/{int:pk}/live", auth=WRITE, response=Brief, operation_id="make_policy_live")
def make_live(request: HttpRequest, pk: Path[int], why: Why) -> dict[str, Any]:
    """Make a draft that was tried live; where it releases much, it waits for a second person (it stays a draft)."""
    return _brief(workbench.ask(person(request).member, _version(pk), why.because))


@router.post("policy/versions/{int:pk}/agree", auth=AGREE, response=Brief, operation_id="agree_to_policy")
def agree(request: HttpRequest, pk: Path[int]) -> dict[str, Any]:
    """Agree as the second person."""
    return _brief(workbench.agree(person(request).member, _version(pk)))


@router.delete("policy/versions/{int:pk}/live", auth=AGREE, response=Brief, operation_id="keep_policy_a_draft")
def withdraw(request: HttpRequest, pk: Path[int]) -> dict[str, Any]:
    """Stop what waits for a second person: it stays a draft."""
    version = _version(pk)
    if version.asked_at is None or version.state != PolicyVersion.State.DRAFT:
        raise Problem(409, "This draft does not wait for anybody, so there is nothing to stop.")
    workbench.withdraw(person(request).member, version)
    return _brief(version)


def _version(pk: int) -> PolicyVersion:
    version = PolicyVersion.objects.filter(pk=min(pk, LARGEST)).first()
    if version is None:
        raise Http404
    return version


def _brief(version: PolicyVersion) -> dict[str, Any]:
    return {name: getattr(version, "pk" if name == "id" else name) for name in Brief.model_fields}


def _whole(version: PolicyVersion) -> dict[str, Any]:
    return {**_brief(version), "text": version.text, "sentences": list(rules(version))}
