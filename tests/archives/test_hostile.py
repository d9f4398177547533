"""Every crafted archive ends in its own clear error, and nothing is left on the disk."""

from __future__ import annotations

import gzip
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from safeconduct.archives import Limits, open_archive
from safeconduct.archives.limits import MIB
from safeconduct.errors import ArchiveError
from tests.fixtures import hostile
from tests.fixtures.hostile import Entry, build

Maker = Callable[[], bytes]
SUITES = [
    (f"{kind} {name}", *case)
    for kind, cases in (("zip", hostile.ZIPS), ("tar", hostile.TARS), ("packed", hostile.PACKED))
    for name, case in cases.items()
]


def read_all(path: Path, folder: Path, limits: Limits | None = None) -> dict[str, bytes]:
    with open_archive(path, limits or Limits(), folder) as archive:
        return {name: archive.open(name).read() for name in archive.members}


def refused(path: Path, folder: Path, limits: Limits | None = None) -> ArchiveError:
    with pytest.raises(ArchiveError) as caught:
        read_all(path, folder, limits)
    return caught.value


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a tar may be unpacked; the system's own temporary folder is taken away."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "forbidden"))
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(("name", "make", "code"), SUITES, ids=[suite[0] for suite in SUITES])
def test_crafted_archive_is_refused_with_its_own_code(
    name: str, make: Maker, code: str, tmp_path: Path, spool: Path
) -> None:
    path = tmp_path / "archive"
    path.write_bytes(make())
    before = sorted(tmp_path.rglob("*"))
    error = refused(path, spool)
    assert error.code == code, str(error)
    assert sorted(tmp_path.rglob("*")) == before, "something was left on the disk"
    said_plainly(error)


def said_plainly(error: ArchiveError) -> None:
    """Whole sentences that can be printed, naming the member if it has a name that can."""
    text = str(error)
    assert text.isprintable()
    assert text[0].isupper()
    assert text.endswith(".")
    if error.member.isascii() and error.member.isprintable() and len(error.member) < 120:
        assert error.member in text


def test_zip64_written_without_need_is_read(tmp_path: Path, spool: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(hostile.wide_end(2))
    assert read_all(path, spool) == {"a": b"[]", "b": b"[]"}


def test_a_member_that_produces_more_than_it_says_is_stopped_at_once(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(build([Entry(b"x", bytes(8 * MIB), size=10)]))
    with open_archive(path) as archive, pytest.raises(ArchiveError, match="holds more than the 10 bytes"):
        archive.open("x").read(1)


def test_limits_each_have_their_code(tmp_path: Path, spool: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(build([Entry(b"a.json", b"x" * 5000), Entry(b"b.json", b"y" * 5000)]))
    assert read_all(path, spool).keys() == {"a.json", "b.json"}
    assert refused(path, spool, Limits(members=1)).code == "count"
    assert refused(path, spool, Limits(member_bytes=4999)).code == "too-big"
    assert refused(path, spool, Limits(total_bytes=9999)).code == "too-big"
    assert refused(path, spool, Limits(ratio_floor=1000, ratio=50)).code == "ratio"
    assert refused(path, spool, Limits(path_bytes=5)).code == "long-name"
    assert refused(path, spool, Limits(directory_bytes=60)).code == "count"
    assert read_all(path, spool, Limits(members=2, member_bytes=5000, total_bytes=10_000, path_bytes=6))


def test_a_compressed_tar_is_counted_while_it_is_unpacked(tmp_path: Path, spool: Path) -> None:
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(gzip.compress(hostile.zero_tar(3 * MIB)))
    assert len(read_all(path, spool)["zeros"]) == 3 * MIB
    assert refused(path, spool, Limits(total_bytes=MIB)).code == "too-big"
    assert refused(path, spool, Limits(spool_floor=MIB)).code == "ratio"
    assert refused(path, spool, Limits(spool_floor=MIB, ratio=2000, room=1 << 62)).code == "no-room"


def test_an_archive_inside_an_archive_is_only_a_file(tmp_path: Path, spool: Path) -> None:
    """It is never opened, whatever is in it: a nest of bombs costs its own few kilobytes."""
    path = tmp_path / "nest.zip"
    path.write_bytes(hostile.nested())
    files = read_all(path, spool)
    assert len(files) == 2
    assert all(data.startswith(b"PK") for data in files.values())


def test_so_many_members_that_the_count_wraps_are_all_listed(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    path.write_bytes(hostile.many(70_000))
    with open_archive(path) as archive:
        assert len(archive.members) == 70_000


def test_a_name_never_becomes_a_path(tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every path that Python opens while an archive is read: the archive itself and the nameless spool."""

    path = tmp_path / "archive.tar.gz"
    path.write_bytes(gzip.compress(hostile.tar(hostile.member(b"media/a.png", b"x"))))
    opened: list[object] = []
    watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in ("open", "os.mkdir", "os.rename", "os.link", "os.symlink"):
            opened.append(arguments[0])

    sys.addaudithook(watch)
    read_all(path, spool)
    watching = False
    assert str(path) in [str(one) for one in opened]
    allowed = {str(path), str(spool)}
    assert [one for one in opened if str(one) not in allowed and not str(one).startswith(f"{spool}/tmp")] == []
