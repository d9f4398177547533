"""Health, measurements and the log: for machines, and without anything of anybody's."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from safeconduct_desk import tokens
from safeconduct_desk.logs import Line
from safeconduct_desk.models import Arrival, Community, Member, Webhook, Worker

ClientOf = Callable[[User], Client]


def test_alive_asks_nothing_of_the_database() -> None:
    assert Client().get("/healthz").content == b"ok\n"


def test_ready_says_what_is_missing(community: Community, settings: Settings) -> None:
    settings.WORK_AT_ONCE = False
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["worker"]) == (503, False)
    Worker.objects.create(name="one", beat=timezone.now() - timedelta(minutes=5))
    assert Client().get("/readyz").status_code == 503
    Worker.objects.update(beat=timezone.now())
    assert Client().get("/readyz").json() == {"ready": True, "database": True, "folder": True, "worker": True}


def test_ready_without_a_database_is_no_crash(community: Community) -> None:
    with patch.object(Community.objects, "exists", side_effect=OperationalError):
        answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["database"]) == (503, False)


# --- measurements ----------------------------------------------------------------------------------------------


def token_of(user: User, *scopes: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.make(Member.objects.get(user=user), 'prometheus', scopes)[1]}"}


def values(content: bytes) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(content.decode())
    return {(one.name, next(iter(one.labels.values()), "")): one.value for family in families for one in family.samples}


def test_an_operator_reads_what_there_is(olga: User, screened: Arrival) -> None:
    Webhook.objects.create(url="https://x.example/", secret=b"", paused=True)
    answer = Client().get("/metrics", headers=token_of(olga, "metrics:read"))
    assert answer["Content-Type"].startswith("text/plain; version=")
    found = values(answer.content)
    assert found["desk_arrivals", "waiting"] == 1
    assert found["desk_arrivals", "applied"] == 0
    assert found["desk_groups_open", ""] == screened.groups.filter(action="").count() > 0
    assert found["desk_review_minutes", ""] == pytest.approx(screened.minutes)
    assert found["desk_webhooks_paused", ""] == 1


def test_no_name_is_in_the_measurements(olga: User, screened: Arrival) -> None:
    content = Client().get("/metrics", headers=token_of(olga, "metrics:read")).content.decode()
    for name in ("alice", screened.acct, screened.name, "Garden"):
        assert name not in content


def test_nobody_else_reads_them(olga: User, carol: User, client_of: ClientOf) -> None:
    assert Client().get("/metrics").status_code == 401
    assert client_of(olga).get("/metrics").status_code == 401  # a browser's session is no token
    assert Client().get("/metrics", headers=token_of(carol, "trends:read")).status_code == 401
    assert Client().get("/metrics", headers=token_of(olga, "trends:read")).status_code == 401
    with pytest.raises(ValueError, match="metrics:read"):
        token_of(carol, "metrics:read")


@pytest.mark.parametrize(
    ("hosts", "address", "proxy", "header", "status"),
    [
        (["localhost", "127.0.0.1"], "127.0.0.1", False, "", 200),
        (["localhost"], "::1", False, "", 200),
        (["localhost"], "192.0.2.7", False, "", 401),
        (["localhost"], "", False, "", 401),
        (["localhost", "desk.example"], "127.0.0.1", False, "", 401),  # somebody else can reach it: by a proxy here
        (["localhost"], "127.0.0.1", True, "", 401),
        (["localhost"], "127.0.0.1", False, "X-Forwarded-For", 401),
    ],
)
def test_this_machine_itself_reads_them_where_nobody_else_can_reach_the_desk(
    community: Community, settings: Settings, hosts: list[str], address: str, proxy: bool, header: str, status: int
) -> None:
    settings.ALLOWED_HOSTS, settings.BEHIND_PROXY = hosts, proxy
    headers = {"Host": "localhost"} | ({header: "192.0.2.7"} if header else {})
    assert Client().get("/metrics", headers=headers, REMOTE_ADDR=address).status_code == status


# --- the page of programs --------------------------------------------------------------------------------------


def test_a_token_is_made_shown_once_and_ended(carol: User, client_of: ClientOf) -> None:
    client = client_of(carol)
    made = client.post("/account/programs/", {"title": "<b>importer", "scopes": ["screen"]}, follow=True)
    secret = made.content.decode().partition('value="scd_')[2].partition('"')[0]
    assert len(secret) == 43
    again = client.get("/account/programs/").content.decode()
    assert secret not in again
    assert "&lt;b&gt;importer" in again
    token = tokens.opened(f"scd_{secret}")
    assert token is not None
    assert client.post(f"/account/programs/{token.pk}/revoke/").status_code == 302
    assert tokens.opened(f"scd_{secret}") is None


def test_a_token_of_somebody_else_is_not_there(carol: User, bob: User, client_of: ClientOf) -> None:
    token, _ = tokens.make(Member.objects.get(user=carol), "hers", ["screen"])
    assert client_of(bob).post(f"/account/programs/{token.pk}/revoke/").status_code == 404
    assert client_of(bob).post("/account/programs/", {"title": "x", "scopes": ["screen"]}).status_code == 400
    assert "hers" not in client_of(bob).get("/account/programs/").content.decode()


def test_an_operator_has_a_program_told(olga: User, carol: User, client_of: ClientOf) -> None:
    client, url = client_of(olga), "https://other.example/hook"
    wrong = client.post("/account/programs/told/", {"url": "http://127.0.0.1/"})
    assert wrong.status_code == 400
    assert "https" in wrong.content.decode()
    made = client.post("/account/programs/told/", {"url": url, "events": ["arrival.waiting"]}, follow=True)
    assert url in made.content.decode()
    webhook = Webhook.objects.get()
    Webhook.objects.update(paused=True, failures=20)
    assert "Try again" in client.get("/account/programs/").content.decode()
    assert client_of(carol).post(f"/account/programs/told/{webhook.pk}/remove/").status_code == 403
    assert client.post(f"/account/programs/told/{webhook.pk}/nonsense/").status_code == 404
    client.post(f"/account/programs/told/{webhook.pk}/resume/")
    assert not Webhook.objects.get().paused
    client.post(f"/account/programs/told/{webhook.pk}/remove/")
    assert not Webhook.objects.exists()


# --- the log -----------------------------------------------------------------------------------------------------


def line(name: str, message: str, *args: object, **extra: object) -> dict[str, object]:
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, None)
    record.__dict__.update(extra)
    said: dict[str, object] = json.loads(Line().format(record))
    return said


def test_a_line_of_ours_is_said_as_it_is() -> None:
    said = line("safeconduct.desk", "arrival %s: %s", 7, "SourceError")
    assert said["message"] == "arrival 7: SourceError"
    assert said["level"] == "error"


def test_of_a_request_only_the_pattern_of_its_address_is_logged() -> None:
    request = SimpleNamespace(method="GET", resolver_match=SimpleNamespace(route="welcome/<str:secret>/"))
    said = line("django.request", "%s: %s", "Not Found", "/welcome/the-secret/", request=request, status_code=404)
    assert said["route"] == "welcome/<str:secret>/"
    assert said["status"] == 404
    assert "the-secret" not in json.dumps(said)


def test_of_an_exception_only_its_type_and_its_places_are_logged() -> None:
    try:
        raise ValueError("a post of alice")
    except ValueError:
        said = line("django.request", "Internal Server Error: /x/", exc_info=sys.exc_info())
    assert said["exception"] == "ValueError"
    assert said["places"] == [f"test_metrics.py:{_line_of_raise()}"]
    assert "alice" not in json.dumps(said)
    assert "/x/" not in json.dumps(said)


def _line_of_raise() -> int:
    lines = Path(__file__).read_text("utf-8").splitlines()
    return next(n for n, text in enumerate(lines, 1) if 'raise ValueError("a post of alice")' in text)
