"""Sign in."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client

from tests.desk.conftest import PASSWORD


def test_in_with_a_name_and_a_password(carol: User) -> None:
    client = Client()
    page = client.get("/sign-in/")
    assert page.status_code == 200
    print(page.content.decode())
    answer = client.post("/sign-in/", {"login": "carol", "password": PASSWORD})
    assert (answer.status_code, answer.url) == (302, "/")  # type: ignore[attr-defined]
