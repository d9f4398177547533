"""Other programs are told, signed, in order, and again until they have it; never content, and nowhere private."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from safeconduct.errors import NetworkRefused
from safeconduct_desk import jobs, webhooks
from safeconduct_desk.models import Act, Arrival, Call, Community, Member, Webhook

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "hear-what-happens.md"
Heard = list[tuple[dict[str, str], bytes]]


class Listener(ThreadingHTTPServer):
    """Another program; ``status`` is what it answers."""

    status = 204

    def __init__(self) -> None:
        self.heard: Heard = []
        super().__init__(("127.0.0.1", 0), Answering)


class Answering(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        if self.server.status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quietly."""


@pytest.fixture
def listener(community: Community) -> Iterator[Listener]:
    Community.objects.update(loopback=True)
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def made(listener: Listener, olga: User) -> tuple[Webhook, bytes]:
    webhook, shown = webhooks.make(Member.objects.get(user=olga), f"http://127.0.0.1:{listener.server_port}/hook?a=1")
    return webhook, base64.b64decode(shown)


def later(**times: Any) -> None:
    """Time passes for what waits."""
    Call.objects.update(due=timezone.now() - timedelta(seconds=1))


def test_the_signature_is_that_of_the_standard() -> None:
    """RFC 9421, appendix B.2.5."""
    secret = base64.b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    parts = {"date": "Tue, 20 Apr 2021 02:07:55 GMT", "@authority": "example.com", "content-type": "application/json"}
    made = webhooks.signature(parts, secret, "test-shared-secret", 1618884473, alg="")
    assert made.input == '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    assert made.signature == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="


def verified(headers: dict[str, str], body: bytes, url: str, secret: bytes) -> bool:
    """What a receiver does, written from the standard and not from our code."""
    digest = "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"
    found = re.fullmatch(
        r'desk=(\("@method" "@target-uri" "content-type" "content-digest"\);created=\d+;.*)', headers["signature-input"]
    )
    assert found
    base = "\n".join([
        '"@method": POST', f'"@target-uri": {url}', f'"content-type": {headers["content-type"]}',
        f'"content-digest": {headers["content-digest"]}', f'"@signature-params": {found[1]}',
    ])  # fmt: skip
    said = base64.b64decode(headers["signature"].removeprefix("desk=:").removesuffix(":"))
    return digest == headers["content-digest"] and hmac.compare_digest(
        said, hmac.new(secret, base.encode(), "sha256").digest()
    )


def test_each_state_of_an_import_is_told_once_and_signed(
    made: tuple[Webhook, bytes], listener: Listener, arrival: Arrival
) -> None:
    webhook, secret = made
    assert webhooks.run_due() == 1
    assert webhooks.run_due() == 0
    jobs.start("screen", arrival)
    assert webhooks.run_due() == 1
    told = [json.loads(body) for _, body in listener.heard]
    assert [one["event"] for one in told] == ["arrival.received", "arrival.waiting"]
    assert {one["arrival"] for one in told} == {arrival.name}
    assert len({one["id"] for one in told}) == 2
    for headers, body in listener.heard:
        assert verified(headers, body, webhook.url, secret)
        assert not verified(headers, body + b" ", webhook.url, secret)
        assert not verified(headers, body, webhook.url + "x", secret)
        assert not verified(headers, body, webhook.url, secret + b"x")


def test_nothing_of_the_import_or_the_person_is_in_it(
    made: tuple[Webhook, bytes], listener: Listener, screened: Arrival
) -> None:
    webhooks.run_due()
    headers, body = listener.heard[0]
    assert set(json.loads(body)) == {"id", "event", "at", "arrival", "state", "items", "held"}
    assert screened.acct not in body.decode() + str(headers)
    assert "authorization" not in headers


def test_what_is_not_taken_is_told_again_in_order_and_later_each_time(
    made: tuple[Webhook, bytes], listener: Listener, arrival: Arrival
) -> None:
    listener.status = 500
    pauses = []
    for _ in range(4):
        assert webhooks.run_due() == 0
        assert webhooks.run_due() == 0  # not due yet: it is not hammered
        pauses.append((Call.objects.get().due - timezone.now()).total_seconds())
        later()
    assert len(listener.heard) == 4
    assert pauses == sorted(pauses)
    assert pauses[0] > 20
    assert pauses[-1] > 200
    jobs.start("screen", arrival)
    webhooks.gather()
    listener.status, listener.heard[:] = 200, []
    later()
    assert webhooks.run_due() == 2
    assert [json.loads(body)["state"] for _, body in listener.heard] == ["received", "waiting"]
    assert Webhook.objects.get().failures == 0


def test_after_many_failures_it_pauses_until_somebody_looks(
    made: tuple[Webhook, bytes], listener: Listener, arrival: Arrival, olga: User
) -> None:
    webhook, _ = made
    Webhook.objects.update(failures=webhooks.FAILURES - 1)
    listener.status = 410
    webhooks.run_due()
    later()
    webhooks.run_due()
    assert len(listener.heard) == 1
    assert Webhook.objects.get().paused
    assert Act.objects.filter(verb="webhook paused").exists()
    listener.status = 200
    webhooks.resume(Member.objects.get(user=olga), webhook)
    assert webhooks.run_due() == 1


def test_a_call_is_given_up_after_more_than_a_day(
    made: tuple[Webhook, bytes], listener: Listener, arrival: Arrival
) -> None:
    total = sum((min(webhooks.FIRST * 2**n, webhooks.LONGEST) for n in range(webhooks.TRIES - 1)), timedelta())
    assert total > timedelta(days=1)
    webhooks.gather()
    Call.objects.update(tries=webhooks.TRIES - 1)
    listener.status = 500
    webhooks.run_due()
    assert not Call.objects.exists()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "https://user@x.example/", "ftp://x.example/", "https://", "gopher:x"]
)
def test_an_address_that_is_never_called_is_refused_at_once(community: Community, olga: User, url: str) -> None:
    with pytest.raises(NetworkRefused):
        webhooks.make(Member.objects.get(user=olga), url)
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "127.0.0.1", "::1", "fd00::1"])
def test_a_name_that_leads_inside_is_not_called(
    community: Community, olga: User, arrival: Arrival, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks.make(Member.objects.get(user=olga), "https://inside.example/hook")
    monkeypatch.setattr("safeconduct.net.resolve", lambda host, port: [address])
    assert webhooks.run_due() == 0
    assert "open internet" in Call.objects.get().said


def test_a_redirect_is_not_followed(made: tuple[Webhook, bytes], listener: Listener, arrival: Arrival) -> None:
    listener.status = 302
    assert webhooks.run_due() == 0
    assert len(listener.heard) == 1
    assert "redirects" in Call.objects.get().said


def test_only_what_was_asked_for_is_told(listener: Listener, arrival: Arrival, olga: User) -> None:
    url = f"http://127.0.0.1:{listener.server_port}/"
    webhook, _ = webhooks.make(Member.objects.get(user=olga), url, ["arrival.waiting", "nonsense"])
    assert webhook.events == "arrival.waiting"
    assert webhooks.run_due() == 0
    jobs.start("screen", arrival)
    assert webhooks.run_due() == 1


def test_two_workers_do_not_tell_the_same_twice(
    made: tuple[Webhook, bytes], listener: Listener, arrival: Arrival
) -> None:
    webhook, _ = made
    webhooks.gather()
    first, second = webhooks._claimed(webhook), webhooks._claimed(webhook)
    assert first is not None
    assert second is None


def test_the_secret_is_sealed(made: tuple[Webhook, bytes]) -> None:
    webhook, secret = made
    kept = bytes(Webhook.objects.get(pk=webhook.pk).secret)
    assert secret not in kept
    assert base64.b64encode(secret) not in kept


def test_the_check_of_the_documentation_works(
    made: tuple[Webhook, bytes], listener: Listener, arrival: Arrival
) -> None:
    webhook, secret = made
    webhooks.run_due()
    ((headers, body),) = listener.heard
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    given: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), given)
    genuine, shown = given["genuine"], base64.b64encode(secret).decode()
    assert genuine(headers, body, webhook.url, shown)
    assert not genuine(headers, body + b" ", webhook.url, shown)
    assert not genuine(headers, body, "https://elsewhere.example/", shown)
    assert not genuine(headers, body, webhook.url, base64.b64encode(b"another").decode())
    assert not genuine(headers, body, webhook.url, shown, within=-1)
    aged = {**headers, "signature-input": re.sub(r"created=\d+", "created=1", headers["signature-input"])}
    assert not genuine(aged, body, webhook.url, shown)
