"""What the criteria about media share: going through them, what kind each is, and one finding about one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from safeconduct.archives.media import kind, named, plain
from safeconduct.contracts import Batch
from safeconduct.model import Basis, Confidence, Evidence, Finding, Item, MediaFacts, Medium

HEX = re.compile(r"[0-9a-fA-F]{64}")


def media(batch: Batch) -> Iterator[tuple[Item, Medium, MediaFacts | None]]:
    """Every medium of the batch with its item and its measurements."""
    for index, item in enumerate(batch.items):
        if item.media:
            for medium, facts in batch.facts(index):
                yield item, medium, facts


def about(
    criterion: str,
    item: Item,
    medium: Medium,
    confidence: Confidence,
    reason: str,
    value: str = "",
    basis: Basis = Basis.EXACT,
) -> Finding:
    """A finding about one medium."""
    return Finding(item.number, criterion, confidence, basis, reason, (Evidence(medium.pointer, view="media"),), value)


def claimed(medium: Medium) -> str:
    """The type it is said to be, or else the one its file name claims; "" if neither says."""
    return plain(medium.type) or named(medium.member or "") or named(medium.name)


def of_kind(criterion: str, wanted: str, word: str, batch: Batch) -> Iterator[Finding]:
    """Media of one kind (``image`` …): by their bytes if those were looked at and known, by their claim otherwise."""
    for item, medium, facts in media(batch):
        if facts is not None and facts.type:
            if kind(facts.type) == wanted:
                yield about(criterion, item, medium, Confidence.HIGH, f"{word} ({facts.type})", facts.type)
        elif kind(type := claimed(medium)) == wanted:
            reason = f"Said to be {word[0].lower()}{word[1:]} ({type}); its bytes do not show or were not looked at"
            yield about(criterion, item, medium, Confidence.MEDIUM, reason, type)


def digests(criterion: str, lines: Sequence[str], what: str) -> Iterator[bytes]:
    """256-bit digests from lines as hash tools write them (the digest first, then whatever).  Raises ``ValueError``."""
    for line in lines:
        words = line.replace(",", " ").split(maxsplit=1)
        text = words[0].rpartition(":")[2] if words else ""
        if HEX.fullmatch(text) is None:
            raise ValueError(f"{criterion}: {line[:80]!r} is not {what}: 64 hexadecimal digits are")
        yield bytes.fromhex(text)
