"""A stand-in for a GoToSocial server: loopback only, its documented and measured rules enforced, with faults to order.

It is *not* GoToSocial.  What it enforces was measured on GoToSocial 0.20 or is in its swagger file: old dates by
``scheduled_at`` (403 for mentions of others, replies to others and polls, 406 up to 1970, 422 for the near future),
``Idempotency-Key`` ignored, counters wrong, ULIDs that carry the date, default audience *unlisted*, nothing back-dated
in a follower's home timeline or notifications.  As ``software="mastodon"`` it does what Mastodon does with a past
``scheduled_at``: publishes now, to every follower.  Journeys run against the real one when the environment names it.

``python -m tests.journeys.stand_in`` serves one until it is interrupted.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TOKEN, FOLLOWER_TOKEN = "alice-token-for-the-stand-in", "bob-token-for-the-stand-in"
MENTION = re.compile(r"(?:^|[^\w@])@([\w.-]+(?:@[\w.:-]+)?)")
TYPES = ("image/jpeg", "image/gif", "image/webp", "image/png", "audio/mpeg", "video/mp4")

Form = dict[str, Any]


class Refuse(Exception):
    """An answer that is a no."""

    def __init__(self, status: int, error: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.headers = status, error, headers or {}


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests to ``path`` (after ``skip`` of them were let through).

    ``drop-before``: the line breaks before anything was done; ``drop-after``: done, but the answer is lost;
    ``fail-after``: done, answered 500; or a status code: not done, answered so, with ``headers``.
    """

    kind: str | int
    method: str = "POST"
    path: str = "/api/v1/statuses"
    times: int = 1
    skip: int = 0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Account:
    username: str
    token: str
    id: str
    display_name: str = ""
    note: str = ""
    fields: list[dict[str, str]] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)
    notifications: list[Form] = field(default_factory=list)


class StandIn:
    """One server with Alice, who moves there, and Bob, who follows her."""

    def __init__(
        self,
        software: str = "gotosocial",
        version: str = "0.20.0",
        behaves: str = "",
        backdating: bool = True,
        characters: int = 5000,
        attachments: int = 6,
        requests: int = 0,
        misdate: bool = False,
    ) -> None:
        self.software, self.version, self.behaves = software, version, behaves or software
        self.backdating, self.characters, self.attachments = backdating, characters, attachments
        self.requests, self.misdate = requests, misdate
        self.alice, self.bob = (
            Account("alice", TOKEN, ulid(datetime.now(UTC))),
            Account("bob", FOLLOWER_TOKEN, ulid(datetime.now(UTC))),
        )
        self.accounts = [self.alice, self.bob]
        self.statuses: dict[str, Form] = {}
        self.media: dict[str, Form] = {}
        self.relations: dict[str, set[str]] = {}
        self.lists: dict[str, Form] = {}
        self.filters: dict[str, Form] = {}
        self.tags: set[str] = set()
        self.domains: set[str] = set()
        self.home: list[str] = []  # Bob's home timeline: ids of what was pushed to him
        self.lookups: list[str] = []  # remote names the server went out to ask for
        self.log: list[tuple[str, str]] = []  # every request: method and path
        self.faults: list[Fault] = []
        self.errors: list[BaseException] = []
        self.published: tuple[bytes, str] | None = None  # what stands at /.well-known/safeconduct, and its media type
        self.after: Callable[[int], None] | None = None  # called with the number of posts after each one
        self.lock = threading.RLock()
        self._window = (time.time(), 0)

    # -- life

    def __enter__(self) -> StandIn:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stand_in = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.host = urlsplit(self.url).netloc
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if error is None and self.errors:
            raise self.errors[0]

    # -- what tests look at

    def posts(self) -> list[Form]:
        """Alice's posts, oldest first."""
        return [self.statuses[key] for key in sorted(self.statuses)]

    def writes(self) -> list[tuple[str, str]]:
        """Every request that could have changed something."""
        return [entry for entry in self.log if entry[0] != "GET"]

    # -- rules

    def meter(self) -> dict[str, str]:
        """The rate limit as GoToSocial counts it: so many requests in a window of five minutes."""
        if not self.requests:
            return {}
        start, used = self._window
        if time.time() - start > 300:
            start, used = time.time(), 0
        self._window = (start, used + 1)
        reset = {"X-RateLimit-Limit": str(self.requests), "X-RateLimit-Reset": str(int(start + 300))}
        if used >= self.requests:
            raise Refuse(429, "rate limit reached", reset | {"X-RateLimit-Remaining": "0"})
        return reset | {"X-RateLimit-Remaining": str(self.requests - used - 1)}

    def account(self, token: str) -> Account:
        for account in self.accounts:
            if secrets.compare_digest(account.token, token):
                return account
        raise Refuse(401, "Unauthorized: token not supplied or not known")

    def by_id(self, identifier: str) -> Account:
        for account in self.accounts:
            if account.id == identifier:
                return account
        raise Refuse(404, "Not Found: target account not found")

    def named(self, name: str) -> Account | None:
        user = name.lstrip("@").removesuffix("@" + self.host)
        return next((account for account in self.accounts if account.username == user), None)

    def ask_for(self, name: str) -> Account | None:
        """Local, or a WebFinger look-up elsewhere, which here never finds anybody."""
        found = self.named(name)
        if found is None:
            self.lookups.append(name)
        return found

    def publish(self, me: Account, form: Form) -> Form:
        """``POST /api/v1/statuses`` in the order in which GoToSocial checks."""
        text, media = str(form.get("status") or ""), list(form.get("media_ids") or [])
        spoiler = str(form.get("spoiler_text") or "")
        if not text and not spoiler and not media:
            raise Refuse(400, "Bad Request: status contains no text, media or poll")
        if len(text) + len(spoiler) > self.characters:
            raise Refuse(400, f"Bad Request: text with spoiler exceed max chars ({self.characters})")
        if len(media) > self.attachments:
            raise Refuse(400, f"Bad Request: media files exceed max count ({self.attachments})")
        mentioned = [found for name in mentions(text, form.get("content_type")) if (found := self.ask_for(name))]
        when, old = self._when(form)
        self._attach(media)
        if old:
            self._backfill(me, form, mentioned)
        status = self._status(me, form, text, media, when)
        self.statuses[status["id"]] = status
        if not old:
            self._push(status, mentioned)
        if self.after is not None:
            self.after(len(self.statuses))
        return status

    def _when(self, form: Form) -> tuple[datetime, bool]:
        now = datetime.now(UTC)
        if not form.get("scheduled_at"):
            return now, False
        wanted = datetime.fromisoformat(str(form["scheduled_at"]))
        if self.behaves == "mastodon" and wanted < now + timedelta(minutes=5):
            return now, False  # the danger: the past date is dropped without a word
        if now < wanted < now + timedelta(minutes=5):
            raise Refuse(422, "Unprocessable Entity: scheduled_at must be at least 5 minutes in the future")
        if wanted >= now:
            raise Refuse(501, "the stand-in keeps no scheduled posts")
        if not self.backdating:
            raise Refuse(403, "Forbidden: backdating statuses has been disabled on this instance")
        if wanted.timestamp() <= 0:
            raise Refuse(406, "Not Acceptable: statuses can't be backdated to or before the UNIX epoch")
        return (now, True) if self.misdate else (wanted, True)

    def _attach(self, media: list[str]) -> None:
        for identifier in media:
            if identifier not in self.media:
                raise Refuse(404, f"Not Found: media {identifier} not found in db")
            if self.media[identifier]["used"]:
                raise Refuse(400, f"Bad Request: media {identifier} already attached to status")
        for identifier in media:
            self.media[identifier]["used"] = True

    def _backfill(self, me: Account, form: Form, mentioned: list[Account]) -> None:
        if any(account is not me for account in mentioned):
            raise Refuse(403, "Forbidden: statuses mentioning others can't be backfilled")
        parent = form.get("in_reply_to_id")
        if parent and parent not in self.statuses:
            raise Refuse(404, "Not Found: target status not found")
        if parent and self.statuses[parent]["account"]["id"] != me.id:
            raise Refuse(403, "Forbidden: replies to others can't be backfilled")
        if form.get("poll"):
            raise Refuse(403, "Forbidden: statuses with polls can't be backfilled")

    def _status(self, me: Account, form: Form, text: str, media: list[str], when: datetime) -> Form:
        identifier = ulid(when)
        return {
            "id": identifier,
            "created_at": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "visibility": form.get("visibility") or "unlisted",
            "url": f"{self.url}/@{me.username}/statuses/{identifier}",
            "account": {"id": me.id, "username": me.username},
            "in_reply_to_id": form.get("in_reply_to_id"),
            "spoiler_text": form.get("spoiler_text") or "",
            "sensitive": bool(form.get("sensitive")) or bool(form.get("spoiler_text") and media),
            "language": form.get("language") or "en",
            "content": f"<p>{text}</p>",
            "media_attachments": [self.media[key]["shown"] for key in media],
            "source": {"id": identifier, "text": text, "spoiler_text": form.get("spoiler_text") or ""},
        }

    def _push(self, status: Form, mentioned: list[Account]) -> None:
        if status["visibility"] in ("public", "unlisted", "private"):
            self.home.insert(0, status["id"])
        for account in mentioned:
            account.notifications.append({"type": "mention", "status": status["id"]})

    def listing(self, account: str, query: dict[str, str]) -> list[Form]:
        """Newest first; ``min_id`` answers the page just above it, as GoToSocial does."""
        low, high, most = query.get("min_id", ""), query.get("max_id", "~"), int(query.get("limit", "30"))
        keys = [key for key in sorted(self.statuses) if low < key < high]
        keys = [key for key in keys if self.statuses[key]["account"]["id"] == account]
        keys = keys[:most] if low else keys[-most:]
        return [self.statuses[key] for key in reversed(keys)]

    def shown(self, account: Account) -> Form:
        pictures = {
            slot: account.pictures.get(slot, f"{self.url}/assets/default.webp") for slot in ("avatar", "header")
        }
        return pictures | {
            "id": account.id,
            "username": account.username,
            "acct": account.username,
            "display_name": account.display_name,
            "note": f"<p>{account.note}</p>",
            "statuses_count": len(self.statuses) * 9 // 10,  # wrong on purpose: so is the real one
            "source": {"note": account.note, "fields": account.fields, "privacy": "unlisted"},
        }


def mentions(text: str, content_type: Any) -> list[str]:
    """Names the server would read as mentions; in Markdown not where escaped, in code or in an address."""
    if content_type == "text/markdown":
        text = re.sub(r"\\[!-/:-@\[-`{-~]", "", text)
        text = re.sub(r"(?s)```.*?```|<pre>.*?</pre>|`[^`]*`|<[^>]*>|\]\([^)]*\)", " x", text)
    else:
        text = re.sub(r"(?<!\S)https?://\S+", "x", text)
    return MENTION.findall(text)


def ulid(moment: datetime) -> str:
    number = int(moment.timestamp() * 1000)
    stamp = "".join(CROCKFORD[(number >> shift) & 31] for shift in range(45, -1, -5))
    return stamp + "".join(secrets.choice(CROCKFORD) for _ in range(16))


# --- http ------------------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    stand_in: StandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""


class _Dropped(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment, or every answer waits 40 ms for an acknowledgement
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        place, parts = self.server.stand_in, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers: dict[str, str] = {}
        try:
            with place.lock:
                place.log.append((self.command, parts.path))
                if not self.headers.get("User-Agent"):
                    raise Refuse(418, "I'm a teapot: no user-agent sent with request")
                headers = place.meter()
                fault = self._fault(parts.path)
                self._before(fault)
                answer = _route(self, unquote(parts.path), dict(parse_qsl(parts.query)), body)
                self._afterwards(fault)
            self._send(200, answer, headers)
        except Refuse as no:
            self._send(no.status, {"error": no.error}, headers | no.headers)
        except _Dropped:
            self.close_connection = True
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except Exception as wrong:
            place.errors.append(wrong)
            self._send(500, {"error": f"the stand-in itself is broken: {wrong!r}"}, headers)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve

    def _fault(self, path: str) -> Fault | None:
        for fault in self.server.stand_in.faults:
            if fault.times and fault.method == self.command and fault.path == path:
                if fault.skip:
                    fault.skip -= 1
                    return None
                fault.times -= 1
                return fault
        return None

    def _before(self, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "drop-before":
            raise _Dropped
        if fault is not None and isinstance(fault.kind, int):
            raise Refuse(fault.kind, "a fault was ordered", fault.headers)

    def _afterwards(self, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "drop-after":
            raise _Dropped
        if fault is not None and fault.kind == "fail-after":
            raise Refuse(500, "Internal Server Error")

    def _send(self, status: int, answer: Any, headers: dict[str, str]) -> None:
        body, kind = answer if isinstance(answer, tuple) else (json.dumps(answer).encode(), "application/json")
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _form(handler: _Handler, body: bytes) -> tuple[Form, dict[str, bytes]]:
    """JSON, a form or multipart; files apart."""
    kind = handler.headers.get("Content-Type") or ""
    if kind.startswith("application/json"):
        return json.loads(body or b"{}"), {}
    if not kind.startswith("multipart/"):
        return {key: values[-1] for key, values in parse_qs(body.decode()).items()}, {}
    form, files = {}, {}
    for part in message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body).get_payload():
        assert not isinstance(part, str)
        name = str(part.get_param("name", header="content-disposition"))
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        if part.get_filename():
            files[name] = data
        else:
            form[name] = data.decode()
    return form, files


Route = Callable[[StandIn, Account, Form, dict[str, bytes], str], Any]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []
OPEN: dict[str, Callable[[StandIn], Any]] = {}


def route(method: str, pattern: str) -> Callable[[Route], Route]:
    def keep(function: Route) -> Route:
        ROUTES.append((method, re.compile(pattern), function))
        return function

    return keep


def _route(handler: _Handler, path: str, query: dict[str, str], body: bytes) -> Any:
    place = handler.server.stand_in
    if handler.command == "GET" and path in OPEN:
        return OPEN[path](place)
    if handler.command == "GET" and path.startswith("/files/"):
        return place.media[path.removeprefix("/files/")]["data"], "image/png"
    if path == "/.well-known/safeconduct" and place.published:
        return place.published
    me = place.account((handler.headers.get("Authorization") or "").removeprefix("Bearer "))
    form, files = _form(handler, body)
    for method, pattern, function in ROUTES:
        if method == handler.command and (match := pattern.fullmatch(path)):
            return function(place, me, query | form, files, (*match.groups(), "")[0])
    raise Refuse(404, "Not Found")


def _instance(place: StandIn) -> Form:
    return {
        "version": place.version,
        "configuration": {
            "accounts": {"max_profile_fields": 6},
            "statuses": {"max_characters": place.characters, "max_media_attachments": place.attachments},
            "media_attachments": {
                "supported_mime_types": TYPES,
                "image_size_limit": 1 << 20,
                "video_size_limit": 1 << 20,
                "description_limit": 1500,
            },
        },
    }


OPEN |= {
    "/.well-known/nodeinfo": lambda place: {"links": [{"href": place.url + "/nodeinfo/2.0"}]},
    "/nodeinfo/2.0": lambda place: {"software": {"name": place.software, "version": place.version}},
    "/api/v1/instance": _instance,
    "/api/v2/instance": _instance,
}


@route("POST", "/api/v1/statuses")
def _publish(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    return place.publish(me, form)


@route("GET", r"/api/v1/statuses/(\w+)(?:/source)?")
def _status(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    if key not in place.statuses:
        raise Refuse(404, "Not Found: target status not found")
    return {**place.statuses[key]["source"], **place.statuses[key]}


@route("DELETE", r"/api/v1/statuses/(\w+)")
def _delete(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    if key not in place.statuses:
        raise Refuse(404, "Not Found: target status not found")
    gone: Form = place.statuses.pop(key)
    return gone


@route("GET", r"/api/v1/accounts/(\w{26})/statuses")
def _listing(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> list[Form]:
    return place.listing(key, form)


@route("GET", "/api/v1/timelines/home")
def _home(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> list[Form]:
    return [place.statuses[key] for key in place.home if key in place.statuses] if me is place.bob else []


@route("GET", "/api/v1/notifications")
def _notifications(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> list[Form]:
    return me.notifications


@route("POST", "/api/v2/media")
def _media(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    if len(files["file"]) > 1 << 20:
        raise Refuse(413, "Request Entity Too Large")
    if len(form.get("description", "")) > 1500:
        raise Refuse(400, "Bad Request: description length exceeds 1500")
    identifier = ulid(datetime.now(UTC))
    x, y = (float(value) for value in form.get("focus", "0,0").split(","))
    shown = {"id": identifier, "description": form.get("description"), "meta": {"focus": {"x": x, "y": y}}}
    place.media[identifier] = {"data": files["file"], "used": False, "shown": shown}
    return shown


@route("GET", "/api/v1/accounts/verify_credentials")
def _me(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    return place.shown(me)


@route("PATCH", "/api/v1/accounts/update_credentials")
def _update(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    me.display_name, me.note = form.get("display_name", me.display_name), form.get("note", me.note)
    fields = form.get("fields_attributes") or _bracketed(form)
    if fields:
        me.fields = [entry for _, entry in sorted(fields.items()) if entry["name"]]
    for slot, data in files.items():
        identifier = ulid(datetime.now(UTC))
        place.media[identifier] = {"data": data, "used": True}
        me.pictures[slot] = f"{place.url}/files/{identifier}"
    return place.shown(me)


def _bracketed(form: Form) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, value in form.items():
        if match := re.fullmatch(r"fields_attributes\[(\d+)\]\[(\w+)\]", name):
            found.setdefault(match[1], {})[match[2]] = value
    return found


@route("DELETE", "/api/v1/profile/(avatar|header)")
def _unpicture(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    me.pictures.pop(key, None)
    return place.shown(me)


@route("GET", "/api/v1/accounts/lookup")
def _lookup(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    found = place.named(form["acct"])
    if found is None:
        raise Refuse(404, "Not Found")
    return place.shown(found)


@route("GET", "/api/v2/search")
def _search(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    if form.get("type") == "statuses":
        return {"statuses": [status for status in place.statuses.values() if status["url"] == form["q"]]}
    found = place.ask_for(form["q"])
    return {"accounts": [place.shown(found)] if found else []}


@route("GET", "/api/v1/accounts/relationships")
def _relationships(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> list[Form]:
    states = place.relations.get(form["id[]"], set())
    flags = {name: name in states for name in ("muting", "blocking", "following")}
    return [{"id": form["id[]"], "followed_by": form["id[]"] == place.bob.id, **flags}]


@route("POST", r"/api/v1/accounts/(\w{26}/(?:un)?(?:mute|block|follow))")
def _relate(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    identifier, verb = key.split("/")
    other, state = place.by_id(identifier), {"mute": "muting", "block": "blocking", "follow": "following"}
    states = place.relations.setdefault(identifier, set())
    if verb.startswith("un"):
        states.discard(state[verb[2:]])
    else:
        states.add(state[verb])
        if verb == "follow":
            other.notifications.append({"type": "follow"})
    return {"id": identifier}


@route("GET", "/api/v1/lists")
def _lists(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> list[Form]:
    return list(place.lists.values())


@route("POST", "/api/v1/lists")
def _new_list(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    identifier = ulid(datetime.now(UTC))
    place.lists[identifier] = {"id": identifier, "title": form["title"], "members": []}
    return place.lists[identifier]


@route("DELETE", r"/api/v1/lists/(\w+)")
def _old_list(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    return place.lists.pop(key)


@route("GET", r"/api/v1/lists/(\w+)/accounts")
def _members(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> list[Form]:
    return [{"id": member} for member in place.lists[key]["members"]]


@route("POST", r"/api/v1/lists/(\w+)/accounts")
def _join(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    for member in form["account_ids"]:
        if "following" not in place.relations.get(member, set()):
            raise Refuse(404, "Not Found: account not followed")
        place.lists[key]["members"].append(member)
    return {}


@route("DELETE", r"/api/v1/lists/(\w+)/accounts")
def _part(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    if key not in place.lists:
        raise Refuse(404, "Not Found")
    place.lists[key]["members"] = [m for m in place.lists[key]["members"] if m != form["account_ids[]"]]
    return {}


@route("GET", r"/api/v1/accounts/(\w{26})/lists")
def _lists_of(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> list[Form]:
    return [entry for entry in place.lists.values() if key in entry["members"]]


@route("GET", "/api/v2/filters")
def _filters(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> list[Form]:
    return list(place.filters.values())


@route("POST", "/api/v2/filters")
def _new_filter(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    if any(entry["title"] == form["title"] for entry in place.filters.values()):
        raise Refuse(409, "Conflict: duplicate title")
    identifier = ulid(datetime.now(UTC))
    place.filters[identifier] = form | {"id": identifier, "keywords": form["keywords_attributes"]}
    return place.filters[identifier]


@route("DELETE", r"/api/v2/filters/(\w+)")
def _old_filter(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    if place.filters.pop(key, None) is None:
        raise Refuse(404, "Not Found")
    return {}


@route("GET", r"/api/v1/tags/(\w+)")
def _tag(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    return {"name": key, "following": key in place.tags}


@route("POST", r"/api/v1/tags/(\w+/(?:un)?follow)")
def _follow_tag(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    tag, verb = key.split("/")
    (place.tags.add if verb == "follow" else place.tags.discard)(tag)
    return {"name": tag}


@route("GET", "/api/v1/domain_blocks")
def _domains(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> list[str]:
    return sorted(place.domains) if place.behaves == "mastodon" else _none()


@route("POST", "/api/v1/domain_blocks")
def _block_domain(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    if place.behaves != "mastodon":
        _none()
    place.domains.add(form["domain"])
    return {}


@route("DELETE", "/api/v1/domain_blocks")
def _unblock_domain(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> Form:
    place.domains.discard(form["domain"])
    return {}


def _none() -> Any:
    raise Refuse(404, "Not Found")


def _serve_until_interrupted() -> Iterator[str]:
    with StandIn() as place:
        yield f"a stand-in for GoToSocial at {place.url}; token {TOKEN}; follower's token {FOLLOWER_TOKEN}"
        threading.Event().wait()


if __name__ == "__main__":
    for line in _serve_until_interrupted():
        print(line, flush=True)
