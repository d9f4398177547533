"""The Mastodon client API, as far as Mastodon and GoToSocial share it: what runs there, who I am, whom I mean.

Sources: docs.joinmastodon.org (methods/accounts, lists, filters, tags, domain_blocks, search) and GoToSocial's
swagger file; what GoToSocial 0.20 does differently was measured and is said where it matters.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping

from msgspec import Struct

from safeconduct.contracts import Source, Terms
from safeconduct.errors import DeliveryError, LockedOut, NetworkRefused, TryAgain
from safeconduct.model import Json, Medium
from safeconduct.net import Client, Refused

GATE = "/.well-known/safeconduct"


class Gate(Struct, frozen=True):
    """The intake policy a community publishes ("" if none could be had), and what a person must be told about it."""

    policy: str = ""
    notes: tuple[str, ...] = ()


class Software(Struct, frozen=True):
    """What NodeInfo says runs there."""

    name: str
    version: str

    def at_least(self, major: int, minor: int) -> bool:
        found = re.match(r"\s*v?(\d+)\.(\d+)", self.version)
        return found is not None and (int(found[1]), int(found[2])) >= (major, minor)


class Api:
    """One account on one server, over one connection."""

    def __init__(self, place: str, terms: Terms) -> None:
        if not terms.token:
            raise LockedOut(f"{place} needs a token of the receiving account. Put it into SAFECONDUCT_TOKEN.")
        self.terms = terms
        self.client = Client(place, terms.token, loopback=terms.loopback)
        self.host = self.client.host
        self._me: Mapping[str, Json] = {}
        self._ids: dict[str, str] = {}
        self._domains: set[str] | None = None

    # -- asking

    def get(self, path: str, **params: str) -> Json:
        return self.client.call("GET", path, params=params or None).json()

    def post(self, path: str, data: Mapping[str, Json] | None = None) -> Json:
        return self.client.call("POST", path, data=dict(data or {})).json()

    def delete(self, path: str, **params: str) -> bool:
        """True if it was there; already gone is success too."""
        try:
            self.client.call("DELETE", path, params=params or None)
        except Refused as no:
            if no.status in (404, 410):
                return False
            raise
        return True

    def software(self) -> Software:
        """What runs there, from NodeInfo on the same origin and nowhere else."""
        links = mapping(self.get("/.well-known/nodeinfo")).get("links")
        hrefs = [str(mapping(link).get("href")) for link in links] if isinstance(links, list) else []
        path = next((p for p in (_path(href) for href in hrefs) if "/nodeinfo/2" in p), "/nodeinfo/2.0")
        found = mapping(mapping(self.get(path)).get("software"))
        return Software(str(found.get("name") or "").lower(), str(found.get("version") or ""))

    def instance(self) -> Mapping[str, Json]:
        try:
            return mapping(self.get("/api/v2/instance"))
        except Refused:
            return mapping(self.get("/api/v1/instance"))

    def gate(self) -> Gate:
        """The intake policy this community publishes.

        Nothing there (404, 410) is none.  Any other answer without a policy in it is none too, because many servers
        answer every path, with a page or with a no; but that is said.  ``TryAgain`` while the server is in trouble:
        who could not ask does not know that the gate is open.
        """
        try:
            answer = self.client.call("GET", GATE)
        except Refused as no:
            return Gate() if no.status in (404, 410) else self._unread(f"keeps {GATE} closed ({no.status})")
        except NetworkRefused:
            return self._unread(f"sends whoever asks for {GATE} to another address, which is not followed")
        except TryAgain as later:
            raise TryAgain(
                f"{self.host} could not say whether it has an intake policy: {later}", later.after
            ) from later
        text = answer.body.decode("utf-8", "replace").strip()
        if "html" in answer.headers.get("content-type", "") or text.startswith("<"):
            return self._unread(f"answers at {GATE} with a web page and not with a policy")
        return Gate(text) if text else self._unread(f"answers at {GATE} with nothing at all")

    def _unread(self, what: str) -> Gate:
        return Gate("", (f"{self.host} {what}. If this community has an intake policy, it is not known here: ask it.",))

    def me(self) -> Mapping[str, Json]:
        """My own account; fetched once, because the token cannot change whose it is."""
        if not self._me:
            try:
                self._me = mapping(self.get("/api/v1/accounts/verify_credentials"))
            except Refused as no:
                raise LockedOut(f"{self.host} does not accept the token: {no} Make a new one there.") from no
        return self._me

    def account(self, who: str) -> str:
        """The id there of ``user@host`` or a profile's address; asking their server only if it is unknown there."""
        if who not in self._ids:
            self._ids[who] = self._known(who) or self._searched(who)
        if not self._ids[who]:
            raise DeliveryError(f"{who} could not be found from {self.host}; the account or its server may be gone.")
        return self._ids[who]

    def _known(self, who: str) -> str:
        if "://" in who:
            return ""
        try:
            return str(self.get("/api/v1/accounts/lookup", acct=who.removesuffix("@" + self.host))["id"])
        except Refused:
            return ""

    def _searched(self, who: str) -> str:
        asked = who if "://" in who else "@" + who
        found = self.get("/api/v2/search", q=asked, resolve="true", type="accounts", limit="1").get("accounts") or []
        return str(found[0]["id"]) if found else ""

    def relation(self, account: str) -> Mapping[str, Json]:
        found = self.get("/api/v1/accounts/relationships", **{"id[]": account})
        return mapping(found[0]) if isinstance(found, list) and found else {}

    def blocked_domains(self) -> set[str]:
        if self._domains is None:
            found: set[str] = set()
            after = ""
            for _ in range(500):  # 200 a page; nobody has blocked more than 100,000
                page = self.client.call("GET", "/api/v1/domain_blocks", params={"limit": "200"} | _after(after))
                found |= {str(name) for name in page.json()}
                step = re.search(r"[?&]max_id=(\w+)[^>]*>; rel=\"next\"", page.headers.get("link", ""))
                if not step or not page.json():
                    break
                after = step[1]
            self._domains = found
        return self._domains

    def upload(self, medium: Medium, source: Source, most: int) -> tuple[str, bytes, str]:
        """One file ready to be sent: a neutral name, the bytes, the type."""
        if medium.member is None:
            raise DeliveryError("A file of this post is not in the archive.")
        with source.open(medium.member) as stream:
            data = stream.read(most + 1 if most else -1)
        if not data:
            raise DeliveryError("A file of this post is empty in the archive.")
        if most and len(data) > most:
            raise DeliveryError(f"A file of this post is larger than the {most // 1048576} MB {self.host} takes.")
        type_ = medium.type or mimetypes.guess_type(medium.member)[0] or "application/octet-stream"
        return "file" + (mimetypes.guess_extension(type_) or ""), data, type_


def mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _path(href: str) -> str:
    return "/" + href.split("://", 1)[-1].split("/", 1)[-1]


def _after(identifier: str) -> dict[str, str]:
    return {"max_id": identifier} if identifier else {}
