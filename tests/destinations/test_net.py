"""What net.py connects to, what it refuses, and what it makes of every way an answer can be lost."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct import net
from safeconduct.errors import DeliveryError, NetworkRefused, SafeconductError, TryAgain, Uncertain
from safeconduct.net import Client, Refused, fetch, origin_of, public

INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "2002:0a00:0001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "::10.0.0.1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_inside_anything_is_public(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"])
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert public(address)


@settings(deadline=None, max_examples=100)
@given(st.ip_addresses(v=4))
def test_a_tunnel_is_judged_by_what_is_inside_it(inner: ipaddress.IPv4Address) -> None:
    for outer in (f"::ffff:{inner}", str(ipaddress.IPv6Address((0x64FF9B << 96) | int(inner)))):
        assert public(outer) == public(str(inner))


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Social.Example", "https://social.example"),
        ("https://social.example:443/path?x", "https://social.example"),
        ("https://social.example.:8443", "https://social.example:8443"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://[2606:2800::1]", "https://[2606:2800::1]"),
    ],
)
def test_an_origin_has_one_form(address: str, origin: str) -> None:
    assert origin_of(address) == origin


@pytest.mark.parametrize(
    "address",
    [
        "http://social.example",
        "http://127.0.0.1",
        "ftp://social.example",
        "https://",
        "social.example",
        "https://alice:secret@social.example",
        "https://social.example:99999",
        "https://[::1",
        "file:///etc/passwd",
        "",
    ],
)
def test_what_is_no_place_to_connect_to_is_refused(address: str) -> None:
    with pytest.raises(NetworkRefused) as refused:
        origin_of(address)
    assert "secret" not in str(refused.value)


def test_http_is_only_for_this_machine_and_only_when_allowed() -> None:
    assert origin_of("http://127.0.0.1:8080", loopback=True) == "http://127.0.0.1:8080"
    with pytest.raises(NetworkRefused):
        origin_of("http://social.example", loopback=True)


def test_a_token_with_a_line_break_is_refused_without_being_shown() -> None:
    with pytest.raises(SafeconductError) as refused:
        Client("https://social.example", token="abc\r\nX-Evil: 1")
    assert "abc" not in str(refused.value)


def test_a_client_does_not_show_its_token() -> None:
    client = Client("https://social.example", token="abcdef")
    assert "abcdef" not in repr(client)


def names(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Make every name lead to these addresses, one list a question; answers whom was asked for."""
    asked: list[str] = []

    def answer(host: str, port: int, **rest: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("93.184.215.14", "127.0.0.1"), ("169.254.169.254",)])
def test_a_name_that_leads_inside_is_refused_before_connecting(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    names(monkeypatch, *addresses)
    with pytest.raises(NetworkRefused, match=r"social\.example leads to"):
        Client("https://social.example").call("GET", "/")


def test_a_public_name_that_leads_to_this_machine_is_refused_even_where_loopback_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, "127.0.0.1")
    with pytest.raises(NetworkRefused):
        Client("https://social.example", loopback=True).call("GET", "/")


def test_the_name_is_asked_once_and_the_socket_goes_to_the_checked_address(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = names(monkeypatch, "93.184.215.14")
    opened: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], *rest: Any, **more: Any) -> socket.socket:
        opened.append(address)
        raise ConnectionRefusedError("no network in tests")

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(TryAgain):
        Client("https://social.example").call("GET", "/")
    assert (asked, opened) == (["social.example"], [("93.184.215.14", 443)])


def test_a_name_nobody_knows_may_be_known_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*rest: Any, **more: Any) -> list[Any]:
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with pytest.raises(TryAgain, match=r"social\.example could not be found"):
        Client("https://social.example").call("GET", "/")


# --- a server of a few lines, to say exactly what goes over the line -----------------------------------


@contextmanager
def server(*answers: bytes | Callable[[socket.socket], None]) -> Iterator[tuple[str, list[bytes]]]:
    """Answers one connection after the other, each with one of ``answers``; gives its origin and what it was asked."""
    asked: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in answers:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                asked.append(_request(connection))
                if callable(answer):
                    answer(connection)
                else:
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)  # wakes a thread that still waits for somebody
        listening.close()
        thread.join(2)


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def http(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_request_says_who_asks_carries_the_token_and_takes_nothing_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with server(http(200, b'{"a": 1}')) as (origin, asked):
        assert Client(origin, "abcdef", loopback=True).call("GET", "/x", params={"q": "a b"}).json() == {"a": 1}
    head = asked[0].decode()
    assert head.startswith("GET /x?q=a+b HTTP/1.1") or head.startswith("GET /x?q=a%20b HTTP/1.1")
    assert "Authorization: Bearer abcdef" in head
    assert "User-Agent: Safeconduct" in head
    assert "Accept-Encoding: identity" in head


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example/", "x", ""])
def test_only_paths_of_the_own_origin_are_asked_for(path: str) -> None:
    with pytest.raises(NetworkRefused):
        Client("https://social.example", "abcdef").call("GET", path)


def test_a_redirect_elsewhere_never_gets_the_token() -> None:
    with server(http(200)) as (elsewhere, heard):
        with server(http(302, b"", f"Location: {elsewhere}/steal")) as (origin, _), pytest.raises(NetworkRefused):
            Client(origin, "abcdef", loopback=True).call("GET", "/")
        assert heard == []


def test_a_redirect_on_the_same_origin_is_followed_for_reading_only() -> None:
    with server(http(301, b"", "Location: /new"), http(200, b"[1]")) as (origin, asked):
        assert Client(origin, loopback=True).call("GET", "/old").json() == [1]
        assert asked[1].startswith(b"GET /new ")
    with server(http(307, b"", "Location: /new")) as (origin, _), pytest.raises(NetworkRefused):
        Client(origin, loopback=True).call("POST", "/old", data={})


def test_redirects_end() -> None:
    circle = [http(301, b"", "Location: /")] * 5
    with server(*circle) as (origin, _), pytest.raises(DeliveryError, match="circles"):
        Client(origin, loopback=True).call("GET", "/")


def test_fetch_checks_every_hop_and_has_no_token() -> None:
    with server(http(302, b"", "Location: https://10.0.0.1/")) as (origin, asked):
        with pytest.raises(NetworkRefused, match=r"10\.0\.0\.1"):
            fetch(origin + "/a", loopback=True)
        assert b"Authorization" not in asked[0]
    with server(http(302, b"", "Location: http://social.example/")) as (origin, _), pytest.raises(NetworkRefused):
        fetch(origin + "/a", loopback=True)


def test_fetch_reads_what_is_public() -> None:
    with server(http(200, b"hello", "Content-Type: text/plain")) as (origin, _):
        assert fetch(origin + "/a?b=c", loopback=True).body == b"hello"


def test_more_than_the_cap_is_not_read() -> None:
    with server(http(200, b"x" * 70_000)) as (origin, _), pytest.raises(DeliveryError, match="more than 64 KiB"):
        Client(origin, loopback=True, cap=65536).call("GET", "/")


def test_a_compressed_answer_is_not_unpacked() -> None:
    with server(http(200, b"x", "Content-Encoding: gzip")) as (origin, _), pytest.raises(DeliveryError):
        Client(origin, loopback=True).call("GET", "/")


def test_an_answer_that_drips_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net, "TOTAL", 0.3)
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        try:
            while not stop.wait(0.02):
                connection.sendall(b"X-A: b\r\n")
        except OSError:
            return

    with server(drip) as (origin, _):
        with pytest.raises(TryAgain):
            Client(origin, loopback=True).call("GET", "/")
        stop.set()


# --- what became of it ---------------------------------------------------------------------------------


def test_a_refused_connection_is_try_again_for_everything() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        origin = f"http://127.0.0.1:{free.getsockname()[1]}"
    for method in ("GET", "POST"):
        with pytest.raises(TryAgain, match="cannot be reached"):
            Client(origin, loopback=True).call(method, "/", data={} if method == "POST" else None)


@pytest.mark.parametrize(
    ("method", "error"),
    [("POST", Uncertain), ("PUT", Uncertain), ("PATCH", Uncertain), ("GET", TryAgain), ("DELETE", TryAgain)],
)
@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"nonsense\r\n\r\n"],
    ids=["none", "half", "junk"],
)
def test_a_lost_answer_is_uncertain_where_something_may_have_changed(
    method: str, error: type[DeliveryError], answer: bytes
) -> None:
    with server(answer) as (origin, _), pytest.raises(DeliveryError) as lost:
        Client(origin, loopback=True).call(method, "/")
    assert type(lost.value) is error


@pytest.mark.parametrize(
    ("method", "status", "error"),
    [
        ("POST", 500, Uncertain),
        ("POST", 502, Uncertain),
        ("POST", 504, Uncertain),
        ("POST", 503, TryAgain),
        ("POST", 429, TryAgain),
        ("GET", 500, TryAgain),
        ("POST", 403, Refused),
        ("GET", 404, Refused),
    ],
)
def test_what_a_status_means(method: str, status: int, error: type[DeliveryError]) -> None:
    with server(http(status, b'{"error": "the reason"}')) as (origin, _), pytest.raises(DeliveryError) as no:
        Client(origin, loopback=True).call(method, "/")
    assert type(no.value) is error
    assert f"({status}: the reason)" in str(no.value)


def test_a_server_that_repeats_the_token_does_not_get_it_into_a_message() -> None:
    with server(http(403, b'{"error": "bad token abcdef\\u0007"}')) as (origin, _), pytest.raises(Refused) as no:
        Client(origin, "abcdef", loopback=True).call("GET", "/")
    assert "abcdef" not in str(no.value)
    assert str(no.value).isprintable()


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=100)


@pytest.mark.parametrize(
    "header",
    [
        lambda: "Retry-After: 100",
        lambda: f"Retry-After: {format_datetime(_soon(), usegmt=True)}",
        lambda: f"X-RateLimit-Reset: {_soon().timestamp():.0f}",
        lambda: f"X-RateLimit-Reset: {_soon().isoformat()}",
    ],
    ids=["seconds", "http-date", "unix", "iso"],
)
def test_when_to_come_back_is_understood_in_every_form(header: Callable[[], str]) -> None:
    with server(http(429, b"{}", header())) as (origin, _), pytest.raises(TryAgain) as wait:
        Client(origin, loopback=True).call("GET", "/")
    assert 95 < wait.value.after <= 101


def test_a_used_up_allowance_stops_us_before_we_ask() -> None:
    spent = http(
        200,
        b"{}",
        "X-RateLimit-Limit: 300",
        "X-RateLimit-Remaining: 2",
        f"X-RateLimit-Reset: {_soon().timestamp():.0f}",
    )
    with server(spent) as (origin, asked):
        client = Client(origin, loopback=True)
        client.call("GET", "/")
        client.reserve(2)
        with pytest.raises(TryAgain) as wait:
            client.reserve(3)
        assert 95 < wait.value.after <= 101
        assert (client.allowance, len(asked)) == (300, 1)


def test_a_pace_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with server(http(200), http(200)) as (origin, _):
        client = Client(origin, loopback=True, pace=5.0)
        client.call("GET", "/")
        client.call("GET", "/")
    assert len(slept) == 1
    assert 4 < slept[0] <= 5
