"""Every hostile file through the real program: a clear error or a clean reading, within its means, nothing outside."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import hostile
from tests.hostile.gauge import Ran, listing, plainly, run

OTHERS = Path(
    os.environ.get("SAFECONDUCT_FIXTURES", Path(__file__).parents[2].parent / "shared" / "fixtures")
) / "hostile"  # fmt: skip
ALICE = "https://old.example/users/alice"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
ACTOR = json.dumps({"id": ALICE, "type": "Person", "preferredUsername": "alice", "followers": f"{ALICE}/followers"})
NONE = '{"type":"OrderedCollection","totalItems":0,"orderedItems":[]}'
SLOW = pytest.mark.prove


def found(folder: str, every: int = 1) -> list[Any]:
    """The files of that folder, ``every`` so manieth in the quick suite.

    Where they are not on this machine: one skipped case, with the reason.
    """
    paths = [path for path in sorted((OTHERS / folder).glob("*")) if path.name != "LICENSE"]
    absent = pytest.mark.skip(reason=f"no files of others at {OTHERS / folder} (set SAFECONDUCT_FIXTURES)")
    marks = [[] if number % every == 0 else [SLOW] for number in range(len(paths))]
    return [pytest.param(path, id=path.name, marks=mark) for path, mark in zip(paths, marks, strict=True)] or [
        pytest.param(None, id="absent", marks=absent)
    ]


def inspect(path: Path, folder: Path) -> tuple[Ran, dict[str, Any]]:
    """Inspect; everything that must hold for any file at all is checked here."""
    scratch = folder / "scratch"
    scratch.mkdir()
    before = listing(folder)
    home = folder / "home"
    ran = run("inspect", path, "--json", "--home", home, folder=folder, env={"TMPDIR": str(scratch)})
    plainly(ran)
    assert listing(folder, [home]) == before, "something was written outside"
    assert not list(home.glob("work/*"))
    assert not list(home.glob("transfers/*"))
    if ran.code == 3:
        return ran, {}
    report = json.loads(ran.out)
    assert report["items"] == sum(report["fates"].values()) == sum(report["decisions"].values())
    assert report["items"] == sum(report["kinds"].values())
    return ran, report


def export(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in ({"actor.json": ACTOR, "outbox.json": NONE} | dict(files)).items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("path", found("zip2"))
def test_zip_of_others(path: Path, tmp_path: Path) -> None:
    ran, report = inspect(path, tmp_path)
    assert ran.code == 3
    assert report == {}
    encrypted = {"aes_archive.zip": "secret_data_128", "symlink.zip": "bar"}
    assert encrypted.get(path.name, "") in ran.err


@SLOW
@pytest.mark.parametrize("path", found("json"))
def test_json_of_others_instead_of_an_archive(path: Path, tmp_path: Path) -> None:
    ran, _ = inspect(path, tmp_path)
    assert ran.code == 3
    assert path.name in ran.err


@pytest.mark.parametrize("path", found("json", every=4))
def test_json_of_others_as_the_outbox(path: Path, tmp_path: Path) -> None:
    inside(path.read_bytes(), "outbox.json", tmp_path)


@SLOW
@pytest.mark.parametrize("path", found("json"))
@pytest.mark.parametrize("member", ["actor.json", "likes.json", "bookmarks.json"])
def test_json_of_others_as_another_member(member: str, path: Path, tmp_path: Path) -> None:
    inside(path.read_bytes(), member, tmp_path)


@SLOW
@pytest.mark.parametrize("path", found("json"))
def test_json_of_others_as_one_record(path: Path, tmp_path: Path) -> None:
    post = json.dumps({"id": f"{ALICE}/1", "type": "Note", "attributedTo": ALICE, "to": [PUBLIC], "content": "hello"})
    whole = b'{"type":"OrderedCollection","orderedItems":[' + path.read_bytes() + b"," + post.encode() + b"]}"
    inside(whole, "outbox.json", tmp_path)


def inside(data: bytes, member: str, folder: Path) -> None:
    """Either it names the member, or everything that could not be read is in the report with its place."""
    ran, report = inspect(export(folder / "x.zip", {member: data}), folder)
    if ran.code == 3:
        assert member in ran.err, ran.err
    else:
        assert_accounted(report, member)


def assert_accounted(report: dict[str, Any], member: str) -> None:
    assert report["unreadable"] or report["items"] or report["notes"], f"{member} vanished"


QUICK_ARCHIVES = {
    "zip overlapping", "zip quoted overlap", "zip ratio", "zip absurd count", "zip two ends", "zip claims 9 PB",
    "zip dotdot", "tar link", "tar negative size", "packed gzip bomb", "packed xz bomb", "packed zstd bomb",
    "packed bzip2 bomb", "packed xz memory", "packed zstd memory", "packed gzip in gzip",
}  # fmt: skip
SUITES = [
    pytest.param(make, id=f"{kind} {name}", marks=[] if f"{kind} {name}" in QUICK_ARCHIVES else [SLOW])
    for kind, cases in (("zip", hostile.ZIPS), ("tar", hostile.TARS), ("packed", hostile.PACKED))
    for name, (make, _) in cases.items()
]


@pytest.mark.parametrize("make", SUITES)
def test_crafted_archive(make: Callable[[], bytes], tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(make())
    ran, report = inspect(path, tmp_path)
    if ran.code != 3:  # only a file beside the posts is damaged: the rest is read, and that file waits for a person
        assert report["decisions"]["quarantine"] == report["items"] == 1
        assert [one["criterion"] for one in report["findings"]] == ["unreadable-media"]


@pytest.mark.parametrize("kind", ["images", "filetypes"])
def test_hostile_files_of_others_as_attachments(kind: str, tmp_path: Path) -> None:
    files = sorted(path for path in (OTHERS / kind).glob("*") if path.name != "LICENSE")
    if not files:
        pytest.skip(f"no files of others at {OTHERS / kind} (set SAFECONDUCT_FIXTURES)")
    shown = {f"media_attachments/files/{n}/original/{path.name}": path for n, path in enumerate(files)}
    posts = [
        {"id": f"{ALICE}/{n}", "type": "Note", "attributedTo": ALICE, "to": [PUBLIC], "content": f"<p>picture {n}</p>",
         "attachment": [{"type": "Document", "mediaType": "image/png", "url": f"/{member}", "name": "a picture"}]}
        for n, member in enumerate(shown)
    ]  # fmt: skip
    outbox = json.dumps({"type": "OrderedCollection", "totalItems": len(posts), "orderedItems": posts})
    members = {member: path.read_bytes() for member, path in shown.items()}
    ran, report = inspect(export(tmp_path / "x.zip", {"outbox.json": outbox, **members}), tmp_path)
    assert ran.code == 1
    assert report["kinds"]["post"] == len(files)
    assert report["items"] == 2 * len(files) + 1  # each file is accounted for too; the profile
    assert report["decisions"]["quarantine"] > 0


def test_every_record_of_an_export_of_others_is_accounted_for(tmp_path: Path) -> None:
    path = OTHERS.parent / "mastodon" / "mastodon-export.zip"
    if not path.exists():
        pytest.skip(f"no export of others at {path} (set SAFECONDUCT_FIXTURES)")
    with zipfile.ZipFile(path) as archive:
        lists = [name for name in archive.namelist() if name.endswith(("outbox.json", "likes.json", "bookmarks.json"))]
        records = sum(len(json.loads(archive.read(name))["orderedItems"]) for name in lists)
        others = [name for name in archive.namelist() if name not in lists and not name.endswith("/")]
    ran, report = inspect(path, tmp_path)
    assert ran.code in (0, 1)
    assert report["items"] + report["unreadable"] == records + len(others)
    assert {row["file"]: row["found"] for row in report["totals"]}["outbox.json"] == report["kinds"]["post"]
