"""What several criteria say in the same words: which items are posts, where a thing stands, when it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy

from safeconduct.contracts import Batch, Census
from safeconduct.model import Confidence, Evidence, Hit, Item, Json, Kind, Link

POSTS = frozenset((Kind.POST, Kind.POLL))
WRITTEN = frozenset((Kind.POST, Kind.POLL, Kind.PROFILE))
DATED = frozenset((Kind.POST, Kind.POLL, Kind.BOOST))
_NUMBER = {kind: place for place, kind in enumerate(Kind)}


def present(item: Item, *names: str) -> tuple[Evidence, ...]:
    """Evidence at the first of these keys that the object has; the whole object if it has none."""
    for name in names:
        if name in item.object:
            return (Evidence("/" + name),)
    return (Evidence(""),)


def whole() -> tuple[Evidence, ...]:
    """Evidence for a finding from the census, where the object itself is no longer at hand."""
    return (Evidence(""),)


def identity(thing: Json) -> str:
    """The id of something that may be an address, an embedded object, or nonsense ("")."""
    if isinstance(thing, Mapping):
        thing = thing.get("id", "")
    return thing if isinstance(thing, str) else ""


def identities(thing: Json) -> list[str]:
    """All ids of a property that may hold one thing or a list of them."""
    return [found for each in (thing if isinstance(thing, list) else [thing]) if (found := identity(each))]


def zoned(moment: datetime) -> datetime:
    """A date without a zone is read as UTC: comparing it otherwise would raise."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parsed(raw: Json) -> datetime | None:
    """An AS2 date, or ``None`` if it is none.  RFC 3339 as Python reads it."""
    if not isinstance(raw, str):
        return None
    try:
        return zoned(datetime.fromisoformat(raw.strip()))
    except ValueError:
        return None


def places(links: Iterable[Link], limit: int = 20) -> tuple[Evidence, ...]:
    """Where links stand; at most ``limit``, because a post with ten thousand would drown its reader."""
    return tuple(Evidence(link.pointer) for link in list(links)[:limit])


def seen(hits: Iterable[Hit], limit: int = 20) -> tuple[Evidence, ...]:
    """Where hits stand, in reading order, at most ``limit``."""
    found = sorted({(hit.field.pointer, hit.start, hit.end, hit.view) for hit in hits})
    return tuple(Evidence(pointer, start, end, view) for pointer, start, end, view in found[:limit])


def matched(batch: Batch, criterion: Any) -> Sequence[Hit]:
    """The hits of a criterion that has patterns and nothing to conclude, which the contract allows."""
    return batch.hits(criterion)


def counted(number: int, one: str, many: str = "") -> str:
    """``1 link``, ``2 links``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def level(strong: bool) -> Confidence:
    return Confidence.HIGH if strong else Confidence.MEDIUM


def rows(census: Census, *kinds: Kind) -> numpy.ndarray[tuple[int], numpy.dtype[numpy.int32]]:
    """The census rows of these kinds (posts and polls if none are named); 32 bits, to keep half a million small."""
    column = census.column("kind")
    wanted = [_NUMBER[kind] for kind in (kinds or (Kind.POST, Kind.POLL))]
    mask = column == wanted[0]
    for number in wanted[1:]:
        mask |= column == number
    return numpy.flatnonzero(mask).astype(numpy.int32)
