"""The script that sends a file in pieces, in a real Chromium."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.live_server_helper import LiveServer
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from safeconduct_desk import intake, jobs
from safeconduct_desk.models import Arrival
from safeconduct_desk.store import files
from tests.browser.conftest import browser, log

State = Arrival.State
PIECE = 5000
__all__ = ["browser"]
pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: webdriver.Chrome, live_server: LiveServer, alice: User, monkeypatch: pytest.MonkeyPatch) -> Arrival:
    """Alice before the page that waits for her file; nobody reads what comes."""
    monkeypatch.setattr(intake, "PIECE", PIECE)
    monkeypatch.setattr(jobs, "start", lambda *given: None)
    arrival = intake.offered(alice, "", 0, {}, {})
    client = Client()
    client.force_login(alice)
    browser.delete_all_cookies()
    browser.get(f"{live_server.url}/static/desk/icon.svg")
    name = settings.SESSION_COOKIE_NAME
    browser.add_cookie({"name": name, "value": client.cookies[name].value, "path": "/"})
    log(browser, "browser")
    browser.get(f"{live_server.url}/mine/{arrival.name}/file/")
    return arrival


def send(driver: webdriver.Chrome, path: Path) -> None:
    """Choose the file and press the button."""
    driver.find_element(By.ID, "file").send_keys(str(path))
    driver.find_element(By.CSS_SELECTOR, "#upload button").click()


def arrived(driver: webdriver.Chrome, arrival: Arrival, data: bytes) -> None:
    """All of it is here, and the browser is on the page of the arrival."""
    WebDriverWait(driver, 30).until(lambda one: one.current_url.endswith(f"/mine/{arrival.name}/"))
    arrival.refresh_from_db()
    assert (arrival.state, arrival.sha256) == (State.RECEIVED, hashlib.sha256(data).hexdigest())
    assert files().path(arrival, "archive").read_bytes() == data


def test_a_file_in_pieces(browser: webdriver.Chrome, page: Arrival, sample: Path) -> None:
    send(browser, sample)
    arrived(browser, page, sample.read_bytes())
    assert page.filename == sample.name
    assert [one for one in log(browser, "browser") if "Content Security Policy" in str(one)] == []


def test_a_file_goes_on_where_it_stopped(browser: webdriver.Chrome, page: Arrival, sample: Path) -> None:
    data = sample.read_bytes()
    intake.announced(page, sample.name, len(data))
    intake.chunk(page, 0, data[:7001])
    send(browser, sample)
    arrived(browser, page, data)


def test_another_file_of_the_same_size_does_not_become_a_mixture(
    browser: webdriver.Chrome, page: Arrival, sample: Path
) -> None:
    data = sample.read_bytes()
    intake.announced(page, sample.name, len(data))
    intake.chunk(page, 0, bytes(7001))
    send(browser, sample)
    arrived(browser, page, data)


def test_a_file_of_another_size_is_not_the_one_that_was_begun(
    browser: webdriver.Chrome, page: Arrival, sample: Path
) -> None:
    intake.announced(page, sample.name, 999)
    intake.chunk(page, 0, b"x")
    send(browser, sample)
    place = WebDriverWait(browser, 20).until(
        lambda one: one.find_element(By.ID, "file").get_property("validationMessage")
    )
    assert "another file" in str(place)
    assert intake.offset(page) == 1
