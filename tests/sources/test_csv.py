"""Tables as people and servers really write them."""

from __future__ import annotations

import io
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.model import Item, Kind, Unreadable
from safeconduct.sources._csv import LONGEST
from safeconduct.sources._relations import TABLES, relations

BY_KIND = {table.kind: table for table in TABLES}


def read(kind: Kind, data: str | bytes) -> list[Item | Unreadable]:
    raw = data.encode() if isinstance(data, str) else data
    return list(relations(io.BytesIO(raw), BY_KIND[kind], "table.csv", "old.example", count()))


def objects(kind: Kind, data: str | bytes, *keys: str) -> list[Any]:
    found = read(kind, data)
    assert all(isinstance(row, Item) for row in found), found
    return [tuple(row.object.get(key) for key in keys) for row in found if isinstance(row, Item)]


@pytest.mark.parametrize(
    "table",
    [
        'Account address,Show boosts,Notify on new posts,Languages\nbob@friends.example,true,false,"de, en"\n',
        "Account address, Show boosts, Notify on new posts, Languages\nbob@friends.example, TRUE, False, de, en\n",
        '#Account address,#Show boosts,#Notify on new posts,#Languages\n@bob@friends.example,True,FALSE,"de,en"\n',
        'bob@friends.example,true,false,"de, en"\n',
        "bob@friends.example,true,false,de,en\r\n",
        "\ufeffAccount address,Show boosts,Notify on new posts,Languages\r\nbob@friends.example,1,0,de en\r\n",
        "Languages;Notify on new posts;Show boosts;Account address\nde, en;no;yes;https://friends.example/@bob\n",
        "account_address\tshow_boosts\tnotify_on_new_posts\tlanguages\nBob@Friends.Example\ttrue\tfalse\tde en\n",
        '\n  \nhttps://friends.example/users/bob,true,false,"de, en"\n\n,,,\n',
    ],
)
def test_a_follow_in_many_dialects(table: str) -> None:
    keys = ("acct", "showBoosts", "notify", "languages")
    assert objects(Kind.FOLLOW, table, *keys) == [("bob@friends.example", True, False, ["de", "en"])]


def test_every_cell_is_kept() -> None:
    row = read(Kind.FOLLOW, "Account address,Show boosts,Note\nbob@friends.example,maybe,met at the station\n")[0]
    assert isinstance(row, Item)
    assert row.object == {
        "type": "Follow",
        "acct": "bob@friends.example",
        "columns": {"acct": "bob@friends.example", "showBoosts": "maybe", "Note": "met at the station"},
    }
    assert row.raw == b"bob@friends.example,maybe,met at the station"
    assert row.origin == "table.csv#L2"


def test_blocks_and_mutes_without_header() -> None:
    assert objects(Kind.BLOCK, "dave@example.net\n\nmallory@bad.example", "acct") == [
        ("dave@example.net",),
        ("mallory@bad.example",),
    ]
    assert objects(Kind.MUTE, "dave@example.net,true\neve@example.net,false\n", "acct", "hideNotifications") == [
        ("dave@example.net", True),
        ("eve@example.net", False),
    ]


def test_international_names() -> None:
    assert objects(Kind.BLOCK, "@nare@թութ.հայ\n", "acct") == [("nare@xn--69aa8bzb.xn--y9a3aq",)]
    assert objects(Kind.DOMAIN_BLOCK, "Bücher.example\n", "domain") == [("xn--bcher-kva.example",)]


def test_a_bare_name_means_somebody_at_home() -> None:
    assert objects(Kind.BLOCK, "dave\n", "acct") == [("dave@old.example",)]


def test_lists_with_commas_in_their_title() -> None:
    table = 'Bakers,bob@friends.example\n"Bread, trains and tea",dave@example.net\nBread, trains,dave@example.net\n'
    assert objects(Kind.LIST, table, "title", "acct") == [
        ("Bakers", "bob@friends.example"),
        ("Bread, trains and tea", "dave@example.net"),
        ("Bread, trains", "dave@example.net"),
    ]


def test_domain_blocks_of_a_person_and_of_a_server() -> None:
    assert objects(Kind.DOMAIN_BLOCK, "bad.example\nspam.example\n", "domain") == [("bad.example",), ("spam.example",)]
    header = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate"
    table = f'{header}\nbad.example,suspend,TRUE,false,"spam, scams",false\n'
    keys = ("domain", "severity", "rejectMedia", "rejectReports", "publicComment", "obfuscate")
    assert objects(Kind.DOMAIN_BLOCK, table, *keys) == [("bad.example", "suspend", True, False, "spam, scams", False)]
    assert objects(Kind.DOMAIN_BLOCK, "domain,\nbad.example,\n", "domain") == [("bad.example",)]
    assert objects(Kind.DOMAIN_BLOCK, "https://Bad.Example./about\n", "domain") == [("bad.example",)]


def test_bookmarks_with_commas() -> None:
    address = "https://new.example/a,b,c"
    assert objects(Kind.BOOKMARK, f"{address}\nhttps://new.example/2\n", "object") == [
        (address,),
        ("https://new.example/2",),
    ]


def test_followed_hashtags() -> None:
    assert objects(Kind.HASHTAG, "Hashtag\nbread\n#パン作り\n", "name") == [("#bread",), ("#パン作り",)]
    assert objects(Kind.HASHTAG, "bread\n", "name") == [("#bread",)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("ap.invalid,suspend,FALSE,FALSE,iftas:canary,TRUE", "canary"),
        ("aud.invalid", "canary"),
        ("canary.tier0.example.com,suspend", "canary"),
        ("something.example,suspend,false,false,iftas:canary", "canary"),
        ("*.bad.example", "pattern"),
        ("# people I do not like", "commented out"),
        ("localhost", "no domain"),
        ("dave@example.net", "no domain"),
        ('bad.example,"open', "quotation marks"),
    ],
)
def test_domain_rows_that_are_none(row: str, reason: str) -> None:
    found = read(Kind.DOMAIN_BLOCK, f"good.example\n{row}\nlast.example\n")
    assert [type(thing) for thing in found] == [Item, Unreadable, Item]
    assert isinstance(found[1], Unreadable)
    assert reason in found[1].reason
    assert found[1].origin == "table.csv#L2"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"not an account", "names no account"),
        (b"dave@ap.invalid", "canary"),
        (b"dave@@", "names no account"),
        (b"\xff\xfe@example.net", "not UTF-8"),
        (b"x" * (LONGEST + 10), "longer than"),
        (b"x" * (3 * LONGEST), "longer than"),
    ],
)
def test_account_rows_that_are_none(row: bytes, reason: str) -> None:
    found = read(Kind.BLOCK, b"a@example.net\n" + row + b"\nb@example.net\n")
    assert [type(thing) for thing in found] == [Item, Unreadable, Item]
    assert isinstance(found[1], Unreadable)
    assert reason in found[1].reason
    assert len(found[1].reason) < 200


def test_a_profile_address_that_does_not_tell_the_name() -> None:
    found = objects(Kind.BLOCK, "https://example.net/profile/1234\n", "acct", "href")
    assert found == [("", "https://example.net/profile/1234")]


def test_a_quoted_cell_over_two_lines_is_one_record() -> None:
    found = read(Kind.DOMAIN_BLOCK, 'bad.example,suspend,false,false,"first\nsecond",false\nspam.example\n')
    assert [thing.origin for thing in found] == ["table.csv#L1", "table.csv#L3"]
    assert isinstance(found[0], Item)
    assert found[0].object["publicComment"] == "first\nsecond"


def test_a_stray_quotation_mark_takes_nobody_else_with_it() -> None:
    people = [f"p{at}@example.net" for at in range(60)]
    people[3] = '"p3@example.net'
    found = read(Kind.BLOCK, "\n".join(people))
    assert len(found) == 60
    assert [thing.origin for thing in found if isinstance(thing, Unreadable)] == ["table.csv#L4"]


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(list(BY_KIND)), st.binary(max_size=300))
def test_noise_never_raises_and_numbers_have_no_gaps(kind: Kind, noise: bytes) -> None:
    found = read(kind, noise)
    assert [thing.number for thing in found] == list(range(len(found)))


names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=10)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(names, st.booleans()), min_size=1, max_size=20))
def test_no_row_is_lost_and_none_is_invented(rows: list[tuple[str, bool]]) -> None:
    table = "".join(f"{name}@example.net,{str(flag).lower()}\n" for name, flag in rows)
    assert objects(Kind.MUTE, table, "acct", "hideNotifications") == [
        (f"{name.lower()}@example.net", flag) for name, flag in rows
    ]
