"""The container: everything goes in byte for byte, nothing secret does, and any later change shows."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.activitystreams import proofs
from safeconduct.contracts import Terms
from safeconduct.destinations.container import Container, check
from safeconduct.errors import ArchiveError, DeliveryError
from safeconduct.model import Action, Decision, Fate, Item, Kind, Left, Medium, Reason, Receipt, Shaped, Visibility

ALICE = "https://old.example/users/alice"
BOB = "bob@new.example"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
SEED = bytes(range(32))
ACCEPT = Decision(Action.ACCEPT)


class Shelf:
    """A source of nothing but media."""

    name = "shelf"

    def __init__(self, **files: bytes) -> None:
        self.files = files

    def open(self, member: str) -> BinaryIO:
        if member not in self.files:
            raise ArchiveError("missing", member, f"{member} is not in the archive")
        return io.BytesIO(self.files[member])


def post(number: int, content: str = "Good morning", visibility: Visibility = Visibility.PUBLIC, **more: Any) -> Item:
    note: dict[str, Any] = {
        "id": f"{ALICE}/statuses/{number}",
        "type": "Note",
        "content": content,
        "to": [PUBLIC],
        "x:unknown": [1.50],
    }
    record = {"id": f"{ALICE}/statuses/{number}/activity", "type": "Create", "actor": ALICE, "object": note}
    # Spaces and order that no encoder would write again: only the original bytes will do.
    raw = json.dumps(record, ensure_ascii=number % 2 == 0, indent=number % 3 or None).encode()
    return Item(
        number=number, kind=Kind.POST, origin=f"outbox.json#/orderedItems/{number}", raw=raw, record=record,
        object=note, id=note["id"], actor=ALICE, visibility=visibility, **more,
    )  # fmt: skip


def row(number: int, kind: Kind, raw: str, **columns: str) -> Item:
    thing = {"type": "Follow", "columns": columns}
    return Item(number, kind, f"x.csv#L{number}", raw.encode(), thing, thing)


def profile(**more: Any) -> Item:
    record = {"id": ALICE, "type": "Person", "name": "Alice", **more}
    return Item(0, Kind.PROFILE, "actor.json", json.dumps(record).encode(), record, record, id=ALICE)


def shaped(container: Container, item: Item) -> Shaped:
    made = container.shape(item, ACCEPT, container.probe())
    assert isinstance(made, Shaped)
    return made


def put(container: Container, *items: Item, shelf: Shelf | None = None) -> list[Receipt]:
    return [container.deliver(shaped(container, item), shelf or Shelf(), None) for item in items]  # type: ignore[arg-type]


def opened(path: Path) -> dict[str, bytes]:
    with tarfile.open(path, "r:") as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def made(path: Path, *items: Item, key: bytes = b"", shelf: Shelf | None = None) -> list[Receipt]:
    container = Container(str(path), Terms(actor=ALICE, key=key, title="Alice moves"))
    receipts = put(container, *items, shelf=shelf)
    container.finish()
    return receipts


def test_records_stand_in_the_outbox_byte_for_byte(tmp_path: Path) -> None:
    items = [post(number, "Grüße & <p>") for number in range(7)]
    made(tmp_path / "a.tar", *reversed(items))
    outbox = opened(tmp_path / "a.tar")["activitypub/outbox.json"]
    collection = json.loads(outbox)
    assert (collection["type"], collection["totalItems"]) == ("OrderedCollection", 7)
    assert collection["orderedItems"] == [item.record for item in items]
    for item in items:
        assert item.raw in outbox
    assert check(tmp_path / "a.tar") == []


def test_every_audience_travels_and_only_this_user_can_read_the_file(tmp_path: Path) -> None:
    made(tmp_path / "a.tar", *(post(number, visibility=Visibility(number)) for number in range(5)))
    assert stat.S_IMODE((tmp_path / "a.tar").stat().st_mode) == 0o600
    assert len(json.loads(opened(tmp_path / "a.tar")["activitypub/outbox.json"])["orderedItems"]) == 5
    assert os.listdir(tmp_path) == ["a.tar"], "the working folder is gone"


def test_relations_are_csv_files_as_mastodon_writes_them(tmp_path: Path) -> None:
    made(
        tmp_path / "a.tar",
        row(0, Kind.FOLLOW, "bob@new.example,true,false,", acct=BOB, showBoosts="true", notify="false", languages=""),
        row(1, Kind.BLOCK, "dave@bad.example", acct="dave@bad.example"),
        row(2, Kind.MUTE, "true;eve@bad.example", hideNotifications="true", acct="eve@bad.example"),
        row(3, Kind.LIST, '"Friends, old",bob@new.example', title="Friends, old", acct="bob@new.example"),
        row(4, Kind.DOMAIN_BLOCK, "bad.example", domain="bad.example"),
    )  # fmt: skip
    inside = opened(tmp_path / "a.tar")
    assert inside["activitypub/following_accounts.csv"] == (
        b"Account address,Show boosts,Notify on new posts,Languages\nbob@new.example,true,false,\n"
    )
    assert inside["activitypub/blocked_accounts.csv"] == b"dave@bad.example\n"
    assert inside["activitypub/muted_accounts.csv"] == b"Account address,Hide notifications\neve@bad.example,true\n"
    assert inside["activitypub/lists.csv"] == b'"Friends, old",bob@new.example\n'
    assert inside["activitypub/blocked_domains.csv"] == b"bad.example\n"


def test_private_keys_never_travel(tmp_path: Path) -> None:
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIinvented\n-----END RSA PRIVATE KEY-----"
    alice = profile(
        publicKey={"publicKeyPem": "-----BEGIN PUBLIC KEY-----", "privateKeyPem": pem},
        assertionMethod=[{"type": "Multikey", "privateKeyMultibase": "zInvented"}],
        odd={"deep": [pem]},
    )
    container = Container(str(tmp_path / "a.tar"), Terms())
    made_of = shaped(container, alice)
    assert "never travels" in made_of.adapted[0]
    files = tuple(Medium("", member, "") for member in ("keys.asc", "key/key-1.json", "x/server.pem", "ok.png"))
    shelf = Shelf(**{"keys.asc": b"SECRET", "key/key-1.json": b"SECRET", "x/server.pem": b"SECRET", "ok.png": b"fine"})
    put(container, alice, post(1, media=files), shelf=shelf)
    container.finish()
    whole = (tmp_path / "a.tar").read_bytes()
    for secret in (b"PRIVATE KEY", b"MIIinvented", b"zInvented", b"SECRET", b"privateKey"):
        assert secret not in whole
    assert b"BEGIN PUBLIC KEY" in whole
    assert opened(tmp_path / "a.tar")["activitypub/attachments/ok.png"] == b"fine"


def test_media_keep_their_path_and_their_bytes(tmp_path: Path) -> None:
    medium = Medium("/attachment/0", "media_attachments/files/1/o/ä.png", "image/png")
    shelf = Shelf(**{"media_attachments/files/1/o/ä.png": b"\x89PNG invented"})
    made(tmp_path / "a.tar", post(1, media=(medium,)), post(2, media=(medium,)), shelf=shelf)
    assert (
        opened(tmp_path / "a.tar")["activitypub/attachments/media_attachments/files/1/o/ä.png"] == b"\x89PNG invented"
    )
    assert check(tmp_path / "a.tar") == []


def test_a_file_that_cannot_be_read_is_an_error_that_names_it_and_writes_nothing(tmp_path: Path) -> None:
    container = Container(str(tmp_path / "a.tar"), Terms())
    with pytest.raises(DeliveryError, match=r"gone\.png"):
        put(container, post(1, media=(Medium("", "gone.png"),)))
    container.finish()
    assert os.listdir(tmp_path) == []


def test_names_in_the_tar_never_leave_it(tmp_path: Path) -> None:
    names = ["/etc/passwd", "../../up.png", "a/../../b.png", "..\\win.png", "ctrl\x01.png", "x" * 300 + ".png"]
    shelf = Shelf(**{name: b"bytes of " + name.encode() for name in names})
    made(tmp_path / "a.tar", post(1, media=tuple(Medium("", name) for name in names)), shelf=shelf)
    inside = [name for name in opened(tmp_path / "a.tar") if name.startswith("activitypub/attachments/")]
    assert len(inside) == len(names)
    assert not any(".." in name.split("/") or "\x01" in name for name in inside)
    assert check(tmp_path / "a.tar") == []


def test_the_same_content_is_the_same_bytes_whatever_the_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    items = [post(number) for number in range(5)]
    for folder, order in ((tmp_path, items), (tmp_path / "b", items[::-1])):
        container = Container(str(folder / "a.tar"), Terms(key=SEED))
        put(container, *order)
        container._ledger().execute("UPDATE facts SET value = '2024-01-02T03:04:05Z'")
        container.finish()
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b" / "a.tar").read_bytes()


def test_delivering_twice_is_delivering_once_also_after_finish(tmp_path: Path) -> None:
    first = made(tmp_path / "a.tar", post(1), post(2))
    before = (tmp_path / "a.tar").read_bytes()
    second = made(tmp_path / "a.tar", post(1), post(2))
    assert [one.new_id for one in first] == [one.new_id for one in second]
    assert (tmp_path / "a.tar").read_bytes() == before


def test_find_tells_before_and_after_finish_and_never_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    container = Container(str(path), Terms())
    one, other = shaped(container, post(1)), shaped(container, post(2))
    assert container.find(one) is None
    assert os.listdir(tmp_path) == []
    receipt = container.deliver(one, Shelf(), None)  # type: ignore[arg-type]
    found = container.find(one)
    assert found is not None
    assert found.new_id == receipt.new_id
    container.finish()
    fresh = Container(str(path), Terms())
    assert fresh.find(one) is not None
    assert fresh.find(other) is None
    assert os.listdir(tmp_path) == ["a.tar"]


def test_undo_takes_one_record_out_and_undoing_all_removes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    medium = Medium("/attachment/0", "one.png")
    receipts = made(path, post(1, media=(medium,)), post(2), shelf=Shelf(**{"one.png": b"picture"}))
    container = Container(str(path), Terms())
    container.undo(receipts[0])
    container.undo(receipts[0])
    container.finish()
    inside = opened(path)
    assert json.loads(inside["activitypub/outbox.json"])["orderedItems"] == [post(2).record]
    assert "activitypub/attachments/one.png" not in inside
    assert check(path) == []
    again = Container(str(path), Terms())
    assert again.undo(receipts[1]).leftover == ""
    again.finish()
    assert os.listdir(tmp_path) == []
    assert again.undo(receipts[1]).leftover == "", "already gone is success"


def test_held_and_refused_items_do_not_go_in(tmp_path: Path) -> None:
    container = Container(str(tmp_path / "a.tar"), Terms())
    why = (Reason("rule", "phrase", "It says a word on the list."),)
    for action, fate in ((Action.QUARANTINE, Fate.HELD), (Action.REJECT, Fate.REFUSED)):
        left = container.shape(post(1), Decision(action, reasons=why), container.probe())
        assert isinstance(left, Left)
        assert (left.fate, left.reason) == (fate, "It says a word on the list.")


def test_a_file_of_somebody_else_is_never_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(b"precious")
    container = Container(str(path), Terms())
    with pytest.raises(DeliveryError, match="Choose another name"):
        container.probe()
    with pytest.raises(DeliveryError):
        container.deliver(Shaped(1, Kind.POST, "x", Visibility.PUBLIC, {"file": "a", "raw": "{}"}), Shelf(), None)  # type: ignore[arg-type]
    assert path.read_bytes() == b"precious"
    with pytest.raises(DeliveryError, match="is a folder"):
        Container(str(tmp_path), Terms()).probe()


def test_the_signature_is_of_the_key_given_and_covers_the_manifest(tmp_path: Path) -> None:
    made(tmp_path / "a.tar", post(1), key=SEED)
    manifest = yaml.safe_load(opened(tmp_path / "a.tar")["manifest.yml"])
    public = proofs.public_key(SEED)
    assert manifest["proof"]["verificationMethod"] == proofs.did_key(public)
    assert proofs.verify(manifest, public)
    assert manifest["safeconduct"]["totals"] == {"post": 1}
    assert manifest["safeconduct"]["files"]["activitypub/outbox.json"]["items"] == 1
    assert manifest["ubc-version"] == 0.1


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("whole") / "a.tar"
    made(path, post(1), row(2, Kind.BLOCK, "dave@bad.example", acct="dave@bad.example"))
    assert check(path) == []
    return path, path.read_bytes()


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(deadline=None, max_examples=60)
def test_any_flipped_bit_is_noticed(whole: tuple[Path, bytes], place: float, bit: int) -> None:
    path, data = whole
    at = int(place * len(data))
    path.write_bytes(data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :])
    assert check(path), f"bit {bit} of byte {at}"


def test_header_manifest_and_end_count_too(whole: tuple[Path, bytes]) -> None:
    path, data = whole
    for at in range(0, 1536, 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert check(path), f"byte {at}"
    for broken in (data[:-1], data + b"\0", data[:700], b""):
        path.write_bytes(broken)
        assert check(path)


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """``kill -9`` while delivering: every receipt that was returned stands, and nothing is doubled afterwards."""
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.destinations.test_container import *\n"
        f"box = Container({str(tmp_path / 'a.tar')!r}, Terms())\n"
        "for n in range(100000):\n"
        "    put(box, post(n)); print(n, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert child.stdout is not None
    for _ in range(40):
        done = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    container = Container(str(tmp_path / "a.tar"), Terms())
    for number in range(done + 1):
        assert container.find(shaped(container, post(number))) is not None
    put(container, *(post(number) for number in range(done + 20)))
    container.finish()
    items = json.loads(opened(tmp_path / "a.tar")["activitypub/outbox.json"])["orderedItems"]
    numbers = [int(item["object"]["id"].rpartition("/")[2]) for item in items]
    assert numbers == sorted(set(numbers))
    assert set(range(done + 20)) <= set(numbers)
    assert check(tmp_path / "a.tar") == []


def test_a_folder_of_half_written_pieces_does_not_disturb(tmp_path: Path) -> None:
    container = Container(str(tmp_path / "a.tar"), Terms())
    put(container, post(1))
    (tmp_path / "a.tar.part" / "pieces").mkdir()
    (tmp_path / "a.tar.part" / "pieces" / "0").write_bytes(b"half")
    (tmp_path / "a.tar.part" / "whole.tar").write_bytes(b"half")
    container.finish()
    container.finish()
    assert check(tmp_path / "a.tar") == []
