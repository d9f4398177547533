"""What the criteria about media share: going through them, what kind each is, and one finding about one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

from safeconduct.archives.media import kind, named, plain
from safeconduct.contracts import Batch
from safeconduct.model import Basis, Confidence, Evidence, Finding, Item, MediaFacts, Medium

HEX = re.compile(r"[0-9a-fA-F]{64}")


Measured = tuple[Item, Medium, MediaFacts | None]
Kinds = tuple[Item, Medium, str, str, bool]
# A dozen criteria go through the media of a batch one after the other; nothing outlives the batch itself.
_measured: WeakKeyDictionary[Batch, list[Measured]] = WeakKeyDictionary()
_kinds: WeakKeyDictionary[Batch, list[Kinds]] = WeakKeyDictionary()


def media(batch: Batch) -> Sequence[Measured]:
    """Every medium of the batch with its item and its measurements."""
    known = _measured.get(batch)
    if known is None:
        with_media = [(index, item) for index, item in enumerate(batch.items) if item.media]
        known = [(item, medium, facts) for index, item in with_media for medium, facts in batch.facts(index)]
        _measured[batch] = known
    return known


def kinds(batch: Batch) -> Sequence[Kinds]:
    """Every medium of the batch with its item, its type, the kind of that, and whether its own bytes say so."""
    known = _kinds.get(batch)
    if known is None:
        known = _kinds[batch] = [(item, medium, *_kind(medium, facts)) for item, medium, facts in media(batch)]
    return known


def _kind(medium: Medium, facts: MediaFacts | None) -> tuple[str, str, bool]:
    seen = facts is not None and bool(facts.type)
    type = facts.type if facts is not None and seen else claimed(medium)
    return type, kind(type), seen


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
    for item, medium, type, found, seen in kinds(batch):
        if found != wanted:
            continue
        if seen:
            yield about(criterion, item, medium, Confidence.HIGH, f"{word} ({type})", type)
        else:
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
