"""The policy: the live one, its versions, and drafts of new ones."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from safeconduct.errors import PolicyError
from safeconduct.policy import parse_policy
from safeconduct_desk.api._ground import Pages, Problem, needs, paged, person, tagged
from safeconduct_desk.custody import act
from safeconduct_desk.models import PolicyVersion
from safeconduct_desk.published import rules

router = Router()
READ, WRITE = needs("policy:read"), needs("policy:write")
LARGEST = 2**63 - 1


class Version(Schema):
    """One version: its text (TOML), and what it says as sentences."""

    id: int
    name: str
    digest: str
    state: str
    because: str
    created: datetime
    lived: datetime | None
    text: str
    sentences: list[str]


class Brief(Schema):
    """One version without its text."""

    id: int
    name: str
    digest: str
    state: str
    because: str
    created: datetime
    lived: datetime | None


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
    version = PolicyVersion.objects.filter(pk=min(pk, LARGEST)).first()
    if version is None:
        raise Http404
    return tagged(request, _whole(version))


@router.post("policy/versions", auth=WRITE, response={201: Brief}, operation_id="write_policy_draft")
def draft(request: HttpRequest, draft: Draft) -> Status[Any]:
    """Write a draft. A text that is no policy is a 422 that says in which line, and what to write instead."""
    try:
        digest = parse_policy(draft.text, draft.name).digest
    except PolicyError as error:
        said = {"pointer": "/text", "detail": str(error), "line": str(error.line), "instead": error.instead}
        raise Problem(422, str(error), errors=[said]) from None
    version = PolicyVersion.objects.create(
        name=draft.name, text=draft.text, digest=digest or hashlib.sha256(draft.text.encode()).hexdigest(),
        author=person(request).member, because=draft.because,
    )  # fmt: skip
    act(person(request).member, "wrote a draft", policy=version.pk)
    return Status(201, _brief(version))


def _brief(version: PolicyVersion) -> dict[str, Any]:
    return {name: getattr(version, "pk" if name == "id" else name) for name in Brief.model_fields}


def _whole(version: PolicyVersion) -> dict[str, Any]:
    return {**_brief(version), "text": version.text, "sentences": list(rules(version))}
