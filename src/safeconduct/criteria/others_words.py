"""others-words: words of other people inside an item."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import DATED, identities
from safeconduct.model import Basis, Confidence, Evidence, Finding, Item, Json, Kind

_QUOTES = ("quote", "quoteUrl", "quoteUri", "_misskey_quote")
_TEXTS = ("content", "summary", "name")


class OthersWords:
    """Words of other people inside an item: an inlined boost, an embedded quote or parent, a block quotation.

    **Why** The person who moves may bring their own words.  What others wrote was given to them and their server,
    and its author may have deleted it since.

    **Mind** Most block quotations are from books, songs and the news, or of oneself: they are found with low
    confidence.  A quote that is only a link carries no words and is found with medium confidence, since the
    destination may show them.
    """

    name: ClassVar[str] = "others-words"

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        boost = Kind.BOOST
        for item in batch.items:
            kind = item.kind
            if kind not in DATED:
                continue
            thing = item.object
            if kind is boost:
                yield from self._boost(item, batch.owner)
                continue
            content = thing.get("content")
            if isinstance(content, str) and "<blockquote" in content:
                yield self._block(item, content)
            if "quote" in thing or "quoteUri" in thing or "quoteUrl" in thing or "_misskey_quote" in thing:
                yield from self._quote(item, batch.owner)
            if isinstance(thing.get("inReplyTo"), dict):
                yield from self._inlined(item, "inReplyTo", batch.owner, "The post it answers")
            if (replies := thing.get("replies")) and _full(replies):
                yield from self._replies(item, batch.owner)

    def _boost(self, item: Item, owner: str) -> Iterable[Finding]:
        # a source may give the boosted post or the boost itself as the object
        inner = item.object.get("object") if item.object is item.record else item.object
        if isinstance(inner, dict) and _speaks(inner) and owner not in identities(inner.get("attributedTo")):
            where = "/object" if item.object is item.record else ""
            yield self._found(item, Confidence.HIGH, "The boosted post of somebody else is inside", where, "boost")

    def _block(self, item: Item, content: str) -> Finding:
        start = content.find("<blockquote")
        end = content.find("</blockquote>", start)
        place = Evidence("/content", start, end + 13 if end >= 0 else len(content))
        reason = "Has a block quotation, perhaps of somebody else's words"
        return Finding(item.number, self.name, Confidence.LOW, Basis.STATISTICAL, reason, (place,), "blockquote")

    def _quote(self, item: Item, owner: str) -> Iterable[Finding]:
        for key in _QUOTES:
            value = item.object.get(key)
            if isinstance(value, dict):
                found = list(self._inlined(item, key, owner, "The quoted post"))
                if found:
                    yield found[0]
                    return
        for key in _QUOTES:
            for address in identities(item.object.get(key)):
                if not _own(address, owner):
                    reason = "Quotes a post of somebody else by its address"
                    yield self._found(item, Confidence.MEDIUM, reason, "/" + key, "quote")
                    return

    def _inlined(self, item: Item, key: str, owner: str, what: str) -> Iterable[Finding]:
        inner = item.object.get(key)
        if isinstance(inner, dict) and _speaks(inner) and owner not in identities(inner.get("attributedTo")):
            yield self._found(item, Confidence.HIGH, f"{what} is inside, with its text", "/" + key, key)

    def _replies(self, item: Item, owner: str) -> Iterable[Finding]:
        pages = item.object["replies"]
        for page, pointer in ((pages, "/replies"), (pages.get("first"), "/replies/first")):
            for key in ("items", "orderedItems"):
                things = page.get(key) if isinstance(page, dict) else None
                others = things if isinstance(things, list) else []
                if any(_speaks(each) and owner not in identities(each.get("attributedTo")) for each in others):
                    where = f"{pointer}/{key}"
                    yield self._found(item, Confidence.HIGH, "Answers of other people are inside", where, "replies")
                    return

    def _found(self, item: Item, confidence: Confidence, reason: str, pointer: str, value: str) -> Finding:
        return Finding(item.number, self.name, confidence, Basis.EXACT, reason, (Evidence(pointer),), value)


def _full(replies: Json) -> bool:
    """Has the collection anything in it?  Nearly all come with an empty page."""
    if not isinstance(replies, dict):
        return False
    page = replies.get("first")
    inside = page if isinstance(page, dict) else replies
    return bool(
        inside.get("items") or inside.get("orderedItems") or replies.get("items") or replies.get("orderedItems")
    )


def _speaks(thing: Json) -> bool:
    return isinstance(thing, dict) and any(isinstance(thing.get(key), str) and thing[key] for key in _TEXTS)


def _own(address: str, owner: str) -> bool:
    """Is it below the owner's id, or the page Mastodon shows for it (``https://host/@name/…``)?"""
    place, _, name = owner.rstrip("/").rpartition("/")
    page = "/".join(place.split("/")[:3]) + f"/@{name}/"
    return bool(owner) and (address == owner or address.startswith((owner.rstrip("/") + "/", page)))
