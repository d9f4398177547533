"""Other servers, over loopback: one with the Mastodon API's OAuth, which also does OpenID Connect, with lies to order.

It enforces what RFC 6749 and 7636 ask of a server: codes work once, for the client, the address and the verifier they
were made for; a token does what its scopes say; scopes it does not know are refused when an app registers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

KNOWN = {"profile", "openid"} | {
    f"{verb}:{what}"
    for verb in ("read", "write")
    for what in ("accounts", "statuses", "search", "lists", "filters", "follows", "blocks", "mutes", "media")
}


@dataclass
class Grant:
    client: str
    back: str
    scope: str
    challenge: str
    who: str


@dataclass
class Elsewhere:
    """A server with Alice and Mallory; ``who`` is signed in there, ``agrees`` is what they say when asked."""

    who: str = "alice"
    agrees: bool = True
    knows: set[str] = field(default_factory=lambda: set(KNOWN))
    fingers: dict[str, dict[str, Any]] = field(default_factory=dict)  # WebFinger instead of the honest one
    says: dict[str, Any] = field(default_factory=dict)  # what verify_credentials says besides
    software: str = "mastodon"
    issuer: str = ""

    def __post_init__(self) -> None:
        self.apps: dict[str, dict[str, str]] = {}
        self.codes: dict[str, Grant] = {}
        self.tokens: dict[str, Grant] = {}
        self.log: list[str] = []

    def __enter__(self) -> Elsewhere:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Answer,), {"place": self}))
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def actor(self, name: str = "") -> str:
        return f"{self.url}/users/{name or self.who}"

    def authorize(self, address: str) -> str:
        """The browser of whoever is signed in opens ``address`` and says yes or no; where it is sent back to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert address.startswith(f"{self.url}/oauth/authorize?"), address
        app = self.apps[asked["client_id"]]
        assert asked["redirect_uri"] in app["redirect_uris"].split()
        assert asked["response_type"] == "code"
        assert set(asked["scope"].split()) <= set(app["scopes"].split())
        if not self.agrees:
            return f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': asked['state']})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = Grant(
            asked["client_id"], asked["redirect_uri"], asked["scope"], asked.get("code_challenge", ""), self.who
        )
        answer = {"code": code, "state": asked["state"]} | ({"iss": self.issuer} if self.issuer else {})
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    # -- what it answers

    def answer(self, method: str, path: str, query: dict[str, str], form: dict[str, str], token: str) -> Any:
        name = f"{method} {path}".replace("/", "_").replace(".", "_").replace("-", "_").replace(" ", "")
        known = getattr(self, name, None)
        return known(query, form, token) if known else (404, {"error": "Record not found"})

    def GET__well_known_webfinger(self, query: dict[str, str], form: dict[str, str], token: str) -> Any:
        resource = query.get("resource", "")
        if resource in self.fingers:
            return 200, self.fingers[resource]
        user, _at, host = resource.removeprefix("acct:").partition("@")
        if host != self.host or user not in ("alice", "mallory"):
            return 404, {"error": "Not here"}
        return 200, finger(f"{user}@{host}", self.actor(user))

    def GET__well_known_nodeinfo(self, query: dict[str, str], form: dict[str, str], token: str) -> Any:
        return 200, {
            "links": [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": f"{self.url}/nodeinfo"}]
        }

    def GET_nodeinfo(self, query: dict[str, str], form: dict[str, str], token: str) -> Any:
        return 200, {"software": {"name": self.software, "version": "4.5.0"}}

    def POST_api_v1_apps(self, query: dict[str, str], form: dict[str, str], token: str) -> Any:
        if not set(form["scopes"].split()) <= self.knows:
            return 422, {"error": "The requested scope is invalid, unknown, or malformed."}
        client = secrets.token_urlsafe(8)
        self.apps[client] = {**form, "secret": secrets.token_urlsafe(8)}
        return 200, {"id": "1", "client_id": client, "client_secret": self.apps[client]["secret"]}

    def POST_oauth_token(self, query: dict[str, str], form: dict[str, str], token: str) -> Any:
        app, grant = self.apps.get(form.get("client_id", "")), self.codes.pop(form.get("code", ""), None)
        if app is None or app["secret"] != form.get("client_secret"):
            return 401, {"error": "invalid_client"}
        good = grant is not None and (grant.client, grant.back) == (form["client_id"], form["redirect_uri"])
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if not good or grant is None or base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() != grant.challenge:
            return 400, {"error": "invalid_grant"}
        made = secrets.token_urlsafe(16)
        self.tokens[made] = grant
        return 200, {"access_token": made, "token_type": "Bearer", "scope": grant.scope}

    def GET_api_v1_accounts_verify_credentials(self, query: dict[str, str], form: dict[str, str], token: str) -> Any:
        grant = self.tokens.get(token)
        if grant is None or not {"profile", "read:accounts"} & set(grant.scope.split()):
            return 403, {"error": "This action is outside the authorized scopes"}
        return 200, {"id": f"10{len(grant.who)}", "username": grant.who, "acct": grant.who,
                     "url": f"{self.url}/@{grant.who}", **self.says}  # fmt: skip

    def POST_oauth_revoke(self, query: dict[str, str], form: dict[str, str], token: str) -> Any:
        self.tokens.pop(form["token"], None)
        return 200, {}

    def GET__well_known_openid_configuration(self, query: dict[str, str], form: dict[str, str], token: str) -> Any:
        return 200, {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/oauth/authorize", "jwks_uri": f"{self.url}/keys",
            "token_endpoint": f"{self.url}/oauth/token", "userinfo_endpoint": f"{self.url}/userinfo",
        }  # fmt: skip

    def GET_userinfo(self, query: dict[str, str], form: dict[str, str], token: str) -> Any:
        grant = self.tokens.get(token)
        if grant is None:
            return 401, {"error": "invalid_token"}
        return 200, {"sub": f"sub-{grant.who}", "preferred_username": grant.who, "email": f"{grant.who}@old.example"}


def finger(subject: str, actor: str) -> dict[str, Any]:
    """A WebFinger answer."""
    return {
        "subject": f"acct:{subject}",
        "links": [{"rel": "self", "type": "application/activity+json", "href": actor}],
    }


class _Answer(BaseHTTPRequestHandler):
    place: Elsewhere

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.place.log.append(f"{self.command} {parts.path}")
        status, said = self.place.answer(self.command, parts.path, query, dict(parse_qsl(body)), token)
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _serve

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""
