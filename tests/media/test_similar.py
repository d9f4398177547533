"""Likeness: the nearest hash is found exactly, and turned or edited pictures are recognised."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from safeconduct.archives.media import Measurer
from safeconduct.criteria import _nearest
from safeconduct.criteria._nearest import Near, Nearest
from safeconduct.criteria.known_media import KnownMedia
from safeconduct.criteria.similar_media import SimilarMedia
from safeconduct.model import Basis, Finding, Item, Kind, MediaFacts, Medium
from tests.media.builders import fixture


class Seen(SimpleNamespace):
    """As much of a batch as these criteria look at; they remember it as long as it lives."""

    __hash__ = object.__hash__  # type: ignore[assignment]


def flipped(hash: bytes, bits: list[int]) -> bytes:
    number = int.from_bytes(hash, "big")
    for bit in bits:
        number ^= 1 << bit
    return number.to_bytes(32, "big")


def slowly(listed: list[bytes], asked: list[bytes], distance: int) -> Near | None:
    near = [
        Near((int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count(), row, number)
        for row, one in enumerate(listed)
        for number, other in enumerate(asked)
    ]
    best = min(near, default=None)
    return best if best and best.distance <= distance else None


@settings(deadline=None, max_examples=60)
@given(some.integers(0, 1 << 32), some.integers(0, 40), some.sampled_from([0, 9, 15, 16, 31, 32, 60]))
def test_looking_up_finds_what_comparing_all_finds(seed: int, planted: int, distance: int) -> None:
    random = Random(seed)
    listed = [random.randbytes(32) for _ in range(300)]
    target = random.choice(listed)
    asked = [random.randbytes(32), flipped(target, random.sample(range(256), planted))]
    expected = slowly(listed, asked, distance)
    few = Nearest(listed)
    many = Nearest(listed)
    many._build()
    assert few.find(asked, distance) == expected
    assert many.find(asked, distance) == expected


def test_one_bit_in_each_piece_but_one() -> None:
    """The hardest case for looking up: 31 bits, spread so that fifteen pieces differ in two and one in one."""
    random = numpy.random.default_rng(1)
    listed = [bytes(random.integers(0, 256, 32, dtype=numpy.uint8)) for _ in range(_nearest.FEW + 50)]
    bits = [16 * piece + place for piece in range(16) for place in (3, 11)][:-1]
    asked = flipped(listed[77], bits)
    assert Nearest(listed).find([asked], 31) == Near(31, 77, 0)
    assert Nearest(listed).find([asked], 30) is None


def test_nothing_listed_or_asked() -> None:
    assert Nearest([]).find([bytes(32)], 31) is None
    assert Nearest([bytes(32)]).find([], 31) is None


def measured(paths: list[Path]) -> list[MediaFacts]:
    with Measurer(lambda member: Path(member).open("rb")) as measurer:
        return [facts for path in paths if (facts := measurer.measure(Medium("/attachment/0", str(path))))]


def batch(facts: list[MediaFacts]) -> Any:
    """One post for each of these files."""
    medium = Medium("/attachment/0", "file", "image/jpeg")
    items = [
        Item(number, Kind.POST, f"outbox.json#/{number}", b"{}", {}, {"attachment": [{}]}, media=(medium,))
        for number in range(len(facts))
    ]
    return Seen(items=items, as_of=datetime(2024, 1, 1, tzinfo=UTC), facts=lambda index: [(medium, facts[index])])


@pytest.fixture(scope="module")
def bridge() -> list[MediaFacts]:
    folder = fixture("media-hash", "reg-test-input", "dih")
    return measured(sorted(folder.iterdir()))


# Published with the reference implementation for its own full-size decoding of the first bridge.
REFERENCE = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"


def test_every_turned_and_mirrored_bridge_is_found(bridge: list[MediaFacts]) -> None:
    found = list(SimilarMedia(hashes=[REFERENCE]).inspect(batch(bridge)))
    assert [finding.item for finding in found] == list(range(8))
    assert {finding.basis for finding in found} == {Basis.PERCEPTUAL}
    assert len({finding.value for finding in found}) == 1
    assert REFERENCE[:12] not in {finding.value for finding in found}
    assert [way(finding) for finding in found] == ["as it is", *["turned"] * 3, *["mirrored"] * 4]
    assert max(distance(finding) for finding in found) <= 20


def way(finding: Finding) -> str:
    return next((word for word in ("turned", "mirrored") if word in finding.reason), "as it is")


def distance(finding: Finding) -> int:
    return int(finding.reason.split("(")[1].split()[0])


def test_without_the_eight_orientations_seven_are_missed(bridge: list[MediaFacts]) -> None:
    upright = [MediaFacts(sha256="", size=1, pdq=facts.pdq[:1], quality=100) for facts in bridge]
    found = list(SimilarMedia(hashes=[REFERENCE]).inspect(batch(upright)))
    assert [finding.item for finding in found] == [0]


def test_edited_copies_are_found() -> None:
    facts = measured(sorted(fixture("media-hash", "bridge-mods").iterdir()))
    found = list(SimilarMedia(hashes=[REFERENCE]).inspect(batch(facts)))
    assert len(found) == len(facts)


def test_other_pictures_are_not_found(bridge: list[MediaFacts]) -> None:
    root = fixture("media-hash", "reg-test-input")
    others = measured([*sorted((root / "labelme-subset").iterdir()), root / "pen-and-coaster.png"])
    assert all(facts.pdq for facts in others)
    assert list(SimilarMedia(hashes=[REFERENCE]).inspect(batch(others))) == []


def test_published_lists_are_read_as_they_are() -> None:
    root = fixture("media-hash", "reg-test-input")
    hay = (root / "haystack.txt").read_text().splitlines()
    needles = (root / "needles.txt").read_text().splitlines()
    facts = [MediaFacts(sha256="", size=1, pdq=(needle.strip(),), quality=100) for needle in needles]
    found = {finding.item for finding in SimilarMedia(hashes=hay).inspect(batch(facts))}
    listed, asked = [bytes.fromhex(line) for line in hay], [bytes.fromhex(line) for line in needles]
    assert found == {number for number, one in enumerate(asked) if slowly(listed, [one], 31)}


def test_a_flat_picture_is_no_evidence() -> None:
    flat = MediaFacts(sha256="", size=1, pdq=(REFERENCE,), quality=49)
    assert list(SimilarMedia(hashes=[REFERENCE]).inspect(batch([flat]))) == []
    assert list(SimilarMedia(hashes=[REFERENCE], quality=40).inspect(batch([flat]))) != []


@pytest.mark.parametrize("line", ["", "xyz", "f" * 63, "g" * 64, "# a comment"])
def test_a_list_with_something_else_in_it_is_refused(line: str) -> None:
    for criterion in (SimilarMedia, KnownMedia):
        with pytest.raises(ValueError, match="64 hexadecimal digits"):
            criterion(hashes=[REFERENCE, line])


def test_a_distance_without_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="31 is usual"):
        SimilarMedia(distance=300)
