"""The only file that opens an outbound connection.

https only (http to this very machine when that is allowed), never to a private, link-local or metadata address, never
to an address other than the one that was checked: the name is resolved once, every address it has is judged, and the
socket is opened to that address while TLS still proves the name, so DNS rebinding has nothing to rebind.  Sizes and
times are capped, proxies and ``.netrc`` of the environment are not read, a token never leaves its origin and never
appears in a message.  ``Retry-After`` and ``X-RateLimit-*`` are obeyed by raising ``TryAgain(after=seconds)``:
waiting, and telling the person how long, is the caller's business.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import ssl
import time
import weakref
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx
from msgspec import Struct

from safeconduct.errors import DeliveryError, LockedOut, NetworkRefused, SafeconductError, TryAgain, Uncertain
from safeconduct.model import Json

AGENT = "Safeconduct/0.1"
CAP = 8 * 1024 * 1024  # bytes of one answer
CONNECT, READ, TOTAL = 10.0, 30.0, 120.0  # seconds
HOPS = 3
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# Azure's wire server is a public address that answers only inside a cloud; Alibaba's and the link-local ones are
# covered by the general rule.
METADATA = frozenset({"168.63.129.16"})
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(DeliveryError):
    """The server answered no: its status and its own sentence."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Answer(Struct, frozen=True):
    """What came back: at most the cap, never compressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Json:
        """The body decoded; ``DeliveryError`` if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as wrong:
            raise DeliveryError(f"{urlsplit(self.url).netloc} answered something that is not JSON.") from wrong


# --- which addresses -------------------------------------------------------------------------------


def public(address: str) -> bool:
    """Is this an address of the open internet?  Tunnels are judged by the address inside them."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _inside(ip)
        if inner is not None:
            return public(str(inner))
        if ip not in GLOBAL_UNICAST or ip.teredo is not None:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved) and str(ip) not in METADATA


def _inside(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def resolve(host: str, port: int) -> list[str]:
    """Every address a name has."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as wrong:
        raise TryAgain(f"{host} could not be found: is the address right, and is there a connection?", 60) from wrong
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def checked(host: str, port: int, loopback: bool) -> str:
    """The address to connect to.  One forbidden address among several refuses the name: nobody honest has that."""
    addresses = resolve(host, port)
    for address in addresses:
        local = loopback and host in LOCAL_NAMES and ipaddress.ip_address(address.split("%", 1)[0]).is_loopback
        if not (local or public(address)):
            raise NetworkRefused(f"{host} leads to {address}, which is not on the open internet. Not connected.")
    if not addresses:
        raise TryAgain(f"{host} has no address at the moment.", 60)
    return addresses[0]


def origin_of(address: str, loopback: bool = False) -> str:
    """``scheme://host[:port]`` in canonical form, or ``NetworkRefused`` with the reason."""
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        name = host if ":" in host else host.encode("idna").decode().lower() if not host.isascii() else host
    except (ValueError, UnicodeError) as wrong:
        raise NetworkRefused(f"{address!r} is not an address.") from wrong
    if not name or parts.username is not None or parts.password is not None:
        raise NetworkRefused("An address looks like https://host, without a user name in it.")
    if not (parts.scheme == "https" or (parts.scheme == "http" and loopback and name in LOCAL_NAMES)):
        raise NetworkRefused(f"{name} can only be reached over https.")
    shown = f"[{name}]" if ":" in name else name
    default = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if port and port != default else "")


# --- one connection, pinned and timed --------------------------------------------------------------


class _Stream(httpcore.NetworkStream):
    """A connection whose every step ends at one deadline, so that a slow drip cannot hold us."""

    def __init__(self, inner: httpcore.NetworkStream, clock: _Clock) -> None:
        self._inner, self._clock = inner, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._clock.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._clock.left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._clock.left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Clock:
    def __init__(self) -> None:
        self.end = float("inf")

    def left(self, timeout: float | None, late: type[Exception]) -> float:
        left = self.end - time.monotonic()
        if left <= 0:
            raise late("the answer took too long")
        return min(left, timeout or READ)


class _Backend(httpcore.NetworkBackend):
    """Connects to the checked address, whatever the resolver would say a moment later."""

    def __init__(self, loopback: bool, clock: _Clock) -> None:
        self._inner, self._loopback, self._clock = httpcore.SyncBackend(), loopback, clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        address = checked(host, port, self._loopback)
        stream = self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
        return _Stream(stream, self._clock)


class _Transport(httpx.BaseTransport):
    def __init__(self, loopback: bool) -> None:
        self.clock = _Clock()
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=1,
            keepalive_expiry=5.0,
            network_backend=_Backend(loopback, self.clock),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        content = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        answer = self._pool.handle_request(content)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Any:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


# --- asking ----------------------------------------------------------------------------------------


class Client:
    """One origin, one connection, one token.  Not for several threads: some servers corrupt themselves under two.

    ``pace`` is the least number of seconds between two requests.  Requests that change something (POST, PUT, PATCH)
    raise ``Uncertain`` once they may have arrived; everything that surely did not arrive, and every lost reading,
    raises ``TryAgain``.  A plain no is ``Refused``.
    """

    def __init__(self, origin: str, token: str = "", loopback: bool = False, pace: float = 0.0, cap: int = CAP) -> None:
        if token and not re.fullmatch(r"[!-~]+", token):
            raise SafeconductError("The token contains characters no token has. Copy it again, without spaces.")
        self.origin = origin_of(origin, loopback)
        self.host = urlsplit(self.origin).netloc
        self._token, self._pace, self._cap = token, pace, cap
        self._transport = _Transport(loopback)
        self._timeout = httpx.Timeout(READ, connect=CONNECT)
        self._http = httpx.Client(
            transport=self._transport, trust_env=False, follow_redirects=False, timeout=self._timeout
        )
        weakref.finalize(self, self._transport.close)
        self._next = 0.0  # monotonic
        self._shut = 0.0
        self.budget: int | None = None  # requests the server says are left in this window
        self.allowance: int | None = None  # … and how many one window has

    def __repr__(self) -> str:
        return f"Client({self.origin})"

    def close(self) -> None:
        self._http.close()

    def reserve(self, requests: int) -> None:
        """Raise ``TryAgain`` now rather than half-way through something that takes several requests."""
        left = self._shut - time.monotonic()
        if self.budget is not None and self.budget < requests and left > 0:
            raise TryAgain(f"{self.host} asks us to pause; {left:.0f} seconds to go.", after=left)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Json | None = None,
        form: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, BinaryIO | bytes, str]] | None = None,
    ) -> Answer:
        """One request to this origin.  ``data`` goes as JSON, ``form`` and ``files`` as multipart.

        Raises ``Refused`` (4xx), ``TryAgain``, ``Uncertain``, ``NetworkRefused``.
        """
        if not path.startswith("/") or path.startswith("//"):
            raise NetworkRefused(f"{path!r} is not a path on {self.host}.")
        self.reserve(1)
        self._wait()
        url = self.origin + path
        for _ in range(HOPS + 1):
            request = self._http.build_request(
                method, url, params=params, json=data, data=form, files=files, headers=self._headers()
            )
            answer = self._exchange(request)
            if answer.status not in (301, 302, 303, 307, 308):
                return self._judge(method, answer)
            url, params = self._follow(method, answer), None
        raise DeliveryError(f"{self.host} redirects in circles.")

    def _headers(self) -> dict[str, str]:
        fixed = {"User-Agent": AGENT, "Accept": "application/json", "Accept-Encoding": "identity"}
        return fixed | ({"Authorization": f"Bearer {self._token}"} if self._token else {})

    def _wait(self) -> None:
        now = time.monotonic()
        if self._pace and self._next > now:
            time.sleep(self._next - now)
        self._next = time.monotonic() + self._pace

    def _follow(self, method: str, answer: Answer) -> str:
        target = urljoin(answer.url, answer.headers.get("location", ""))
        if method not in ("GET", "HEAD") or not target.startswith(self.origin + "/"):
            raise NetworkRefused(f"{self.host} redirects elsewhere ({urlsplit(target).netloc}). Not followed.")
        return target

    def _exchange(self, request: httpx.Request) -> Answer:
        self._transport.clock.end = time.monotonic() + TOTAL
        changes = request.method in ("POST", "PUT", "PATCH")
        try:
            response = self._http.send(request, stream=True)
            try:
                answer = Answer(response.status_code, dict(response.headers), self._read(response), str(request.url))
            finally:
                response.close()
        except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout) as wrong:
            raise TryAgain(f"{self.host} cannot be reached ({wrong}).", after=30) from wrong
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpx.HTTPError) as wrong:
            if changes:
                raise Uncertain(f"{self.host} broke off before answering; it may have done what was asked.") from wrong
            raise TryAgain(f"{self.host} broke off before answering.", after=10) from wrong
        self._meter(answer)
        return answer

    def _read(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise DeliveryError(f"{self.host} sent a compressed answer that nobody asked for.")
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > self._cap:
                raise DeliveryError(f"{self.host} sent more than {self._cap // 1024} KiB. Stopped reading.")
        return bytes(body)

    def _meter(self, answer: Answer) -> None:
        """Remember what the server says is left, so that the next request is not one too many."""
        remaining = answer.headers.get("x-ratelimit-remaining", "")
        if not remaining.isdecimal():
            return
        self.budget = int(remaining)
        whole = answer.headers.get("x-ratelimit-limit", "")
        self.allowance = int(whole) if whole.isdecimal() else self.allowance
        self._shut = time.monotonic() + (_seconds(answer.headers.get("x-ratelimit-reset", "")) or 0.0)

    def _judge(self, method: str, answer: Answer) -> Answer:
        if answer.status < 400:
            return answer
        said = self._sentence(answer)
        if answer.status in (408, 429, 503):
            after = _seconds(answer.headers.get("retry-after", ""))
            after = after if after is not None else _seconds(answer.headers.get("x-ratelimit-reset", ""))
            raise TryAgain(f"{self.host} asks us to wait{said}", after=30.0 if after is None else after)
        if answer.status >= 500:
            if method in ("POST", "PUT", "PATCH"):
                raise Uncertain(f"{self.host} failed while answering{said} It may have done what was asked.")
            raise TryAgain(f"{self.host} is in trouble{said}", after=30)
        if answer.status == 401 and urlsplit(answer.url).path.startswith("/api/"):
            raise LockedOut(f"{self.host} does not accept the token{said} Make a new one there.")
        raise Refused(f"{self.host} said no{said}", answer.status)

    def _sentence(self, answer: Answer) -> str:
        try:
            said = json.loads(answer.body)
            text = str(said.get("error_description") or said.get("error") or "") if isinstance(said, dict) else ""
        except (ValueError, RecursionError):
            text = ""
        text = "".join(c for c in text if c.isprintable())[:300]
        if self._token:
            text = text.replace(self._token, "…")
        return f" ({answer.status}: {text})." if text else f" ({answer.status})."


def _seconds(header: str) -> float | None:
    """``Retry-After`` and ``X-RateLimit-Reset``: seconds, Unix seconds, an HTTP date or an ISO date; never negative.

    GoToSocial sends Unix seconds, Mastodon an ISO date, the standard knows seconds and HTTP dates.
    """
    now = datetime.now(UTC)
    if header.strip().isdecimal():
        value = float(header)
        return max(0.0, value - now.timestamp()) if value > 1e8 else value
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(header.strip())
        except (ValueError, TypeError, IndexError):
            continue
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (aware - now).total_seconds())
    return None


def fetch(url: str, *, loopback: bool = False, cap: int = CAP, accept: str = "*/*") -> Answer:
    """GET something public, without any token; redirects (at most three) are each checked like the first address.

    Raises ``Refused``, ``TryAgain``, ``NetworkRefused``.
    """
    for _ in range(HOPS + 1):
        client = Client(origin_of(url, loopback), loopback=loopback, cap=cap)
        try:
            request = client._http.build_request("GET", url, headers=client._headers() | {"Accept": accept})
            answer = client._exchange(request)
            if answer.status not in (301, 302, 303, 307, 308):
                return client._judge("GET", answer)
        finally:
            client.close()
        url = urljoin(url, answer.headers.get("location", ""))
    raise NetworkRefused(f"{urlsplit(url).netloc} redirects too often. Not followed.")


def post(url: str, content: bytes, headers: Mapping[str, str], *, loopback: bool = False, cap: int = 1 << 16) -> Answer:
    """POST these bytes with these headers once; no token of ours goes along, and no redirect is followed.

    Raises ``Refused``, ``TryAgain``, ``Uncertain``, ``NetworkRefused``.
    """
    client = Client(origin_of(url, loopback), loopback=loopback, cap=cap)
    try:
        request = client._http.build_request("POST", url, content=content, headers=client._headers() | dict(headers))
        answer = client._exchange(request)
        if 300 <= answer.status < 400:
            raise NetworkRefused(f"{client.host} redirects elsewhere. Not followed.")
        return client._judge("POST", answer)
    finally:
        client.close()
