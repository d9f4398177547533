"""What the work costs: counted for the member first, summed only over three or more, and never a block."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct_desk import groups, looks, sampling
from safeconduct_desk.models import Arrival, Group, Labour, Look, Member, Role
from tests.desk.conftest import ClientOf, somebody


def test_an_answer_counts_its_time_and_what_it_saved(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    client, group = client_of(carol), groups.questions(screened)[0]
    address = f"/arrivals/{screened.name}/groups/{group.pk}/"
    started = client.get(address).context["started"]
    client.post(f"{address}decide/", {"action": "accept", "started": started})
    day = Labour.objects.get(member=carol.member)
    assert (day.day, day.decisions, day.saved) == (timezone.localdate(), 1, group.count - 1)
    assert 0 <= day.seconds <= looks.LONGEST


@pytest.mark.parametrize("token", ["", "0", "1700000000.0", "e30:1abc:xyz"])
def test_a_made_up_start_counts_nothing(token: str) -> None:
    assert looks.seconds_since(token) == 0


def test_my_week_is_for_my_eyes(carol: User, erin: User, client_of: ClientOf) -> None:
    looks.worked(carol.member, 600, decisions=41, saved=900)
    mine = client_of(carol).get("/labour/").content.decode()
    assert "about 10 minutes" in mine
    assert "41 answers" in mine
    hers = client_of(erin).get("/labour/").content.decode()
    assert "41" not in hers
    assert "a sum would say something about one of them" in hers


def test_leads_see_sums_of_three_or_more(carol: User, erin: User, olga: User, client_of: ClientOf) -> None:
    for member, seconds in ((carol.member, 600), (erin.member, 60), (olga.member, 120)):
        looks.worked(member, seconds, decisions=10)
    assert looks.together() == {"members": 3, "looks": 0, "seconds": 780, "decisions": 30, "saved": 0}
    assert "30 answers" in client_of(erin).get("/labour/").content.decode()
    assert "All of us" not in client_of(carol).get("/labour/").content.decode(), "moderators see their own"
    Labour.objects.filter(member=olga.member).update(day=timezone.localdate() - timedelta(days=8))
    assert looks.together() is None


@given(st.times(), st.times(), st.times())
@settings(deadline=None, max_examples=100)
def test_quiet_hours_may_pass_midnight(at: time, start: time, end: time) -> None:
    member = Member(quiet_from=start, quiet_to=end, soft_cap=10)
    member.pk = 0
    inside = looks._within(at, start, end)
    assert inside != looks._within(at, end, start) or start == end


def test_a_cap_is_a_sentence_and_no_block(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    Member.objects.filter(user=carol).update(soft_cap=2)
    for mark in ("a", "b"):
        Look.objects.create(member=carol.member, mark=mark, severe=True)
    group = groups.questions(screened)[0]
    answer = client_of(carol).get(f"/arrivals/{screened.name}/groups/{group.pk}/")
    assert answer.status_code == 200
    assert "A break is a good idea" in answer.content.decode()
    assert 'data-key="a"' in answer.content.decode()
    Look.objects.update(at=timezone.now() - timedelta(days=1, minutes=1))
    assert looks.calm(Member.objects.get(user=carol)) == ""


def test_quiet_hours_are_said(carol: User) -> None:
    carol.member.quiet_from, carol.member.quiet_to = time(22), time(7)
    assert looks.calm(carol.member, datetime(2026, 1, 5, 23, 30, tzinfo=UTC)) == "quiet"
    assert looks.calm(carol.member, datetime(2026, 1, 5, 6, 59, tzinfo=UTC)) == "quiet"
    assert looks.calm(carol.member, datetime(2026, 1, 5, 12, tzinfo=UTC)) == ""


def test_the_same_page_again_is_no_second_look(carol: User) -> None:
    assert looks.saw(carol.member, "mark")
    assert not looks.saw(carol.member, "mark")
    assert looks.saw(carol.member, "mark", opened=True), "opening it is another"
    Look.objects.update(at=timezone.now() - timedelta(minutes=11))
    assert looks.saw(carol.member, "mark")


# --- going through a sample -------------------------------------------------------------------------------------------


def test_a_sample_is_gone_through_by_tens_and_what_is_ticked_stays(
    screened: Arrival, carol: User, client_of: ClientOf
) -> None:
    client, place = client_of(carol), f"/arrivals/{screened.name}/sample/"
    client.post(f"{place}draw/", {"size": "60"})
    sample = screened.samples.get()
    assert sample.size == 60
    assert 'data-key="1"' in client.get(place).content.decode()
    bad = sample.numbers[3]
    for turn in range(6):
        start = 10 * turn + 1
        given = {"from": str(start), "bad": [str(bad)] if turn == 0 else []}
        client.post(f"{place}{sample.pk}/looked/", given)
        client.post(f"{place}{sample.pk}/looked/", given)  # pressed twice
    sample.refresh_from_db()
    assert (sample.looked, sample.bad) == (60, 1)
    said = sampling.statement(sample)
    page = client.get(place).content.decode()
    assert "drawn at random across years and kinds: at 95 % confidence" in page
    assert f"{said.percent} %" in page
    group = Group.objects.get(arrival=screened, criterion=groups.FOUND_BY_HAND)
    assert [one.n for one in group.members.all()] == [bad]
    assert (group.action, group.count, group.decided_by) == ("quarantine", 1, carol.member)
    groups.decided(screened, carol.member)
    screened.refresh_from_db()
    assert screened.outcome["planned"] > 0
    assert str(screened.state) == Arrival.State.APPLIED


def test_what_is_not_in_the_sample_cannot_be_ticked(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    client, place = client_of(carol), f"/arrivals/{screened.name}/sample/"
    client.post(f"{place}draw/", {"size": "60"})
    sample = screened.samples.get()
    other = next(n for n in range(280) if n not in sample.numbers)
    client.post(f"{place}{sample.pk}/looked/", {"from": "1", "bad": [str(other)]})
    sample.refresh_from_db()
    assert (sample.looked, sample.bad) == (10, 0)
    assert not Group.objects.filter(arrival=screened, criterion=groups.FOUND_BY_HAND).exists()


def test_only_who_works_here_draws(screened: Arrival, alice: User, client_of: ClientOf) -> None:
    assert client_of(alice).post(f"/arrivals/{screened.name}/sample/draw/").status_code == 403
    assert not screened.samples.exists()
    assert somebody("dave", Role.PERSON).pk
