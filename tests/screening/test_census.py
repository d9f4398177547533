"""The census works on many items at once; each column says what asking item by item would say."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.model import Item, Kind, Unreadable
from safeconduct.screening.batch import Screen
from safeconduct.screening.census import SHINGLES, UNREADABLE, Census, CensusWriter, digest, digests, sketches
from tests.fixtures.items import ALICE, NOW, item

ODD = st.text(alphabet="ab é\U0001f680\ud800\x00", max_size=12)
NONE = 0xFFFFFFFF
MULTIPLIERS = (
    0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1, 0xD3A2646D, 0xFD7046C5, 0xB55A4F09,
)  # fmt: skip


def shingle(letters: str) -> int:
    """The hash of five letters, written out."""
    made = ord(letters[0]) * 0x9E3779B1
    for letter in letters[1:]:
        made = (made * 0x01000193 + ord(letter)) % 2**32
    made = (made ^ made >> 16) * 0x7FEB352D % 2**32
    made = (made ^ made >> 15) * 0x846CA68B % 2**32
    return made ^ made >> 16


def sketch(text: str) -> list[int]:
    """The MinHashes of one text, one shingle after the other."""
    found = [shingle(text[start : start + 5]) for start in range(len(text) - 4)]
    return [min((one * by % 2**32 for one in found), default=NONE) for by in MULTIPLIERS]


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(ODD | st.text(max_size=40), max_size=6), copies=st.sampled_from([1, 1, 90]))
def test_many_sketches_are_those_of_each(texts: list[str], copies: int) -> None:
    made = sketches(texts * copies)
    assert made.shape == (SHINGLES, len(texts) * copies)
    assert made.T.tolist() == [sketch(text) for text in texts] * copies


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.none() | ODD, max_size=6))
def test_many_digests_are_those_of_each(texts: list[str | None]) -> None:
    assert digests(texts).tolist() == [0 if text is None else digest(text) for text in texts]


def census_of(entries: list[Item | Unreadable], size: int) -> dict[str, list[object]]:
    """The columns, read back from disk."""
    with tempfile.TemporaryDirectory() as folder:
        writer = CensusWriter(Path(folder))
        for batch in Screen([], as_of=NOW, owner=ALICE).batches(entries, size):
            writer.add(batch)
        census: Census = writer.close((), ALICE, NOW)
        return {name: census.column(name).tolist() for name in ("kind", "serial", "ident", "shingle0", "own")}


ENDINGS = st.text(alphabet="0123456789/٣²_+- \nactivy", max_size=24)
IDENTS = st.builds(
    "{}{}{}".format, st.sampled_from(["", "https://old.example/", "x" * 50]), ENDINGS,
    st.sampled_from(["", "/activity", "/activity/", "/", "\n", "/18446744073709551616"]),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(ident=IDENTS)
def test_the_number_of_an_id_is_the_one_at_its_end(ident: str) -> None:
    found = re.search(r"(\d{1,20})(?:/activity)?/?$", ident[-40:])
    number = int(found[1]) if found else 0
    (serial,) = census_of([item({"type": "Note", "id": ident})], 1)["serial"]
    assert serial == (number if number < 2**64 else 0)


@settings(max_examples=50, deadline=None)
@given(gaps=st.lists(st.booleans(), min_size=1, max_size=12), size=st.integers(1, 12))
def test_every_record_has_its_own_row(gaps: list[bool], size: int) -> None:
    entries: list[Item | Unreadable] = [
        Unreadable(number, "x", "y") if gap else item({"type": "Note", "content": f"number {number}"}, number)
        for number, gap in enumerate(gaps)
    ]
    columns = census_of(entries, size)
    assert columns == census_of(entries, 1)
    post = list(Kind).index(Kind.POST)
    assert columns["kind"] == [UNREADABLE if gap else post for gap in gaps]
    assert columns["own"] == [0 if gap else 1 for gap in gaps]
    assert [bool(one) for one in columns["ident"]] == [isinstance(one, Item) and bool(one.id) for one in entries]
    assert [one == NONE for one in columns["shingle0"]] == gaps


def test_a_long_import_is_written_as_it_goes(tmp_path: Path) -> None:
    writer = CensusWriter(tmp_path)
    blank = [item({"type": "Note", "id": f"{ALICE}/{number + 1}"}, number) for number in range(9000)]
    for batch in Screen([], as_of=NOW).batches(blank):
        writer.add(batch)
    assert (tmp_path / "kind").stat().st_size > 8000
    census = writer.close((), "", NOW)
    assert census.column("serial").tolist() == list(range(1, 9001))
