"""What all resources stand on: tokens with scopes, problems (RFC 9457), pages of lists, tags of versions (ETag).

A resource is a file with a ``router``; ``open_api`` finds it because its file is there.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any, TypeVar

import msgspec
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.security import HttpBearer
from pydantic import Field

from safeconduct.errors import SafeconductError
from safeconduct.model import Json
from safeconduct_desk import tokens
from safeconduct_desk.models import Role, Token
from safeconduct_desk.problems import PROBLEM, problem

ROOT = "/api/v1/"
MOST, USUAL = 200, 50  # of one page
NAME = Annotated[str, Field(pattern="^[a-z0-9]{1,20}$")]
KEY = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Row = TypeVar("Row", bound=Model)
log = logging.getLogger("safeconduct.desk")


class Problem(Exception):
    """What the client is told instead of an answer; ``extra`` are members beside the standard ones."""

    def __init__(self, status: int, detail: str, **extra: Json) -> None:
        super().__init__(detail)
        self.status, self.detail, self.extra = status, detail, extra


class ProblemDetails(Schema):
    """RFC 9457.  ``errors`` says where the request is wrong: JSON Pointers into it, or the names of parameters."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    errors: list[dict[str, str]] | None = None
    offset: int | None = Field(None, description="How many bytes are there already, where a chunk did not fit on.")


class Scope(HttpBearer):
    """A token that has this scope; the request is its member's from then on."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__()

    def authenticate(self, request: HttpRequest, token: str) -> Token | None:
        found = tokens.opened(token)
        if found is None:
            return None
        if not tokens.allows(found, self.scope):
            raise Problem(403, f"This token may not do that: it takes the scope “{self.scope}”, and the role for it.")
        request.user = found.member.user
        return found


def needs(scope: str) -> Scope:
    """The door of an operation."""
    return Scope(scope)


class DeskAPI(NinjaAPI):
    """Every error is a problem, and the description says so."""

    def get_root_path(self, path_params: dict[str, Any]) -> str:
        return ROOT

    def on_exception(self, request: HttpRequest, exc: object) -> HttpResponse:
        return told(exc)

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        schema["components"]["schemas"]["ProblemDetails"] = ProblemDetails.model_json_schema()
        said = {"$ref": "#/components/schemas/ProblemDetails"}
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = {
                    "description": "A problem (RFC 9457)", "content": {PROBLEM: {"schema": said}},
                }  # fmt: skip
        return schema


def told(error: object) -> HttpResponse:
    """What the client is told of an error; of those that nobody foresaw, nothing: the log says where, not what."""
    match error:
        case Problem():
            return problem(error.status, error.detail, **error.extra)
        case ValidationError():
            return _invalid(error)
        case AuthenticationError():
            return problem(401, "Give a token: Authorization: Bearer …")
        case HttpError():
            return problem(error.status_code, str(error))
        case Http404():
            return problem(404, "There is nothing here that you may see.")
        case PermissionDenied():
            return problem(403, str(error) or "You may not do that.")
        case RequestDataTooBig():
            return problem(413, "That is too much at once.")
        case SafeconductError():
            offset = getattr(error, "offset", None)  # of an upload: where to go on
            return problem(409, str(error), **({} if offset is None else {"offset": offset}))
        case UnicodeEncodeError() | DataError():  # half a letter, a zero byte: no text
            return problem(422, "There is something in the request that is no text.")
    return _broken(error)


def _invalid(error: ValidationError) -> HttpResponse:
    """Where the request is wrong, without the values: they may be anything."""
    wrong = [{"pointer": "/" + "/".join(map(str, one["loc"])), "detail": str(one["msg"])} for one in error.errors]
    return problem(422, "The request does not have the shape it should have.", errors=wrong[:20])


def _broken(error: object) -> HttpResponse:
    at = error.__traceback__ if isinstance(error, BaseException) else None
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}" if at else ""
    log.error("api: %s at %s", type(error).__name__, place)
    return problem(500, "Something broke here. It is in the log of this desk.")


def guarded(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Each view with its ``door``: strangers come as far as the operation's own, which asks for the token."""
    own = [one for one in patterns if isinstance(one, URLPattern) and one.name != "api-root"]
    for pattern in own:
        pattern.callback = _with_door(pattern.callback)
    nowhere = _with_door(_nowhere)
    return [*own, path("", nowhere, name="api-nothing"), path("<path:rest>", nowhere, name="api-nowhere")]


def _nowhere(request: HttpRequest, rest: str = "") -> HttpResponse:
    return problem(404, "There is no such address. All of them are in openapi.json.")


def _with_door(view: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **kwargs)
        if response.status_code == 405:
            allowed = response["Allow"]
            response = problem(405, f"This address takes {allowed}.")
            response["Allow"] = allowed
        return response

    asked.door = None  # type: ignore[attr-defined]
    asked.csrf_exempt = True  # type: ignore[attr-defined]  # cookies open nothing here
    return asked


# --- lists and versions ------------------------------------------------------------------------------------


class Pages(Schema):
    """Which page of a list."""

    page: int = Field(1, ge=1, le=1_000_000)
    size: int = Field(USUAL, ge=1, le=MOST)


def paged(request: HttpRequest, rows: QuerySet[Row], pages: Pages, shown: Callable[[Row], Any]) -> dict[str, Any]:
    """One page of a list; ``next`` is the address of the one after it."""
    first = (pages.page - 1) * pages.size
    found = list(rows[first : first + pages.size + 1])
    following = None
    if len(found) > pages.size:
        query = request.GET.copy()
        query["page"] = str(pages.page + 1)
        following = f"{request.path}?{query.urlencode()}"
    return {"items": [shown(one) for one in found[: pages.size]], "page": pages.page, "next": following}


def tagged(request: HttpRequest, body: Mapping[str, Json]) -> HttpResponse:
    """A large answer with its ETag; 304 for who has it already."""
    content = msgspec.json.encode(body)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    known = {one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")}
    response = HttpResponse(status=304) if tag in known else HttpResponse(content, content_type="application/json")
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    return response


def person(request: HttpRequest) -> User:
    """Whose token it is."""
    assert isinstance(request.user, User)
    return request.user


def at_least(request: HttpRequest, role: Role) -> None:
    """For what a scope alone does not say."""
    if person(request).member.role < role:
        raise Problem(403, f"This is for a {role.label} and above.")
