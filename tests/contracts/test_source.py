"""The laws of every source (``contracts.Source``), run over every plug-in found in the folder."""

from __future__ import annotations

import hashlib
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct.discover import plugins
from safeconduct.errors import SourceError
from safeconduct.model import Item, Kind, Unreadable
from tests.contracts.examples_of_sources import EXAMPLES

SOURCES: dict[str, Any] = dict(plugins("sources"))


@pytest.fixture(params=sorted(SOURCES))
def kind(request: pytest.FixtureRequest) -> Any:
    return SOURCES[request.param]


@pytest.fixture
def place(kind: Any, tmp_path: Path) -> Path:
    if kind.name not in EXAMPLES:
        pytest.fail(f"{kind.name} has no example: add one to tests/contracts/examples_of_sources.py")
    (tmp_path / "example").mkdir()
    return EXAMPLES[kind.name](tmp_path / "example")


@pytest.fixture
def source(kind: Any, place: Path) -> Any:
    return kind(place)


def plain(thing: Item | Unreadable) -> Any:
    """All of an item, comparable."""
    return tuple(getattr(thing, field) for field in thing.__struct_fields__)


def all_files(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_it_recognises_its_own_and_nobody_is_surer(kind: Any, place: Path) -> None:
    sure = kind.recognise(place)
    assert sure is not None
    assert all((other.recognise(place) or 0) < sure for other in SOURCES.values() if other is not kind)


def test_recognising_never_raises(kind: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "noise.zip").write_bytes(b"PK\x03\x04" + bytes(range(256)) * 4)
    (tmp_path / "list.json").write_text("[[[[")
    (tmp_path / "folder").mkdir()
    for name in ("empty", "noise.zip", "list.json", "folder", "not-there"):
        assert kind.recognise(tmp_path / name) is None


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=600), st.sampled_from(["a.zip", "a.tar", "a.json", "a.tar.gz", "a"]))
def test_recognising_noise_never_raises(tmp_path: Path, noise: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(noise)
    for kind in SOURCES.values():
        kind.recognise(tmp_path / name)


def test_reading_twice_gives_the_same(kind: Any, source: Any, place: Path) -> None:
    first = [plain(thing) for thing in source.read()]
    assert first
    assert [plain(thing) for thing in source.read()] == first
    assert [plain(thing) for thing in kind(place).read()] == first


def test_every_record_has_a_number_without_gaps(source: Any) -> None:
    assert [thing.number for thing in source.read()] == list(range(len(list(source.read()))))


def test_totals_are_what_was_read(source: Any) -> None:
    origins = [thing.origin for thing in source.read()]
    for total in source.about().totals:
        assert total.found == sum(origin.partition("#")[0] == total.file for origin in origins), total


def test_unknown_fields_survive(source: Any) -> None:
    kept = [thing for thing in source.read() if isinstance(thing, Item) and "x:kept" in thing.record]
    assert kept
    assert all(b"x:kept" in item.raw for item in kept)


def test_dates_are_in_utc(source: Any) -> None:
    dates = [item.published for item in source.read() if isinstance(item, Item) and item.published]
    assert dates
    assert all(date.utcoffset() == timedelta(0) for date in dates)


def test_it_never_writes(source: Any, place: Path) -> None:
    before = all_files(place.parent)
    media = [m.member for item in source.read() if isinstance(item, Item) for m in item.media if m.member]
    for member in media:
        source.open(member).close()
    source.about()
    assert all_files(place.parent) == before


def test_every_medium_can_be_opened(source: Any) -> None:
    items = [item for item in source.read() if isinstance(item, Item)]
    media = {m.member for item in items for m in item.media if m.member}
    assert media
    for member in media:
        with source.open(member) as stream:
            assert isinstance(stream.read(), bytes)
    assert {item.object["member"] for item in items if item.kind is Kind.MEDIA} <= media


def test_a_medium_that_is_not_there_is_named(source: Any) -> None:
    for member in ("no/such/picture.png", "../../etc/passwd"):
        with pytest.raises(SourceError, match=r"picture|passwd"):
            source.open(member)


def test_it_says_what_it_is(kind: Any, source: Any) -> None:
    early = source.about()
    list(source.read())
    late = source.about()
    assert late.format == kind.name
    assert late.actor == early.actor != ""
    assert late.sha256 == early.sha256
    assert len(bytes.fromhex(late.sha256)) == 32


def test_an_empty_place_is_an_error_and_says_what_to_do(kind: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    (tmp_path / "folder").mkdir()
    for name in ("empty.zip", "folder", "not-there.zip"):
        with pytest.raises(SourceError) as caught:
            list(kind(tmp_path / name).read())
        assert len(str(caught.value)) > 30
