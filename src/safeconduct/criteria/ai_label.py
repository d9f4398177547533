"""ai-label: it says of itself that a machine made it, or where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from safeconduct.archives.media import MADE
from safeconduct.contracts import Batch
from safeconduct.criteria._media import about, media
from safeconduct.model import Basis, Confidence, Evidence, Finding, Item, Json

GENERATORS = ("PNG text:", "EXIF:", "credit:", "AIGC")
TAGS = ("aiart", "aigenerated", "aiimage", "madewithai")


class AiLabel:
    """A label that says how it was made: IPTC digital source type, C2PA manifest, a generator's own notes, a hashtag.

    ``provenance``: also find labels that only say where it comes from (a camera's signature).
    ``hashtags``: tags by which authors say it themselves.

    Values: ``made`` (a machine made or changed it) and ``provenance``.

    **Why** Some communities want to know, some laws forbid removing such labels, and people who label their work
    honestly should find the label again on the other side.

    **Mind** Absence says nothing: labels are easily lost, removed or forged, and no signature is checked here.  Some
    tools label a mere retouch like a picture made from nothing.
    """

    name: ClassVar[str] = "ai-label"

    def __init__(self, provenance: bool = True, hashtags: Sequence[str] = TAGS) -> None:
        self._provenance = provenance
        self._tags = frozenset(tag.lstrip("#").casefold() for tag in hashtags)

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for item, medium, facts in media(batch):
            if facts is not None and facts.ai:
                made = [label for label in facts.ai if _made(label)]
                if made:
                    reason = f"Labelled as made or changed by a machine ({', '.join(made)})"
                    yield about(self.name, item, medium, Confidence.HIGH, reason, "made", Basis.THIRD_PARTY)
                elif self._provenance:
                    reason = f"Carries a label of where it comes from ({', '.join(facts.ai)})"
                    yield about(self.name, item, medium, Confidence.LOW, reason, "provenance", Basis.THIRD_PARTY)
        for item in batch.items:
            thing = item.object
            if thing.get("attachment") or "digitalSourceType" in thing:
                yield from self._sourced(item)
            if (tags := thing.get("tag")) and (type(tags) is not list or self._may(tags)):
                yield from self._tagged(item)

    def _sourced(self, item: Item) -> Iterator[Finding]:
        for pointer, thing in (("", item.object), *_each(item.object, "attachment")):
            term = _term(thing.get("digitalSourceType"))
            if term in MADE:
                reason = f"The post says that a machine made or changed it ({term})"
                where = Evidence(f"{pointer}/digitalSourceType")
                yield self._finding(item, Confidence.HIGH, reason, where)

    def _may(self, tags: list[Json]) -> bool:
        """Is one of these tags perhaps ours?  Most posts have tags, and hardly any has one of these."""
        for tag in tags:
            if type(tag) is not dict:
                return True
            name = tag.get("name")
            if isinstance(name, str) and name.lstrip("#").casefold() in self._tags:
                return True
        return False

    def _tagged(self, item: Item) -> Iterator[Finding]:
        for pointer, tag in _each(item.object, "tag"):
            name = tag.get("name")
            if isinstance(name, str) and name.lstrip("#").casefold() in self._tags:
                reason = f"Its author tagged it {name[:40]}"
                yield self._finding(item, Confidence.MEDIUM, reason, Evidence(f"{pointer}/name", 0, len(name)))

    def _finding(self, item: Item, confidence: Confidence, reason: str, where: Evidence) -> Finding:
        return Finding(item.number, self.name, confidence, Basis.THIRD_PARTY, reason, (where,), "made")


def _made(label: str) -> bool:
    return label.startswith(GENERATORS) or label.rpartition(": ")[2] in MADE


def _term(value: Json) -> str:
    if isinstance(value, Mapping):
        value = value.get("id") or value.get("@id")
    return value.rpartition("/")[2].rpartition(":")[2] if isinstance(value, str) else ""


def _each(thing: Mapping[str, Json], key: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
    value = thing.get(key)
    if isinstance(value, list):
        for place, one in enumerate(value):
            if type(one) is dict or isinstance(one, Mapping):
                yield f"/{key}/{place}", one
    elif isinstance(value, Mapping):
        yield f"/{key}", value
