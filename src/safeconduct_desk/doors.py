"""Who may open which door.

Every view says so itself: ``@door(Role.MODERATOR)``.  A view that says nothing is closed to everybody; a test walks
over all addresses.  What a page shows of *one* arrival is asked of ``may_see``: a person sees only their own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.decorators import rate_limit
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.cache import add_never_cache_headers

from safeconduct_desk.models import Arrival, Community, Member, Role
from safeconduct_desk.problems import problem

View = Callable[..., HttpResponse]
API_PREFIX = "/api/"
OPEN_PREFIXES = ("/static/", "/set-up/", "/healthz", "/readyz")
# Resources of the API ask for a token (or a session) themselves, each operation for its own scope.
API = "ninja."


def role_of(user: User | AnonymousUser) -> Role | None:
    """The role of whoever is signed in; ``None`` for a stranger."""
    return Role(_member(user).role) if isinstance(user, User) else None


def member_of(request: HttpRequest) -> Member:
    """The member who is signed in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return _member(request.user)


def _member(user: User) -> Member:
    """Their member, made when they come for the first time; asked of the database once a request."""
    try:
        return user.member
    except Member.DoesNotExist:
        user.member, _new = Member.objects.get_or_create(user=user)
        return user.member


def door(least: Role | None) -> Callable[[View], View]:
    """Open a view to ``least`` and above; ``None`` opens it to strangers too."""

    def wrap(view: View) -> View:
        @wraps(view)
        def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if least is not None:
                role = role_of(request.user)
                if role is None:
                    return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
                if role < least:
                    raise PermissionDenied
            response = view(request, *args, **kwargs)
            add_never_cache_headers(response)
            return response

        asked.door = least  # type: ignore[attr-defined]
        return asked

    return wrap


def slowed(action: str, *, get: bool = False) -> Callable[[View], View]:
    """As many POSTs (with ``get``, GETs too) as ``settings.ACCOUNT_RATE_LIMITS[action]`` allows, then 429.

    ``KeyError`` if it is not there: a limit that nobody set would be none, and nobody would notice.
    """
    settings.ACCOUNT_RATE_LIMITS[action]
    limited: Callable[[View], View] = rate_limit(action=action, limit_get=get)
    return limited


def arrival_for(request: HttpRequest, name: str) -> Arrival:
    """The arrival of this name, if the one who asks may see it.  Otherwise there is none: a 404, not a 403."""
    arrival = Arrival.objects.filter(name=name).first()
    if arrival is None or not may_see(request.user, arrival):
        raise Http404
    return arrival


def may_see(user: User | AnonymousUser, arrival: Arrival) -> bool:
    """A person sees their own arrivals, whoever works here sees all of them."""
    role = role_of(user)
    return role is not None and (role.works_here or arrival.person_id == user.pk)


def not_yet() -> HttpResponse:
    """What a program is told before anybody has set the desk up."""
    told = problem(503, "This desk is not set up yet. Whoever runs it opens its set-up page first; then try again.")
    told["Retry-After"] = "60"
    return told


class Doors:
    """Nothing is shown before the desk is set up, except how to do that; no view without a door; nothing is cached."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(OPEN_PREFIXES) and not Community.is_set_up():
            return not_yet() if request.path.startswith(API_PREFIX) else redirect("set-up")
        response = self._get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    def process_view(self, request: HttpRequest, view: View, *_: object) -> None:
        """A view that does not say who may open it is closed."""
        maker = getattr(view, "func", view)  # behind ``functools.partial``
        if not hasattr(view, "door") and not maker.__module__.startswith(API):
            raise PermissionDenied
