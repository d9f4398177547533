"""Relations made so, looked for and taken back, each in one place: mutes, blocks, follows, lists, filters and the rest.

What was already so before is remembered in the receipt and survives an undo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from msgspec import Struct

from safeconduct.contracts import Source
from safeconduct.destinations._mastodon_api import Api, mapping
from safeconduct.destinations._profile import restore, update
from safeconduct.errors import DeliveryError
from safeconduct.model import Json, Receipt, Shaped, Undone
from safeconduct.net import Refused

TOLD = "Their server saw it and may remember."
UNSURE = "It may have been there before the move."


class Relations:
    """Everything about one account that is not a post."""

    def __init__(self, api: Api, destination: str) -> None:
        self._api, self._destination = api, destination
        self._done: dict[int, Receipt] = {}  # deliver twice = deliver once; an archive has thousands of these at most

    def deliver(self, shaped: Shaped, source: Source) -> Receipt:
        """Make one relation so.  DeliveryError, TryAgain, Uncertain."""
        act, number = str(shaped.body["act"]), shaped.number
        if number not in self._done:
            new_id, found = ACTS[act].make(self._api, shaped, source)
            before = {"act": act, **found}
            made = Receipt(number, shaped.kind, self._destination, new_id, "", datetime.now(UTC), before)
            self._done[number] = made
        return self._done[number]

    def find(self, shaped: Shaped) -> Receipt | None:
        """Is it so already?  Never writes; whether it was so before nobody can tell now."""
        act = str(shaped.body["act"])
        found = ACTS[act].find(self._api, shaped)
        if found is None:
            return None
        before = {"act": act, "unsure": True, **found[1]}
        return Receipt(shaped.number, shaped.kind, self._destination, found[0], before=before)

    def undo(self, receipt: Receipt) -> Undone:
        """Take it back, unless it was so before."""
        before = receipt.before
        self._done.pop(receipt.number, None)
        if before.get("already"):
            return Undone(receipt.number)
        leftover = [ACTS[str(before["act"])].undo(self._api, receipt), UNSURE if before.get("unsure") else ""]
        return Undone(receipt.number, " ".join(part for part in leftover if part))


Made = tuple[str, dict[str, Json]]


class Act(Struct, frozen=True):
    """One kind of relation: make it so, see whether it is so, take it back (answering what could not be)."""

    make: Callable[[Api, Shaped, Source], Made]
    find: Callable[[Api, Shaped], Made | None]
    undo: Callable[[Api, Receipt], str]


def _toggle(verb: str, states: tuple[str, ...], leftover: str = "") -> Act:
    """Mute, block, follow: one verb, its opposite, and the flags that say it is so."""

    def make(api: Api, shaped: Shaped, source: Source) -> Made:
        del source
        who = api.account(str(shaped.body["account"]))
        relation = api.relation(who)
        if any(relation.get(state) is True for state in states):
            return who, {"already": True}
        options = {key: value for key, value in shaped.body.items() if key not in ("act", "account")}
        api.post(f"/api/v1/accounts/{who}/{verb}", options)
        lost = verb == "block" and (relation.get("following") is True or relation.get("followed_by") is True)
        return who, {"lost": True} if lost else {}

    def find(api: Api, shaped: Shaped) -> Made | None:
        who = api.account(str(shaped.body["account"]))
        relation = api.relation(who)
        return (who, {}) if any(relation.get(state) is True for state in states) else None

    def undo(api: Api, receipt: Receipt) -> str:
        try:
            api.post(f"/api/v1/accounts/{receipt.new_id}/un{verb}")
        except Refused as no:
            if no.status not in (404, 410):
                raise
        lost = (
            "The block ended a follow between you, which does not come back by itself."
            if "lost" in receipt.before
            else ""
        )
        return f"{leftover} {lost}".strip()

    return Act(make, find, undo)


def _list_of(api: Api, title: str) -> str:
    lists = api.get("/api/v1/lists")
    return next((str(entry["id"]) for entry in lists if entry.get("title") == title), "")


def _listed(api: Api, who: str, found: str) -> bool:
    return any(str(entry["id"]) == found for entry in api.get(f"/api/v1/accounts/{who}/lists"))


def _list_make(api: Api, shaped: Shaped, source: Source) -> Made:
    del source
    title, name = str(shaped.body["title"]), str(shaped.body["account"])
    who = api.account(name)
    if api.relation(who).get("following") is not True:
        raise DeliveryError(f"{name} is not followed yet (they may have to agree), so cannot be put into “{title}”.")
    found = _list_of(api, title)
    made = not found
    if made:
        found = str(api.post("/api/v1/lists", {"title": title})["id"])
    elif _listed(api, who, found):
        return found, {"already": True}
    api.post(f"/api/v1/lists/{found}/accounts", {"account_ids": [who]})
    return found, {"account": who, "made": made}


def _list_find(api: Api, shaped: Shaped) -> Made | None:
    found, who = _list_of(api, str(shaped.body["title"])), api.account(str(shaped.body["account"]))
    return (found, {"account": who, "made": False}) if found and _listed(api, who, found) else None


def _list_undo(api: Api, receipt: Receipt) -> str:
    path = f"/api/v1/lists/{receipt.new_id}"
    if not api.delete(f"{path}/accounts", **{"account_ids[]": str(receipt.before["account"])}):
        return ""
    if receipt.before.get("made"):
        if api.get(f"{path}/accounts"):
            return "The list stays, because others have been put into it."
        api.delete(path)
    return ""


def _domain_make(api: Api, shaped: Shaped, source: Source) -> Made:
    del source
    domain = str(shaped.body["domain"])
    if domain in api.blocked_domains():
        return domain, {"already": True}
    api.post("/api/v1/domain_blocks", {"domain": domain})
    api.blocked_domains().add(domain)
    return domain, {}


def _domain_find(api: Api, shaped: Shaped) -> Made | None:
    domain = str(shaped.body["domain"])
    return (domain, {}) if domain in api.blocked_domains() else None


def _domain_undo(api: Api, receipt: Receipt) -> str:
    api.delete("/api/v1/domain_blocks", domain=receipt.new_id)
    api.blocked_domains().discard(receipt.new_id)
    return "Followers from there that the block removed do not come back by themselves."


def _filter_find(api: Api, shaped: Shaped) -> Made | None:
    wanted = {str(word["keyword"]) for word in shaped.body["keywords_attributes"]}
    for entry in api.get("/api/v2/filters"):
        have = {str(word.get("keyword")) for word in entry.get("keywords") or []}
        if entry.get("title") == shaped.body["title"] and have == wanted:
            return str(entry["id"]), {}
    return None


def _filter_make(api: Api, shaped: Shaped, source: Source) -> Made:
    del source
    found = _filter_find(api, shaped)
    if found is not None:
        return found[0], {"already": True}
    data = {key: value for key, value in shaped.body.items() if key not in ("act", "expires_at")}
    if "expires_at" in shaped.body:
        left = datetime.fromisoformat(str(shaped.body["expires_at"])) - datetime.now(UTC)
        data["expires_in"] = max(1, int(left.total_seconds()))
    return str(api.post("/api/v2/filters", data)["id"]), {}


def _filter_undo(api: Api, receipt: Receipt) -> str:
    api.delete(f"/api/v2/filters/{receipt.new_id}")
    return ""


def _status_at(api: Api, url: str) -> Mapping[str, Json]:
    found = api.get("/api/v2/search", q=url, resolve="true", type="statuses", limit="1").get("statuses") or []
    if not found:
        raise DeliveryError(f"{url} cannot be reached from {api.host}; it may be gone, or not public.")
    return mapping(found[0])


def _bookmark_make(api: Api, shaped: Shaped, source: Source) -> Made:
    del source
    status = _status_at(api, str(shaped.body["url"]))
    if status.get("bookmarked") is True:
        return str(status["id"]), {"already": True}
    api.post(f"/api/v1/statuses/{status['id']}/bookmark")
    return str(status["id"]), {}


def _bookmark_find(api: Api, shaped: Shaped) -> Made | None:
    status = _status_at(api, str(shaped.body["url"]))
    return (str(status["id"]), {}) if status.get("bookmarked") is True else None


def _bookmark_undo(api: Api, receipt: Receipt) -> str:
    return _gone_is_fine(api, f"/api/v1/statuses/{receipt.new_id}/unbookmark")


def _gone_is_fine(api: Api, path: str) -> str:
    try:
        api.post(path)
    except Refused as no:
        if no.status not in (404, 410):
            raise
    return ""


def _tag_find(api: Api, shaped: Shaped) -> Made | None:
    tag = str(shaped.body["tag"])
    try:
        return (tag, {}) if api.get(f"/api/v1/tags/{tag}").get("following") is True else None
    except Refused as no:  # GoToSocial: 404 for a tag nobody has used there
        if no.status != 404:
            raise
        return None


def _tag_make(api: Api, shaped: Shaped, source: Source) -> Made:
    del source
    if _tag_find(api, shaped) is not None:
        return str(shaped.body["tag"]), {"already": True}
    api.post(f"/api/v1/tags/{shaped.body['tag']}/follow")
    return str(shaped.body["tag"]), {}


def _tag_undo(api: Api, receipt: Receipt) -> str:
    return _gone_is_fine(api, f"/api/v1/tags/{receipt.new_id}/unfollow")


def _profile_make(api: Api, shaped: Shaped, source: Source) -> Made:
    pictures = {m.pointer: api.upload(m, source, 0) for m in shaped.media}
    before = update(api.client, shaped, pictures, mapping(api.get("/api/v1/accounts/verify_credentials")))
    return str(api.me()["id"]), before


def _profile_find(api: Api, shaped: Shaped) -> Made | None:
    del api, shaped
    return None  # writing a profile twice does no harm, and only a fresh write knows what to put back


def _profile_undo(api: Api, receipt: Receipt) -> str:
    return restore(api.client, receipt.before)


ACTS: Mapping[str, Act] = {
    "mute": _toggle("mute", ("muting",)),
    "block": _toggle("block", ("blocking",), TOLD),
    "follow": _toggle("follow", ("following", "requested"), TOLD),
    "list": Act(_list_make, _list_find, _list_undo),
    "domain": Act(_domain_make, _domain_find, _domain_undo),
    "filter": Act(_filter_make, _filter_find, _filter_undo),
    "bookmark": Act(_bookmark_make, _bookmark_find, _bookmark_undo),
    "tag": Act(_tag_make, _tag_find, _tag_undo),
    "profile": Act(_profile_make, _profile_find, _profile_undo),
}
