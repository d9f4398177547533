"""A moderator's first evening: the desk as people start it, a real Chromium, a server that takes what is accepted.

The same story is told by mouse and by keyboard alone, with JavaScript and without it (``hands``).

Nothing is set up before: an empty folder, ``safeconduct desk`` with its own worker, Alice's sample archive, and a
stand-in for GoToSocial on this machine.  Everything is done with what the pages offer.

``SAFECONDUCT_SCREENSHOTS=folder`` keeps a picture of each page there; ``=1`` renews the one in the documentation.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from safeconduct.sample import build
from safeconduct.sample._people import MALLORY
from safeconduct.sample._specials import _DISGUISES, PHRASE
from tests.browser.conftest import browser, log, started
from tests.desk.hands import Keyboard, Mouse, skips
from tests.journeys.stand_in import TOKEN, StandIn

__all__ = ["browser"]
pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SHOTS = os.environ.get("SAFECONDUCT_SCREENSHOTS", "")
PASSWORD = "correct horse battery staple"
ADDRESS = re.compile(rb"http://127\.0\.0\.1:\d+/set-up/\?code=\S+")
PATIENCE = 90
# What somebody who reads the questions says: yes to what only repeats itself, no to what was planted.
GOOD = {"copies", "repeats"}
BAD = {"listed-phrase", "listed-host", "hidden-text", "not-yours", "from-the-future"}


class Evening:
    """The browser at the desk; counts every button that decides something."""

    def __init__(self, driver: webdriver.Chrome, desk: str, hands: Mouse | Keyboard) -> None:
        self.driver, self.desk, self.hands = driver, desk, hands
        self.decisions, self._pictures = 0, 0

    def open(self, path: str) -> None:
        self.driver.get(path if path.startswith("http") else f"{self.desk}{path}")

    @property
    def path(self) -> str:
        return self.driver.current_url.removeprefix(self.desk).split("?")[0]

    @property
    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "main").text

    def write(self, **fields: str) -> None:
        for name, value in fields.items():
            self.hands.write(self.driver.find_element(By.NAME, name), value)

    def tick(self, name: str, value: str = "") -> None:
        chosen = f"[name='{name}']" + (f"[value='{value}']" if value else "")
        self.hands.tick(self.driver.find_element(By.CSS_SELECTOR, chosen))

    def press(self, words: str) -> None:
        """The button or link with these words; then wait for another page."""
        self._go(self.driver.find_element(
            By.XPATH, f"//main//*[self::button or self::a][contains(normalize-space(), '{words}')]"))  # fmt: skip

    def decide(self, action: str) -> None:
        self.decisions += 1
        self._go(self.driver.find_element(By.CSS_SELECTOR, f"button[name='action'][value='{action}']"))

    def _go(self, what: WebElement) -> None:
        self.driver.execute_script("document.documentElement.dataset.old = 'yes'")
        self.hands.press(what)
        new = "return document.readyState === 'complete' && !document.documentElement.dataset.old"
        WebDriverWait(self.driver, 30).until(lambda now: now.execute_script(new))
        assert "Server Error" not in self.driver.title

    def until(self, path: str, words: str) -> None:
        """Look at a page again and again, as people do, until it says so."""

        def said(_driver: webdriver.Chrome) -> bool:
            self.open(path)
            return words in self.text

        try:
            WebDriverWait(self.driver, PATIENCE, poll_frequency=1).until(said)
        except TimeoutException:
            pytest.fail(f"{path} does not say {words} but: {self.text}")

    def picture(self, name: str) -> None:
        """What is on the screen, whole, where pictures are wanted."""
        quiet = [entry["message"] for entry in log(self.driver, "browser") if entry["level"] == "SEVERE"]
        assert quiet == [], f"{name}: {quiet}"
        if SHOTS == "1" and name == "report":
            self.driver.save_screenshot(str(IMAGES / "desk.png"))
        if SHOTS in ("", "1"):
            return
        self._pictures += 1
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        self.driver.set_window_size(1100, min(int(height) + 150, 6000))
        self.driver.save_screenshot(str(Path(SHOTS) / f"{self._pictures:02}-{name}.png"))
        self.driver.set_window_size(1100, 1000)

    def sign_in(self, name: str) -> None:
        self.driver.delete_all_cookies()
        self.open("/sign-in/")
        self.write(login=name, password=PASSWORD)
        self.press("Sign in")


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn() as place:
        yield place


@pytest.fixture(scope="module")
def scriptless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A Chromium in which pages may run nothing."""
    driver = started(
        tmp_path_factory.mktemp("scriptless"), **{"profile.managed_default_content_settings.javascript": 2}
    )
    yield driver
    driver.quit()


WAYS = (
    pytest.param(("browser", Mouse), id="mouse"),
    pytest.param(("scriptless", Mouse), id="mouse, no JavaScript", marks=pytest.mark.prove),
    pytest.param(("browser", Keyboard), id="keyboard", marks=pytest.mark.prove),
    pytest.param(("scriptless", Keyboard), id="keyboard, no JavaScript"),
)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> tuple[webdriver.Chrome, type[Mouse | Keyboard]]:
    """The browser, and what it is used with."""
    name, hands = request.param
    return request.getfixturevalue(name), hands


@pytest.fixture
def evening(tmp_path: Path, way: tuple[webdriver.Chrome, type[Mouse | Keyboard]]) -> Iterator[Evening]:
    """The desk in an empty folder, at the address that its terminal prints."""
    browser, hands = way
    folder, said = tmp_path / "carols-desk", tmp_path / "terminal"
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("SAFECONDUCT_", "DJANGO_"))}
    with said.open("wb") as terminal:
        desk = subprocess.Popen(
            [sys.executable, "-u", "-m", "safeconduct", "desk", "--home", folder, "--listen", f"127.0.0.1:{port}"],
            env=env, cwd=tmp_path, stdout=terminal, stderr=terminal,
        )  # fmt: skip
    try:
        browser.get("about:blank")
        WebDriverWait(browser, 60).until(lambda _browser: ADDRESS.search(said.read_bytes()))
        found = ADDRESS.search(said.read_bytes())
        assert found
        browser.delete_all_cookies()
        browser.set_window_size(1100, 1000)
        log(browser, "browser")
        made = Evening(browser, f"http://127.0.0.1:{port}", hands(browser))
        made.open(found[0].decode())
        yield made
    finally:
        browser.get("about:blank")
        browser.delete_all_cookies()
        desk.terminate()
        desk.wait(30)


def planted(archive: Path) -> set[str]:
    """Every entry that a careful community must not publish, by what was put into it when the sample was made."""
    with zipfile.ZipFile(archive) as opened:
        outbox = json.loads(opened.read("outbox.json"))["orderedItems"]
    found = {}
    for activity in outbox:
        thing = activity["object"]
        if isinstance(thing, dict) and "content" in thing:
            found[thing["id"]] = json.dumps(thing, ensure_ascii=False)
    marks = (*_DISGUISES, PHRASE, "bad.example", "This was never written by Alice", "document.title", "flying trains")
    bad = {name for name, text in found.items() if any(json.dumps(m, ensure_ascii=False)[1:-1] in text for m in marks)}
    return bad | {name for name in found if name.startswith(MALLORY[2])}


def plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


# --- the evening, hour by hour ----------------------------------------------------------------------------------------


def set_up(at: Evening, server: StandIn) -> None:
    at.picture("set-up")
    at.write(community="Garden", contact="carol@garden.example", place=server.url, name="carol", password=PASSWORD)
    at.tick("kind", "gotosocial")
    at.tick("loopback")
    at.hands.press(at.driver.find_element(By.XPATH, "//summary[contains(., 'One account for everything')]"))
    at.write(token=TOKEN)
    at.press("Open the desk")
    assert at.path == "/", at.text
    at.picture("empty-desk")


def offer(at: Evening, archive: Path) -> str:
    """Alice makes an account, agrees to one thing after the other, and sends her file."""
    at.driver.delete_all_cookies()
    at.open("/sign-up/")
    at.write(username="alice", password1=PASSWORD)
    at.press("Make an account")
    at.open("/offer/")
    at.picture("offer")
    at.press("Go on")
    while at.path != "/offer/choices/":
        at.picture("offer-step")
        at.tick("agree")
        at.press("I agree, go on")
    at.picture("offer-choices")
    at.press("Go on to your file")
    at.picture("upload")
    name = at.path.strip("/").split("/")[1]
    silent = bool(at.driver.find_elements(By.CSS_SELECTOR, "noscript p"))  # no elements where scripts run
    assert silent == ("scriptless" in at.driver.capabilities["chrome"]["userDataDir"])
    at.write(file=str(archive))
    at.hands.press(at.driver.find_element(By.XPATH, "//button[contains(., 'Send the file')]"))
    WebDriverWait(at.driver, 60).until(lambda _driver: at.path == f"/mine/{name}/")
    at.picture("my-arrival")
    return name


def decide(at: Evening, arrival: str) -> None:
    """Answer question after question; what is neither clearly good nor bad is left to stay held."""
    left: set[str] = set()
    while True:
        at.open(f"/arrivals/{arrival}/")
        links = at.driver.find_elements(By.CSS_SELECTOR, ".desk-questions a[href*='/groups/']")
        address = next(
            (str(link.get_attribute("href")) for link in links if link.get_attribute("href") not in left), ""
        )
        if not address:
            return
        left.add(address)
        at.open(address)
        at.picture("question")
        rules = set(re.findall(r"[\w-]+", at.text.partition("Rule:")[2].partition("·")[0]))
        if rules <= GOOD:
            at.decide("accept")
        elif rules & BAD:
            at.decide("reject")


def take_back(at: Evening, server: StandIn) -> None:
    """Somebody outside reports one post; the import is found by it, and all of it is taken back."""
    there = server.posts()[-1]["url"]
    at.driver.delete_all_cookies()
    at.open("/report/")
    at.write(thing=there, said="This is about my garden, and I never agreed to it.")
    at.press("Send the report")
    assert "Thank you" in at.text
    at.sign_in("carol")
    at.open("/notices/")
    at.picture("reports")
    assert there in at.text
    at.press(there)
    at.picture("trace")
    at.press("The delivery it came with")
    at.picture("delivery")
    at.press("Take back")
    at.picture("taking-back")


def test_a_first_evening(evening: Evening, server: StandIn, tmp_path: Path) -> None:
    at, archive = evening, tmp_path / "alice.zip"
    build(archive)
    set_up(at, server)
    arrival = offer(at, archive)
    at.sign_in("carol")
    at.until(f"/arrivals/{arrival}/", "The whole import")
    at.picture("report")
    if isinstance(at.hands, Keyboard):
        skips(at.hands)
    decide(at, arrival)
    at.picture("report-decided")
    at.decisions += 1
    at.press("Accept the rest as policy")
    assert at.decisions <= 12
    at.until(f"/arrivals/{arrival}/transfer/", "Delivered.")
    at.picture("delivered")
    nothing_bad(tmp_path / "carols-desk" / "arrivals" / arrival / "plan.jsonl", planted(archive), server)
    at.open("/community/")
    at.write(delay_minutes="0")
    at.press("Save")
    take_back(at, server)
    at.until(f"/arrivals/{arrival}/transfer/", "Taken back.")
    at.picture("taken-back")
    assert server.posts() == []
    audit(at, arrival)


def nothing_bad(plan: Path, bad: set[str], server: StandIn) -> None:
    """None of what was planted is in the plan as delivered, and none of its words is on the server."""
    assert len(bad) > 15
    lines = [line for text in plan.read_text("utf-8").splitlines() if "fate" in (line := json.loads(text))]
    named = {line["item"].partition(":")[2]: line["fate"] for line in lines}
    fates = {item: named[item] for item in bad if item in named}
    assert set(fates) == bad
    released = {item for item, fate in fates.items() if fate not in ("held", "refused")}
    assert released == set()
    posts = server.posts()
    assert len(posts) > 100
    said = [plain(json.dumps([post["content"], post["spoiler_text"]], ensure_ascii=False)) for post in posts]
    assert not [one for one in said if "moonrocks" in one or "badexample" in one or "neverwrittenbyalice" in one]
    assert sum("of12greetingsfrom" in one for one in said) == 12, "what was released did arrive"


def audit(at: Evening, arrival: str) -> None:
    at.open("/audit/")
    at.picture("audit")
    for said in ("answered the question about", "said yes to the import", "wants to take back what was delivered"):
        assert said in at.text, said
    at.open(f"/audit/{arrival}/")
    at.picture("journal")
    assert "nothing is missing or changed" in at.text
