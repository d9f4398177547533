"""Running criteria: every text once, every fault a finding (law 8), and the census of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.contracts import Batch as BatchContract
from safeconduct.contracts import Census as CensusContract
from safeconduct.errors import CustodyError
from safeconduct.model import (
    WHOLE,
    Basis,
    Confidence,
    Evidence,
    Finding,
    Item,
    Kind,
    MediaFacts,
    Medium,
    Pattern,
    Reply,
    Total,
    Unreadable,
)
from safeconduct.screening.batch import BROKEN, Batch, Screen
from safeconduct.screening.census import KINDS, SHINGLES, UNREADABLE, Census, CensusWriter, digest, sketches

from .made import ALICE, NOW, item, note


class Word:
    """Finds one word."""

    name: ClassVar[str] = "word"

    def __init__(self, word: str, question: str = "") -> None:
        self.word, self.question = word, question

    def patterns(self) -> Sequence[Pattern]:
        return [Pattern(self.word)]

    def inspect(self, batch: BatchContract) -> Iterator[Finding]:
        for hit in batch.hits(self):
            where = (Evidence(hit.field.pointer, hit.start, hit.end, hit.view),)
            number = batch.items[hit.item].number
            yield Finding(number, self.name, Confidence.HIGH, Basis.EXACT, self.word, where)

    def conclude(self, census: CensusContract) -> Iterable[Finding]:
        return ()


class Breaks(Word):
    """Finds something in the first item, then breaks."""

    name: ClassVar[str] = "breaks"

    def patterns(self) -> Sequence[Pattern]:
        return ()

    def inspect(self, batch: BatchContract) -> Iterator[Finding]:
        yield Finding(batch.items[0].number, self.name, Confidence.LOW, Basis.EXACT, "first")
        raise RuntimeError("no such luck")

    def conclude(self, census: CensusContract) -> Iterable[Finding]:
        raise RecursionError


class BadPattern(Word):
    """Asks for what cannot be looked for."""

    name: ClassVar[str] = "bad-pattern"

    def patterns(self) -> Sequence[Pattern]:
        return [Pattern("a(?=b)", literal=False)]


def posts(*contents: str) -> list[Item | Unreadable]:
    return [item(note(content), number) for number, content in enumerate(contents)]


def findings(screen: Screen, items: Iterable[Item | Unreadable], size: int = 500) -> list[Finding]:
    return [finding for batch in screen.batches(items, size) for finding in screen.findings(batch)]


class Elsewhere:
    """Speaks of an item that it was not shown."""

    name: ClassVar[str] = "elsewhere"

    def patterns(self) -> Sequence[Pattern]:
        return ()

    def inspect(self, batch: BatchContract) -> Iterable[Finding]:
        for number in (batch.items[0].number, 7_000):
            yield Finding(number, self.name, Confidence.HIGH, Basis.EXACT, "", (Evidence(""),))

    def conclude(self, census: CensusContract) -> Iterable[Finding]:
        yield Finding(9, self.name, Confidence.HIGH, Basis.EXACT, "")


def test_hits_go_to_the_criterion_that_asked() -> None:
    screen = Screen([Word("moon", "q1"), Word("rocks"), Word("moon", "q2")], as_of=NOW)
    found = findings(screen, posts("<p>rocks</p>", "<p>the moon</p>", "<p>nothing</p>"), size=2)
    assert [(one.item, one.reason, one.question) for one in found] == [
        (1, "moon", "q1"), (0, "rocks", ""), (1, "moon", "q2"),
    ]  # fmt: skip


def test_a_broken_criterion_holds_every_item_of_its_batch() -> None:
    screen = Screen([Breaks("x", "q"), Word("moon")], as_of=NOW)
    found = findings(screen, posts("a", "moon", "b"))
    broken = [one for one in found if one.criterion == BROKEN]
    assert [one.item for one in broken] == [0, 1, 2]
    for one in broken:
        assert (one.value, one.question, one.basis, one.confidence) == ("breaks", "q", Basis.EXACT, Confidence.HIGH)
        assert "no such luck" in one.reason
        assert one.evidence
    assert [one.item for one in found if one.criterion == "breaks"] == [0]
    assert [one.item for one in found if one.criterion == "word"] == [1]


def test_a_bad_pattern_breaks_only_its_own_criterion() -> None:
    found = findings(Screen([BadPattern("x"), Word("moon")], as_of=NOW), posts("moon", "b"))
    assert [(one.item, one.criterion, one.value) for one in found] == [
        (0, BROKEN, "bad-pattern"), (1, BROKEN, "bad-pattern"), (0, "word", ""),
    ]  # fmt: skip
    assert "Look-ahead" in found[0].reason


def test_what_is_not_a_finding_is_a_fault() -> None:
    class Odd(Breaks):
        name: ClassVar[str] = "odd"

        def inspect(self, batch: BatchContract) -> Any:
            return ["well"]

    assert [one.value for one in findings(Screen([Odd("x")], as_of=NOW), posts("a"))] == ["odd"]


def test_what_is_about_no_item_of_the_batch_is_a_fault(tmp_path: Path) -> None:
    screen = Screen([Elsewhere()], as_of=NOW)
    (batch,) = screen.batches([item(note(), number=0), item(note(), number=1)])
    found = screen.findings(batch)
    assert [(one.item, one.criterion) for one in found] == [(0, "elsewhere"), (0, BROKEN), (1, BROKEN)]
    assert "item 7000" in found[1].reason
    writer = CensusWriter(tmp_path / "census")
    writer.add(batch)
    (broken,) = screen.conclude(writer.close((), "", NOW))
    assert (broken.item, broken.criterion) == (WHOLE, BROKEN)


def test_a_fault_at_the_end_is_about_the_whole(tmp_path: Path) -> None:
    screen = Screen([Breaks("x"), Word("y")], as_of=NOW)
    census = CensusWriter(tmp_path / "census").close((), ALICE, NOW)
    (found,) = screen.conclude(census)
    assert (found.item, found.criterion, found.value) == (WHOLE, BROKEN, "breaks")


def test_text_nobody_can_read_to_its_end_is_held() -> None:
    deep: Any = "hidden"
    for _ in range(20):
        deep = {"more": deep}
    (found,) = findings(Screen([], as_of=NOW), [item(note("x", more=deep))])
    assert (found.criterion, found.value) == (BROKEN, "unread-text")


def one_batch(*items: Item, **more: Any) -> Batch:
    (batch,) = Screen([], as_of=NOW, owner=ALICE, **more).batches(items)
    return batch


def test_what_a_batch_gives() -> None:
    body = '<p>Büro <a href="https://site.example">x</a></p><p style="display:none">psst</p>'
    batch = one_batch(
        item(note(body, summary="W")), item({"type": "Person", "summary": "<p>I am</p>"}, 1, Kind.PROFILE)
    )
    assert batch.text(0) == "Büro x"
    assert batch.folded(0) == "büro x"
    assert [text for _, text in batch.hidden(0)] == ["psst"]
    assert [text for _, text in batch.plain(0)] == ["Büro x", "W"]
    assert [link.host for link in batch.links(0)] == ["site.example"]
    assert batch.text(1) == "I am"
    assert batch.facts(0) == ()
    assert batch.as_of.tzinfo is UTC


def test_a_measurement_that_breaks_is_a_fact_with_a_problem() -> None:
    def measure(medium: Medium) -> MediaFacts | None:
        if medium.member is None:
            return None
        raise OSError("disk on fire")

    batch = one_batch(item(note(), media=[Medium("/a", None), Medium("/b", "b.jpg")]), measure=measure)
    (_, missing), (_, broken) = batch.facts(0)
    assert missing is None
    assert broken is not None
    assert "disk on fire" in broken.problem


def test_records_are_neither_lost_nor_doubled() -> None:
    items = [item(note("x"), number) if number % 3 else Unreadable(number, "x", "y") for number in range(20)]
    batches = list(Screen([], as_of=NOW).batches(items, size=7))
    assert [len(batch.items) + len(batch.unreadable) for batch in batches] == [7, 7, 6]
    numbers = [one.number for batch in batches for one in batch.items]
    numbers += [one.number for batch in batches for one in batch.unreadable]
    assert sorted(numbers) == list(range(20))


# --- the census --------------------------------------------------------------------------------------


def census_of(folder: Path, items: Iterable[Item | Unreadable], size: int = 3, **more: Any) -> Census:
    writer = CensusWriter(folder / "census")
    for batch in Screen([], as_of=NOW, owner=ALICE, **more).batches(items, size):
        writer.add(batch)
    return writer.close([Total("outbox.json", 9, 5)], ALICE, NOW)


def test_columns(tmp_path: Path) -> None:
    first = item(note("<p>The quick brown fox jumps over the lazy dog</p>"), 0)
    reply = Reply(first.id, True)
    second = item(note("short"), 2, reply=reply, published=None, media=[Medium("/a", "a.jpg")], ident="urn:x")
    census = census_of(tmp_path, [first, Unreadable(1, "x", "y"), second, item({"acct": "d@x.example"}, 3, Kind.BLOCK)])
    assert census.count == 4
    assert census.column("kind").tolist() == [KINDS[Kind.POST], UNREADABLE, KINDS[Kind.POST], KINDS[Kind.BLOCK]]
    assert census.column("serial").tolist() == [1000, 0, 0, 1003]
    assert census.column("parent").tolist() == [0, 0, digest(first.id), 0]
    assert census.column("ident").tolist()[:2] == [digest(first.id), 0]
    assert census.column("letters").tolist()[:3] == [43, 0, 5]
    assert [bool(one) for one in census.column("text")] == [True, False, False, False]
    assert [bool(one) for one in census.column("media")] == [False, False, True, False]
    assert census.column("own").tolist() == [1, 0, 1, 1]
    assert numpy.isnan(census.column("published")).tolist() == [False, True, True, False]
    assert census.column("published")[0] == NOW.timestamp()
    assert census.totals == (Total("outbox.json", 9, 5),)
    census.put("action", numpy.zeros(4, dtype=numpy.uint8))
    assert census.column("action").tolist() == [0] * 4
    with pytest.raises(ValueError, match="rows"):
        census.put("action", numpy.zeros(5, dtype=numpy.uint8))
    with pytest.raises(KeyError):
        census.column("nobody-put-this")
    (tmp_path / "census" / "kind").write_bytes(b"\0")
    with pytest.raises(CustodyError, match="inspect again"):
        census.column("kind")


def test_digests_are_the_same_in_every_process() -> None:
    assert digest("moonrocks") == int.from_bytes(bytes.fromhex(MOONROCKS), "little")


MOONROCKS = "ba0d32364cba60a7"  # b2sum -l 64


def test_media_are_told_by_their_bytes_where_measured(tmp_path: Path) -> None:
    def measure(medium: Medium) -> MediaFacts | None:
        return MediaFacts("aa" * 32, 1)

    items = [item(note(), number, media=[Medium("/a", f"{number}.jpg")]) for number in range(2)]
    measured = census_of(tmp_path / "a", items, measure=measure).column("media").tolist()
    named = census_of(tmp_path / "b", items).column("media").tolist()
    assert measured[0] == measured[1] != 0
    assert named[0] != named[1]


def test_impossible_dates_and_numbers_do_not_stop_the_census(tmp_path: Path) -> None:
    odd = item(note("x"), published=datetime(1, 1, 1), ident=f"{ALICE}/{10**19 * 9}")
    census = census_of(tmp_path, [odd, item(note("y"), 1, ident=f"{ALICE}/77/activity")])
    assert census.column("serial").tolist() == [0, 77]


def test_records_out_of_order_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="after record"):
        census_of(tmp_path, [item(note("x"), 5), item(note("x"), 3)], size=1)


TEXTS = st.lists(st.text(st.sampled_from("ab é石\n\ud800"), max_size=14), max_size=8)


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_sketches_do_not_depend_on_their_neighbours(texts: list[str]) -> None:
    together = sketches(texts)
    assert together.shape == (SHINGLES, len(texts))
    for place, text in enumerate(texts):
        assert together[:, place].tolist() == sketches([text])[:, 0].tolist()


def test_similar_texts_have_similar_sketches() -> None:
    one = "the quick brown fox jumps over the lazy dog and runs away into the dark forest beyond the river"
    other = one.replace("river", "hills")
    strange = "completely different words about moonrocks, their price, and who would ever want to own some"
    first, second, third = sketches([one, other, strange]).T
    assert (first == second).sum() >= 5
    assert (first == third).sum() <= 1
