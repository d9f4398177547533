"""A passkey, made and used in a real Chromium under the desk's own content policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.conftest import browser, log
from tests.desk.conftest import PASSWORD

__all__ = ["browser"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KEY = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture
def device(browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """A browser on a computer that holds passkeys."""
    browser.get("about:blank")
    browser.delete_all_cookies()
    browser.execute_cdp_cmd("WebAuthn.enable", {})
    made = browser.execute_cdp_cmd("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    log(browser, "browser")
    yield browser
    browser.execute_cdp_cmd("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": made["authenticatorId"]})
    browser.execute_cdp_cmd("WebAuthn.disable", {})
    browser.delete_all_cookies()
    browser.get("about:blank")


def press(driver: webdriver.Chrome, words: str) -> None:
    driver.find_element(By.XPATH, f"//main//button[normalize-space()='{words}']").click()


def until(driver: webdriver.Chrome, path: str) -> None:
    """Wait for this page."""
    WebDriverWait(driver, 20).until(lambda now: now.current_url.split("?")[0].endswith(path))


def test_in_with_a_passkey(device: webdriver.Chrome, live_server: LiveServer, carol: User, tmp_path: Path) -> None:
    desk = live_server.url.replace("127.0.0.1", "localhost")
    device.get(f"{desk}/sign-in/")
    device.find_element(By.NAME, "login").send_keys("carol")
    device.find_element(By.NAME, "password").send_keys(PASSWORD)
    press(device, "Sign in")
    until(device, "/")
    device.get(f"{desk}/account/passkeys/add/")
    device.find_element(By.NAME, "password").send_keys(PASSWORD)
    press(device, "Confirm")
    until(device, "/account/passkeys/add/")
    device.find_element(By.NAME, "name").send_keys("my computer")
    device.find_element(By.NAME, "passwordless").click()
    press(device, "Add")
    WebDriverWait(device, 20).until(lambda now: "/add/" not in now.current_url)
    assert Authenticator.objects.filter(user=carol, type="webauthn").count() == 1
    _nothing_refused(device)

    device.delete_all_cookies()
    device.get(f"{desk}/sign-in/?next=/account/")
    device.find_element(By.ID, "passkey_login").click()
    until(device, "/account/")
    assert "carol" in device.find_element(By.TAG_NAME, "header").text
    _nothing_refused(device)

    device.delete_all_cookies()
    device.get(f"{desk}/sign-in/")
    device.find_element(By.NAME, "login").send_keys("carol")
    device.find_element(By.NAME, "password").send_keys(PASSWORD)
    press(device, "Sign in")
    until(device, "/account/factors/ask/")
    device.find_element(By.ID, "mfa_webauthn_authenticate").click()
    until(device, "/")
    _nothing_refused(device)


def _nothing_refused(driver: webdriver.Chrome) -> None:
    assert driver.execute_script("return window.refused") == []
    said = [entry["message"] for entry in log(driver, "browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert [line for line in said if "autocomplete" not in line] == []
