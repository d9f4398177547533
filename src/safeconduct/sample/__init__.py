"""An invented but lifelike Mastodon export of one account: for the demo, the tests and the measurements.

Alice's years at old.example in fifteen languages: threads, answers, boosts, polls, warnings, direct and followers-only
posts, pictures with and without a place in them, her relations, and a few items that a careful community would hold.
The same arguments make the same bytes (on one machine: compressors and picture libraries differ between versions).
"""

from __future__ import annotations

import zipfile
from collections import deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from random import Random
from typing import IO

import msgspec

from safeconduct.model import Json
from safeconduct.sample import _relations
from safeconduct.sample._media import Darkroom
from safeconduct.sample._posts import Author
from safeconduct.sample._specials import Make, specials

FIRST, LAST = 1491386400, 1761480000  # 2017-04-05 and 2025-10-26, seconds since 1970
FEWEST = 120  # posts: the special ones and some between them
DATE = (2025, 10, 26, 12, 0, 0)


def build(path: Path, posts: int = 600, seed: int = 1) -> None:
    """Write the archive: ``posts`` entries in the outbox (at least 120), boosts and the special ones included."""
    posts = max(posts, FEWEST)
    darkroom = Darkroom(seed)
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open(_entry("outbox.json"), "w", force_zip64=posts > 400_000) as outbox:
            _write(outbox, _activities(Author(seed), darkroom, posts), posts)
        small = Random(seed)  # noqa: S311 invented relations, no secret
        for name, data in chain(darkroom.develop(), _relations.files(small)):
            archive.writestr(_entry(name), data)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, DATE)
    entry.compress_type = zipfile.ZIP_STORED if name.endswith((".jpg", ".png", ".gif")) else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    entry._compresslevel = 1  # type: ignore[attr-defined]  # the only way to say it for ``open``
    return entry


def _write(outbox: IO[bytes], activities: Iterator[dict[str, Json]], posts: int) -> None:
    """One collection, written as it is made.  ``totalItems`` is one too many, as in four of five real exports."""
    head = {"@context": "https://www.w3.org/ns/activitystreams", "id": "outbox.json", "type": "OrderedCollection"}
    encode = msgspec.json.Encoder().encode
    outbox.write(encode(head | {"totalItems": posts + 1})[:-1] + b',"orderedItems":[')
    pending: list[bytes] = []
    for number, activity in enumerate(activities):
        pending.append((b"," if number else b"") + encode(activity))
        if len(pending) == 500:
            outbox.write(b"".join(pending))
            pending.clear()
    outbox.write(b"".join(pending) + b"]}")


def _activities(author: Author, darkroom: Darkroom, posts: int) -> Iterator[dict[str, Json]]:
    """Ordinary posts at waking hours; the special ones spread evenly among them, those of one group seconds apart."""
    groups = deque(specials(author, darkroom.take))
    spacing = posts / (len(groups) + 1)
    begins, due, at = spacing, deque[Make](), 0.0
    for number in range(posts):
        if due:
            at += 4
            yield due.popleft()(at)
            continue
        at = _waking(FIRST + (LAST - FIRST) * (number + author.random.random()) / posts)
        if number < begins or not groups:
            yield author.ordinary(at, darkroom.roll)
            continue
        due.extend(groups.popleft())
        begins += spacing
        yield due.popleft()(at)


def _waking(at: float) -> float:
    """The same day, between 6 and 24 o'clock; later stays later."""
    day, second = divmod(at, 86400)
    return day * 86400 + 21600 + second * 0.75
