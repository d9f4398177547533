"""Honest archives, as people and services really write them, are read to the last byte."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import struct
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct.archives import Archive, glance, open_archive
from safeconduct.errors import ArchiveError
from tests.fixtures import hostile

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}
LETTERS = st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="/\\:.")
PARTS = st.text(LETTERS, min_size=1, max_size=12)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
FILES = st.dictionaries(PATHS, st.binary(max_size=400), min_size=1, max_size=6)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Unseekable(io.RawIOBase):
    """A pipe: makes zipfile write its sizes behind the data, as servers that stream an export do."""

    def __init__(self) -> None:
        self.made = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.made += bytes(data)
        return len(data)


def kept(files: dict[str, bytes]) -> dict[str, bytes]:
    """What may lie side by side: no two names alike on any computer, none both file and folder, no bookkeeping."""
    found: dict[str, tuple[str, bytes]] = {}
    for name, data in files.items():
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        clash = any(key == other or key.startswith(other + "/") or other.startswith(key + "/") for other in found)
        if not clash and "/" not in key.replace("/", "", name.count("/")):
            found[key] = (name, data)
    return dict(found.values())


def contents(archive: Archive) -> dict[str, bytes]:
    """By the names that the archive was written with, wrapped again."""
    top = f"{archive.wrapper}/" if archive.wrapper else ""
    return {top + name: archive.open(name).read() for name in archive.members}


def normal(files: dict[str, bytes]) -> dict[str, bytes]:
    return {unicodedata.normalize("NFC", name): data for name, data in files.items()}


@QUICK
@given(FILES.map(kept), st.booleans(), st.booleans(), st.binary(max_size=20).filter(lambda b: b"PK" not in b))
def test_zip_is_read_as_python_wrote_it(
    tmp_path: Path, files: dict[str, bytes], stored: bool, streamed: bool, comment: bytes
) -> None:
    path, pipe, made = tmp_path / "a.zip", Unseekable(), io.BytesIO()
    target: BinaryIO | Unseekable = pipe if streamed else made
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(target, "w", method) as file:
        file.comment = comment
        for name, data in files.items():
            with file.open(zipfile.ZipInfo(name), "w", force_zip64=len(data) % 2 == 0) as one:
                one.write(data)
    path.write_bytes(bytes(pipe.made) if streamed else made.getvalue())
    with open_archive(path) as archive:
        assert contents(archive) == normal(files)
        assert archive.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@QUICK
@given(FILES.map(kept), st.sampled_from([0, 1, 2]), st.sampled_from(sorted(PACKERS)))
def test_tar_is_read_as_python_wrote_it(
    tmp_path: Path, files: dict[str, bytes], form: Literal[0, 1, 2], packer: str
) -> None:
    path, made = tmp_path / "a.tar", io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form, encoding="utf-8") as file:
        for name, data in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            file.addfile(about, io.BytesIO(data))
    path.write_bytes(PACKERS[packer](made.getvalue()))
    with open_archive(path, folder=tmp_path) as archive:
        assert contents(archive) == normal(files)
        assert archive.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_with_long_and_foreign_names(form: int, tmp_path: Path) -> None:
    path, name = tmp_path / "a.tar.gz", "media_attachments/files/" + "0123456789/" * 15 + "雨.png"
    with tarfile.open(path, "w:gz", format=form) as file:
        for one in ("./outbox.json", f"./{name}"):
            about = tarfile.TarInfo(one)
            about.size = 3
            file.addfile(about, io.BytesIO(b"abc"))
    with open_archive(path) as archive:
        assert set(archive.members) == {"outbox.json", name}
        assert archive.open(name).read() == b"abc"


def folder(place: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


def test_a_folder_reads_like_the_archive_it_came_from(tmp_path: Path) -> None:
    files = {"outbox.json": b"[]", "media/files/1/a.png": b"x" * 200_000, "empty": b""}
    path = tmp_path / "a.zip"
    path.write_bytes(hostile.honest(files))
    with open_archive(path) as packed, open_archive(folder(tmp_path / "unpacked", files)) as unpacked:
        assert contents(packed) == contents(unpacked) == files


def test_a_folder_has_a_digest_of_names_and_contents(tmp_path: Path) -> None:
    files = {"outbox.json": b"[]", "b/a": b"1"}
    first = open_archive(folder(tmp_path / "first", files)).sha256
    again = open_archive(folder(tmp_path / "again", dict(reversed(files.items())))).sha256
    renamed = open_archive(folder(tmp_path / "renamed", {"outbox.json": b"[]", "b/b": b"1"})).sha256
    changed = open_archive(folder(tmp_path / "changed", files | {"b/a": b"2"})).sha256
    assert first == again
    assert len({first, renamed, changed}) == 3


@pytest.mark.parametrize("target", ["outbox.json", "/etc/hostname", "media"])
def test_a_link_in_a_folder_is_refused(target: str, tmp_path: Path) -> None:
    place = folder(tmp_path / "a", {"outbox.json": b"[]", "media/a": b"x"})
    (place / "link").symlink_to(target)
    with pytest.raises(ArchiveError, match="symbolic link") as caught:
        open_archive(place)
    assert (caught.value.code, caught.value.member) == ("link", "link")


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    place = folder(tmp_path / "a", {"outbox.json": b"[]"})
    os.mkfifo(place / "pipe")
    with pytest.raises(ArchiveError) as caught:
        open_archive(place)
    assert caught.value.code == "device"
    with pytest.raises(ArchiveError) as caught:
        open_archive(place / "pipe")
    assert caught.value.code == "unknown"


@pytest.mark.parametrize("change", ["longer", "shorter", "linked", "gone"])
def test_a_file_changed_after_the_listing_is_noticed(change: str, tmp_path: Path) -> None:
    place = folder(tmp_path / "a", {"outbox.json": b"0123456789" * 10_000})
    archive = open_archive(place)
    if change in ("linked", "gone"):
        (place / "outbox.json").unlink()
        if change == "linked":
            (place / "outbox.json").symlink_to("/etc/hostname")
    else:
        (place / "outbox.json").write_bytes(b"0" * (200_000 if change == "longer" else 5))
    with pytest.raises(ArchiveError) as caught:
        archive.open("outbox.json").read()
    assert caught.value.code == ("size" if change in ("longer", "shorter") else "unreadable")


def test_one_wrapping_folder_is_taken_off_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(hostile.honest({"archive-1/outbox.json": b"[]", "archive-1/media/a": b"x"}))
    with open_archive(path) as archive:
        assert (set(archive.members), archive.wrapper) == ({"outbox.json", "media/a"}, "archive-1")
        assert archive.members["outbox.json"].name == "outbox.json"
    path.write_bytes(hostile.honest({"media/a": b"x", "outbox.json": b"[]"}))
    with open_archive(path) as archive:
        assert (set(archive.members), archive.wrapper) == ({"media/a", "outbox.json"}, "")


def test_bookkeeping_of_macos_is_left_aside_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    junk = {"__MACOSX/top/._outbox.json": b"", "top/.DS_Store": b"", "top/media/._a": b""}
    path.write_bytes(hostile.honest({"top/outbox.json": b"[]", **junk}))
    with open_archive(path) as archive:
        assert (set(archive.members), archive.wrapper) == ({"outbox.json"}, "top")
        assert archive.notes == ("3 files of macOS bookkeeping were left aside.",)


def test_decomposed_names_of_macos_are_found_composed(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(hostile.honest({hostile.NFD: b"[]", "outbox.json": b"[]"}))
    with open_archive(path) as archive:
        assert archive.open(hostile.NFC).read() == b"[]"


def test_what_stands_before_and_behind_a_zip_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    inner = hostile.honest({"outbox.json": b"[]"})
    path.write_bytes(b"#!/bin/sh\n" + inner + b"more")
    with open_archive(path) as archive:
        assert archive.open("outbox.json").read() == b"[]"
        assert [note.split(";")[0] for note in archive.notes] == [
            "Something follows the end of the zip file",
            "10 bytes stand before the zip file",
        ]


def test_what_follows_a_tar_and_a_missing_end_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(hostile.tar() + hostile.member(b"second"))
    with open_archive(path) as archive:
        assert set(archive.members) == {"outbox.json"}
        assert archive.notes == ("Something follows the end mark of the tar; it was not read.",)
    path.write_bytes(hostile.member(b"outbox.json"))
    with open_archive(path) as archive:
        assert archive.notes == ("The tar has no end mark; it may have been cut short.",)


def test_gzip_in_several_streams_and_padded(tmp_path: Path) -> None:
    whole, path = hostile.tar(hostile.member(b"a", b"x" * 9000)), tmp_path / "a.tgz"
    path.write_bytes(gzip.compress(whole[:700]) + gzip.compress(whole[700:]) + bytes(1000))
    with open_archive(path) as archive:
        assert archive.open("a").read() == b"x" * 9000


@pytest.mark.parametrize("data", [b"", b"hello" * 300, b"{}", bytes(5000)])
def test_what_is_no_archive_is_said_so(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ArchiveError) as caught:
        open_archive(tmp_path / "a")
    assert caught.value.code == ("unknown" if data else "empty")


def test_missing_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="nowhere") as caught:
        open_archive(tmp_path / "nowhere.zip")
    assert caught.value.code == "missing"
    with open_archive(folder(tmp_path / "a", {"outbox.json": b"[]"})) as archive:
        with pytest.raises(ArchiveError) as caught:
            archive.open("../outbox.json")
        assert (caught.value.code, caught.value.member) == ("missing", "../outbox.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArchiveError) as caught:
        open_archive(tmp_path / "empty")
    assert caught.value.code == "empty"


@QUICK
@given(st.lists(st.one_of(st.integers(0, 90_000), st.just(-1)), min_size=1, max_size=8))
def test_a_member_reads_the_same_in_any_steps(tmp_path: Path, steps: list[int]) -> None:
    data = os.urandom(1000) * 150 + b"\nlast line"
    path = tmp_path / "a.zip"
    path.write_bytes(hostile.honest({"a": data}))
    with open_archive(path) as archive, archive.open("a") as file:
        got = [file.read(step) for step in steps]
        assert b"".join([*got, file.read()]) == data
        assert file.read(10) == b""
    with open_archive(path) as archive:
        assert b"".join(archive.open("a")) == data
        assert io.TextIOWrapper(archive.open("a"), "latin-1", newline="").read().encode("latin-1") == data


def test_members_can_be_read_at_the_same_time(tmp_path: Path) -> None:
    files = {name: bytes([number]) * 300_000 for number, name in enumerate("abc")}
    path = tmp_path / "a.zip"
    path.write_bytes(hostile.honest(files, compression=zipfile.ZIP_STORED))
    with open_archive(path) as archive:
        streams = {name: archive.open(name) for name in files}
        got = dict.fromkeys(files, b"")
        for _ in range(10):
            for name, stream in streams.items():
                got[name] += stream.read(30_000)
    assert got == files


def sparse_zip(path: Path, hole: int) -> None:
    """A stored member of ``hole`` zeros that take no room on the disk, and an ordinary one behind it."""
    small = b'{"id":"alice"}'
    second = hostile.Entry(b"actor.json", small, hostile.STORED)
    told = struct.pack("<HHQQ", 1, 16, hole, hole)
    first = hostile.Entry(b"media/film.mp4", b"", hostile.STORED, size=0xFFFFFFFF, told_packed=0xFFFFFFFF, extra=told)
    at = len(hostile.local(first)) + hole
    second.offset, second.extra = 0xFFFFFFFF, struct.pack("<HHQ", 1, 8, at)
    directory = hostile.central(first, 0) + hostile.central(second, 0)
    start = at + len(hostile.local(second)) + len(small)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2, 2, len(directory), start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(directory), 1)
    with path.open("wb") as file:
        file.write(hostile.local(first))
        file.seek(at)
        file.write(hostile.local(second) + small + directory)
        file.write(wide + locator + hostile.end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF))


def test_zip64_with_a_member_beyond_4_gib(tmp_path: Path) -> None:
    path, hole = tmp_path / "large.zip", (5 << 30) + 7
    sparse_zip(path, hole)
    with open_archive(path) as archive:
        assert archive.members["media/film.mp4"].size == hole
        assert archive.open("actor.json").read() == b'{"id":"alice"}'
        assert archive.open("media/film.mp4").read(100_000) == bytes(100_000)


def test_a_zip_too_large_for_its_format_says_what_to_do(tmp_path: Path) -> None:
    """As servers wrote them before they knew zip64."""
    path = tmp_path / "large.zip"
    path.write_bytes(hostile.local(hostile.Entry(b"outbox.json")) + hostile.end(9, 0xFFFFFFFF, 0xFFFFFFFF))
    with pytest.raises(ArchiveError, match=r"over 4 GiB without zip64.*give the folder instead"):
        open_archive(path)


@pytest.mark.parametrize("packer", PACKERS)
def test_a_glance_names_what_an_archive_begins_with(packer: str, tmp_path: Path) -> None:
    """The first member is larger than what is looked at; its name is known all the same."""
    path = tmp_path / "a"
    outbox = hostile.member(b"./top/outbox.json", bytes(17 << 20))
    path.write_bytes(PACKERS[packer](hostile.member(b"./top/._x") + outbox + hostile.member(b"./top/x") + bytes(1024)))
    assert "outbox.json" in glance(path)
    path.write_bytes(PACKERS[packer](hostile.tar(hostile.member(b"b"))))
    assert glance(path) == {"outbox.json", "b"}


def test_a_glance_at_zips_and_folders_names_everything(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(hostile.honest({"top/a": b"", "top/b": b""}))
    assert glance(tmp_path / "a.zip") == {"a", "b"} == glance(folder(tmp_path / "f", {"top/a": b"", "top/b": b""}))
    with pytest.raises(ArchiveError):
        glance(tmp_path / "nowhere")
