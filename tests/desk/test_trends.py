"""Trends: sums that are true, jumps that are said, and nothing for the public that could be about one person."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct_desk import trends
from safeconduct_desk.models import Appeal, Arrival, Labour, Role
from tests.desk.conftest import ClientOf, somebody

NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
State = Arrival.State


def imported(person: User, hits: dict[str, int], *, days: int = 20, **more: Any) -> Arrival:
    """An import that was read so many days before ``NOW``."""
    groups = [{"rule": rule, "count": count} for rule, count in hits.items()]
    decisions = {"accept": 100, "limit": 0, "quarantine": sum(hits.values()), "reject": 0}
    made = Arrival.objects.create(
        person=person, report={"groups": groups, "decisions": decisions},
        **{"state": State.APPLIED, "origin": "old.example", **more},
    )  # fmt: skip
    Arrival.objects.filter(pk=made.pk).update(created=NOW - timedelta(days=days))
    made.refresh_from_db()
    return made


def test_months_cross_the_year() -> None:
    assert trends.months(NOW, 6) == ["2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05"]


def test_sums_are_those_of_the_imports(alice: User, bob: User) -> None:
    imported(alice, {"links": 5, "words": 7}, days=40)
    second = imported(bob, {"links": 11}, days=1, state=State.REFUSED, origin="tiny.example")
    imported(bob, {"links": 900}, days=800)
    Appeal.objects.create(arrival=second, text="No.", upheld=False)
    Appeal.objects.update(created=NOW)
    found = trends.of(NOW)
    assert dict(found.months) == {**dict.fromkeys(trends.months(NOW), 0), "2026-04": 1, "2026-05": 1}
    assert dict(found.origins) == {"old.example": 1, "tiny.example": 1}
    assert dict(found.outcomes) == {"delivered": 1, "not taken": 1, "taken back": 0, "withdrawn": 0, "still open": 0}
    assert dict(found.items)["quarantine"] == 23
    assert [(rule, count) for rule, count, _rows in found.rules] == [("links", 16), ("words", 7)]
    assert dict(found.rules[0][2])["2026-05"] == 11
    assert dict(found.appeals)["the decision was changed"] == 1


@pytest.mark.parametrize(
    ("before", "now", "jumps"),
    [
        ([10, 10, 10], 31, True), ([10, 10, 10], 30, False), ([0, 0, 0], 20, True), ([0, 0, 0], 19, False),
        ([5, 5], 500, False), ([1, 1, 100], 25, True), ([90, 100, 110], 200, False),
    ],
)  # fmt: skip
def test_a_jump_is_three_times_the_median_and_at_least_twenty(
    alice: User, before: list[int], now: int, jumps: bool
) -> None:
    for place, count in enumerate(before):
        imported(alice, {"links": count} if count else {}, days=10 - place)
    last = imported(alice, {"links": now}, days=1)
    found = trends.of(NOW).jumps
    assert [(one.rule, one.arrival, one.count) for one in found] == ([("links", last, now)] if jumps else [])


def test_minutes_are_told_only_of_three_or_more(community: object) -> None:
    for name in ("carol", "dora"):
        Labour.objects.create(member=somebody(name, Role.MODERATOR).member, day=NOW.date(), seconds=600)
    assert trends.of(NOW).minutes == []
    Labour.objects.create(member=somebody("erin", Role.LEAD).member, day=NOW.date(), seconds=1200)
    assert dict(trends.of(NOW).minutes)["2026-05"] == 40


def test_the_page_is_for_those_who_work_here(alice: User, carol: User, client_of: ClientOf) -> None:
    imported(alice, {"links": 5}, days=-1)
    Arrival.objects.update(created=timezone.now())
    assert client_of(alice).get("/trends/").status_code == 403
    said = client_of(carol).get("/trends/").content.decode()
    assert "1 import" in said
    assert "links" in said
    assert "old.example" in said


# --- for everybody ----------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 60), max_size=7))
@settings(deadline=None, max_examples=200)
def test_what_is_veiled_cannot_be_reckoned_from_the_rest(counts: dict[str, int]) -> None:
    shown = trends.parts(counts)
    assert set(shown) == set(counts)
    assert all(count is None or count == counts[name] for name, count in shown.items())
    assert all(count is None or count == 0 or count >= trends.K for count in shown.values())
    veiled = [name for name, count in shown.items() if count is None]
    rest = sum(counts[name] for name in veiled)
    assert not veiled or rest >= trends.K or not any(shown.values())


def test_nothing_small_is_public(alice: User) -> None:
    for n in range(12):
        imported(
            alice, {"links": 3, "rare": 40} if n < 9 else {"links": 3}, origin="old.example" if n < 10 else "me.example"
        )
    said = trends.public(NOW + timedelta(days=31))
    written = json.dumps(said)
    assert said["imports"] == 12
    assert "me.example" not in written
    assert said["origins"] == {"old.example": None}  # with the others told, it would say how many they are
    assert said["other_origins"] is None
    assert said["rules"] == {"rare": None, "links": 36}  # forty times, but of nine people
    assert said["minutes"] is None


def test_few_imports_say_nothing_at_all(alice: User) -> None:
    for _n in range(9):
        imported(alice, {"links": 300})
    said = trends.public(NOW + timedelta(days=31))
    assert said["imports"] is None
    assert set(said["items"].values()) == {None}
    assert said["origins"] == {}
    assert set(said["rules"].values()) == {None}


def test_this_month_is_not_told_yet(alice: User) -> None:
    for _n in range(20):
        imported(alice, {}, days=1)
    assert trends.public(NOW)["imports"] == 0


def test_everybody_may_read_it_as_page_and_as_data(alice: User) -> None:
    for _n in range(11):
        imported(alice, {"links": 3})
    imported(alice, {}, state=State.REFUSED)
    Arrival.objects.update(created=timezone.now() - timedelta(days=40))
    data = Client().get("/transparency/?format=json").json()
    assert data["imports"] == 12
    assert data["origins"] == {"old.example": 12}
    page = Client().get("/transparency/").content.decode()
    assert "old.example" in page
    assert "fewer than 10" in page
    assert data["outcomes"] == {"delivered": None, "not taken": None, "taken back": 0, "withdrawn": 0, "open": 0}
    assert "alice" not in page + json.dumps(data)
