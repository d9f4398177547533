"""Links, hosts and lists of hosts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.model import Item, Kind, Link, Medium
from safeconduct.screening import links as walk
from safeconduct.screening.domains import DomainSet, ascii_host
from safeconduct.screening.fields import fields
from safeconduct.screening.links import bare_links, host_of, links_of
from safeconduct.screening.texts import Text

from .made import item, note
from .test_fields import OBJECTS


def links(one: Item) -> list[Link]:
    return links_of(one, map(Text, fields(one)))


@pytest.mark.parametrize(
    ("href", "host"),
    [
        ("https://Site.Example/x", "site.example"),
        ("https://good.example@bad.example/", "bad.example"),
        ("https://good.example:pass@bad.example:8443/x", "bad.example"),
        (r"https:\\bad.example\good.example", "bad.example"),
        (r"https://bad.example\@good.example", "bad.example"),
        ("https:/bad.example/x", "bad.example"),
        ("https:///bad.example/x", "bad.example"),
        ("//bad.example/x", "bad.example"),
        ("https://bad.example./x", "bad.example"),
        ("ht\ntps://bad.exa\tmple/x", "bad.example"),
        ("https://b%61d.example/x", "bad.example"),
        ("https://ｂａｄ.example/", "bad.example"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://XN--bcher-kva.example/", "xn--bcher-kva.example"),
        ("http://[2001:DB8::1]:80/x", "[2001:db8::1]"),
        ("http://192.0.2.7:80?x", "192.0.2.7"),
        ("https://bad.example?x=//good.example", "bad.example"),
        ("https://bad.example#@good.example", "bad.example"),
        ("mailto:bob@new.example", ""),
        ("javascript:alert(1)", ""),
        ("/media/1.jpg", ""),
        ("", ""),
    ],
)
def test_hosts(href: str, host: str) -> None:
    assert host_of(href) == host


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40) | st.text(st.sampled_from("ht:/\\@.%[]5é\ud800x?#"), max_size=40))
def test_hosts_never_raise(href: str) -> None:
    host_of(href)
    host_of("https://" + href)
    list(bare_links("see https://" + href))
    DomainSet([href]).find(href)


HREFS = st.text(st.sampled_from("h:/\\@.%[]5éA \t\n\ud800x?#"), max_size=12)
STARTS = st.sampled_from(
    ["", "/", "https://", "https:/", "http://", "HTTPS://", "https://a.example", "https://A.example/"]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(STARTS, HREFS).map("".join), max_size=4))
def test_usual_addresses_are_read_as_any_other(hrefs: list[str]) -> None:
    for href in hrefs * 2:
        assert host_of(href) == walk._host.__wrapped__(href)


def test_hosts_are_not_remembered_without_end() -> None:
    for number in range(2 * walk._REMEMBERED):
        assert host_of(f"https://site{number}.example/x") == f"site{number}.example"
        assert len(walk._names) <= walk._REMEMBERED


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from("ht:/\\ .,)<>“»'\"é=?;\x00\u00a0\nz"), max_size=40))
def test_addresses_end_where_a_reader_sees_them_end(text: str) -> None:
    rest = re.compile(r":[/\\]{2}[^\s<>\"“”«»]+")
    for place in range(len(text)):
        quick, slow = walk._REST.match(text, place), rest.match(text, place)
        assert (quick and quick[0]) == (slow and slow[0])


def test_addresses_in_plain_text() -> None:
    text = "see https://a.example/x_(y), (www.b.example/z). Or gemini://c.example… README.md no"
    assert list(bare_links(text)) == ["https://a.example/x_(y", "gemini://c.example", "https://www.b.example/z"]


def test_every_role() -> None:
    body = (
        '<p><a href="https://new.example/@bob">@bob</a> <a href="https://old.example/tags/moon">#moon</a> '
        '<a href="https://site.example/1">s</a> https://bare.example/2</p>'
    )
    thing = note(
        body,
        tag=[
            {"type": "Mention", "href": "https://new.example/@bob", "name": "@bob@new.example"},
            {"type": "Mention", "name": "@carol@carol.example"},
            {"type": "Hashtag", "href": "https://old.example/tags/moon", "name": "#moon"},
        ],
        attachment=[
            {"type": "Document", "url": "https://media.example/1.jpg"}, {"type": "Link", "href": "https://card.example"}
        ],
        inReplyTo="https://reply.example/9", quoteUrl="https://quote.example/8",
    )  # fmt: skip
    found = {(link.host, link.role) for link in links(item(thing, media=[Medium("/attachment/0", None)]))}
    assert found == {
        ("new.example", "mention"), ("carol.example", "mention"), ("old.example", "hashtag"),
        ("site.example", "link"), ("bare.example", "link"), ("media.example", "media"), ("card.example", "link"),
        ("reply.example", "reply"), ("quote.example", "quote"),
    }  # fmt: skip


def test_boosts_and_profiles_and_relations() -> None:
    boost = {"type": "Announce", "object": "https://other.example/notes/1"}
    assert [(link.host, link.role) for link in links(item(boost, kind=Kind.BOOST))] == [("other.example", "boost")]
    person = {"type": "Person", "url": "https://old.example/@alice", "movedTo": "https://new.example/@alice"}
    roles = [(link.host, link.role) for link in links(item(person, kind=Kind.PROFILE))]
    assert roles == [("old.example", "profile"), ("new.example", "profile")]
    block = {"acct": "mallory@bad.example"}
    assert [(link.host, link.role) for link in links(item(block, kind=Kind.BLOCK))] == [("bad.example", "profile")]
    domain = {"domain": "Bad.Example"}
    assert [link.host for link in links(item(domain, kind=Kind.DOMAIN_BLOCK))] == ["bad.example"]


@settings(deadline=None, max_examples=100)
@given(OBJECTS, st.sampled_from(list(Kind)))
def test_links_never_raise(thing: dict[str, Any], kind: Kind) -> None:
    for link in links(item(thing, kind=kind, media=[Medium("/attachment/0", None), Medium("/tag", "x")])):
        assert link.href


def test_listed_hosts() -> None:
    listed = DomainSet(["bad.example", "*.wild.example", ".dot.example", "Bücher.example", "192.0.2.7", "", " "])
    assert len(listed) == 5
    assert listed.find("bad.example") == "bad.example"
    assert listed.find("www.deep.bad.example") == "bad.example"
    assert listed.find("BAD.example.") == "bad.example"
    assert listed.find("x.wild.example") == "*.wild.example"
    assert listed.find("wild.example") == "*.wild.example"
    assert listed.find("a.dot.example") == ".dot.example"
    assert listed.find("xn--bcher-kva.example") == "Bücher.example"
    assert listed.find("192.0.2.7") == "192.0.2.7"
    for other in ("notbad.example", "example", "bad.example.org", "1.192.0.2.7", "2.7", ""):
        assert listed.find(other) == "", other


LABELS = st.lists(st.sampled_from(["a", "b", "bad", "xn--x"]), min_size=1, max_size=4).map(".".join)


@settings(deadline=None, max_examples=100)
@given(st.lists(LABELS, max_size=5), LABELS)
def test_listed_means_equal_or_below(hosts: list[str], host: str) -> None:
    expected = any(host == one or host.endswith("." + one) for one in hosts)
    assert bool(DomainSet(hosts).find(host)) is expected


def test_an_impossible_host_is_still_compared() -> None:
    assert ascii_host("é" * 80 + ".example") == "é" * 80 + ".example"


def test_the_own_addresses_of_a_poll_are_no_links_in_it() -> None:
    poll = {
        "type": "Question",
        "id": "https://old.example/1",
        "url": "https://old.example/@alice/1",
        "to": ["https://www.w3.org/ns/activitystreams#Public"],
        "content": "<p>Bread?</p>",
        "oneOf": [{"type": "Note", "name": "https://bread.example"}],
    }
    assert [link.host for link in links(item(poll, kind=Kind.POLL))] == ["bread.example"]
