"""How pages are made: the frame, forms, charts, words; what every answer says to the browser; what pages weigh."""

from __future__ import annotations

import gzip
import itertools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import User
from django.template import engines
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import DjangoAssertNumQueries, Settings
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

import safeconduct_desk
from safeconduct.discover import plugins
from safeconduct_desk import context
from safeconduct_desk.models import Appeal, Arrival, Community, Role
from safeconduct_desk.pages.arrivals import FILTERS
from safeconduct_desk.templatetags import desk
from tests.browser.conftest import browser
from tests.desk.conftest import ClientOf
from tests.desk.gallery import Every

__all__ = ["browser"]
STATIC = Path(safeconduct_desk.__file__).parent / "static" / "desk"
FIRST, LATER = 100_000, 30_000  # bytes that a page may weigh, with nothing kept and with the rest kept
REPORT = 55_000  # a report has all its numbers in tables; what is fetched on a slow line is a fifth of it (gzip)
ROWS = st.lists(st.tuples(st.text(max_size=60), st.integers(0, 10**9)), max_size=15)


@pytest.fixture
def gallery(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.desk.gallery"


def drawn(template: str, **given: Any) -> str:
    return engines["django"].from_string("{% load desk %}" + template).render(given)


def svg(drawing: str) -> ElementTree.Element:
    end = re.search(r"</svg>\s*<(?:ul|details)", drawing)
    assert end, drawing
    inside = drawing[drawing.index("<svg") : end.start() + 6]
    return ElementTree.fromstring(inside)


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "said"),
    [(0.2, "under a minute"), (1, "about 1 minute"), (25.4, "about 25 minutes"), (1680, "about 28 hours")],
)
def test_minutes_are_words_and_no_promise(count: float, said: str) -> None:
    assert desk.minutes(count) == said


def test_numbers_carry_their_word() -> None:
    assert desk.number(1, "post", "posts") == "1 post"
    assert desk.number(18240, "post", "posts") == "18,240 posts"


def test_a_date_says_whose_claim_it_is() -> None:
    assert re.sub("<.*?>", "", desk.when("2019-03-03T10:00:00Z", claim=True)) == "says 3 March 2019"
    assert re.sub("<.*?>", "", desk.when(timezone.now())).startswith("today ")
    assert desk.when("the third of March") == "no date given"


@pytest.mark.parametrize(
    ("ago", "said"),
    [(timedelta(seconds=5), "just now"), (timedelta(minutes=2), "2 minutes"), (timedelta(hours=2), "2 hours"),
     (timedelta(days=3), "3 days")],
)  # fmt: skip
def test_how_long_ago(ago: timedelta, said: str) -> None:
    assert re.sub("<.*?>", "", desk.since(datetime.now(UTC) - ago)) == said


def test_actions_have_a_shape_and_a_word() -> None:
    shapes = {name: re.sub("<.*?>", "", desk.action(name)) for name in ("accept", "limit", "quarantine", "reject")}
    assert shapes == {"accept": "● accept", "limit": "◐ limit", "quarantine": "◌ quarantine", "reject": "✕ reject"}


@given(st.text(max_size=80))
def test_names_of_others_are_text_and_turn_nothing_round(name: str) -> None:
    shown = desk.who(name)
    assert re.fullmatch('<bdi>[^<>"]*</bdi>', shown)
    assert not desk.TURNING.search(shown)


# --- charts ----------------------------------------------------------------------------------------------------------


@given(ROWS)
def test_bars_are_as_long_as_their_numbers_say_and_all_stand_in_the_table(rows: list[tuple[str, int]]) -> None:
    made = desk.bars(rows)
    most = max((value for _, value in rows), default=0) or 1
    widths = [float(shape["width"].rstrip("%")) for shape in made["shapes"]]
    assert widths == pytest.approx([100 * value / most for _, value in rows], abs=0.01)
    assert [value for _, value in made["pairs"]] == [value for _, value in rows]


@given(ROWS, st.booleans())
def test_the_parts_of_one_bar_fill_it_and_lie_side_by_side(rows: list[tuple[str, int]], rtl: bool) -> None:
    with translation.override("ar" if rtl else "en"):
        parts = desk.one_bar(rows)["parts"]
    assert len(parts) <= desk.PARTS
    assert sum(part["value"] for part in parts) == sum(value for _, value in rows)
    places = sorted((float(part["x"][:-1]), float(part["width"][:-1])) for part in parts if part["value"])
    for (x, width), (then, _) in itertools.pairwise(places):
        assert x + width <= then + 0.01
    if places:
        assert places[0][0] == pytest.approx(0, abs=0.02)
        assert sum(places[-1]) == pytest.approx(100, abs=0.02)


def test_a_share_of_nothing_is_nothing_and_every_other_is_more() -> None:
    parts = desk.one_bar([("most", 98_699), ("some", 1_000), ("few", 300), ("one", 1), ("none", 0)])["parts"]
    assert [part["percent"] for part in parts] == ["99", "1", "0.3", "< 0.1", "0"]
    assert [part["percent"] for part in desk.one_bar([("none", 0)])["parts"]] == ["0"]


def test_what_is_more_than_nothing_can_be_seen_among_giants() -> None:
    heights = [
        shape["height"] for shape in desk.bars([("2019", 1), ("2020", 0), ("2021", 10**6)], upright=True)["shapes"]
    ]
    assert heights[0] >= 1
    assert heights[1:] == [0, 100]


@pytest.mark.parametrize("tag", ["bars", "bars_upright", "one_bar"])
def test_charts_are_named_drawn_without_styles_and_have_their_numbers_below(tag: str) -> None:
    name, _, upright = tag.partition("_") if tag.startswith("bars") else (tag, "", "")
    rows = [("<b>a.example</b>", 3), ("\u202eb.example", 1)]
    drawing = drawn(f'{{% {name} rows title="Two hosts." {"upright=True" if upright else ""} %}}', rows=rows)
    image = svg(drawing)
    ids = str(image.get("aria-labelledby")).split()
    assert image.get("role") == "img"
    assert [one.get("id") for one in list(image)[:2]] == ids
    assert "style" not in drawing
    assert "<b>" not in drawing
    assert "\u202e" not in drawing
    assert drawing.index("Two hosts.") < drawing.index("<svg") < drawing.index("<details") < drawing.index("<table")


def test_two_charts_on_a_page_have_ids_of_their_own() -> None:
    drawing = drawn("{% one_bar rows %}{% one_bar rows %}", rows=[("a", 1)])
    ids = re.findall(r' id="([^"]+)"', drawing)
    assert len(ids) == len(set(ids)) == 6


def test_a_chart_of_nothing_is_nothing() -> None:
    assert drawn("{% bars rows %}{% one_bar rows %}", rows={}).strip() == ""


# --- forms -----------------------------------------------------------------------------------------------------------


def test_every_field_has_a_label_and_its_errors_are_tied_to_it() -> None:
    form = Every({"hidden": "h"})
    shown = drawn('{% include "desk/_form.html" %}', form=form)
    for one in form.visible_fields():
        first = desk.first_of(one)
        assert f'id="{first}"' in shown, one.name
        if one.errors:
            assert f'href="#{first}"' in shown, one.name
            assert f'id="{one.auto_id}_error"' in shown, one.name
            assert re.search(f'aria-describedby="[^"]*{one.auto_id}_error', shown), one.name
    assert "Nothing is ever right here." in shown
    assert shown.count('type="hidden"') == 1


def test_a_form_without_errors_has_no_summary() -> None:
    assert "error-summary" not in drawn('{% include "desk/_form.html" %}', form=Every())


def test_what_was_typed_is_text() -> None:
    shown = drawn('{% include "desk/_form.html" %}', form=Every({"text": '"><script>alert(1)</script>'}))
    assert "<script" not in shown


# --- the frame -------------------------------------------------------------------------------------------------------


def test_navigation_is_what_the_role_may_open(carol: User, olga: User, alice: User, client_of: ClientOf) -> None:
    for user, role in ((carol, Role.MODERATOR), (olga, Role.OPERATOR), (alice, Role.PERSON)):
        client = client_of(user)
        for place in context.places(role, "/"):
            assert client.get(place["address"]).status_code == 200, (user.username, place)
    assert "People" not in [str(one["label"]) for one in context.places(Role.MODERATOR, "/")]


def test_the_line_above_counts_what_waits_for_me(community: Community, carol: User, erin: User, alice: User,
                                                 client_of: ClientOf) -> None:  # fmt: skip
    for claimed in (None, carol.member, erin.member):
        Arrival.objects.create(person=alice, state="waiting", minutes=8.4, claimed_by=claimed)
    assert "2 wait for you · 25 minutes of review · intake open" in client_of(carol).get("/").text
    Community.objects.update(review_minutes_day=20)
    assert "intake slowed" in client_of(carol).get("/").text
    Community.objects.update(review_minutes_day=1)
    assert "Intake has closed itself" in client_of(carol).get("/").text
    Community.objects.update(intake_open=False)
    assert "Intake is closed: nobody can offer" in client_of(carol).get("/").text


def test_the_frame_asks_the_database_little(carol: User, client_of: ClientOf,
                                            django_assert_max_num_queries: DjangoAssertNumQueries) -> None:  # fmt: skip
    client = client_of(carol)
    client.get("/")
    with django_assert_max_num_queries(18):
        client.get("/")


@pytest.mark.parametrize(("address", "status"), [("/no-such-page/", 404), ("/people/", 403)])
def test_errors_are_pages_of_the_desk(address: str, status: int, carol: User, client_of: ClientOf) -> None:
    answer = client_of(carol).get(address)
    assert answer.status_code == status
    assert 'class="desk-header"' in answer.text
    assert "Back to the beginning" in answer.text


@pytest.mark.django_db
def test_a_mistake_of_ours_is_a_page_that_needs_nothing(gallery: None) -> None:
    Community.objects.create(name="Garden")
    answer = Client(raise_request_exception=False).get("/broken/")
    assert answer.status_code == 500
    assert "not yours" in answer.text
    assert "a mistake" not in answer.text


def test_a_form_from_elsewhere_is_refused_on_a_page_of_the_desk(community: Community, carol: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(carol)
    answer = client.post(reverse("account_logout"))
    assert answer.status_code == 403
    assert "open for too long" in answer.text


# --- arrivals --------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(alice: User, carol: User) -> dict[str, Arrival]:
    """An arrival in every state, called after it; and one that Carol has claimed."""
    made = {str(state): Arrival.objects.create(person=alice, state=state, acct=f"wren@{state}.example")
            for state in Arrival.State}  # fmt: skip
    made["mine"] = Arrival.objects.create(person=alice, state="waiting", acct="w@mine.example", claimed_by=carol.member)
    Arrival.objects.filter(state="applying").update(soft_days=14)
    Appeal.objects.create(arrival=made["refused"], text="No.")
    Appeal.objects.create(arrival=made["refused"], text="No!")
    Appeal.objects.create(arrival=made["applied"], text="No.", upheld=True)
    return made


OPEN = {"received", "screening", "waiting", "applying", "undoing", "broken"}
SHOWN = {
    "all": OPEN | {"mine"}, "mine": {"mine"}, "unclaimed": OPEN, "appeals": {"refused"}, "soft": {"applying"},
    "closed": {"applied", "undone", "refused", "withdrawn"}, "nonsense": OPEN | {"mine"},
}  # fmt: skip


@pytest.mark.parametrize(("chosen", "shown"), SHOWN.items())
def test_filters(chosen: str, shown: set[str], many: dict[str, Arrival], carol: User, client_of: ClientOf) -> None:
    text = client_of(carol).get("/", {"show": chosen}).text
    assert sorted(re.findall(r"<bdi>w(?:ren)?@(\w+)\.example</bdi>", text)) == sorted(shown)


@pytest.mark.parametrize("chosen", FILTERS)
def test_an_empty_list_says_so(chosen: str, carol: User, client_of: ClientOf) -> None:
    text = client_of(carol).get("/", {"show": chosen}).text
    assert "desk-empty" in text
    assert "<table" not in text


def test_what_is_broken_says_why_and_what_is_read_says_how_far(alice: User, carol: User, client_of: ClientOf) -> None:
    Arrival.objects.create(person=alice, state="broken", problem="The file ends too early. Ask for it again.")
    Arrival.objects.create(person=alice, state="screening", progress={"done": 4000, "of": 9412})
    text = client_of(carol).get("/").text
    assert "The file ends too early." in text
    assert "4,000 items so far" in text
    assert '<progress value="4000" max="9412"' in text


def test_the_list_costs_the_same_for_one_and_for_fifty(
    alice: User, carol: User, client_of: ClientOf, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    Arrival.objects.bulk_create(
        Arrival(person=alice, state="waiting", acct=f"w{n}@x.example", claimed_by=carol.member) for n in range(120)
    )
    client = client_of(carol)
    client.get("/")
    with django_assert_max_num_queries(18):
        text = client.get("/?page=2&show=all").text
    assert text.count("<tr") == 51
    assert "?page=3&amp;show=all" in text


def test_who_does_not_work_here_sees_no_list(alice: User, client_of: ClientOf, screened: Arrival) -> None:
    answer = client_of(alice).get("/", follow=False)
    assert answer.status_code == 302


# --- what every answer says, and what it weighs ----------------------------------------------------------------------

STRICT = {
    "default-src": {"'none'"}, "script-src": {"'self'"}, "style-src": {"'self'"}, "img-src": {"'self'"},
    "media-src": {"'self'"}, "font-src": {"'self'"}, "connect-src": {"'self'"}, "form-action": {"'self'"},
    "base-uri": {"'none'"}, "frame-ancestors": {"'none'"},
}  # fmt: skip


@pytest.mark.parametrize("address", ["/", "/?show=closed", "/no-such-page/", "/sign-in/", "/gallery/", "/broken/"])
def test_every_answer_is_strict_and_names_nothing_elsewhere(
    address: str, carol: User, client_of: ClientOf, gallery: None
) -> None:
    client = client_of(carol)
    client.raise_request_exception = False
    answer = client.get(address)
    said = dict(part.strip().partition(" ")[::2] for part in answer["Content-Security-Policy"].split(";"))
    assert {name: set(given.split()) for name, given in said.items()} == STRICT
    text = answer.text if hasattr(answer, "text") else ""
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script>|javascript:", text)
    assert [one for one in re.findall(r'(?:src|action)="([^"]+)"|<link[^>]+href="([^"]+)"', text)
            for name in one if name and urlsplit(name).netloc] == []  # fmt: skip


def weight(client: Client, address: str) -> int:
    """Bytes on the wire, as a browser that takes gzip gets them."""
    answer = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200, address
    if not answer.streaming:
        return len(answer.content)
    body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    answer.close()  # a file
    return len(body)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_pages_are_light(language: str, many: dict[str, Arrival], carol: User, client_of: ClientOf,
                         settings: Settings) -> None:  # fmt: skip
    settings.LANGUAGES = [("en", "English"), ("ar", "Arabic")]
    client = client_of(carol)
    client.cookies["django_language"] = language
    page = client.get("/").text
    parts = set(re.findall(r'(?:src|href)="(/static/[^"]+\.(?:css|js|svg))"', page))
    assert any("rtl" in part for part in parts) == (language == "ar")
    own = weight(client, "/")
    assert own < LATER
    assert own + sum(weight(client, part) for part in parts | {"/static/desk/htmx.min.js"}) < FIRST


def test_reports_are_light_too(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    client = client_of(carol)
    group = screened.groups.all()[0]
    at = f"/arrivals/{screened.name}/"
    for address in (f"{at}groups/{group.pk}/", f"{at}items/{group.members.all()[0].n}/"):
        assert weight(client, address) < LATER, address
    report = client.get(at).content
    assert len(report) < REPORT
    assert len(gzip.compress(report)) < LATER / 2


def test_what_is_sent_small_is_what_is_there_plain() -> None:
    packed = sorted(STATIC.glob("*.gz"))
    assert [one.stem for one in packed] == ["desk.css", "desk.rtl.css", "htmx.min.js"]
    for one in packed:
        assert gzip.decompress(one.read_bytes()) == one.with_suffix("").read_bytes()


def test_styles_load_nothing_and_carry_no_mark_of_a_government() -> None:
    for name in ("desk.css", "desk.rtl.css"):
        text = (STATIC / name).read_text(encoding="utf-8")
        assert "url(" not in text
        assert "@import" not in text
        assert "GDS Transport" not in text
        assert "prefers-color-scheme: dark" in text
        assert "forced-colors: active" in text
    notices = (STATIC / "LICENSES.txt").read_text(encoding="utf-8")
    assert "Crown Copyright" in notices
    assert "Zero-Clause BSD" in notices


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_keys_press_what_they_name_but_never_while_typing(
    browser: webdriver.Chrome, live_server: Any, gallery: None, transactional_db: None
) -> None:
    Community.objects.create(name="Garden")
    browser.delete_all_cookies()
    browser.get(f"{live_server.url}/gallery/")
    press = ActionChains(browser)
    browser.find_element("id", "id_text").send_keys("arl?")
    assert browser.find_element("id", "id_text").get_attribute("value") == "arl?"
    assert not browser.find_element("id", "keys").is_displayed()
    browser.execute_script("document.activeElement.blur()")
    press.send_keys("?").perform()
    assert browser.find_element("id", "keys").text.split("\n")[:3] == ["a ● accept a", "l ◐ limit l", "r ✕ reject r"]
    browser.find_element("css selector", "#keys button").click()
    browser.execute_script("document.activeElement.blur()")
    press.send_keys("a").perform()
    assert browser.find_element("id", "pressed").text == ""
    browser.find_element("css selector", "#keys button").click()
    browser.execute_script("document.activeElement.blur()")
    press.send_keys("a").perform()
    browser.implicitly_wait(10)
    browser.find_element("xpath", "//output[text()='accept']")
    browser.implicitly_wait(0)
    browser.delete_all_cookies()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_wherever_the_keyboard_is_can_be_seen(
    scheme: str, browser: webdriver.Chrome, live_server: Any, gallery: None, transactional_db: None
) -> None:
    Community.objects.create(name="Garden")
    browser.delete_all_cookies()
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [feature]})
    browser.get(f"{live_server.url}/gallery/")
    browser.execute_script(BEFORE)
    press, seen = ActionChains(browser), []
    for _ in range(80):
        press.send_keys(Keys.TAB).perform()
        where, changed, again = browser.execute_script(HERE)
        if where == "BODY" or again:
            break
        seen.append(where)
        assert changed, f"nothing shows that the keyboard is at {where}"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert len(seen) > 20, seen
    assert "Skip to the content" in seen[0]


# How each element looks before it is focused, and whether it looks otherwise once it is; for a hidden radio or box
# and for a closed <details> it is what stands for it that changes.
BEFORE = """
const part = (one, pseudo) => { const style = getComputedStyle(one, pseudo);
  return [style.outlineStyle, style.outlineColor, style.outlineWidth, style.boxShadow, style.backgroundColor,
    style.borderColor, style.clipPath].join("|"); };
window.visited = new Set();
window.looks = (one) => [one, one.nextElementSibling, one.firstElementChild].filter(Boolean)
  .map((near) => part(near, "") + part(near, "::before")).join("||");
window.before = new Map([...document.querySelectorAll("*")].map((one) => [one, looks(one)]));
"""
HERE = """
const one = document.activeElement, again = window.visited.has(one);
window.visited.add(one);
return [one === document.body ? "BODY" : one.outerHTML.slice(0, 90), looks(one) !== window.before.get(one), again];
"""


@pytest.mark.parametrize("criterion", sorted(plugins("criteria")))
def test_every_criterion_has_words_for_a_tired_person(criterion: str) -> None:
    words = desk.named(criterion)
    assert words != criterion
    assert "`" not in words
    assert words[0].islower()
    assert not words.endswith(".")
