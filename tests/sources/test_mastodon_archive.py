"""The quirks of real exports, each in a tiny archive of its own."""

from __future__ import annotations

import json
import os
import tracemalloc
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from safeconduct.errors import ArchiveError, SourceError
from safeconduct.model import Confidence, Item, Kind, Total, Unreadable, Visibility
from safeconduct.sources.mastodon_archive import MastodonArchive
from tests.sources.exports import (
    ACTOR,
    ALICE,
    PUBLIC,
    Files,
    as_folder,
    as_tar,
    as_zip,
    collection,
    create,
    export,
    note,
)

FIXTURES = Path(os.environ.get("SAFECONDUCT_FIXTURES", Path(__file__).parents[3] / "shared" / "fixtures"))
BOB = "https://friends.example/users/bob"
PICTURE = "media_attachments/files/110/285/original/a1b2.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(folder: Path, files: Files) -> list[Item | Unreadable]:
    return list(MastodonArchive(as_zip(folder / "archive.zip", files)).read())


def items(found: list[Item | Unreadable], kind: Kind) -> list[Item]:
    return [thing for thing in found if isinstance(thing, Item) and thing.kind is kind]


def only(folder: Path, *activities: Any, **files: Any) -> Item:
    """The one item of the outbox."""
    found = [thing for thing in read(folder, export(*activities, **files)) if thing.origin.startswith("outbox.json#")]
    assert len(found) == 1
    assert isinstance(found[0], Item)
    return found[0]


def notes(folder: Path, files: Files) -> str:
    source = MastodonArchive(as_zip(folder / "archive.zip", files))
    list(source.read())
    return "\n".join(source.about().notes)


# --- posts ---------------------------------------------------------------------------------------------


def test_a_post_is_a_create_with_its_note(folder: Path) -> None:
    activity = create(7, inReplyTo=f"{ALICE}/statuses/6", published="2022-11-10T06:29:44Z")
    item = only(folder, activity)
    assert (item.kind, item.id, item.actor) == (Kind.POST, f"{ALICE}/statuses/7", ALICE)
    assert item.origin == "outbox.json#/orderedItems/0"
    assert item.record == activity
    assert item.object == activity["object"]
    assert json.loads(item.raw) == activity
    assert item.visibility is Visibility.PUBLIC
    assert item.published == datetime(2022, 11, 10, 6, 29, 44, tzinfo=UTC)
    assert item.reply
    assert (item.reply.to, item.reply.mine) == (f"{ALICE}/statuses/6", True)


@pytest.mark.parametrize(
    ("actor", "parent", "mine"),
    [
        (ALICE, f"{ALICE}/statuses/1", True),
        (ALICE, "https://old.example/@alice/1", True),
        (ALICE, f"{ALICE}2/statuses/1", False),
        (ALICE, f"{BOB}/statuses/1", False),
        ("https://old.example/ap/users/123", "https://old.example/ap/users/123/statuses/1", True),
        ("https://old.example/ap/users/123", "https://old.example/users/alice/statuses/1", True),
        ("https://old.example/ap/users/123", "https://old.example/ap/users/1234/statuses/1", False),
    ],
)
def test_own_threads_in_both_id_styles(folder: Path, actor: str, parent: str, mine: bool) -> None:
    whose = ACTOR | {"id": actor, "followers": f"{actor}/followers"}
    item = only(folder, create(2, inReplyTo=parent), **{"actor.json": whose})
    assert item.reply
    assert item.reply.mine is mine


def test_own_threads_where_ids_do_not_show_the_author(folder: Path) -> None:
    first = create(1, id="https://old.example/objects/aa-1")
    second = create(2, id="https://old.example/objects/aa-2", inReplyTo={"id": "https://old.example/objects/aa-1"})
    third = create(3, id="https://old.example/objects/aa-3", inReplyTo=["https://old.example/objects/zz-9"])
    posts = items(read(folder, export(first, second, third)), Kind.POST)
    assert [post.reply and post.reply.mine for post in posts] == [None, True, False]


def test_a_poll_is_a_question(folder: Path) -> None:
    options = [{"type": "Note", "name": "rye"}]
    assert only(folder, create(1, type="Question", oneOf=options)).kind is Kind.POLL


def test_a_boost_by_address_and_one_with_a_private_post_inside(folder: Path) -> None:
    boost = {"id": f"{ALICE}/statuses/1/activity", "type": "Announce", "actor": ALICE, "to": [PUBLIC]}
    inside = note(3, to=[f"{ALICE}/followers"], cc=[])
    found = items(read(folder, export(boost | {"object": f"{BOB}/1"}, boost | {"object": inside})), Kind.BOOST)
    assert [item.visibility for item in found] == [Visibility.PUBLIC, Visibility.FOLLOWERS]
    assert all(item.object == item.record for item in found)
    assert found[1].record["object"] == inside
    assert found[0].id == boost["id"]


def test_other_activities_are_kept_and_not_guessed_at(folder: Path) -> None:
    others = [{"type": "Like", "object": "x"}, {"type": "Create", "object": "https://old.example/1"}, {}, {"type": 7}]
    assert [i.record for i in items(read(folder, export(*others)), Kind.OTHER)] == others


def test_a_bare_note_is_a_post(folder: Path) -> None:
    item = only(folder, note(1))
    assert (item.kind, item.object, item.record) == (Kind.POST, note(1), note(1))


def test_what_is_no_object_is_unreadable_and_counted(folder: Path) -> None:
    found = read(folder, export(create(1), 7, None, "x", [], create(2)))
    broken = [thing for thing in found if isinstance(thing, Unreadable)]
    assert [thing.origin for thing in broken] == [f"outbox.json#/orderedItems/{at}" for at in (1, 2, 3, 4)]
    assert all("where an object is expected" in thing.reason for thing in broken)
    assert [thing.number for thing in found] == list(range(len(found)))


@pytest.mark.parametrize(
    ("claim", "date"),
    [
        ("2022-11-10T06:29:44Z", datetime(2022, 11, 10, 6, 29, 44, tzinfo=UTC)),
        ("2022-11-10T08:29:44.5+02:00", datetime(2022, 11, 10, 6, 29, 44, 500000, tzinfo=UTC)),
        ("2022-11-10T06:29:44", datetime(2022, 11, 10, 6, 29, 44, tzinfo=UTC)),
        ("2022-11-10 06:29:44 UTC", datetime(2022, 11, 10, 6, 29, 44, tzinfo=UTC)),
        ("Thu, 10 Nov 2022 06:29:44 +0000", datetime(2022, 11, 10, 6, 29, 44, tzinfo=UTC)),
        ("2023-02-30T10:00:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("yesterday", None),
        (1668061784, None),
        ([], None),
    ],
)
def test_dates_are_claims(folder: Path, claim: Any, date: datetime | None) -> None:
    activity = create(1, published=claim)
    assert only(folder, activity).published == date


def test_followers_only_and_direct_without_the_key_that_says_so(folder: Path) -> None:
    posts = [
        create(1, to=[f"{ALICE}/followers"], cc=[]),
        create(2, to=[BOB], cc=[]),
        create(3, to=[f"{ALICE}/followers"], cc=[PUBLIC]),
        create(4, to=[], cc=[]),
    ]
    found = [item.visibility for item in items(read(folder, export(*posts)), Kind.POST)]
    assert found == [Visibility.FOLLOWERS, Visibility.NAMED, Visibility.UNLISTED, Visibility.NOBODY]


# --- the file ------------------------------------------------------------------------------------------


def test_totals_that_are_wrong(folder: Path) -> None:
    source = MastodonArchive(
        as_zip(folder / "a.zip", {"actor.json": ACTOR, "outbox.json": collection([create(1)], totalItems=9)})
    )
    list(source.read())
    assert source.about().totals == (Total("outbox.json", 9, 1),)


def test_a_repeated_key_is_read_twice_and_said(folder: Path) -> None:
    one, two = json.dumps(create(1)), json.dumps(create(2))
    outbox = f'{{"type":"OrderedCollection","totalItems":2,"orderedItems":[{one}],"orderedItems":[{two}]}}'
    files = {"actor.json": ACTOR, "outbox.json": outbox}
    assert len(items(read(folder, files), Kind.POST)) == 2
    assert "orderedItems" in notes(folder, files)


def test_signatures_of_2022_are_mentioned_once(folder: Path) -> None:
    signed = create(1) | {"signature": {"type": "RsaSignature2017", "signatureValue": "aW52ZW50ZWQ="}}
    files = export(signed, signed, create(2))
    assert "2 activities carry a signature" in notes(folder, files)
    assert "signature" in items(read(folder, files), Kind.POST)[0].record


def test_without_a_profile_the_first_activity_says_whose_it_is(folder: Path) -> None:
    private = create(1, to=[f"{ALICE}/followers"], cc=[])
    source = MastodonArchive(as_zip(folder / "a.zip", {"outbox.json": collection([private])}))
    posts = items(list(source.read()), Kind.POST)
    assert posts[0].visibility is Visibility.FOLLOWERS
    about = source.about()
    assert (about.actor, about.acct) == (ALICE, "alice@old.example")
    assert any("no actor.json" in line for line in about.notes)


def test_the_account_is_named_with_its_server(folder: Path) -> None:
    about = MastodonArchive(as_zip(folder / "a.zip", export(create(1)))).about()
    assert (about.format, about.actor, about.acct) == ("mastodon-archive", ALICE, "alice@old.example")


@pytest.mark.parametrize("actor", [{}, {"id": 7}, {"id": "x", "preferredUsername": []}, [], "Alice", None])
def test_a_profile_that_says_nothing_useful(folder: Path, actor: Any) -> None:
    source = MastodonArchive(as_zip(folder / "a.zip", {"actor.json": actor, "outbox.json": collection([create(1)])}))
    assert len(items(list(source.read()), Kind.POST)) == 1
    source.about()


def test_tar_gz_of_old_and_unpacked_folders_and_a_wrapping_folder(folder: Path) -> None:
    files = export(create(1, attachment=[{"type": "Document", "url": f"/{PICTURE}"}]))
    deep = files | {f"opt/mastodon/public/system/{PICTURE}": b"jpeg"}
    wrapped = {f"archive-1/{name}": content for name, content in deep.items()}
    for path in (
        as_tar(folder / "a.tar.gz", deep),
        as_folder(folder / "unpacked", deep),
        as_zip(folder / "wrapped.zip", wrapped),
    ):
        assert MastodonArchive.recognise(path) is Confidence.HIGH
        source = MastodonArchive(path)
        post = items(list(source.read()), Kind.POST)[0]
        with source.open(post.media[0].member or "") as stream:
            assert stream.read() == b"jpeg"


def test_an_outbox_on_its_own(folder: Path) -> None:
    (folder / "outbox.json").write_text(json.dumps(collection([create(1), create(2)], id="outbox.json")))
    assert MastodonArchive.recognise(folder / "outbox.json") is Confidence.MEDIUM
    source = MastodonArchive(folder / "outbox.json")
    assert len(items(list(source.read()), Kind.POST)) == 2
    assert source.about().acct == "alice@old.example"
    with pytest.raises(SourceError, match=r"a\.png"):
        source.open("a.png")


def test_other_json_is_not_ours(folder: Path) -> None:
    (folder / "likes.json").write_text(json.dumps(collection(["https://new.example/1"], id="likes.json")))
    (folder / "notes.json").write_text("[]")
    assert MastodonArchive.recognise(folder / "likes.json") is None
    assert MastodonArchive.recognise(folder / "notes.json") is None


def test_an_outbox_alone_is_likely(folder: Path) -> None:
    assert MastodonArchive.recognise(as_zip(folder / "a.zip", {"outbox.json": collection([])})) is Confidence.MEDIUM
    assert MastodonArchive.recognise(as_zip(folder / "b.zip", {"photos/1.jpg": b""})) is None


def test_an_archive_of_something_else_says_what_to_do(folder: Path) -> None:
    with pytest.raises(SourceError, match="Ask for one under Settings"):
        read(folder, {"photos/1.jpg": b"jpeg"})


def test_an_empty_outbox_without_anything_else_is_an_error(folder: Path) -> None:
    with pytest.raises(SourceError, match="is empty"):
        read(folder, {"outbox.json": collection([])})


def test_an_outbox_that_ends_early_is_never_a_complete_one(folder: Path) -> None:
    whole = json.dumps(collection([create(1), create(2)]))
    found = read(folder, {"actor.json": ACTOR, "outbox.json": whole[: len(whole) - 300]})
    assert len(items(found, Kind.POST)) == 1
    assert [thing.origin for thing in found if isinstance(thing, Unreadable)] == ["outbox.json#/orderedItems/1"]


@pytest.mark.parametrize("broken", ["", "{", '"text"', "\xff"])
def test_a_small_file_that_is_no_json_does_not_take_the_rest_with_it(folder: Path, broken: str) -> None:
    found = read(folder, export(create(1), **{"likes.json": broken, "actor.json": broken}))
    assert {thing.origin for thing in found if isinstance(thing, Unreadable)} >= {"actor.json"}
    assert len(items(found, Kind.POST)) == 1


def test_an_outbox_that_is_no_json_is_an_error_that_names_it(folder: Path) -> None:
    with pytest.raises(ArchiveError, match=r"outbox\.json"):
        read(folder, {"actor.json": ACTOR, "outbox.json": "<html>"})


# --- everything around the posts -----------------------------------------------------------------------


def test_protection_comes_first_and_files_last(folder: Path) -> None:
    files = export(create(1)) | {
        "a.jpg": b"jpeg",
        "bookmarks.json": collection(["https://new.example/3"]),
        "likes.json": collection(["https://new.example/2"]),
        "featured.json": collection([f"{ALICE}/statuses/1"]),
        "followed_tags.csv": "Hashtag\nbread\n",
        "followers.csv": "Account address\nbob@friends.example\n",
        "following_accounts.csv": "Account address,Show boosts\nbob@friends.example,true\n",
        "lists.csv": "Bakers,bob@friends.example\n",
        "custom_filters.json": {"custom_filters": [{"title": "Football", "x:kept": 1}]},
        "muted_accounts.csv": "Account address,Hide notifications\nloud@noise.example,true\n",
        "blocked_accounts.csv": "dave@example.net\n",
        "blocked_domains.csv": "bad.example\n",
    }
    order = [thing.kind.value for thing in read(folder, files) if isinstance(thing, Item)]
    first = ["domain-block", "block", "mute", "filter", "list", "follow", "follower", "hashtag", "profile"]
    assert order == [*first, "post", "pin", "like", "bookmark", "media"]


def test_likes_and_bookmarks_are_addresses(folder: Path) -> None:
    found = read(folder, export(create(1), **{"likes.json": collection(["https://new.example/2", "", 5])}))
    like = items(found, Kind.LIKE)
    assert [item.object for item in like] == [{"type": "Like", "object": "https://new.example/2"}]
    assert like[0].raw == b'"https://new.example/2"'
    assert [thing.origin for thing in found if isinstance(thing, Unreadable)] == [
        "likes.json#/orderedItems/1",
        "likes.json#/orderedItems/2",
    ]


def test_tables_beside_the_archive_belong_to_it(folder: Path) -> None:
    (folder / "blocked_accounts.csv").write_text("dave@example.net\n")
    (folder / "notes.csv").write_text("not,ours\n")
    source = MastodonArchive(as_zip(folder / "archive.zip", export(create(1))))
    blocks = items(list(source.read()), Kind.BLOCK)
    assert [(item.origin, item.object["acct"]) for item in blocks] == [("blocked_accounts.csv#L1", "dave@example.net")]
    assert any("blocked_accounts.csv lay beside the archive" in line for line in source.about().notes)


def test_a_table_in_a_folder_is_not_read_twice(folder: Path) -> None:
    place = as_folder(folder / "unpacked", export(create(1), **{"blocks.csv": "dave@example.net\n"}))
    assert len(items(list(MastodonArchive(place).read()), Kind.BLOCK)) == 1


def test_a_member_nobody_knows_is_still_counted(folder: Path) -> None:
    found = read(folder, export(create(1), **{"README.txt": "hello", "media_attachments/files/1/x": b"?"}))
    assert [item.object["member"] for item in items(found, Kind.OTHER)] == ["README.txt"]
    assert [item.object["member"] for item in items(found, Kind.MEDIA)] == ["media_attachments/files/1/x"]


# --- media ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "member"),
    [
        (PICTURE, PICTURE),
        (f"/{PICTURE}", PICTURE),
        (f"/indiewebsocial/{PICTURE}", PICTURE),
        (f"https://files.old.example/bucket/{PICTURE}?v=1", PICTURE),
        ({"href": f"/{PICTURE}"}, PICTURE),
        ([{"href": f"/{PICTURE}"}, {"href": "other"}], PICTURE),
        (f"../{PICTURE}", PICTURE),
        (f"x/../../../{PICTURE}", PICTURE),
        (f"/{PICTURE}", f"opt/mastodon/public/system/{PICTURE}"),
        ("/media_attachments/files/1/a%20b%C3%A9.jpg", "media_attachments/files/1/a bé.jpg"),
        ("/media_attachments/files/1/a%2520b.jpg", "media_attachments/files/1/a%20b.jpg"),
        ("/media_attachments/files/9/other/a1b2.jpg", None),
        ("https://evil.example/a1b2.jpg", None),
        ("../../etc/passwd", None),
    ],
)
def test_the_four_path_shapes_and_more(folder: Path, address: Any, member: str | None) -> None:
    stored = member or PICTURE
    post = only(folder, create(1, attachment=[{"type": "Document", "url": address}]), **{stored: b"jpeg"})
    assert post.media[0].member == member


def test_two_files_that_fit_equally_well_are_not_guessed_between(folder: Path) -> None:
    files = {"a/original/x.jpg": b"1", "b/original/x.jpg": b"2"}
    assert only(folder, create(1, attachment=[{"url": "/c/original/x.jpg"}]), **files).media[0].member is None
    assert only(folder, create(1, attachment=[{"url": "/b/original/x.jpg"}]), **files).media[0].member


def test_what_is_said_of_a_medium_is_kept(folder: Path) -> None:
    part = {"type": "Document", "mediaType": "image/jpeg", "url": PICTURE, "name": "A loaf", "focalPoint": [0.5, -0.5]}
    medium = only(folder, create(1, attachment=part), **{PICTURE: b"jpeg"}).media[0]
    assert (medium.pointer, medium.type, medium.name, medium.alt) == ("/attachment", "image/jpeg", "a1b2.jpg", "A loaf")
    assert medium.focus == (0.5, -0.5)


@pytest.mark.parametrize("focus", [None, [], [1, 2, 3], ["a", "b"], [True, False], [5, 5], {"x": 1}])
def test_a_focus_that_is_none(folder: Path, focus: Any) -> None:
    part = {"type": "Document", "url": PICTURE, "focalPoint": focus}
    assert only(folder, create(1, attachment=[part])).media[0].focus is None


def test_a_link_preview_is_not_a_medium(folder: Path) -> None:
    parts = [{"type": "Link", "href": "https://new.example/"}, {"type": "Document"}, "junk", None, {"type": "Note"}]
    post = only(folder, create(1, attachment=parts))
    assert [(medium.pointer, medium.member) for medium in post.media] == [("/attachment/1", None)]
    assert "no address" in post.notes[0]


def test_a_lost_and_an_empty_file(folder: Path) -> None:
    lost, empty = "media_attachments/files/1/lost.jpg", "media_attachments/files/1/empty.jpg"
    post = only(folder, create(1, attachment=[{"url": lost}, {"url": empty}]), **{empty: b""})
    assert [medium.member for medium in post.media] == [None, empty]
    assert ["empty.jpg is empty" in note for note in post.notes] == [True]
    assert "1 file is empty" in notes(folder, export(create(1, attachment=[{"url": empty}]), **{empty: b""}))


def test_files_know_how_often_they_are_used(folder: Path) -> None:
    shown = create(
        1, attachment=[{"url": PICTURE, "icon": {"type": "Image", "url": "/media_attachments/files/1/t.png"}}]
    )
    files = {PICTURE: b"12345", "media_attachments/files/1/t.png": b"1", "unused.gif": b"", "avatar.png": b"12"}
    found = items(read(folder, export(shown, shown, **files)), Kind.MEDIA)
    assert {item.object["member"]: (item.object["usedBy"], item.object["size"]) for item in found} == {
        PICTURE: (2, 5),
        "media_attachments/files/1/t.png": (2, 1),
        "unused.gif": (0, 0),
        "avatar.png": (1, 2),
    }
    assert all(item.media[0].member == item.object["member"] for item in found)


def test_the_avatar_belongs_to_the_profile(folder: Path) -> None:
    profile = items(read(folder, export(create(1), **{"avatar.png": b"png"})), Kind.PROFILE)[0]
    assert [(medium.pointer, medium.member) for medium in profile.media] == [("/icon", "avatar.png")]
    assert (profile.visibility, profile.id, profile.origin) == (Visibility.PUBLIC, ALICE, "actor.json#")


def test_many_files_with_one_name_cost_no_more(folder: Path) -> None:
    files = {f"media_attachments/files/{at}/original.jpg": b"" for at in range(2000)}
    posts = [create(at, attachment=[{"url": f"/media_attachments/files/{at}/original.jpg"}]) for at in range(2000)]
    found = items(read(folder, export(*posts, **files)), Kind.POST)
    assert all(post.media[0].member == f"media_attachments/files/{at}/original.jpg" for at, post in enumerate(found))


# --- the whole -----------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_outbox(folder: Path) -> None:
    def peak(posts: int) -> int:
        path = folder / f"{posts}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("actor.json", json.dumps(ACTOR))
            archive.writestr("outbox.json", json.dumps(collection([create(at) for at in range(posts)])))
        tracemalloc.start()
        count = sum(1 for _ in MastodonArchive(path).read())
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == posts + 1
        return top

    assert peak(8000) - peak(1000) < 1_000_000


def test_a_real_export_counts_as_an_independent_script_counts_it() -> None:
    path = FIXTURES / "mastodon" / "mastodon-export.zip"
    if not path.exists():
        pytest.skip(f"no fixtures of others at {FIXTURES}; set SAFECONDUCT_FIXTURES")
    with zipfile.ZipFile(path) as archive:
        outbox = json.loads(archive.read("outbox.json"))["orderedItems"]
        likes = json.loads(archive.read("likes.json"))["orderedItems"]
        bookmarks = json.loads(archive.read("bookmarks.json"))["orderedItems"]
        files = [name for name in archive.namelist() if not name.endswith(".json")]
    expected = Counter({"post": len(outbox), "like": len(likes), "bookmark": len(bookmarks)})
    expected += Counter({"media": len(files), "profile": 1})
    source = MastodonArchive(path)
    found = list(source.read())
    assert Counter(thing.kind.value for thing in found if isinstance(thing, Item)) == expected
    assert len(found) == sum(expected.values())
    assert [item.object["id"] for item in items(found, Kind.POST)] == [activity["object"]["id"] for activity in outbox]
    assert all(medium.member for thing in found if isinstance(thing, Item) for medium in thing.media)
    assert Total("outbox.json", 19, 18) in source.about().totals
