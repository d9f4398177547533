"""Every page of the desk in a real Chromium, before axe-core: light and dark, both directions, wide and at 320 pixels.

Which pages there are is in ``places``; ``/gallery/`` shows every kind of field and chart.  Each page is loaded once and
then looked at in every way: colours and width by the browser's own switches, direction by its attribute and the
stylesheet of that direction, as the desk itself answers in a language that is written from right to left.

``SAFECONDUCT_SHOTS=folder`` keeps a picture of each page in each look.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.templatetags.static import static
from django.test import Client
from django.urls import URLPattern, resolve
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer
from selenium import webdriver

from safeconduct_desk import setup
from safeconduct_desk.urls import urlpatterns
from tests.browser.conftest import browser, log
from tests.desk.places import PAGES, Page, delivered, elsewhere, people, some, world

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = os.environ.get("SAFECONDUCT_SHOTS", "")
__all__ = ["browser", "delivered", "elsewhere", "people", "world"]
POST = "answers no GET"
FILE = "a file or data, no page"
# Addresses that show no page of their own, and why.
NO_PAGE = {
    **dict.fromkeys(
        ["arrival-do", "approval-answer", "group-decide", "group-change", "invite", "mastodon-webhook",
         "notices-answer", "person-change", "policy-hits-answer", "policy-live", "sample-draw", "sample-looked",
         "token-revoke", "trace-open", "transfer-answer", "unlink", "upload-bytes", "webhook-change"], POST),
    **dict.fromkeys(
        ["gate", "gate-json", "healthz", "medium", "metrics", "mfa_download_recovery_codes", "readyz", "reasons",
         "remainder"], FILE),
    "policy-rule": "a GET leads back to the policy; its form is looked at where it is asked for",
    "mfa_reauthenticate_webauthn": "needs a real passkey, which nobody of these has",
    "mfa_login_webauthn": "data for a script; a GET leads to the page for signing in",
    "openid_connect_login": "leads to the community's own single sign-on",
    "openid_connect_callback": "leads on",
    "socialaccount_signup": "a name is found by itself for who comes by single sign-on; a GET leads to signing in",
    "server-back": "leads on; what went wrong is said on the page of ``server``",
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How somebody looks at a page."""

    scheme: str
    direction: str
    width: int

    def __str__(self) -> str:
        return f"{self.scheme}-{self.direction}-{self.width}"


# Each pair of two of these three meets at least once.
LOOKS = (
    Look("light", "ltr", 1280), Look("dark", "rtl", 1280), Look("light", "rtl", 320), Look("dark", "ltr", 320),
)  # fmt: skip


def test_no_page_is_forgotten() -> None:
    places = [place for place in urlpatterns if isinstance(place, URLPattern)]
    assert len(places) > 100
    looked = {resolve(_place(page)).url_name for page in PAGES if page.address not in ("/no-such-page/", "/gallery/")}
    forgotten = {str(place.name) for place in places} - looked - set(NO_PAGE)
    assert not forgotten, "one more entry in PAGES each"
    assert not looked & set(NO_PAGE)
    assert set(NO_PAGE) <= {place.name for place in places}


def _place(page: Page) -> str:
    """An address like the one that the page is at, for the resolver."""
    at = (page.arrives or page.address).partition("?")[0]
    return "/".join("1" if part.startswith("{") else part for part in at.split("/"))


@pytest.fixture
def looked_at(browser: webdriver.Chrome, settings: Settings) -> Iterator[webdriver.Chrome]:
    """The browser, with no cookies and at its own size afterwards."""
    settings.ROOT_URLCONF = "tests.desk.gallery"
    browser.delete_all_cookies()
    yield browser
    browser.delete_all_cookies()
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.get("about:blank")


@pytest.mark.browser
@pytest.mark.parametrize("pages", some(), ids=lambda pages: str(pages[0]))
def test_every_page_can_be_used_by_everybody(
    pages: list[Page], looked_at: webdriver.Chrome, live_server: LiveServer, request: pytest.FixtureRequest
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not here: `make axe` fetches it with npm")
    names = _ready(pages[0], looked_at, live_server, request)
    wrong = [f"{page}: {one}" for page in pages for one in _seen(looked_at, live_server.url, page, names)]
    assert not wrong, "\n".join(wrong)


def _ready(
    page: Page, driver: webdriver.Chrome, live_server: LiveServer, request: pytest.FixtureRequest
) -> dict[str, str]:
    """Everything that the page is about, and whoever opens it signed in; returns what addresses may name."""
    if not page.set_up:
        return {"code": setup.code()}
    names: dict[str, str] = request.getfixturevalue("delivered" if page.delivered else "world")
    driver.get(f"{live_server.url}{static('desk/icon.svg')}")
    if page.who:
        _sign_in(driver, request.getfixturevalue("people")[page.who])
    return names


def _sign_in(driver: webdriver.Chrome, user: User) -> None:
    client = Client()
    client.force_login(user)
    asked = HttpRequest()
    asked.session = client.session
    record_authentication(
        asked, user, method="password", reauthenticated=True
    )  # a moment ago, so nothing asks for it again
    asked.session.save()
    name = django_settings.SESSION_COOKIE_NAME
    driver.add_cookie({"name": name, "value": client.cookies[name].value, "path": "/"})


def _seen(driver: webdriver.Chrome, desk: str, page: Page, names: dict[str, str]) -> list[str]:
    """Everything that is wrong with a page in any look."""
    log(driver, "browser")
    opened(driver, desk, page, names)
    driver.execute_script(AXE.read_text(encoding="utf-8"))
    wrong = []
    for look in LOOKS:
        _dress(driver, look)
        if SHOTS:
            _shoot(driver, page, look)
        found = [f"from elsewhere: {one}" for one in driver.execute_script(ELSEWHERE)]
        found += [f"wider than the window: {one}" for one in driver.execute_script(TOO_WIDE)]
        wrong += [f"{look}: {one}" for one in found + _axe(driver)]
    said = [one for one in log(driver, "browser") if one["level"] in {"SEVERE", "WARNING"}]
    wrong += [f"{one['level']}: {one['message']}" for one in said if "with a status of 4" not in one["message"]]
    return wrong + [f"refused: {one}" for one in driver.execute_script("return window.refused")]


def opened(driver: webdriver.Chrome, desk: str, page: Page, names: dict[str, str]) -> None:
    """The page is before us: the one that was asked for, and nothing else."""
    if page.press and not page.who:
        driver.delete_all_cookies()
    _screen(driver, LOOKS[0])
    driver.get(desk + page.address.format(**names))
    if page.press:
        driver.execute_script(PRESS, page.press, {key: value.format(**names) for key, value in page.write.items()})
        driver.implicitly_wait(10)
        driver.find_element("css selector", "html:not([data-old])")
        driver.implicitly_wait(0)
    if page.errors:
        _send_empty(driver, page.errors)
    at, wanted = driver.current_url.removeprefix(desk), (page.arrives or page.address).format(**names)
    assert at.partition("?")[0] == wanted.partition("?")[0], f"{page} is not at {at}"
    assert driver.execute_script("return document.getElementById('main') !== null"), "not the desk's own page"


def _screen(driver: webdriver.Chrome, look: Look) -> None:
    metrics = {"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    feature = {"name": "prefers-color-scheme", "value": look.scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [feature]})


def _dress(driver: webdriver.Chrome, look: Look) -> None:
    _screen(driver, look)
    sheet = static("desk/desk.css" if look.direction == "ltr" else "desk/desk.rtl.css")
    driver.execute_async_script(TURN, look.direction, sheet)


def _send_empty(driver: webdriver.Chrome, selector: str) -> None:
    driver.execute_script(EMPTY, selector)
    driver.implicitly_wait(10)
    driver.find_element("css selector", ".govuk-error-summary")
    driver.implicitly_wait(0)


def _axe(driver: webdriver.Chrome) -> list[str]:
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


PRESS = """
document.documentElement.dataset.old = "yes";
const button = document.querySelector(arguments[0]);
for (const [name, value] of Object.entries(arguments[1])) button.form.elements[name].value = value;
button.form.noValidate = true;
button.click();
"""
EMPTY = """
const form = document.querySelector(arguments[0]);
for (const field of form.querySelectorAll("input:not([type=hidden]), textarea")) {
  if (field.type === "checkbox" || field.type === "radio") field.checked = false; else field.value = "";
}
form.noValidate = true;
(form.querySelector("button, [type=submit]")).click();
"""
TURN = """
const [direction, sheet, done] = arguments, root = document.documentElement;
const now = document.querySelector("link[rel=stylesheet]");
root.dir = direction;
root.lang = direction === "rtl" ? "ar" : "en";
if (!now || now.href === new URL(sheet, location).href) return done();
const other = now.cloneNode();
other.addEventListener("load", () => { now.remove(); done(); });
other.href = sheet;
now.after(other);
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
