"""Who may open which door: every address there is, for everybody there is.

A new page is found by itself.  If it opens to strangers, or takes a POST without the token that forms carry, somebody
has to have meant that: its name goes into ``STRANGERS`` or ``OTHER_TOKENS`` here, with a reason one can read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from safeconduct_desk import approvals, jobs
from safeconduct_desk.doors import Doors, door, role_of
from safeconduct_desk.models import Appeal, Approval, Arrival, Identity, Member, Notice, Question, Role
from tests.desk.conftest import ClientOf

# Addresses that whoever comes along may open: how to come in, what is published, and what other servers send.
STRANGERS = {
    "set-up", "welcome",
    "account_login", "account_logout", "account_signup", "account_inactive", "mfa_authenticate", "mfa_login_webauthn",
    "server", "server-leave", "server-back", "openid_connect_login", "openid_connect_callback",
    "socialaccount_login_cancelled", "socialaccount_login_error", "socialaccount_signup",
    "published", "published-json", "gate", "gate-json", "custody", "transparency", "notice", "catalogue",
    "report", "report-thanks", "mastodon-webhook",
    "healthz", "readyz", "metrics",
}  # fmt: skip
# POSTs that prove themselves in another way than by the token of a form: signatures of servers that report.
OTHER_TOKENS = {"mastodon-webhook"}
# These look for the token themselves, because the file has to be received in a way of its own.
ASKED_INSIDE = {"upload"}
# What GET does there begins something at another server.
BEGINS = {"openid_connect_login", "openid_connect_callback"}


class Place(NamedTuple):
    """One address: its pattern, the name it has, its view, the names of what is written into it."""

    route: str
    name: str
    view: Callable[..., Any]
    given: frozenset[str]

    @property
    def least(self) -> Role | None:
        found: Role | None = self.view.door  # type: ignore[attr-defined]
        return found


def places() -> list[Place]:
    """Every address there is."""
    return list(_walk(get_resolver().url_patterns, "", frozenset()))


def _walk(patterns: list[Any], before: str, given: frozenset[str]) -> Iterator[Place]:
    for one in patterns:
        route, names = before + str(one.pattern), given | frozenset(one.pattern.converters)
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, route, names)
        elif isinstance(one, URLPattern):
            yield Place(route, one.name or route, one.callback, names)


def pages() -> list[Place]:
    """Every page, and whatever else is no resource of the API."""
    return [place for place in places() if not _of_api(place)]


def _of_api(place: Place) -> bool:
    return place.route.startswith("api/")


def _of_ninja(place: Place) -> bool:
    """Each operation of a resource asks for its own scope."""
    return getattr(place.view, "func", place.view).__module__.startswith("ninja.")


class Things(NamedTuple):
    """What addresses are about: Alice's import and what hangs on it."""

    arrival: Arrival
    numbers: dict[str, int]

    def address(self, place: Place) -> str:
        values: dict[str, object] = {}
        for name in place.given:
            values[name] = self.numbers.get(name, self.arrival.name if name in ARRIVAL else 1)
        if place.name == "approval-answer":
            values["verb"] = "again"
        return "/" + _filled(place.route, values)


ARRIVAL = {"name", "arrival", "provider_id", "secret", "verb", "key", "code", "slug", "value"}


def _filled(route: str, values: dict[str, object]) -> str:
    for name, value in values.items():
        head, _open, rest = route.partition(f":{name}>")
        if not _open:
            head, _open, rest = route.partition(f"<{name}>")
            route = f"{head}{value}{rest}"
        else:
            route = f"{head.rpartition('<')[0]}{value}{rest}"
    return route


@pytest.fixture
def things(screened: Arrival, alice: User, erin: User, carol: User) -> Things:
    """Alice's import, with everything that can hang on it, so that no number leads to nothing by accident."""
    group = screened.groups.all()[0]
    Identity.objects.create(member=alice.member, origin="https://old.example", account="1", acct="alice@old.example")
    Question.objects.create(arrival=screened, group=group, text="Is this yours?", asked_by=carol.member)
    Appeal.objects.create(arrival=screened, group=group, text="I disagree.")
    Notice.objects.create(thing="https://garden.example/1", channel="form", arrival=screened)
    Approval.objects.create(arrival=screened, act="rollback", asked_by=erin.member)
    return Things(screened, {"group": group.pk, "pk": 1, "n": group.members.all()[0].n})


@pytest.fixture
def everybody(alice: User, bob: User, carol: User, erin: User, olga: User) -> dict[str, User]:
    return {user.username: user for user in (alice, bob, carol, erin, olga)}


# --- what is meant


def test_every_view_says_who_may_open_it() -> None:
    silent = [place.route for place in places() if not hasattr(place.view, "door") and not _of_ninja(place)]
    assert silent == [], "put @door(Role.…) on these views"


def test_whatever_opens_to_strangers_is_meant_to() -> None:
    opened = {place.name for place in pages() if place.least is None}
    assert opened - STRANGERS == set(), "is that meant? then name it in STRANGERS"


def test_every_page_has_a_name_of_its_own() -> None:
    names = [place.name for place in pages()]
    assert {name for name in names if names.count(name) > 1} == set()
    for place in pages():
        assert reverse(place.name, args=["1"] * len(place.given)).startswith("/" + place.route.partition("<")[0])


def test_no_view_without_a_door_is_served() -> None:
    def silent(request: HttpRequest) -> HttpResponse:
        return HttpResponse("secret")

    with pytest.raises(PermissionDenied):
        Doors(silent).process_view(RequestFactory().get("/"), silent, (), {})
    Doors(silent).process_view(RequestFactory().get("/"), door(Role.LEAD)(silent), (), {})


def test_no_address_of_what_is_not_needed() -> None:
    """Of what comes with Django and allauth only what is named has an address: no admin, no e-mail, no confirming."""
    routes = " ".join(place.route for place in places())
    for word in ("admin", "email", "confirm-email", "password/reset", "3rdparty"):
        assert word not in routes


# --- every address, for everybody


@pytest.mark.parametrize("who", ["nobody", "bob", "carol", "erin", "olga"])
def test_every_page_for_everybody(things: Things, everybody: dict[str, User], client_of: ClientOf, who: str) -> None:
    role = role_of(everybody[who]) if who in everybody else None
    wrong = []
    for place in pages():
        client = client_of(everybody[who]) if who in everybody else Client()
        if place.name in BEGINS or place.name == "account_logout":
            continue
        address = things.address(place)
        answer = client.get(address)
        if (trouble := _trouble(place, role, answer, address)) is not None:
            wrong.append(trouble)
    assert wrong == []


def _trouble(place: Place, role: Role | None, answer: Any, address: str) -> str | None:
    status, least = answer.status_code, place.least
    if least is not None and role is None:
        expected = status in (302, 405) and (status == 405 or answer["Location"].startswith("/sign-in/?next="))
    elif least is not None and role is not None and role < least:
        expected = status in (403, 405)
    elif place.name == "set-up":
        expected = status == 302
    else:
        expected = status in (200, 302, 404, 405) or (status in (400, 401) and least is None)
    if not expected:
        return f"{place.name} {address}: {status}"
    if status == 200 and "no-store" not in answer.get("Cache-Control", ""):
        return f"{place.name}: may be kept by a browser"
    if status == 200 and "unsafe" in answer.get("Content-Security-Policy", "unsafe"):
        return f"{place.name}: scripts from anywhere"
    return None


@pytest.mark.parametrize("who", ["bob", "nobody"])
def test_no_person_reaches_the_import_of_another_by_any_address(
    things: Things, everybody: dict[str, User], client_of: ClientOf, who: str
) -> None:
    client = client_of(everybody[who]) if who in everybody else Client()
    before = _everything()
    wrong = []
    for place in pages():
        if not {"name", "arrival"} & place.given:
            continue
        for method in (client.get, client.post):
            answer = method(things.address(place))
            gone = answer.status_code in ((404, 405) if place.least is Role.PERSON else (403, 404, 405))
            sent_away = who == "nobody" and answer.status_code == 302 and "/sign-in/" in answer["Location"]
            if not (gone or sent_away):
                wrong.append(f"{method.__name__} {place.name}: {answer.status_code}")
    assert wrong == []
    assert _everything() == before


def test_no_person_changes_what_is_anothers_by_its_number(
    things: Things, everybody: dict[str, User], client_of: ClientOf
) -> None:
    before, client = _everything(), client_of(everybody["bob"])
    for place in pages():
        if place.given and place.name not in BEGINS | {"welcome"}:
            client.post(things.address(place), {"text": "mine", "answer": "mine", "action": "accept"})
    assert _everything() == before


def _everything() -> dict[str, list[Any]]:
    """Every row that hangs on somebody's import, as it is now."""
    rows: dict[str, list[Any]] = {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in (Arrival, Question, Appeal, Approval, Identity, Notice)
    }
    arrival = Arrival.objects.get()
    return {**rows, "Group": list(arrival.groups.order_by("pk").values())}


def test_a_person_reaches_their_own(things: Things, everybody: dict[str, User], client_of: ClientOf) -> None:
    client = client_of(everybody["alice"])
    own = [place for place in pages() if place.least is Role.PERSON and {"name", "arrival"} & place.given]
    missing = [place.name for place in own if client.get(things.address(place)).status_code not in (200, 302, 404, 405)]
    assert missing == []


@pytest.mark.parametrize("who", ["alice", "olga"])
def test_no_post_without_the_token_of_a_form(things: Things, everybody: dict[str, User], who: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(everybody[who])
    before, taken = _everything(), []
    for place in pages():
        status = client.post(things.address(place)).status_code
        if place.name not in OTHER_TOKENS | ASKED_INSIDE and status not in (403, 405):
            taken.append(f"{place.name}: {status}")
    assert taken == []
    assert _everything() == before


def test_no_file_without_the_token_of_a_form(arrival: Arrival) -> None:
    Arrival.objects.update(state=Arrival.State.OFFERED, got=0)
    client = Client(enforce_csrf_checks=True)
    client.force_login(arrival.person)
    for name in sorted(ASKED_INSIDE & {place.name for place in pages()}):
        answer = client.post(reverse(name, args=[arrival.name]), {"file": BytesIO(b"planted")})
        assert answer.status_code == 403, name
    arrival.refresh_from_db()
    assert (arrival.state, arrival.got) == (Arrival.State.OFFERED, 0)


# --- the resources of the API


def test_no_resource_of_the_api_answers_strangers_and_people_who_move_with_what_is_anothers(
    things: Things, everybody: dict[str, User], client_of: ClientOf
) -> None:
    before, wrong = _everything(), []
    clients = {"nobody": Client(), "bob": client_of(everybody["bob"])}
    for place in places():
        if not _of_api(place) or not {"name", "arrival"} & place.given:
            continue
        for who, client in clients.items():
            for method in ("get", "post", "put", "patch", "delete"):
                answer = getattr(client, method)(things.address(place), content_type="application/json")
                if answer.status_code not in (401, 403, 404, 405):
                    wrong.append(f"{who} {method} {place.route}: {answer.status_code}")
    assert wrong == []
    assert _everything() == before


def test_a_session_is_no_token_for_the_api_without_the_token_of_a_form(
    things: Things, everybody: dict[str, User]
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(everybody["olga"])
    before, wrong = _everything(), []
    for place in places():
        if not _of_api(place) or not _of_ninja(place):  # descriptions only tell, whatever they are asked with
            continue
        for method in ("post", "put", "patch", "delete"):
            status = getattr(client, method)(things.address(place), content_type="application/json").status_code
            if status < 400:
                wrong.append(f"{method} {place.route}: {status}")
    assert wrong == []
    assert _everything() == before


# --- sessions


def test_the_cookies_are_for_this_desk_only(carol: User) -> None:
    client = Client()
    client.get("/sign-in/")
    client.post("/sign-in/", {"login": "carol", "password": "correct horse battery staple"})
    for name in ("sessionid", "csrftoken"):
        cookie = client.cookies[name]
        assert (cookie["samesite"], cookie["httponly"], cookie["domain"]) == ("Lax", True, ""), name


def test_behind_a_proxy_cookies_travel_by_https_only(tmp_path: Path) -> None:
    names = ("SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_NAME", "CSRF_COOKIE_SECURE",
             "SECURE_HSTS_SECONDS", "ALLAUTH_TRUSTED_PROXY_COUNT", "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN")  # fmt: skip
    script = (
        f"import json; from safeconduct_desk import settings as s; print(json.dumps([getattr(s, n) for n in {names}]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, *names], capture_output=True, check=True, text=True,
        env={**os.environ, "SAFECONDUCT_DESK": str(tmp_path), "SAFECONDUCT_DESK_BEHIND_PROXY": "yes"},
    )  # fmt: skip
    assert json.loads(told.stdout) == ["__Host-desk", True, "__Host-desk-csrf", True, 31_536_000, 1, False]


def test_no_form_leads_away_and_nothing_is_framed(carol: User) -> None:
    policy = Client().get("/sign-in/")["Content-Security-Policy"]
    for part in ("form-action 'self'", "frame-ancestors 'none'", "default-src 'none'", "base-uri 'none'"):
        assert part in policy
    assert Client().get("/sign-in/")["Referrer-Policy"] == "same-origin"


def test_a_stranger_is_sent_to_sign_in_and_back(carol: User) -> None:
    client = Client()
    answer = client.get("/approvals/?show=all")
    assert answer["Location"] == "/sign-in/?next=/approvals/%3Fshow%3Dall"
    answer = client.post(answer["Location"], {"login": "carol", "password": "correct horse battery staple"})
    assert answer["Location"] == "/approvals/?show=all"


def test_who_is_a_member_is_asked_once(carol: User, client_of: ClientOf, django_assert_max_num_queries: Any) -> None:
    client = client_of(carol)
    with django_assert_max_num_queries(14):
        client.get(reverse("approvals"))


def test_a_user_without_a_member_is_a_person(community: object) -> None:
    user = User.objects.create_user("dora")
    assert role_of(user) is Role.PERSON
    assert Member.objects.get(user=user).rank is Role.PERSON


# --- the fixtures that every other test stands on


@pytest.mark.parametrize("turn", [1, 2])
def test_an_import_that_was_read_can_be_delivered_whether_or_not_another_test_read_it(
    screened: Arrival, turn: int, tmp_path: Path
) -> None:
    jobs.start("apply", screened)
    screened.refresh_from_db()
    assert screened.state == Arrival.State.APPLIED, (turn, screened.problem)
    assert screened.groups.count() > 10
    assert (tmp_path / "delivered.tar").exists()
    assert approvals.waiting().count() == 0
