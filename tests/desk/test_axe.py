"""Every page of the desk in a real Chromium, before axe-core: light and dark, both directions, wide and at 320 pixels.

``/gallery/`` shows every kind of field and chart.

A new page is one more entry in ``PAGES``; its people are the fixtures of ``conftest``, what an address may
name in braces is what ``world`` gives.  With ``errors``, the form that this selector finds is sent as
it is, empty, and looked at again.

``SAFECONDUCT_SHOTS=folder`` keeps a picture of each page in each look.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer
from selenium import webdriver

from safeconduct_desk import setup
from safeconduct_desk.models import Appeal, Approval, Arrival, Group, Question
from tests.browser.conftest import browser, log

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = os.environ.get("SAFECONDUCT_SHOTS", "")
MESSY = "\u202ewren\u202c<b>@a-very-long-name-that-nobody-can-break-in-a-sensible-place.example"
__all__ = ["browser"]
pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Page:
    """One page to look at: its address, who looks, and which form is sent empty to see its errors."""

    address: str
    who: str = "carol"
    errors: str = ""
    set_up: bool = True

    def __str__(self) -> str:
        words = f"{self.who} {self.address}".strip("/ ").replace("/", "_").replace("?", "_")
        return f"{words} errors" if self.errors else words


PAGES = (
    Page("/set-up/?code={code}", "", set_up=False),
    Page("/set-up/?code={code}", "", set_up=False, errors="main form"),
    Page("/set-up/?code=wrong", "", set_up=False),
    Page("/"),
    Page("/?show=mine"),
    Page("/?show=closed", "olga"),
    Page("/no-such-page/"),
    Page("/gallery/", errors="form.every"),
    Page("/sign-in/", ""),
    Page("/sign-in/", "", errors="main form"),
    Page("/sign-up/", ""),
    Page("/account/", "alice"),
    Page("/account/"),
    Page("/account/password/", errors="main form"),
    Page("/account/factors/"),
    Page("/account/codes/on/"),
    Page("/account/codes/on/", errors="main form"),
    Page("/account/again/"),
    Page("/account/passkeys/"),
    Page("/account/passkeys/add/"),
    Page("/account/receiving/"),
    Page("/people/", "olga"),
    Page("/people/"),
    Page("/approvals/", "erin"),
    Page("/appeals/"),
    Page("/intake/", ""),
    Page("/custody/", ""),
    Page("/offer/", "alice"),
    Page("/offer/choices/", "alice"),
    Page("/mine/", "alice"),
    Page("/offer/", "bob"),
    Page("/offer/taken/", "alice"),
    Page("/mine/", "bob"),
    Page("/mine/{arrival}/", "alice"),
    Page("/mine/{received}/", "alice"),
    Page("/mine/{applied}/", "alice"),
    Page("/mine/{refused}/", "alice"),
    Page("/mine/{broken}/", "alice"),
    Page("/mine/{offered}/file/", "alice"),
    Page("/mine/{arrival}/question/{question}/", "alice"),
    Page("/mine/{arrival}/question/{question}/", "alice", errors="main form"),
    Page("/mine/{applied}/appeal/{refusal}/", "alice", errors="main form"),
    Page("/appeals/{appeal}/"),
    Page("/community/", "olga"),
    Page("/community/", "olga", errors="main form"),
    Page("/account/programs/", "olga"),
    Page("/account/programs/", "olga", errors="main form"),
    Page("/arrivals/{arrival}/"),
    Page("/arrivals/{applied}/"),
    Page("/arrivals/{broken}/"),
    Page("/arrivals/{refused}/"),
    Page("/arrivals/{arrival}/sample/"),
    Page("/labour/"),
    Page("/policy/"),
    Page("/policy/edit/", "erin"),
    Page("/trends/"),
    Page("/transparency/", ""),
    Page("/notices/"),
    Page("/report/", "", errors="main form"),
    Page("/audit/", "erin"),
    Page("/trace/?q=alice@old.example"),
    Page("/arrivals/{arrival}/groups/{group}/"),
    Page("/arrivals/{arrival}/items/{item}/"),
)


@dataclass(frozen=True)
class Look:
    """How somebody looks at a page."""

    scheme: str
    language: str
    width: int

    def __str__(self) -> str:
        return f"{self.scheme}-{self.language}-{self.width}"


# Each pair of two of these three meets at least once.
LOOKS = (
    Look("light", "en", 1280), Look("dark", "ar", 1280), Look("light", "ar", 320), Look("dark", "en", 320),
)  # fmt: skip


@pytest.fixture
def looked_at(browser: webdriver.Chrome, settings: Settings) -> Iterator[webdriver.Chrome]:
    """The browser, with no cookies and at its own size afterwards; the desk as if it spoke Arabic too."""
    settings.ROOT_URLCONF = "tests.desk.gallery"
    settings.LANGUAGES = [("en", "English"), ("ar", "Arabic")]
    browser.delete_all_cookies()
    yield browser
    browser.delete_all_cookies()
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.get("about:blank")


@pytest.fixture
def people(request: pytest.FixtureRequest) -> dict[str, User]:
    """Everybody, by name."""
    return {name: request.getfixturevalue(name) for name in ("alice", "bob", "carol", "erin", "olga")}


@pytest.fixture
def world(people: dict[str, User], screened: Arrival) -> dict[str, str]:
    """Imports in every state; what addresses may name: ``arrival`` waits for a decision, others by their state."""
    alice, carol = people["alice"], people["carol"].member
    group = screened.groups.all()[0]
    named = {"arrival": screened.name, "group": str(group.pk), "item": str(group.members.all()[0].n)}
    for state in Arrival.State:
        made = Arrival.objects.create(
            person=alice, state=state, acct=f"wren@{state}.example", filename="x.zip", items=9412, held=118, minutes=6,
            progress={"step": "read", "done": 4000, "of": 9412}, decided_by=carol, decided_at=timezone.now(),
            problem="The file ends too early. Ask for it again." if state == "broken" else "",
            received_at=timezone.now(), shape=screened.shape, report=screened.report, policy=screened.policy,
        )  # fmt: skip
        named[str(state)] = made.name
    Arrival.objects.create(person=alice, state="waiting", acct=MESSY, claimed_by=people["erin"].member)
    Group.objects.filter(arrival=screened).update(excerpt=MESSY)
    delivered = Arrival.objects.get(name=named["applied"])
    refused = Group.objects.create(
        arrival=delivered, key="0" * 32, rule="shop", criterion="link", sentence="Links to shops are not taken here.",
        count=96, proposed="quarantine", action="reject", because=MESSY, decided_by=carol,
        decided_at=timezone.now() - timedelta(hours=2), excerpt=MESSY,
    )  # fmt: skip
    Approval.objects.create(
        arrival=delivered,
        act="rollback",
        asked_by=carol,
        due=timezone.now() + timedelta(days=1),
        detail={"because": MESSY},
    )
    asked = Question.objects.create(arrival=screened, text=f"Is {MESSY} yours?", asked_by=carol)
    appeal = Appeal.objects.create(arrival=delivered, group=refused, text=f"It is no shop. {MESSY}")
    return {**named, "question": str(asked.pk), "appeal": str(appeal.pk), "refusal": refused.key, "code": setup.code()}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_page_can_be_used_by_everybody(
    page: Page, looked_at: webdriver.Chrome, live_server: LiveServer, request: pytest.FixtureRequest
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not here: `make axe` fetches it with npm")
    address = live_server.url + _ready(page, looked_at, live_server, request)
    wrong = [f"{look}: {one}" for look in LOOKS for one in _seen(looked_at, address, page, look)]
    assert not wrong, "\n".join(wrong)


def _ready(page: Page, driver: webdriver.Chrome, live_server: LiveServer, request: pytest.FixtureRequest) -> str:
    """Everything that the page is about, and whoever opens it signed in; returns the address."""
    names = {"code": setup.code()}
    if page.set_up:
        names |= request.getfixturevalue("world")
        driver.get(f"{live_server.url}/static/desk/icon.svg")
        if page.who:
            _sign_in(driver, request.getfixturevalue("people")[page.who])
    return page.address.format(**names)


def _sign_in(driver: webdriver.Chrome, user: User) -> None:
    client = Client()
    client.force_login(user)
    asked = HttpRequest()
    asked.session = client.session
    record_authentication(asked, user, method="password")  # a moment ago, so nothing asks for it again
    asked.session.save()
    name = django_settings.SESSION_COOKIE_NAME
    driver.add_cookie({"name": name, "value": client.cookies[name].value, "path": "/"})


def _seen(driver: webdriver.Chrome, address: str, page: Page, look: Look) -> list[str]:
    """Everything that is wrong with a page in one look."""
    _dress(driver, address, look)
    driver.get(address)
    log(driver, "browser")
    if page.errors:
        _send_empty(driver, page.errors)
    if SHOTS:
        _shoot(driver, page, look)
    wrong = [f"refused: {one}" for one in driver.execute_script("return window.refused")]
    said = [one for one in log(driver, "browser") if one["level"] in {"SEVERE", "WARNING"}]
    wrong += [
        f"{one['level']}: {one['message']}" for one in said if "responded with a status of 4" not in one["message"]
    ]
    wrong += [f"from elsewhere: {one}" for one in driver.execute_script(ELSEWHERE)]
    wrong += [f"wider than the window: {one}" for one in driver.execute_script(TOO_WIDE)]
    assert driver.execute_script("return document.documentElement.lang") == look.language, "not the desk's own page"
    return wrong + _axe(driver)


def _dress(driver: webdriver.Chrome, address: str, look: Look) -> None:
    metrics = {"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    feature = {"name": "prefers-color-scheme", "value": look.scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [feature]})
    cookie = {"name": "django_language", "value": look.language, "url": address}
    driver.execute_cdp_cmd("Network.setCookie", cookie)


def _send_empty(driver: webdriver.Chrome, selector: str) -> None:
    driver.execute_script(EMPTY, selector)
    driver.implicitly_wait(10)
    driver.find_element("css selector", ".govuk-error-summary")
    driver.implicitly_wait(0)


def _axe(driver: webdriver.Chrome) -> list[str]:
    driver.execute_script(AXE.read_text(encoding="utf-8"))
    driver.set_script_timeout(60)
    answer: dict[str, Any] = driver.execute_async_script(RUN)
    assert "error" not in answer, answer
    assert answer["passes"] > 10, "axe looked at hardly anything"
    return [f"{one['id']}: {one['help']}: {node}" for one in answer["violations"] for node in one["nodes"]]


def _shoot(driver: webdriver.Chrome, page: Page, look: Look) -> None:
    folder = Path(SHOTS)
    folder.mkdir(parents=True, exist_ok=True)
    height = int(driver.execute_script("return document.documentElement.scrollHeight"))
    metrics = {"width": look.width, "height": max(400, min(height, 4000)), "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.save_screenshot(str(folder / f"{page}-{look}.png"))


EMPTY = """
const form = document.querySelector(arguments[0]);
for (const field of form.querySelectorAll("input:not([type=hidden]), textarea")) {
  if (field.type === "checkbox" || field.type === "radio") field.checked = false; else field.value = "";
}
form.noValidate = true;
(form.querySelector("button, [type=submit]")).click();
"""
ELSEWHERE = """
const loaded = performance.getEntriesByType("resource").map((one) => one.name);
const named = [...document.querySelectorAll("[src], link[href], form[action], [data-src]")]
  .map((one) => one.src || one.href || one.action);
return [...loaded, ...named].filter((one) => one && new URL(one, location).origin !== location.origin);
"""
TOO_WIDE = """
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
if (wide <= 0) return [];
const inside = (one) => { const place = one.getBoundingClientRect();
  return place.left >= 0 && place.right <= document.documentElement.clientWidth; };
return [...document.querySelectorAll("body *")].filter((one) => !inside(one)).slice(0, 5)
  .map((one) => one.outerHTML.slice(0, 120)).concat(`by ${wide} pixels`);
"""
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, { rules: { "target-size": { enabled: true } } }).then(
  (found) => done({
    passes: found.passes.length,
    violations: found.violations.map((one) => ({ id: one.id, help: one.help,
      nodes: one.nodes.map((node) => node.html.slice(0, 200) + " " + node.failureSummary.slice(0, 300)) })),
  }),
  (error) => done({ error: String(error) }),
);
"""
