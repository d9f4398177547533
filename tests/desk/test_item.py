"""One item as it was: what was found is marked in the original words, pictures are drawn anew, looks are counted."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from safeconduct.model import Field, Item, Kind
from safeconduct.screening.texts import Text
from safeconduct_desk import groups, looks, originals, wording
from safeconduct_desk.models import Arrival, Held, LegalHold, Look, Member
from tests.desk.conftest import ClientOf


def post(content: str, **more: object) -> Item:
    """A post with these words."""
    thing = {"type": "Note", "content": content, **more}
    return Item(number=7, kind=Kind.POST, origin="outbox.json#/7", raw=b"{}", record=thing, object=thing)


def found(start: int, end: int, view: str = "folded", pointer: str = "/content") -> dict[str, object]:
    """A finding in the original string."""
    return {"criterion": "phrase", "reason": "Said so.", "confidence": 3, "basis": "exact", "value": "",
            "evidence": [[pointer, start, end, view]]}  # fmt: skip


def marked(item: Item, *findings: dict[str, object]) -> list[str]:
    """What is marked in its first passage."""
    return [piece.text for piece in wording.passages(item, findings)[0].pieces if piece.marked]


def test_the_mark_stands_where_it_was_found_in_the_original() -> None:
    html = "<p>Good &amp; cheap <b>moon</b>rocks, now</p>"
    start = html.index("<b>") + 3
    end = html.index("rocks") + 5
    assert marked(post(html), found(start, end)) == ["moonrocks"]
    (first, *_) = wording.passages(post(html), [found(start, end)])
    assert "".join(piece.text for piece in first.pieces) == "Good & cheap moonrocks, now"
    assert first.views == ("without regard to capitals and signs",)


words = st.text(st.sampled_from("ab c&<>é\n"), min_size=1, max_size=20)


@given(st.lists(words, min_size=1, max_size=5), st.data())
@settings(deadline=None, max_examples=100)
def test_marks_change_no_word(parts: list[str], data: st.DataObject) -> None:
    """Whatever is marked: the pieces together are what a reader saw."""
    html = "<p>" + "</p><p>".join(part.replace("&", "&amp;").replace("<", "&lt;") for part in parts) + "</p>"
    start = data.draw(st.integers(0, len(html)))
    end = data.draw(st.integers(start, len(html)))
    shown = wording.passages(post(html), [found(start, end)])
    plain = Text(Field("/content", html, html=True)).plain
    assert "".join(piece.text for one in shown[:1] for piece in one.pieces) == (plain if plain.strip() else "")


def test_letters_that_deceive_are_named() -> None:
    (passage,) = wording.passages(post("BUY MO\u200bON\u202eSKCOR"), [])
    assert passage.pieces[0].text == "BUY MO⟦200B⟧ON⟦202E⟧SKCOR"


def test_a_text_of_another_is_never_markup(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    held = Held.objects.filter(group__arrival=screened, kind="post").first()
    assert held is not None
    evil = post("&lt;script&gt;alert(1)&lt;/script&gt;", summary="<img src=x onerror=alert(1)>")
    with originals.Shelf(screened) as shelf:
        shelf.put(Item(number=held.n, kind=evil.kind, origin=evil.origin, raw=b"", record=evil.record,
                       object=evil.object))  # fmt: skip
    said = client_of(carol).get(f"/arrivals/{screened.name}/items/{held.n}/").content.decode()
    assert "<script>alert" not in said
    assert "<img src=x" not in said
    assert "<script>alert(1)</script>" in unescape(said)


def test_dates_say_whose_claim_they_are(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    held = Held.objects.filter(group__arrival=screened, group__rule="copies").first()
    assert held is not None
    said = re.sub(
        r"<[^>]+>|\s+", " ", client_of(carol).get(f"/arrivals/{screened.name}/items/{held.n}/").content.decode()
    )
    assert re.search(r"says +\d+ \w+ 20\d\d +· first seen here +today", said)
    assert "Its new address is sealed" in said


def test_its_story_is_told_in_sentences(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    group = screened.groups.filter(rule="copies").first()
    assert group is not None
    groups.decide(group, carol.member, "accept")
    groups.decided(screened, carol.member)
    screened.refresh_from_db()
    held = group.members.first()
    assert held is not None
    said = client_of(carol).get(f"/arrivals/{screened.name}/items/{held.n}/").content.decode()
    for words in ("It came with the import", "The plan: it arrives", "Its delivery began", "It was delivered"):
        assert words in said, words


def test_what_is_no_item_is_not_found(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    assert client_of(carol).get(f"/arrivals/{screened.name}/items/999999/").status_code == 404


def test_items_are_looked_up_in_the_archive_once(screened: Arrival, monkeypatch: pytest.MonkeyPatch) -> None:
    first = originals.item(screened, 60)
    assert first is not None
    monkeypatch.setattr(originals, "_sought", lambda *_: pytest.fail("looked up again"))
    again = originals.item(screened, 60)
    assert again is not None
    assert (again.raw, again.object, again.media) == (first.raw, first.object, first.media)


# --- pictures ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def picture(screened: Arrival) -> int:
    """The number of a JPEG of hers."""
    numbers = Held.objects.filter(group__arrival=screened, group__rule="ai-label", kind="media")
    held = numbers.first()
    assert held is not None
    return held.n


def test_pictures_are_closed_until_opened(screened: Arrival, picture: int, carol: User, client_of: ClientOf) -> None:
    client, address = client_of(carol), f"/arrivals/{screened.name}/items/{picture}/"
    closed = client.get(address).content.decode()
    assert "<img" not in closed
    assert 'data-key="o"' in closed
    assert not Look.objects.filter(opened=True).exists()
    opened = client.get(f"{address}?open=1").content.decode()
    assert f'src="{address}media/0/"' in opened


def test_a_preview_is_new_bounded_and_counted(
    screened: Arrival, picture: int, carol: User, client_of: ClientOf
) -> None:
    Member.objects.filter(user=carol).update(looks={"small": True, "grey": True, "blurred": True})
    answer = client_of(carol).get(f"/arrivals/{screened.name}/items/{picture}/media/0/")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == 'inline; filename="preview.jpeg"'
    assert "no-store" in answer["Cache-Control"]
    drawn = Image.open(io.BytesIO(answer.content))
    assert max(drawn.size) <= 320
    assert not drawn.getexif()
    assert b"trainedAlgorithmicMedia" not in answer.content
    assert all(max(drawn.getpixel(place)) - min(drawn.getpixel(place)) < 12 for place in ((9, 9), (90, 60)))  # type: ignore[arg-type]
    assert Look.objects.filter(member=carol.member, opened=True).count() == 1


def test_what_is_under_a_legal_hold_is_shown_to_nobody(
    screened: Arrival, picture: int, carol: User, client_of: ClientOf
) -> None:
    LegalHold.objects.create(arrival=screened, numbers=[picture], because="By order.")
    client, address = client_of(carol), f"/arrivals/{screened.name}/items/{picture}/"
    assert client.get(f"{address}media/0/").status_code == 404
    said = client.get(f"{address}?open=1").content.decode()
    assert "legal hold" in said
    assert "<img" not in said
    group = Held.objects.get(group__arrival=screened, n=picture).group
    said = client.get(f"/arrivals/{screened.name}/groups/{group.pk}/?member={picture}&open=1").content.decode()
    assert "legal hold" in said
    assert "<img" not in said


def test_sounds_and_missing_files_are_no_preview(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    client = client_of(carol)
    sound = next(n for n in range(40, 280) if (one := originals.item(screened, n)) and one.media
                 and one.media[0].type.startswith("audio/"))  # fmt: skip
    assert client.get(f"/arrivals/{screened.name}/items/{sound}/media/0/").status_code == 404
    assert client.get(f"/arrivals/{screened.name}/items/{sound}/media/9/").status_code == 404
    assert "not played here" in client.get(f"/arrivals/{screened.name}/items/{sound}/?open=1").content.decode()


# --- refused before ---------------------------------------------------------------------------------------------------


def test_what_was_refused_before_is_said(screened: Arrival, bob: User, carol: User, client_of: ClientOf) -> None:
    held = Held.objects.filter(group__arrival=screened, group__rule="listed-phrase").first()
    assert held is not None
    other = Arrival.objects.create(person=bob, state=Arrival.State.WAITING)
    group = other.groups.create(key="k", criterion="phrase", sentence="s", count=1, proposed="reject", action="reject")
    group.members.create(n=1, item=held.item, kind="post")
    said = client_of(carol).get(f"/arrivals/{screened.name}/groups/{held.group_id}/?member={held.n}").content.decode()
    assert "The same was refused or taken back here 1 time before." in said


def test_looks_are_of_contents_not_of_numbers() -> None:
    first, second = post("<p>Hello</p>"), post("<p>HELLO </p>")
    assert looks.content_of(first) == looks.content_of(second)
    assert looks.content_of(first) != looks.content_of(post("<p>Hello you</p>"))


def test_a_look_tells_nothing_to_who_has_only_the_database(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    held = Held.objects.filter(group__arrival=screened).first()
    assert held is not None
    client_of(carol).get(f"/arrivals/{screened.name}/items/{held.n}/")
    item = originals.item(screened, held.n)
    assert item is not None
    look = Look.objects.get()
    assert re.fullmatch("[0-9a-f]{64}", look.mark)
    assert looks.content_of(item) != look.mark
    Look.objects.update(at=timezone.now() - timedelta(days=2))
    assert looks.seen_before(carol.member, [look.mark])


@pytest.mark.parametrize(
    ("criterion", "basis", "confidence", "words"),
    [
        ("known-media", "exact", 3, "surely: the file is on the list, byte for byte"),
        ("listed-domain", "exact", 3, "surely: the server’s name is on the list"),
        ("phrase", "exact", 3, "surely: the words stand there; what they mean there, only a reader knows"),
        ("phrase", "statistical", 2, "probably: a guess from patterns and numbers"),
        ("hidden-text", "statistical", 3, "very probably: a guess from patterns and numbers"),
        ("similar-media", "perceptual", 2, "probably: it looks like a picture on the list"),
        ("ai-label", "third-party", 3, "very probably: others say so; nobody here checked it"),
        ("of-a-plug-in", "exact", 1, "perhaps: exactly what was looked for stands there"),
        ("broken-criterion", "exact", 3, "not known: the check broke"),
    ],
)
def test_how_sure_a_finding_is_goes_by_what_it_rests_on(
    criterion: str, basis: str, confidence: int, words: str
) -> None:
    finding = {
        "criterion": criterion,
        "basis": basis,
        "confidence": confidence,
        "value": "",
        "reason": "",
        "evidence": (),
    }
    assert wording.sure(finding) == words
    assert wording.said([finding])[0]["sure"] == words
    assert wording.sure({**finding, "value": "not assessed"}).startswith("not known")
