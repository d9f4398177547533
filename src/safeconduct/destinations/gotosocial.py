"""GoToSocial 0.18 and later: posts with their own dates, quietly, and relations with protection first.

``scheduled_at`` in the past makes a post arrive under its old date, outside every timeline, without notifying anybody
(GoToSocial swagger, ``statusCreate``; measured on 0.20).  The same call on Mastodon posts *now* to every follower, so
nothing is written before NodeInfo has said ``gotosocial`` and the server has refused a date before 1970 in the words
only GoToSocial has; and every post that comes back with another date or audience is deleted and stops the run.

Measured on 0.20: ``Idempotency-Key`` is ignored, counters are wrong, one connection is faster than several, and an
omitted visibility is the account's default.  So nothing here retries, counts, parallelises or omits.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar

from msgspec import json

from safeconduct.contracts import Source, Terms
from safeconduct.destinations._acts import Relations
from safeconduct.destinations._mastodon_api import Api, Software
from safeconduct.destinations._post import held, shape_post
from safeconduct.destinations._relations import shape_relation
from safeconduct.errors import DeliveryError, PlanError, TryAgain, Uncertain
from safeconduct.model import Abilities, Decision, Item, Json, Kind, Left, Object, Receipt, Shaped, Undone, Visibility
from safeconduct.net import Refused

POSTS = frozenset({Kind.POST, Kind.POLL, Kind.BOOST})
CARRIES = POSTS | {Kind.PROFILE, Kind.BLOCK, Kind.MUTE, Kind.FOLLOW, Kind.LIST, Kind.FILTER, Kind.HASHTAG}
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NO_MEDIUM = "0" * 26
REMEMBERED = 10_000
EPOCH = "1970-01-01T00:00:00Z"
TRIAL = "Safeconduct asks whether posts may keep their dates here. This post must be refused."
COPIES = "Whoever fetched the post meanwhile, another server or a search engine, may keep a copy."


class GoToSocial:
    """One GoToSocial account, through its own client API and one connection."""

    name: ClassVar[str] = "gotosocial"

    def __init__(self, place: str, terms: Terms) -> None:
        self.place, self.terms = place, terms
        self._opened: tuple[Api, Relations] | None = None
        self._abilities: Abilities | None = None
        self._uploaded: dict[tuple[int, str], str] = {}
        self._done: dict[int, Receipt] = {}  # the latest deliveries of this process: deliver twice = deliver once
        self._mine: dict[str, int] = {}  # status id -> Item.number, so that twins are not taken for each other

    def __repr__(self) -> str:
        return f"GoToSocial({self.place})"

    def _open(self) -> tuple[Api, Relations]:
        if self._opened is None:
            api = Api(self.place, self.terms)
            self._opened = api, Relations(api, self.name)
        return self._opened

    @property
    def _api(self) -> Api:
        return self._open()[0]

    @property
    def _relations(self) -> Relations:
        return self._open()[1]

    # -- what it is

    def probe(self) -> Abilities:
        """Software, limits, account, and whether old dates are allowed.  Raises ``DeliveryError``."""
        software = self._software()
        configuration = self._api.instance().get("configuration") or {}
        account = self._api.me()
        federating, gate = self.terms.choices.federating, self._api.gate()
        self._abilities = Abilities(
            destination=f"gotosocial:{self._api.client.origin}",
            software=software.name,
            version=software.version,
            probed=datetime.now(UTC),
            carries=CARRIES,
            backdates=self._backdates(),
            account=f"{account['username']}@{self._api.host}",
            limits=self._limits(configuration),
            types=tuple((configuration.get("media_attachments") or {}).get("supported_mime_types") or ()),
            seen_by_others=frozenset({Kind.PROFILE, *((Kind.BLOCK, Kind.FOLLOW) if federating else ())}),
            notes=(
                "Its counters of posts are wrong after an import; what arrived is verified by listing.",
                *gate.notes,
            ),
            policy=gate.policy,
        )
        return self._abilities

    def _software(self) -> Software:
        found = self._api.software()
        if found.name != "gotosocial":
            advice = f"use mastodon:{self.place} for blocks, follows and the like, and `site:` for posts"
            raise DeliveryError(f"{self._api.host} runs {found.name or 'unknown software'}, not GoToSocial: {advice}.")
        if not found.at_least(0, 18):
            raise DeliveryError(f"{self._api.host} runs GoToSocial {found.version}; old dates need 0.18 or later.")
        return found

    def _backdates(self) -> bool:
        """The setting is not in the API, so ask for something that must be refused: the words of the no tell.

        1970 is refused by every GoToSocial (406 where old dates are allowed, 403 where they are not).  Should the
        server not be one after all, a medium that does not exist and an audience of nobody refuse it as well.
        """
        data = {"status": TRIAL, "scheduled_at": EPOCH, "visibility": "direct", "media_ids": [NO_MEDIUM]}
        try:
            posted = self._api.post("/api/v1/statuses", data)
        except Refused as no:
            if no.status == 406 and "backdated" in str(no):
                return True
            if no.status == 403 and "backdating" in str(no):
                return False
            raise DeliveryError(f"{self._api.host} does not say whether posts may keep their dates: {no}") from no
        self._api.delete(f"/api/v1/statuses/{posted.get('id')}")
        raise DeliveryError(f"{self._api.host} posted what GoToSocial refuses. It was deleted; nothing else was sent.")

    def _limits(self, configuration: Object) -> dict[str, int]:
        statuses, media = configuration.get("statuses") or {}, configuration.get("media_attachments") or {}
        accounts = configuration.get("accounts") or {}
        found = {
            "characters": statuses.get("max_characters"),
            "attachments": statuses.get("max_media_attachments"),
            "description": media.get("description_limit"),
            "image_bytes": media.get("image_size_limit"),
            "video_bytes": media.get("video_size_limit"),
            "fields": accounts.get("max_profile_fields"),
            "requests": self._api.client.allowance,
            "seconds": 300 if self._api.client.allowance else None,  # GoToSocial's window is always five minutes
        }
        return {key: int(value) for key, value in found.items() if value}

    # -- what it would look like

    def shape(self, item: Item, decision: Decision, abilities: Abilities) -> Shaped | Left:
        """Pure: a post in words nobody is notified by, a relation, or the reason why not."""
        if (left := held(item, decision)) is not None:
            return left
        shape = shape_post if item.kind in POSTS else shape_relation
        return shape(item, decision, abilities, self.terms.choices)

    # -- delivery

    def deliver(self, shaped: Shaped, source: Source, parent: Receipt | None) -> Receipt:
        """Place it under its old date, and look whether that is what happened.

        DeliveryError: this item cannot go.  TryAgain, Uncertain: as they say.  PlanError: stop the whole run.
        """
        abilities = self._checked()
        if shaped.kind not in POSTS:
            return self._relations.deliver(shaped, source)
        if shaped.number in self._done:
            return self._done[shaped.number]
        if shaped.parent and parent is None:
            raise DeliveryError("The post it answers has not arrived, so it would lose its place in the thread.")
        if not abilities.backdates or not shaped.body.get("scheduled_at") or not shaped.body.get("visibility"):
            raise PlanError(f"{self._api.host} no longer lets posts keep their dates. Make a new plan.")
        self._api.client.reserve(len(shaped.media) + 2)  # the last for taking it back
        data = dict(shaped.body)
        data["media_ids"] = [self._upload(shaped.number, place, shaped, source) for place in range(len(shaped.media))]
        if parent is not None and shaped.parent:
            data["in_reply_to_id"] = parent.new_id
        return self._verified(shaped, self._post(data))

    def _checked(self) -> Abilities:
        """No write before a look, in this very process (law: ``copy`` probes again before the first write)."""
        return self._abilities or self.probe()

    def _post(self, data: dict[str, Json]) -> Object:
        answer = self._api.client.call("POST", "/api/v1/statuses", data=data)
        try:
            made = answer.json()
        except DeliveryError as wrong:
            raise Uncertain(f"{self._api.host} answered something unreadable; the post may be there.") from wrong
        return made if isinstance(made, dict) else {}

    def _upload(self, number: int, place: int, shaped: Shaped, source: Source) -> str:
        """Each file once: a post that has to be tried again uses what is there already."""
        medium = shaped.media[place]
        if (number, medium.pointer) not in self._uploaded:
            limits = self._checked().limits
            most = limits.get("image_bytes" if medium.type.startswith("image/") else "video_bytes", 0)
            form = {"description": medium.alt} if medium.alt else {}
            if medium.focus is not None:
                form["focus"] = f"{medium.focus[0]:.4f},{medium.focus[1]:.4f}"
            files = {"file": self._api.upload(medium, source, most)}
            try:
                made = self._api.client.call("POST", "/api/v2/media", form=form, files=files).json()
            except Refused as no:
                raise DeliveryError(
                    f"Its file {place + 1} ({medium.name or medium.member}) was not taken: {no}"
                ) from no
            except Uncertain as lost:  # a file that belongs to no post is nobody's trouble: it may be sent again
                raise TryAgain(str(lost), after=10) from lost
            self._uploaded[number, medium.pointer] = str(made["id"])
        return self._uploaded[number, medium.pointer]

    def _verified(self, shaped: Shaped, made: Object) -> Receipt:
        """The server's own answer must show the old date and the wanted audience, or everything stops here."""
        wrong = _differs(shaped, made)
        if not wrong:
            return self._receipt(shaped, made)
        future = "created_at" not in made
        try:
            self._api.delete(f"/api/v1/{'scheduled_statuses' if future else 'statuses'}/{made.get('id')}")
        except DeliveryError as no:
            where = made.get("url") or made.get("id")
            raise PlanError(f"{self._api.host} {wrong}, and would not delete it: delete {where} by hand.") from no
        raise PlanError(f"{self._api.host} {wrong}. The post was deleted at once and nothing more was sent.")

    def _receipt(self, shaped: Shaped, made: Object) -> Receipt:
        number, new_id = shaped.number, str(made["id"])
        self._mine[new_id] = number
        for key in [key for key in self._uploaded if key[0] == number]:
            del self._uploaded[key]
        before = {"visibility": str(made.get("visibility"))}
        url = str(made.get("url") or "")
        self._done[number] = Receipt(number, shaped.kind, self.name, new_id, url, datetime.now(UTC), before)
        if len(self._done) > REMEMBERED:
            self._mine.pop(self._done.pop(next(iter(self._done))).new_id, None)
        return self._done[number]

    # -- afterwards

    def find(self, shaped: Shaped) -> Receipt | None:
        """Look among my own posts of that very second for the same words and audience.  Never writes."""
        if shaped.kind not in POSTS:
            return self._relations.find(shaped)
        if shaped.published is None:
            return None
        path = f"/api/v1/accounts/{self._api.me()['id']}/statuses"
        low, high = _ulid(shaped.published - timedelta(seconds=1)), _ulid(shaped.published + timedelta(seconds=2))
        while True:
            page = self._api.get(path, min_id=low, max_id=high, limit="40")
            for made in page:
                if not _differs(shaped, made) and self._same(shaped, made):
                    return self._receipt(shaped, made)
            if not page:
                return None
            low = max(str(made["id"]) for made in page)

    def _same(self, shaped: Shaped, made: Object) -> bool:
        if self._mine.get(str(made["id"]), shaped.number) != shaped.number:
            return False
        if bool(made.get("in_reply_to_id")) != bool(shaped.parent):
            return False
        if len(made.get("media_attachments") or ()) != len(shaped.media):
            return False
        try:
            words = self._api.get(f"/api/v1/statuses/{made['id']}/source")
        except Refused:  # deleted a moment ago, and still in the list
            return False
        return bool(
            words.get("text") == shaped.body["status"]
            and (words.get("spoiler_text") or "") == shaped.body.get("spoiler_text", "")
        )

    def undo(self, receipt: Receipt) -> Undone:
        """Delete the post, or put the relation back.  Already gone is success."""
        if receipt.kind not in POSTS:
            return self._relations.undo(receipt)
        self._api.delete(f"/api/v1/statuses/{receipt.new_id}")
        self._done.pop(self._mine.pop(receipt.new_id, -1), None)
        return Undone(receipt.number, COPIES if receipt.before.get("visibility") != "private" else "")

    def finish(self) -> None:
        """Close the connection; it opens again if something else is asked."""
        if self._opened is not None:
            self._api.client.close()
            self._opened = None


def _differs(shaped: Shaped, made: Object) -> str:
    """What is wrong with a post that was made, "" if nothing: another second, another audience."""
    if shaped.visibility < Visibility.FOLLOWERS or shaped.published is None:
        return "took a post that has no audience or no date"
    wanted, got = shaped.published.astimezone(UTC), made.get("created_at")
    try:
        there = datetime.fromisoformat(str(got)).astimezone(UTC)
    except ValueError:
        return f"answered with the date {json.encode(got).decode()[:40]}"
    if abs((there - wanted).total_seconds()) >= 1:
        return f"dated a post of {wanted:%Y-%m-%d %H:%M:%S} {there:%Y-%m-%d %H:%M:%S} instead"
    if made.get("visibility") != shaped.body.get("visibility"):
        return f"made a {shaped.body.get('visibility')} post {made.get('visibility')} instead"
    return ""


def _ulid(moment: datetime) -> str:
    """The lowest ULID of a millisecond: GoToSocial's ids of back-dated posts carry the old date."""
    number = int(moment.timestamp() * 1000)
    stamp = "".join(CROCKFORD[(number >> shift) & 31] for shift in range(45, -1, -5))
    return stamp + "0" * 16
