"""The site and the reports as a person meets them: small and large, light and dark, by keyboard, without a script."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from safeconduct.cli import safeconduct
from safeconduct.contracts import Terms
from safeconduct.destinations.site import Site
from safeconduct.model import Action, Choices, Decision, Item, Medium, Receipt, Shaped
from safeconduct.reports.page import render_inspection
from safeconduct.sample import build
from safeconduct.sources.mastodon_archive import MastodonArchive
from tests.browser.conftest import address
from tests.destinations.test_site import Shelf, built, png, post
from tests.reports.test_reports import INSPECTION

pytestmark = pytest.mark.browser

IMAGES = Path(__file__).parents[2] / "docs" / "images"

# The contrast of every text with what is really behind it (WCAG 2.2, 1.4.3), by the browser's own computed colours.
CONTRAST = """
const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = (c) => { const [r, g, b] = c.map((v) => linear(v / 255));
  return .2126 * r + .7152 * g + .0722 * b; };
const parts = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const behind = (part) => { for (; part; part = part.parentElement) {
    const colour = parts(getComputedStyle(part).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour.slice(0, 3); }
  return [255, 255, 255]; };
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const part = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !part.getClientRects().length || part.closest('script, style')) continue;
  const colours = [parts(getComputedStyle(part).color).slice(0, 3), behind(part)];
  const [one, other] = colours.map(light).sort((a, b) => b - a);
  const ratio = (one + .05) / (other + .05);
  if (ratio < 4.5) poor.push(part.tagName + ' ' + ratio.toFixed(2) + ' ' + walker.currentNode.data.trim().slice(0, 30));
}
return poor;
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alice")
    build(folder / "alice.zip", posts=600)
    source = MastodonArchive(folder / "alice.zip")
    made = Site(str(folder / "site"), Terms(Choices(boosts="link"), source.about().actor, source.about().acct))
    abilities = made.probe()
    receipts: dict[str, Receipt] = {}
    for item in source.read():
        assert isinstance(item, Item)
        shaped = made.shape(item, Decision(Action.ACCEPT), abilities)
        if isinstance(shaped, Shaped):
            receipts[shaped.id] = made.deliver(shaped, source, receipts.get(shaped.parent))
    made.finish()
    return folder / "site"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_inspection(INSPECTION), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def as_it_was(browser: webdriver.Chrome) -> Iterator[None]:
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def scheme(browser: webdriver.Chrome, name: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": name}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def screen(browser: webdriver.Chrome, width: int, height: int, mobile: bool = False) -> None:
    values: dict[str, Any] = {
        "width": width,
        "height": height,
        "deviceScaleFactor": 2 if mobile else 1,
        "mobile": mobile,
    }
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", values)


def busiest(site: Path) -> Path:
    def weight(path: Path) -> float:
        page = path.read_text(encoding="utf-8")
        rich = sum(
            page.count(sign)
            for sign in ("<figure", 'class="warning"', 'class="poll"', 'class="thread"', 'class="closed"')
        )
        return rich / (3 + page.count("<article"))

    return max(site.glob("20*.html"), key=weight)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_all_text_can_be_read(browser: webdriver.Chrome, site: Path, report: Path, colours: str) -> None:
    scheme(browser, colours)
    for path in (site / "index.html", site / "search.html", busiest(site), report):
        browser.get(address(path))
        browser.execute_script("for (const part of document.querySelectorAll('details')) part.open = true;")
        assert browser.execute_script(CONTRAST) == [], path.name


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_nothing_has_to_be_scrolled_sideways(browser: webdriver.Chrome, site: Path, report: Path, width: int) -> None:
    screen(browser, width, 800, mobile=width < 500)
    for path in (site / "index.html", site / "search.html", busiest(site), report):
        browser.get(address(path))
        wide = browser.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, path.name


def test_targets_are_large_enough_and_focus_is_visible(browser: webdriver.Chrome, site: Path) -> None:
    browser.get(address(site / "search.html"))
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    first = browser.switch_to.active_element
    assert first.text == "Skip to the posts"
    assert first.rect["y"] >= 0, "the skip link comes into view"
    assert browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for part in browser.find_elements(By.CSS_SELECTOR, "nav a, button:not([hidden]), input, summary"):
        assert part.rect["height"] >= 24


def test_searching_by_keyboard_leads_to_the_post(browser: webdriver.Chrome, tmp_path: Path) -> None:
    items = [post(number, f"<p>Seat {number} in the night train</p>") for number in range(450)]
    built(tmp_path / "s", *items)
    browser.get(address(tmp_path / "s" / "search.html"))
    browser.find_element(By.ID, "words").send_keys("seat 441", Keys.ENTER)
    WebDriverWait(browser, 20).until(lambda page: page.find_elements(By.CSS_SELECTOR, "#results a"))
    assert "#q=seat%20441" in browser.current_url
    browser.find_element(By.CSS_SELECTOR, "#results a").send_keys(Keys.ENTER)
    WebDriverWait(browser, 20).until(lambda page: page.find_elements(By.CSS_SELECTOR, "article:target"))
    assert "Seat 441 in the night train" in browser.find_element(By.CSS_SELECTOR, "article:target").text


def test_many_results_come_in_portions(browser: webdriver.Chrome, tmp_path: Path) -> None:
    built(tmp_path / "s", *(post(number, f"<p>Seat {number} in the night train</p>") for number in range(450)))
    assert found(browser, tmp_path / "s", "night train") == "450 posts have all of these words, newest first."
    results = (By.CSS_SELECTOR, "#results li")
    for wanted in (20, 40):
        WebDriverWait(browser, 20).until(lambda page, wanted=wanted: len(page.find_elements(*results)) == wanted)  # type: ignore[misc]
        browser.find_element(By.ID, "more").send_keys(Keys.ENTER)
    WebDriverWait(browser, 20).until(lambda page: len(page.find_elements(*results)) == 60)


@pytest.mark.parametrize("script", ["a beginning", "another script"])
def test_search_finds_beginnings_and_scripts_without_spaces(
    browser: webdriver.Chrome, tmp_path: Path, script: str
) -> None:
    built(tmp_path / "s", post(1, "<p>Gärtnereien am Fluss</p>"), post(2, "<p>私は東京に住んでいます</p>"))
    wanted, other = ("gartner", "artner") if script == "a beginning" else ("東京", "京東")
    assert found(browser, tmp_path / "s", wanted) == "1 post has all of these words."
    assert found(browser, tmp_path / "s", other) == "No post has all of these words."


def found(browser: webdriver.Chrome, site: Path, words: str) -> str:
    browser.get("about:blank")
    browser.get(address(site / "search.html", f"#q={words}"))
    return str(WebDriverWait(browser, 20).until(lambda page: page.find_element(By.ID, "said").text))


def test_without_a_script_everything_but_the_search_is_there(browser: webdriver.Chrome, site: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(address(site / "search.html"))
    assert "find in page" in browser.find_element(By.ID, "said").text
    assert not browser.find_element(By.ID, "search").is_displayed()
    browser.get(address(site / "index.html"))
    browser.find_element(By.CSS_SELECTOR, ".months a").send_keys(Keys.ENTER)
    WebDriverWait(browser, 20).until(lambda page: page.find_elements(By.TAG_NAME, "article"))
    assert "author’s copy" in browser.find_element(By.TAG_NAME, "article").text


def test_each_paragraph_runs_in_its_own_direction(browser: webdriver.Chrome, tmp_path: Path) -> None:
    built(tmp_path / "s", post(1, "<p>Good morning</p><p>שלום לכם</p>"))
    browser.get(address(tmp_path / "s" / "2019-03.html"))
    left, right = browser.find_elements(By.CSS_SELECTOR, ".words p")
    edge = (
        "const range = document.createRange(); range.selectNodeContents(arguments[0]);"
        "return range.getBoundingClientRect().x"
    )
    assert browser.execute_script(edge, right) > browser.execute_script(edge, left) + 100


def test_closed_pictures_are_not_loaded_before_they_are_opened(browser: webdriver.Chrome, tmp_path: Path) -> None:
    media = (Medium("/attachment/0", "a.png", alt="A red field"),)
    shelf = Shelf(**{"a.png": png()})
    built(tmp_path / "s", post(1, thing={"sensitive": True}, media=media), shelf=shelf)
    browser.get(address(tmp_path / "s" / "2019-03.html"))
    picture = browser.find_element(By.TAG_NAME, "img")
    assert not picture.is_displayed()
    assert browser.execute_script("return arguments[0].naturalWidth", picture) == 0
    browser.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    WebDriverWait(browser, 20).until(lambda page: page.execute_script("return arguments[0].naturalWidth", picture) > 0)
    assert picture.is_displayed()
    assert browser.find_element(By.TAG_NAME, "figcaption").text == "A red field"


@pytest.mark.skipif(os.environ.get("SAFECONDUCT_SCREENSHOTS") != "1", reason="pictures are only taken when asked for")
def test_take_pictures_for_the_readme(browser: webdriver.Chrome, site: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    archive, home = str(site.parent / "alice.zip"), str(tmp_path / "home")
    made = CliRunner().invoke(safeconduct, ["inspect", archive, "--home", home, "-o", str(report)])
    assert report.exists(), made.output
    IMAGES.mkdir(parents=True, exist_ok=True)
    shots = (
        ("site-light", site / "index.html", "light", (1100, 1000, False)),
        ("site-dark", busiest(site), "dark", (1100, 1000, False)),
        ("site-mobile", busiest(site), "light", (390, 844, True)),
        ("report", report, "light", (1100, 1000, False)),
    )
    for name, path, colours, size in shots:
        scheme(browser, colours)
        screen(browser, *size)
        browser.get(address(path))
        browser.save_screenshot(str(IMAGES / f"{name}.png"))
        assert (IMAGES / f"{name}.png").stat().st_size > 10_000
