"""Malformed files by others (JSONTestSuite, zip2): each ends in a clear error or a clean reading."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from safeconduct.archives import Collection, load, open_archive
from safeconduct.errors import ArchiveError

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(os.environ.get("SAFECONDUCT_FIXTURES", ROOT / "../shared/fixtures")).resolve()
WHY = f"the fixtures by others are not at {FIXTURES} (set SAFECONDUCT_FIXTURES)"

ZIPS = {
    "aes_archive.zip": "encrypted",
    "chinese.zip": "",
    "comment_garbage.zip": "empty",
    "invalid_cde_number_of_files_allocation_greater_offset.zip": "broken",
    "invalid_offset.zip": "broken",
    "invalid_offset2.zip": "broken",
    "misaligned_comment.zip": "empty",
    "non_utf8.zip": "",
    "symlink.zip": "link",
    "zip64_demo.zip": "device",
}
JSONS = sorted((FIXTURES / "hostile/json").glob("*.json"))


def fixture(name: str) -> Path:
    path = FIXTURES / "hostile" / name
    if not path.exists():
        pytest.skip(WHY)
    return path


@pytest.mark.parametrize(("name", "code"), ZIPS.items())
def test_zip_of_others(name: str, code: str, tmp_path: Path) -> None:
    path = fixture(f"zip2/{name}")
    found = ""
    try:
        with open_archive(path, folder=tmp_path) as archive:
            for member in archive.members.values():
                assert len(archive.open(member.name).read()) == member.size
    except ArchiveError as error:
        found = error.code
    assert found == code
    assert list(tmp_path.iterdir()) == []


def test_unicode_path_of_others_is_read() -> None:
    with open_archive(fixture("zip2/chinese.zip")) as archive:
        assert list(archive.members) == ["七个房间.txt"]


def test_old_code_page_is_noted() -> None:
    with open_archive(fixture("zip2/non_utf8.zip")) as archive:
        assert "code page 437" in archive.notes[0]


@pytest.mark.parametrize("path", JSONS or [None], ids=[path.name for path in JSONS] or ["absent"])
def test_json_of_others(path: Path | None) -> None:
    """y_: read as Python reads it; n_: refused, as one file and as an element; i_: read, or refused with a reason."""
    if path is None:
        pytest.skip(WHY)
    raw = path.read_bytes()
    found = list(Collection(io.BytesIO(b'[{"before":1},' + raw + b',{"after":1}]')))
    assert found[0].value == {"before": 1}
    assert all(bool(record.problem) == (record.value is None) for record in found)
    if path.name.startswith("n_"):
        assert any(record.problem for record in found)
        with pytest.raises(ArchiveError, match="annot be used"):
            load(io.BytesIO(raw))
        return
    assert [record.value for record in found[2:]] == [{"after": 1}]
    if path.name.startswith("y_"):
        assert load(io.BytesIO(raw)).value == found[1].value == json.loads(raw)
    else:
        assert found[1].notes or found[1].problem


def test_a_real_export_is_counted_like_a_plain_count() -> None:
    path = FIXTURES / "mastodon/mastodon-export.zip"
    if not path.exists():
        pytest.skip(WHY)
    with open_archive(path) as archive:
        with archive.open("outbox.json") as file:
            plain = json.load(file)
        reading = Collection(archive.open("outbox.json"))
        assert [record.value for record in reading] == plain["orderedItems"]
        assert reading.members["totalItems"] == plain["totalItems"]
        assert archive.notes == ()
        # A known fault of that Mastodon: the context is written again at the end.
        assert reading.notes == ["the key '@context' occurs twice"]
