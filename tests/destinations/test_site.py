"""The site: everything on it was public, can only be read, and can be taken back without a trace."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from safeconduct.contracts import Terms
from safeconduct.destinations import _site_search as search
from safeconduct.destinations import _site_text as text
from safeconduct.destinations.site import Site
from safeconduct.errors import ArchiveError, DeliveryError
from safeconduct.model import (
    Action,
    Choices,
    Decision,
    Fate,
    Filter,
    Item,
    Kind,
    Left,
    Medium,
    Reason,
    Receipt,
    Reply,
    Shaped,
    Visibility,
)

ALICE = "https://old.example/users/alice"
ACCEPT = Decision(Action.ACCEPT)
WHY = (Reason("rule", "phrase", "It talks about spiders."),)
DAY = datetime(2019, 3, 3, 14, 5, tzinfo=UTC)
QUIET = Terms(actor=ALICE, acct="alice@old.example", title="Alice moves")
LINKED = Terms(Choices(linked=True, boosts="link"), actor=ALICE, acct="alice@old.example")


class Shelf:
    """A source of nothing but media."""

    name = "shelf"

    def __init__(self, **files: bytes) -> None:
        self.files = files

    def open(self, member: str) -> BinaryIO:
        if member not in self.files:
            raise ArchiveError("missing", member, f"{member} is not in the archive")
        return io.BytesIO(self.files[member])


def post(number: int, content: str = "<p>Good morning</p>", kind: Kind = Kind.POST, **more: Any) -> Item:
    thing = {"id": f"{ALICE}/statuses/{number}", "type": "Note", "content": content, **more.pop("thing", {})}
    standing = {"visibility": Visibility.PUBLIC, "published": DAY, "actor": ALICE, "id": thing["id"]}
    return Item(number, kind, f"outbox.json#/{number}", b"{}", thing, thing, **{**standing, **more})


def profile(**thing: Any) -> Item:
    thing = {"id": ALICE, "type": "Person", "name": "Alice", "summary": "<p>Hello</p>", **thing}
    return Item(0, Kind.PROFILE, "actor.json", b"{}", thing, thing, id=ALICE, visibility=Visibility.PUBLIC)


def shape(item: Item, decision: Decision = ACCEPT, terms: Terms = QUIET) -> Shaped | Left:
    site = Site("/nowhere/at/all", terms)
    return site.shape(item, decision, site.probe())


def shaped(item: Item, decision: Decision = ACCEPT, terms: Terms = QUIET) -> Shaped:
    made = shape(item, decision, terms)
    assert isinstance(made, Shaped), made
    return made


def left(item: Item, decision: Decision = ACCEPT, terms: Terms = QUIET) -> Left:
    made = shape(item, decision, terms)
    assert isinstance(made, Left), made
    return made


def built(folder: Path, *items: Item | Shaped, terms: Terms = QUIET, shelf: Shelf | None = None) -> list[Receipt]:
    site = Site(str(folder), terms)
    receipts: dict[str, Receipt] = {}
    try:
        for item in items:
            one = item if isinstance(item, Shaped) else shaped(item, terms=terms)
            receipts[one.id] = site.deliver(one, shelf or Shelf(), receipts.get(one.parent))  # type: ignore[arg-type]
    finally:
        site.finish()
    return list(receipts.values())


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def page(folder: Path, name: str = "2019-03.html") -> str:
    return (folder / name).read_text(encoding="utf-8")


# --- what goes on the site and what does not -------------------------------------------------------------


@given(st.sampled_from(Visibility), st.frozensets(st.sampled_from(Filter)), st.sampled_from([Kind.POST, Kind.POLL]))
@settings(deadline=None, max_examples=60)
def test_only_what_everybody_could_read_is_there(
    visibility: Visibility, filters: frozenset[Filter], kind: Kind
) -> None:
    made = shape(post(1, kind=kind, visibility=visibility), Decision(Action.LIMIT, filters, WHY))
    if visibility < Visibility.UNLISTED or Filter.FOLLOWERS_ONLY in filters:
        assert isinstance(made, Left)
        assert made.code == "audience"
    elif isinstance(made, Shaped):
        assert Visibility.UNLISTED <= made.visibility <= visibility


@pytest.mark.parametrize(
    "kind", [kind for kind in Kind if kind not in (Kind.POST, Kind.POLL, Kind.PROFILE, Kind.BOOST)]
)
def test_what_has_no_place_on_a_website_is_left_with_a_sentence(kind: Kind) -> None:
    gone = left(post(1, kind=kind))
    assert gone.fate is Fate.LEFT_BY_DESTINATION
    assert gone.reason.endswith(".")


def test_the_person_may_leave_boosts_polls_mentions_answers_and_the_profile() -> None:
    wishes = Terms(
        Choices(mentions="leave", replies="leave", polls="leave", boosts="leave", profile=False), actor=ALICE
    )
    mention = {"tag": [{"type": "Mention", "href": "https://b.example/@bob", "name": "@bob"}]}
    leaving = [
        post(1, thing=mention),
        post(2, reply=Reply("https://b.example/1", mine=False)),
        post(3, kind=Kind.POLL),
        post(4, kind=Kind.BOOST),
        profile(),
    ]
    for item in leaving:
        assert left(item, terms=wishes).fate is Fate.LEFT_BY_PERSON
    assert isinstance(shape(post(1, thing=mention)), Shaped)


def test_filters_are_carried_out_and_said() -> None:
    content = '<p>See <a href="https://x.example/p">this</a> and https://y.example/q, <a class="mention" href="https://b.example/@bob">@bob</a></p>'
    item = post(1, content, media=(Medium("/attachment/0", "a.png"),))
    filters = frozenset(
        {Filter.NO_LINKS, Filter.NO_MENTIONS, Filter.NO_MEDIA, Filter.CONTENT_WARNING, Filter.SENSITIVE}
    )
    made = shaped(item, Decision(Action.LIMIT, filters, WHY))
    assert "example" not in made.body["html"]
    assert "someone" in made.body["html"]
    assert made.media == ()
    assert (made.body["warning"], made.body["sensitive"]) == ("It talks about spiders.", True)
    assert len(made.limited) == 4
    assert shaped(item).limited == ()


def test_a_post_of_which_nothing_would_be_left_is_left() -> None:
    item = post(1, "", media=(Medium("/attachment/0", "a.png"),))
    assert left(item, Decision(Action.LIMIT, frozenset({Filter.NO_MEDIA}), WHY)).code == "nothing-left"


def test_without_linking_the_old_addresses_are_nowhere(tmp_path: Path) -> None:
    own = f"{ALICE}/statuses/7"
    content = (
        f'<p><a href="{own}">{own}</a> {own} <a href="https://old.example/@alice/7">before</a> '
        '<a href="https://old.example/tags/tea" class="mention hashtag">#<span>tea</span></a></p>'
    )
    tag = {"tag": [{"type": "Hashtag", "href": "https://old.example/tags/tea", "name": "#tea"}]}
    items = (profile(url="https://old.example/@alice"), post(1, content, thing=tag))
    built(tmp_path / "quiet", *items)
    for name in files(tmp_path / "quiet"):
        data = (tmp_path / "quiet" / name).read_bytes()
        assert b"old.example" not in data, name
    built(tmp_path / "linked", *items, terms=LINKED)
    assert f'href="{ALICE}/statuses/1"' in page(tmp_path / "linked")


def test_addresses_of_posts_cannot_be_told_from_their_names(tmp_path: Path) -> None:
    names = [built(tmp_path / str(number), post(1))[0].new_id for number in range(2)]
    assert names[0] != names[1], "the name depends on a secret of the site"


# --- what a page looks like --------------------------------------------------------------------------------


def test_a_page_says_whose_claim_the_date_is_and_marks_the_copy(tmp_path: Path) -> None:
    built(
        tmp_path / "s", profile(), post(1, thing={"contentMap": {"de": "<p>Good morning</p>"}}), post(2, published=None)
    )
    made = page(tmp_path / "s")
    assert 'says <time datetime="2019-03-03T14:05:00+00:00">3 March 2019, 14:05 UTC</time>' in made
    assert "author’s copy" in made
    assert 'lang="de"' in made
    assert "says no date" in page(tmp_path / "s", "undated.html")
    assert '<meta name="robots" content="noindex' in made
    assert page(tmp_path / "s", "robots.txt") == "User-agent: *\nDisallow: /\n"


def test_warnings_close_the_post_and_sensitive_closes_the_pictures(tmp_path: Path) -> None:
    shelf = Shelf(**{"a.png": png()})
    media = (Medium("/attachment/0", "a.png", alt="A <red> field"),)
    built(
        tmp_path / "s",
        post(1, media=media, thing={"sensitive": True}),
        post(2, thing={"summary": "spiders"}),
        shelf=shelf,
    )
    made = page(tmp_path / "s")
    assert '<details class="closed"><summary>1 file marked as sensitive</summary>' in made
    assert re.search(r'<details class="warning"><summary>.*spiders</bdi></summary>', made)
    assert 'alt="A &lt;red&gt; field"' in made
    assert "<details open" not in made


def test_threads_are_linked_both_ways_across_months(tmp_path: Path) -> None:
    later = post(2, reply=Reply(f"{ALICE}/statuses/1", mine=True), published=DAY.replace(month=4))
    first, second = built(tmp_path / "s", post(1), later)
    assert f'goes on in <a href="2019-04.html#p{second.new_id}">' in page(tmp_path / "s")
    assert f'goes on from <a href="2019-03.html#p{first.new_id}">' in page(tmp_path / "s", "2019-04.html")
    assert second.url == f"2019-04.html#p{second.new_id}"


def test_a_poll_is_a_list_with_counts(tmp_path: Path) -> None:
    options = [{"name": "tea <b>", "replies": {"totalItems": 2}}, {"name": "coffee", "replies": {"totalItems": 1}}]
    poll = post(1, kind=Kind.POLL, thing={"type": "Question", "oneOf": options, "votersCount": 3})
    assert "nobody can vote" in " ".join(shaped(poll).adapted)
    built(tmp_path / "s", poll)
    assert "<bdi>tea &lt;b&gt;</bdi>" in page(tmp_path / "s")
    assert "with 3 voters" in page(tmp_path / "s")
    assert "2 votes" in page(tmp_path / "s")


def test_a_boost_is_a_link_and_copies_nothing(tmp_path: Path) -> None:
    boost = post(1, "", kind=Kind.BOOST, thing={"type": "Announce", "object": "https://b.example/@bob/1"})
    built(tmp_path / "s", boost, terms=LINKED)
    assert 'Shared <a href="https://b.example/@bob/1"' in page(tmp_path / "s")
    assert "a post at <bdi>b.example</bdi>" in page(tmp_path / "s")


def test_many_posts_of_a_month_become_parts_whose_addresses_hold(tmp_path: Path) -> None:
    receipts = built(tmp_path / "s", *(post(number) for number in range(401)))
    assert {"2019-03.html", "2019-03-2.html", "2019-03-3.html"} <= files(tmp_path / "s")
    for receipt in receipts:
        name, _, anchor = receipt.url.partition("#")
        assert f'id="{anchor}"' in page(tmp_path / "s", name)
    assert "March 2019, part 3" in page(tmp_path / "s", "2019-03-3.html")


class Outward(HTMLParser):
    """What a page would load, and whatever could run."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.runs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.runs += [name for name in found if name.startswith("on") or name == "style"]
        self.runs += [tag] if tag in {"iframe", "object", "embed", "base", "svg", "style", "template", "math"} else []
        self.loads += [
            found[name] for name in ("src", "srcset", "poster", "data", "action", "background") if name in found
        ]
        self.loads += [found.get("href", "")] if tag in ("link", "image", "use") else []
        if tag == "a" and ":" in found.get("href", ""):
            assert re.match(r"https?://", found["href"]), found["href"]
            assert found["rel"] == text.REL


def test_pages_load_nothing_from_elsewhere_and_only_search_has_a_script(tmp_path: Path) -> None:
    built(tmp_path / "s", profile(), *(post(number, hostile()) for number in range(3)), terms=LINKED)
    for name in files(tmp_path / "s"):
        if name.endswith(".html"):
            reader = Outward()
            reader.feed(page(tmp_path / "s", name))
            assert reader.runs == []
            assert all(re.fullmatch(r"(site\.css|search\.js|media/[0-9a-f]{32}\.\w+)", one) for one in reader.loads)
            assert ("<script" in page(tmp_path / "s", name)) == (name == "search.html")
            policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page(tmp_path / "s", name))
            assert policy is not None
            assert policy[1].startswith("default-src 'none'")
            assert "unsafe" not in policy[1]


def hostile() -> str:
    return (
        "<p onclick=x>hi<script>alert(1)</script><img src=x onerror=alert(1)><svg onload=alert(1)></svg>"
        "<a href='javascript:alert(1)'>a</a><a href='data:text/html,x'>b</a><a href='//evil.example'>c</a>"
        "<a href='https://ok.example/\"onmouseover=alert(1)'>d</a><iframe src='https://evil.example'></iframe>"
        "<style>body{background:url(https://evil.example)}</style><p style='background:url(https://evil.example)'>"
        "<math><mtext></mtext><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>"
    )


PARTS = (
    (
        "< > \" ' & x \x00 a~href= https://x.example javascript: <p> </p> <a~ </a> <svg <!-- --> onerror= <style> "
        "</style> <math> <template> &lt; &#60; <li>"
    )
    .replace("~", "\t")
    .split(" ")
)


@given(st.text(max_size=60) | st.lists(st.sampled_from([*PARTS, " "]), max_size=25).map("".join))
@settings(deadline=None, max_examples=100)
def test_whatever_html_comes_only_text_and_web_links_remain(source: str) -> None:
    for rules in (text.Rules(), text.Rules(no_links=True, no_mentions=True), text.Rules(own=(ALICE,))):
        clean = text.inert(text.reduced(source, rules))
        reader = Outward()
        reader.feed(clean)
        assert reader.runs == []
        assert reader.loads == []
        assert set(re.findall(r"<(\w+)", clean)) <= text.TAGS | {"span", "bdi"}
        assert text.inert(clean) == clean, "the last gate changes nothing that came through the first"
        assert not (rules.no_links and "<a" in clean)


def test_deep_nesting_neither_stalls_nor_crashes() -> None:
    assert "deep" in text.reduced("<blockquote>" * 50_000 + "deep", text.Rules())


@pytest.mark.parametrize(
    ("source", "host"),
    [
        ('<a href="https://evil.example/x">bank.example</a>', True),
        ('<a href="https://evil.example/x">https://evil.example/x</a>', False),
        ('<a href="https://evil.example/x"><span class="invisible">https://</span>evil.example/x</a>', False),
        ('<a href="https://evil.example/">evil.example.bank.example</a>', True),
        ('<a href="https://user@evil.example/">bank</a>', True),
    ],
)
def test_a_link_shows_where_it_leads_unless_it_says_so_itself(source: str, host: bool) -> None:
    assert ("(<bdi>evil.example</bdi>)" in text.reduced(source, text.Rules())) == host


# --- media -------------------------------------------------------------------------------------------------


def png(**more: Any) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(data, "PNG", **more)
    return data.getvalue()


def jpeg_with_a_place() -> bytes:
    data, exif = io.BytesIO(), Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    Image.new("RGB", (8, 6), "red").save(data, "JPEG", exif=exif)
    return data.getvalue()


def test_pictures_lose_what_is_not_the_picture(tmp_path: Path) -> None:
    before = jpeg_with_a_place()
    assert b"SecretCamera" in before
    built(
        tmp_path / "s", post(1, media=(Medium("", "Mallory's <b>.jpg"),)), shelf=Shelf(**{"Mallory's <b>.jpg": before})
    )
    (media,) = (tmp_path / "s" / "media").iterdir()
    assert re.fullmatch(r"[0-9a-f]{32}\.jpg", media.name)
    assert b"SecretCamera" not in media.read_bytes()
    assert b"GPS" not in media.read_bytes()
    assert 'width="8" height="6"' in page(tmp_path / "s")


def test_what_a_browser_might_run_lies_in_a_zip(tmp_path: Path) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    page_of_mallory = b"<!doctype html><script>alert(1)</script>"
    shelf = Shelf(**{"a.png": svg, "b.jpg": page_of_mallory})
    built(
        tmp_path / "s",
        post(1, media=(Medium("", "a.png", "image/png"), Medium("", "b.jpg", "image/jpeg"))),
        shelf=shelf,
    )
    endings = {path.suffix for path in (tmp_path / "s" / "media").iterdir()}
    assert endings == {".zip"}
    assert "<img" not in page(tmp_path / "s")
    inside = {zipfile.ZipFile(path).namelist()[0][-4:] for path in (tmp_path / "s" / "media").iterdir()}
    assert "html" in inside
    assert inside <= {".svg", "html"}


def test_a_picture_that_cannot_be_cleaned_is_left_out_and_said(tmp_path: Path) -> None:
    broken = Medium("", "a.png", alt="A field")
    missing = Medium("", None, alt="A lake")
    built(tmp_path / "s", post(1, media=(broken, missing)), shelf=Shelf(**{"a.png": png()[:40]}))
    made = page(tmp_path / "s")
    assert "This picture is left out" in made
    assert "The archive does not have this file." in made
    assert "A lake" in made
    assert "<img" not in made


def test_a_source_that_breaks_is_a_delivery_error(tmp_path: Path) -> None:
    class Fading(Shelf):
        opened = 0

        def open(self, member: str) -> BinaryIO:
            self.opened += 1
            if self.opened > 1:
                raise ArchiveError("broken", member, f"{member} is broken")
            return super().open(member)

    with pytest.raises(DeliveryError, match=r"a\.png"):
        built(tmp_path / "s", post(1, media=(Medium("", "a.png"),)), shelf=Fading(**{"a.png": png()}))


# --- search --------------------------------------------------------------------------------------------------


def data_of(path: Path) -> tuple[str, int, Any]:
    kind, number, data = re.fullmatch(r'safeconduct\("(\w)",(\d+),(.*)\);\n', path.read_text("ascii")).groups()  # type: ignore[union-attr]
    return kind, int(number), json.loads(data)


def found(folder: Path, word: str, buckets: int) -> list[int]:
    for known, distances in data_of(folder / "search" / f"w{search.bucket(word, buckets)}.js")[2]:
        if known == word:
            return [sum(distances[: at + 1]) for at in range(len(distances))]
    return []


def test_every_public_post_is_found_by_its_words_newest_first(tmp_path: Path) -> None:
    items = [
        post(n, f"<p>word{n} everywhere</p>", published=DAY.replace(minute=n % 60, hour=n // 60)) for n in range(700)
    ]
    built(tmp_path / "s", *items)
    buckets = search.buckets_for(700)
    assert buckets > 1
    assert found(tmp_path / "s", "everywhere", buckets) == list(range(700))
    assert found(tmp_path / "s", "word699", buckets) == [0]
    _, _, first = data_of(tmp_path / "s" / "search" / "p0.js")
    assert first[0][3] == "word699 everywhere"
    assert len(first) == search.POSTS_A_SHARD


def test_unlisted_posts_are_on_their_month_only(tmp_path: Path) -> None:
    built(tmp_path / "s", post(1), post(2, "<p>hushed</p>", visibility=Visibility.UNLISTED))
    assert "hushed" in page(tmp_path / "s")
    assert "hushed" not in page(tmp_path / "s", "index.html")
    assert not any("hushed" in path.read_text("ascii") for path in (tmp_path / "s" / "search").iterdir())


def test_what_a_warning_covers_is_found_but_not_shown(tmp_path: Path) -> None:
    built(tmp_path / "s", post(1, "<p>the villain wins</p>", thing={"summary": "ending"}))
    assert found(tmp_path / "s", "villain", 1) == [0]
    assert "villain" not in (tmp_path / "s" / "search" / "p0.js").read_text("ascii")


@given(st.recursive(st.text() | st.integers(0, 9), lambda inner: st.lists(inner, max_size=3), max_leaves=4))
@settings(deadline=None, max_examples=60)
def test_data_scripts_are_ascii_and_cannot_end_a_script(data: Any) -> None:
    made = search.script("p", 1, data)
    assert made.isascii()
    assert b"<" not in made
    assert made.count(b"\n") == 1
    assert json.loads(made.decode()[len('safeconduct("p",1,') : -3]) == data


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("Grüße, Straße!", {"gruße", "straße"}),
        ("東京 tower", {"東", "京", "東京", "tower"}),
        ("__proto__ constructor", {"__proto__", "constructor"}),
        ("ﬁne Ⅳ", {"fine", "iv"}),
        ("", set()),
    ],
)
def test_words_are_cut_for_every_script(source: str, wanted: set[str]) -> None:
    assert search.words(source) == wanted


# --- once, again, and back -------------------------------------------------------------------------------------


def test_undo_hides_at_once_and_finish_writes_the_rest_anew(tmp_path: Path) -> None:
    media = (Medium("", "a.png"),)
    receipts = built(tmp_path / "s", post(1, "<p>regret</p>", media=media), post(2), shelf=Shelf(**{"a.png": png()}))
    site = Site(str(tmp_path / "s"), QUIET)
    site.undo(receipts[0])
    public = [name for name in files(tmp_path / "s") if not name.startswith(".safeconduct")]
    assert not any("regret" in (tmp_path / "s" / name).read_text("utf-8", "replace") for name in public)
    assert not any(name.startswith("media/") for name in public)
    site.finish()
    assert "regret" not in page(tmp_path / "s")
    assert "Good morning" in page(tmp_path / "s")
    assert found(tmp_path / "s", "regret", 1) == []


def test_a_picture_that_another_post_shows_stays(tmp_path: Path) -> None:
    media = (Medium("", "a.png"),)
    shelf = Shelf(**{"a.png": png()})
    receipts = built(tmp_path / "s", post(1, media=media), post(2, media=media), shelf=shelf)
    site = Site(str(tmp_path / "s"), QUIET)
    site.undo(receipts[0])
    site.finish()
    (kept,) = (tmp_path / "s" / "media").iterdir()
    assert f'src="media/{kept.name}"' in page(tmp_path / "s")


def test_undoing_all_removes_everything_written_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    receipts = built(folder, profile(), post(1, media=(Medium("", "a.png"),)), shelf=Shelf(**{"a.png": png()}))
    (folder / "CNAME").write_text("alice.example")
    site = Site(str(folder), QUIET)
    for receipt in reversed(receipts):
        site.undo(receipt)
    site.finish()
    assert files(folder) == {"CNAME"}
    assert {path.name for path in folder.iterdir()} == {"CNAME"}


@pytest.mark.parametrize("module", ["_site_pages", "_site_search"])
def test_a_run_that_dies_while_writing_pages_is_finished_or_undone_completely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    folder, shelf = tmp_path / "s", Shelf(**{"a.png": png()})
    items = (post(1, media=(Medium("", "a.png"),)), post(2, published=None))

    def dies(path: Path, data: bytes, mode: int = 0o644) -> None:
        path.with_name(f".{path.name}.part").write_bytes(data[:10])
        raise KeyboardInterrupt

    monkeypatch.setattr(f"safeconduct.destinations.{module}.place", dies)
    with pytest.raises(KeyboardInterrupt):
        built(folder, *items, shelf=shelf)
    monkeypatch.undo()
    receipts = built(folder, *items, shelf=shelf)
    assert [name for name in files(folder) if name.endswith(".part")] == []
    assert {"index.html", "2019-03.html", "undated.html"} <= files(folder)
    monkeypatch.setattr(f"safeconduct.destinations.{module}.place", dies)
    with pytest.raises(KeyboardInterrupt):
        built(folder, post(3), shelf=shelf)
    monkeypatch.undo()
    (third,) = filter(None, [Site(str(folder), QUIET).find(shaped(post(3)))])
    site = Site(str(folder), QUIET)
    for receipt in (*receipts, third):
        site.undo(receipt)
    site.finish()
    assert not folder.exists()


def test_files_that_somebody_else_put_beside_ours_stay(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    (receipt,) = built(folder, post(1, media=(Medium("", "a.png"),)), shelf=Shelf(**{"a.png": png()}))
    for name in ("media/mine.png", "search/notes.txt"):
        (folder / name).write_text("mine")
    built(folder, post(2))
    for one in (receipt, *built(folder, post(2))):
        Site(str(folder), QUIET).undo(one)
    assert files(folder) == {"media/mine.png", "search/notes.txt"}


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("precious")
    for step in (Site(str(tmp_path), QUIET).probe, lambda: built(tmp_path, post(1))):
        with pytest.raises(DeliveryError, match="Choose an empty one"):
            step()
    with pytest.raises(DeliveryError, match="is a file"):
        Site(str(tmp_path / "index.html"), QUIET).probe()
    assert files(tmp_path) == {"index.html"}


def test_a_second_run_adds_to_the_first_and_drops_stale_pages(tmp_path: Path) -> None:
    (only,) = built(tmp_path / "s", post(1, published=None))
    built(tmp_path / "s", post(2))
    site = Site(str(tmp_path / "s"), QUIET)
    site.undo(only)
    site.finish()
    assert "undated.html" not in files(tmp_path / "s")
    assert "2019-03.html" in files(tmp_path / "s")


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """``kill -9`` while delivering: nothing that got a receipt is lost, nothing is doubled."""
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.destinations.test_site import *\n"
        f"site = Site({str(tmp_path / 's')!r}, QUIET)\n"
        "for n in range(100000):\n"
        "    site.deliver(shaped(post(n)), Shelf(), None); print(n, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert child.stdout is not None
    for _ in range(40):
        done = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    site = Site(str(tmp_path / "s"), QUIET)
    assert all(site.find(shaped(post(number))) for number in range(done + 1))
    built(tmp_path / "s", *(post(number) for number in range(done + 5)))
    whole = "".join(page(tmp_path / "s", name) for name in files(tmp_path / "s") if name.startswith("2019"))
    assert done + 5 <= whole.count("<article") <= done + 300
    assert len(set(re.findall(r'<article id="(\w+)"', whole))) == whole.count("<article")


def test_working_files_are_private(tmp_path: Path) -> None:
    built(tmp_path / "s", post(1))
    assert os.stat(tmp_path / "s" / ".safeconduct").st_mode & 0o777 == 0o700
    assert os.stat(tmp_path / "s" / ".safeconduct" / "ledger.sqlite").st_mode & 0o777 == 0o600


def test_what_could_not_be_shown_is_said_in_the_receipt(tmp_path: Path) -> None:
    """A picture that cannot be cleaned is not quietly left out: the copy's result knows it too (law 4)."""
    data = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(data, "PNG")
    shelf = Shelf(**{"a.png": data.getvalue()[:50]})
    medium = Medium("/attachment/0", "a.png", "image/png")
    (receipt,) = built(tmp_path / "s", post(1, media=(medium,)), shelf=shelf)
    assert len(receipt.notes) == 1
    assert "left out" in receipt.notes[0]
