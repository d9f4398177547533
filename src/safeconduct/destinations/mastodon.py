"""Mastodon: blocks, mutes, domain blocks, follows, lists, filters, bookmarks, followed hashtags, profile.  No posts.

Mastodon cannot keep an old date and fails dangerously: a past ``scheduled_at`` is dropped and the post goes out *now*
to every follower (``app/services/post_status_service.rb``).  So posts are never sent there; ``site:`` takes them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from safeconduct.contracts import Source, Terms
from safeconduct.destinations._acts import Relations
from safeconduct.destinations._mastodon_api import Api
from safeconduct.destinations._post import held
from safeconduct.destinations._relations import shape_relation
from safeconduct.errors import DeliveryError
from safeconduct.model import Abilities, Decision, Item, Kind, Left, Receipt, Shaped, Undone

POSTS = frozenset({Kind.POST, Kind.POLL, Kind.BOOST})
CARRIES = frozenset(
    {Kind.PROFILE, Kind.BLOCK, Kind.MUTE, Kind.DOMAIN_BLOCK, Kind.FOLLOW, Kind.LIST}
    | {Kind.FILTER, Kind.BOOKMARK, Kind.HASHTAG}
)
REASON = (
    "Mastodon cannot keep old dates: it would publish this now, to every follower. "
    "Copy your posts to `site:` as well and link that archive from your profile."
)


class Mastodon:
    """The relations and the profile of one Mastodon account, through its own client API."""

    name: ClassVar[str] = "mastodon"

    def __init__(self, place: str, terms: Terms) -> None:
        self.place, self.terms = place, terms
        self._opened: tuple[Api, Relations] | None = None

    def __repr__(self) -> str:
        return f"Mastodon({self.place})"

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

    def probe(self) -> Abilities:
        """Software from NodeInfo, whose token it is, and how many requests a window has."""
        software = self._api.software()
        if software.name == "gotosocial":
            raise DeliveryError(f"{self._api.host} is a GoToSocial server: use gotosocial:{self.place} instead.")
        configuration = self._api.instance().get("configuration") or {}
        account = self._api.me()
        fields = (configuration.get("accounts") or {}).get("max_profile_fields") or 4
        limits = {"fields": int(fields), "seconds": 300, "requests": self._api.client.allowance or 300}
        federating, gate = self.terms.choices.federating, self._api.gate()
        return Abilities(
            destination=f"mastodon:{self._api.client.origin}",
            software=software.name,
            version=software.version,
            probed=datetime.now(UTC),
            carries=CARRIES,
            backdates=False,
            account=f"{account['username']}@{self._api.host}",
            limits=limits,
            seen_by_others=frozenset({Kind.PROFILE, *((Kind.BLOCK, Kind.FOLLOW) if federating else ())}),
            notes=("Posts stay behind: " + REASON, *gate.notes),
            policy=gate.policy,
        )

    def shape(self, item: Item, decision: Decision, abilities: Abilities) -> Shaped | Left:
        """Relations and the profile; every post is left with the way to keep it."""
        if (left := held(item, decision)) is not None:
            return left
        if item.kind in POSTS:
            return Left(item.number, "no-backdating", REASON)
        return shape_relation(item, decision, abilities, self.terms.choices)

    def deliver(self, shaped: Shaped, source: Source, parent: Receipt | None) -> Receipt:
        """Make one relation so.  DeliveryError, TryAgain, Uncertain."""
        del parent
        if shaped.kind in POSTS:
            raise DeliveryError(REASON)
        return self._relations.deliver(shaped, source)

    def find(self, shaped: Shaped) -> Receipt | None:
        """Is this relation there already?"""
        return None if shaped.kind in POSTS else self._relations.find(shaped)

    def undo(self, receipt: Receipt) -> Undone:
        """Put the relation back as it was before."""
        return self._relations.undo(receipt)

    def finish(self) -> None:
        """Close the connection; it opens again if something else is asked."""
        if self._opened is not None:
            self._api.client.close()
            self._opened = None
