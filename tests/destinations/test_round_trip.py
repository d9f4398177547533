"""What goes into a container comes out of it: the same bytes, kinds, audiences and media, also a second time."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from safeconduct.contracts import Source, Terms
from safeconduct.destinations.container import Container, check
from safeconduct.model import Action, Decision, Item, Kind, Shaped, Unreadable
from safeconduct.sample import build
from safeconduct.sources.container import Container as Box
from safeconduct.sources.mastodon_archive import MastodonArchive

FIXTURES = Path(os.environ.get("SAFECONDUCT_FIXTURES", Path(__file__).parents[3] / "shared/fixtures"))
ACCEPT = Decision(Action.ACCEPT)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "alice.zip"
    build(path, posts=200)
    return path


def put(source: Source, path: Path) -> list[Item]:
    container = Container(str(path), Terms(actor=source.about().actor, key=bytes(32), title="Alice moves"))
    abilities = container.probe()
    items = [item for item in source.read() if isinstance(item, Item)]
    for item in items:
        shaped = container.shape(item, ACCEPT, abilities)
        assert isinstance(shaped, Shaped), (item.origin, shaped)
        assert shaped.adapted == (), item.origin
        container.deliver(shaped, source, None)
    container.finish()
    assert check(path) == []
    return items


def read(path: Path) -> tuple[Box, list[Item]]:
    box = Box(path)
    entries = list(box.read())
    assert [entry for entry in entries if isinstance(entry, Unreadable)] == []
    return box, [entry for entry in entries if isinstance(entry, Item)]


def records(items: list[Item]) -> Counter[Any]:
    return Counter(
        (one.kind, one.raw, one.visibility, one.id, one.published) for one in items if one.kind != Kind.MEDIA
    )


def media(source: Source, items: list[Item]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for item in items:
        for one in item.media:
            digest = ""
            if one.member:
                with source.open(one.member) as stream:
                    digest = hashlib.sha256(stream.read()).hexdigest()
            found[item.kind, one.pointer, one.alt, one.type, digest] += 1
    return found


def same(source: Source, tmp_path: Path) -> None:
    items = put(source, tmp_path / "first.tar")
    box, back = read(tmp_path / "first.tar")
    assert records(back) == records(items)
    assert media(box, back) == media(source, items)
    again = put(box, tmp_path / "second.tar")
    second, twice = read(tmp_path / "second.tar")
    assert records(twice) == records(again) == records(items)
    assert media(second, twice) == media(source, items)


def test_an_invented_archive_comes_back_whole(archive: Path, tmp_path: Path) -> None:
    source = MastodonArchive(archive)
    same(source, tmp_path)
    kinds = {item.kind for item in read(tmp_path / "first.tar")[1]}
    assert kinds >= {Kind.POST, Kind.BOOST, Kind.POLL, Kind.PROFILE, Kind.FOLLOW, Kind.BLOCK, Kind.LIKE, Kind.MEDIA}


def test_a_real_archive_comes_back_whole(tmp_path: Path) -> None:
    path = FIXTURES / "mastodon" / "mastodon-export.zip"
    if not path.exists():
        pytest.skip(f"the real archive is not here: {path}")
    same(MastodonArchive(path), tmp_path)
