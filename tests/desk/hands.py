"""Ways of using a page: with a mouse, or by keyboard alone; with JavaScript, or without.

What drives the browser reads the page through its debugger, also where the page itself may run nothing.
"""

from __future__ import annotations

from typing import Any

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

MOST = 400  # stops on one page before we call it a trap


class Mouse:
    """Clicks."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def press(self, what: WebElement) -> None:
        what.click()

    def tick(self, box: WebElement) -> None:
        # A radio button's input lies under its label's drawing, where a click by coordinates would miss it.
        self.driver.execute_script("arguments[0].click()", box)

    def write(self, box: WebElement, value: str) -> None:
        if box.get_attribute("type") != "file":
            box.clear()
        box.send_keys(value)


class Keyboard:
    """Tab, Shift+Tab, Enter, space and arrows.

    Nothing is written into, or pressed, before it was reached so.  A file is the one thing given from outside: its path
    goes to the reached field, because the window in which people choose a file is the system's and not the page's.
    At each stop on the way: focus can be seen (an outline or a shadow that goes away again), it is on the screen, and
    the order is that of reading.
    """

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver, self.stops = driver, 0

    def press(self, what: WebElement) -> None:
        self._reach(what)
        self._type(Keys.SPACE if what.tag_name == "button" else Keys.ENTER)

    def tick(self, box: WebElement) -> None:
        self._reach(box)
        for _ in range(20):
            if self.driver.execute_script("return document.activeElement === arguments[0]", box):
                break
            self._type(Keys.ARROW_DOWN)
        if not box.is_selected():
            self._type(Keys.SPACE)
        assert box.is_selected()

    def write(self, box: WebElement, value: str) -> None:
        self._reach(box)
        if box.get_attribute("type") == "file":
            box.send_keys(value)
        elif box.tag_name == "select":
            self._type(next(one.text for one in Select(box).options if one.get_attribute("value") == value))
        else:
            ActionChains(self.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
            self._type(value)

    def _type(self, keys: str) -> None:
        ActionChains(self.driver).send_keys(keys).perform()

    def _reach(self, what: WebElement) -> None:
        back = bool(self.driver.execute_script(BEHIND, what))
        for _ in range(MOST):
            said: dict[str, Any] = self.driver.execute_script(STOP, what, back)
            assert not said["wrong"], f"{self.driver.current_url}: {said['wrong']}"
            if said["there"]:
                return
            self.stops += 1
            keys = ActionChains(self.driver)
            (keys.key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT) if back else keys.send_keys(Keys.TAB))
            keys.perform()
        raise AssertionError(f"{self.driver.current_url}: cannot be reached: {what.get_attribute('outerHTML')}")


def skips(keyboard: Keyboard) -> None:
    """The first stop leads past the head of the page: the next one is in its content."""
    driver = keyboard.driver
    keyboard.press(driver.find_element(By.CSS_SELECTOR, ".govuk-skip-link"))
    keyboard._type(Keys.TAB)
    assert driver.execute_script("return document.activeElement.closest('main') !== null")


BEHIND = """
const at = document.activeElement;
return at && at !== document.body && at !== arguments[0]
  && Boolean(at.compareDocumentPosition(arguments[0]) & Node.DOCUMENT_POSITION_PRECEDING);
"""
STOP = """
const [wanted, back] = arguments, at = document.activeElement;
const drawn = (one) => [one, ...(one.labels || [])].flatMap((part) => [null, "::before", "::after"].map((which) => {
  const style = getComputedStyle(part, which);
  return [style.outlineStyle === "none" ? "" : style.outline, style.boxShadow].join();
})).join();
const before = window.deskBefore, wrong = [];
if (before && before.one !== at && before.one.isConnected && before.ring === drawn(before.one))
  wrong.push("focus cannot be seen: " + before.one.outerHTML.slice(0, 200));
if (at === document.body || at === document.documentElement) {
  window.deskBefore = null;
  return { there: false, wrong: wrong.join() };
}
const place = at.getBoundingClientRect();
const radio = at.type === "radio" && wanted.type === "radio" && at.name === wanted.name && at.form === wanted.form;
if (!place.width || !place.height || place.bottom <= 0 || place.top >= innerHeight)
  wrong.push("focus is off the screen: " + at.outerHTML.slice(0, 200));
if (at.tabIndex > 0) wrong.push("an order of its own: " + at.outerHTML.slice(0, 200));
if (before && before.one !== at && before.one.isConnected) {
  const follows = Boolean(before.one.compareDocumentPosition(at) & Node.DOCUMENT_POSITION_FOLLOWING);
  const above = (one, other) => one.bottom <= other.top && one.left <= other.left;
  const was = before.one.getBoundingClientRect();
  if (follows && above(place, was)) wrong.push("not the order of reading: " + at.outerHTML.slice(0, 200));
}
window.deskBefore = { one: at, ring: drawn(at) };
return { there: at === wanted || radio, wrong: wrong.join("; ") };
"""
