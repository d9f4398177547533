"""Containers: what ours wrote reads back the same, what was changed is named, and what others write is read."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safeconduct.contracts import Terms
from safeconduct.destinations.container import Container as Destination
from safeconduct.errors import ArchiveError, CustodyError, SourceError
from safeconduct.model import Action, Confidence, Decision, Item, Kind, Shaped
from safeconduct.sample import build
from safeconduct.sources.container import Container
from safeconduct.sources.mastodon_archive import MastodonArchive
from tests.sources.exports import ALICE, as_tar, as_zip, collection, create, export

MANIFEST = "ubc-version: 0.1\ncontents: {}\n"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "alice.zip"
    build(path, 150)
    return path


@pytest.fixture(scope="module")
def written(sample: Path) -> Path:
    """The sample in a container of ours, signed."""
    path = sample.with_name("alice.tar")
    source = MastodonArchive(sample)
    destination = Destination(str(path), Terms(actor=ALICE, acct="alice@old.example", key=bytes(range(32))))
    abilities = destination.probe()
    for item in source.read():
        assert isinstance(item, Item)
        shaped = destination.shape(item, Decision(Action.ACCEPT), abilities)
        assert isinstance(shaped, Shaped)
        destination.deliver(shaped, source, None)
    destination.finish()
    return path


def items(path: Path, kind: type = Container) -> list[Item]:
    found = list(kind(path).read())
    assert all(isinstance(thing, Item) for thing in found), found
    return found


def foreign(**files: Any) -> dict[str, Any]:
    inside = {f"activitypub/{name}": content for name, content in export(create(1)).items()}
    return {"manifest.yml": MANIFEST} | inside | files


def test_what_we_wrote_reads_back_the_same(sample: Path, written: Path) -> None:
    before, after = items(sample, MastodonArchive), items(written)
    assert Container.recognise(written) is Confidence.HIGH
    assert [(i.number, i.kind) for i in after] == [(i.number, i.kind) for i in before]
    for old, new in zip(before, after, strict=True):
        if old.kind is Kind.MEDIA:
            assert new.object["member"].endswith(old.object["member"])
            assert new.object["usedBy"] == old.object["usedBy"]
            continue
        assert (new.raw, new.record, new.object) == (old.raw, old.record, old.object)
        assert (new.id, new.actor, new.visibility, new.published) == (old.id, old.actor, old.visibility, old.published)
        assert new.reply == old.reply
        assert [m.member is None for m in new.media] == [m.member is None for m in old.media]


def test_its_media_are_the_same_bytes(sample: Path, written: Path) -> None:
    def digests(source: Any) -> list[str]:
        members = [i.object["member"] for i in source.read() if isinstance(i, Item) and i.kind is Kind.MEDIA]
        return [hashlib.sha256(source.open(member).read()).hexdigest() for member in members]

    assert digests(MastodonArchive(sample)) == digests(Container(written))


def test_it_says_who_signed_and_that_all_is_as_written(written: Path) -> None:
    source = Container(written)
    list(source.read())
    about = source.about()
    assert (about.actor, about.acct) == (ALICE, "alice@old.example")
    assert any("files are as the manifest says" in note and "signed by did:key:z6Mk" in note for note in about.notes)


# --- custody -------------------------------------------------------------------------------------------

Change = Callable[[str, bytes], bytes | None]


def changed(written: Path, place: Path, change: Change, more: dict[str, bytes] | None = None) -> Path:
    """The container with each file passed through ``change``; ``None`` leaves it out."""
    with tarfile.open(written) as old:
        files = [(entry.name, old.extractfile(entry).read()) for entry in old]  # type: ignore[union-attr]
    return as_tar(place, {n: new for n, data in files if (new := change(n, data)) is not None} | (more or {}))


def test_a_changed_file_is_named(written: Path, tmp_path: Path) -> None:
    def bread(name: str, data: bytes) -> bytes:
        return data.replace(b"train", b"plane") if name.endswith("outbox.json") else data

    with pytest.raises(CustodyError, match=r"activitypub/outbox\.json was changed"):
        list(Container(changed(written, tmp_path / "a.tar", bread)).read())


def test_a_file_taken_out_or_put_in_is_named(written: Path, tmp_path: Path) -> None:
    def no_blocks(name: str, data: bytes) -> bytes | None:
        return None if name.endswith("blocked_accounts.csv") else data

    with pytest.raises(CustodyError, match=r"blocked_accounts\.csv .*taken out"):
        list(Container(changed(written, tmp_path / "a.tar", no_blocks)).read())
    extra = {"activitypub/attachments/extra.jpg": b"jpeg"}
    with pytest.raises(CustodyError, match=r"extra\.jpg .*added after"):
        list(Container(changed(written, tmp_path / "b.tar", lambda name, data: data, extra)).read())


def test_a_changed_manifest_is_noticed(written: Path, tmp_path: Path) -> None:
    def retitled(name: str, data: bytes) -> bytes:
        return data.replace(b"Safeconduct", b"Somebody else") if name == "manifest.yml" else data

    with pytest.raises(CustodyError, match="manifest was changed"):
        list(Container(changed(written, tmp_path / "a.tar", retitled)).read())


def test_a_signature_that_does_not_hold_is_refused(written: Path, tmp_path: Path) -> None:
    def forged(name: str, data: bytes) -> bytes:
        if name != "manifest.yml":
            return data
        at = data.index(b"proofValue: z") + 20
        return data[:at] + (b"2" if data[at : at + 1] != b"2" else b"3") + data[at + 1 :]

    with pytest.raises(CustodyError, match=r"[Ss]ignature"):
        list(Container(changed(written, tmp_path / "a.tar", forged)).read())


def test_digests_as_hex_are_checked_too(tmp_path: Path) -> None:
    files = foreign()
    digest = hashlib.sha256(b"hello").hexdigest()
    files["manifest.yml"] = f"safeconduct: {{version: 1, files: {{activitypub/actor.json: {{sha256: {digest}}}}}}}\n"
    with pytest.raises(CustodyError, match=r"actor\.json was changed"):
        list(Container(as_tar(tmp_path / "a.tar", files)).read())
    files["manifest.yml"] = "safeconduct: {version: 1, files: {activitypub/actor.json: {sha256: 7}}}\n"
    with pytest.raises(CustodyError, match="no digest"):
        list(Container(as_tar(tmp_path / "b.tar", files)).read())


# --- containers of others ------------------------------------------------------------------------------


@pytest.mark.parametrize("manifest", ["manifest.yml", "manifest.yaml"])
def test_both_names_of_the_manifest_and_of_the_tables(tmp_path: Path, manifest: str) -> None:
    files = foreign(
        **{
            "activitypub/blocks.csv": "dave@example.net\n",
            "activitypub/mutes.csv": "loud@noise.example\n",
            "activitypub/blocked_domains.csv": "bad.example\n",
            "activitypub/following_accounts.csv": "bob@friends.example\n",
            "activitypub/followers.json": collection(["https://friends.example/users/bob"]),
            "activitypub/likes.json": collection(["https://new.example/1"]),
        }
    )
    files[manifest] = files.pop("manifest.yml")
    path = as_tar(tmp_path / "a.tar", files)
    assert Container.recognise(path) is Confidence.HIGH
    source = Container(path)
    found = [thing for thing in source.read() if isinstance(thing, Item)]
    kinds = ["domain-block", "block", "mute", "follow", "follower", "profile", "post", "like"]
    assert [item.kind.value for item in found] == kinds
    assert found[4].object == {
        "type": "Follower",
        "acct": "bob@friends.example",
        "href": "https://friends.example/users/bob",
    }
    assert any("no digests" in note for note in source.about().notes)


def test_private_keys_are_never_read(tmp_path: Path) -> None:
    keys = {
        "key/key-1.json": '{"privateKeyMultibase":"z6invented"}',
        "keys.asc": "-----BEGIN PGP PRIVATE KEY BLOCK-----",
    }
    source = Container(as_tar(tmp_path / "a.tar", foreign(**keys)))
    found = [thing for thing in source.read() if isinstance(thing, Item)]
    assert not any(b"z6invented" in item.raw or "key" in str(item.object.get("member")) for item in found)
    assert any("2 private keys" in note for note in source.about().notes)
    for member in keys:
        with pytest.raises(SourceError, match="private key"):
            source.open(member)


def test_media_in_either_folder(tmp_path: Path) -> None:
    parts = [{"type": "Document", "url": "media/a.png"}, {"type": "Document", "url": "attachments/b.png"}]
    files = {
        "manifest.yml": MANIFEST,
        "activitypub/outbox.json": collection([create(1, attachment=parts)]),
        "media/a.png": b"1",
        "activitypub/attachments/b.png": b"2",
    }
    found = items(as_tar(tmp_path / "a.tar", files))
    assert [medium.member for medium in found[0].media] == ["media/a.png", "activitypub/attachments/b.png"]
    assert [item.kind.value for item in found] == ["post", "media", "media"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "a: [unclosed",
        "!!python/object/apply:os.system ['true']",
        "a: &a [x]\n" + "".join(f"b{at}: *a\n" for at in range(40)),
        "\x00",
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(ArchiveError, match=r"manifest\.yml"):
        list(Container(as_tar(tmp_path / "a.tar", foreign(**{"manifest.yml": text}))).read())


def test_without_a_manifest_it_is_no_container(tmp_path: Path) -> None:
    path = as_zip(tmp_path / "a.zip", export(create(1)))
    assert Container.recognise(path) is None
    with pytest.raises(SourceError, match=r"manifest\.yml"):
        list(Container(path).read())


def test_a_container_without_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="empty"):
        list(Container(as_tar(tmp_path / "a.tar", {"manifest.yml": MANIFEST})).read())


def test_streams_are_streams(written: Path) -> None:
    source = Container(written)
    first = next(iter(source.read()))
    assert isinstance(first, Item)
    assert isinstance(source.open("activitypub/actor.json"), io.IOBase)
