"""Two people, or a delay: an act happens once, and never because one person wanted it and was in a hurry."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta

import hypothesis
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from safeconduct.errors import DeliveryError
from safeconduct_desk import approvals, jobs
from safeconduct_desk.models import Act, Approval, Arrival, Community, Role
from tests.desk.conftest import ClientOf


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An act that only says that it was done: numbers of approvals."""
    happened: list[int] = []
    monkeypatch.setitem(approvals.ACTS, "probe", lambda approval: happened.append(approval.pk))
    return happened


def _past(approval: Approval) -> None:
    Approval.objects.filter(pk=approval.pk).update(due=timezone.now() - timedelta(seconds=1))


def test_a_second_person_is_waited_for_however_long(arrival: Arrival, erin: User, carol: User, done: list[int]) -> None:
    approval = approvals.ask(erin.member, arrival, "probe")
    assert (approval.due, approval.done_at, done) == (None, None, [])
    assert approvals.run_due() == 0
    assert done == []
    approvals.approve(carol.member, approval)
    assert done == [approval.pk]
    assert approval.second_by == carol.member


def test_nobody_agrees_with_themselves(arrival: Arrival, erin: User, carol: User, done: list[int]) -> None:
    approval = approvals.ask(erin.member, arrival, "probe")
    with pytest.raises(approvals.TwoPeople, match="yourself"):
        approvals.approve(erin.member, approval)
    assert done == []


def test_nobody_agrees_about_their_own_import(arrival: Arrival, alice: User, erin: User, done: list[int]) -> None:
    alice.member.role = Role.LEAD
    alice.member.save()
    approval = approvals.ask(erin.member, arrival, "probe")
    assert approval.due is not None, "Alice is no second person for her own import"
    with pytest.raises(approvals.TwoPeople, match="your own"):
        approvals.approve(alice.member, approval)
    assert done == []


def test_people_who_move_agree_to_nothing_and_stop_nothing(
    arrival: Arrival, bob: User, erin: User, done: list[int]
) -> None:
    approval = approvals.ask(erin.member, arrival, "probe")
    for verb in (approvals.approve, approvals.cancel, approvals.again):
        with pytest.raises(approvals.TwoPeople):
            verb(bob.member, approval)
    assert done == []


def test_a_lone_operator_gets_a_delay(arrival: Arrival, olga: User, community: Community, done: list[int]) -> None:
    approval = approvals.ask(olga.member, arrival, "probe")
    assert approval.due is not None
    minutes = (approval.due - approval.asked_at).total_seconds() / 60
    assert minutes == pytest.approx(community.delay_minutes, abs=0.1)
    assert approvals.run_due() == 0
    assert done == []
    _past(approval)
    assert approvals.run_due() == 1
    assert approvals.run_due() == 0
    assert done == [approval.pk]


def test_who_was_not_here_for_a_month_is_nobody_to_wait_for(arrival: Arrival, olga: User, carol: User) -> None:
    User.objects.filter(pk=carol.pk).update(last_login=timezone.now() - timedelta(days=31))
    assert not approvals.seconds(olga.member, arrival).exists()
    User.objects.filter(pk=carol.pk).update(last_login=timezone.now())
    assert approvals.seconds(olga.member, arrival).get() == carol.member
    User.objects.filter(pk=carol.pk).update(is_active=False)
    assert not approvals.seconds(olga.member, arrival).exists()


def test_when_the_only_second_person_goes_the_delay_begins(
    arrival: Arrival, olga: User, carol: User, done: list[int]
) -> None:
    approval = approvals.ask(olga.member, arrival, "probe")
    assert approval.due is None
    User.objects.filter(pk=carol.pk).update(is_active=False)
    approvals.run_due()
    approval.refresh_from_db()
    assert approval.due is not None
    assert approval.due > timezone.now()
    assert done == []


def test_what_was_stopped_never_happens(arrival: Arrival, olga: User, carol: User, done: list[int]) -> None:
    approval = approvals.ask(olga.member, arrival, "probe")
    assert approvals.cancel(olga.member, approval)
    _past(approval)
    assert approvals.run_due() == 0
    approvals.approve(carol.member, approval)
    assert done == []
    assert not approvals.cancel(olga.member, approval), "it was stopped already"


def test_what_has_happened_cannot_be_stopped(arrival: Arrival, erin: User, carol: User, done: list[int]) -> None:
    approval = approvals.ask(erin.member, arrival, "probe")
    approvals.approve(carol.member, approval)
    assert not approvals.cancel(erin.member, approval)
    approval.refresh_from_db()
    assert approval.cancelled_at is None


def test_agreeing_twice_does_it_once(arrival: Arrival, erin: User, carol: User, olga: User, done: list[int]) -> None:
    approval = approvals.ask(erin.member, arrival, "probe")
    approvals.approve(carol.member, approval)
    approvals.approve(olga.member, approval)
    assert done == [approval.pk]
    assert approval.second_by == carol.member


def test_asking_twice_asks_once(arrival: Arrival, erin: User, carol: User, done: list[int]) -> None:
    first = approvals.ask(erin.member, arrival, "probe", {"numbers": [1, 2]})
    assert approvals.ask(carol.member, arrival, "probe", {"numbers": [1, 2]}) == first
    assert approvals.ask(erin.member, arrival, "probe", {"numbers": [3]}) != first


def test_a_community_may_do_without(arrival: Arrival, erin: User, carol: User, done: list[int]) -> None:
    Community.objects.update(two_people=False)
    approval = approvals.ask(erin.member, arrival, "probe")
    assert done == [approval.pk]
    assert approval.done_at is not None


def test_a_fault_holds_and_is_said(
    arrival: Arrival, erin: User, carol: User, monkeypatch: pytest.MonkeyPatch, done: list[int]
) -> None:
    works = approvals.ACTS["probe"]

    def breaks(approval: Approval) -> None:
        Arrival.objects.filter(pk=approval.arrival_id).update(problem="half done")
        raise DeliveryError("garden.example is full.")

    approval = approvals.ask(erin.member, arrival, "probe")
    monkeypatch.setitem(approvals.ACTS, "probe", breaks)
    approvals.approve(carol.member, approval)
    arrival.refresh_from_db()
    assert (approval.done_at, approval.problem, arrival.problem) == (None, "garden.example is full.", "")
    assert approvals.run_due() == 0, "nobody tries again by themselves"
    monkeypatch.setitem(approvals.ACTS, "probe", works)
    approvals.again(erin.member, approval)
    assert (done, approval.problem) == ([approval.pk], "")


def test_trying_again_is_no_way_round_the_second_person(
    arrival: Arrival, erin: User, carol: User, done: list[int]
) -> None:
    approval = approvals.ask(erin.member, arrival, "probe")
    approvals.again(erin.member, approval)
    assert done == []


def test_an_act_that_nobody_registered_is_refused(arrival: Arrival, erin: User) -> None:
    with pytest.raises(KeyError):
        approvals.ask(erin.member, arrival, "no-such-act")
    assert not Approval.objects.exists()


def test_a_rollback_by_two_takes_everything_back(screened: Arrival, erin: User, carol: User) -> None:
    jobs.start("apply", screened)
    approval = approvals.ask(erin.member, screened, "rollback")
    screened.refresh_from_db()
    assert screened.state == Arrival.State.APPLIED
    approvals.approve(carol.member, approval)
    assert approval.problem == ""
    screened.refresh_from_db()
    assert screened.state == Arrival.State.UNDONE
    verbs = list(Act.objects.order_by("pk").values_list("verb", "member__user__username"))
    assert verbs == [("asked: rollback", "erin"), ("agreed: rollback", "carol")]


def _step(verb: str, user: User | None, arrival: Arrival) -> None:
    """One person does one thing, or a worker comes by."""
    newest = Approval.objects.order_by("-pk").first()
    if user is None:
        approvals.run_due()
    elif verb == "ask":
        approvals.ask(user.member, arrival, "probe")
    elif verb in ("leaves", "returns"):
        User.objects.filter(pk=user.pk).update(is_active=verb == "returns")
    elif newest is not None:
        with contextlib.suppress(approvals.TwoPeople):
            getattr(approvals, verb)(user.member, newest)


def _later() -> set[int]:
    """Every delay that has begun is over; the numbers of what waited."""
    passing = approvals.waiting().exclude(due=None)
    numbers = set(passing.values_list("pk", flat=True))
    passing.update(due=timezone.now() - timedelta(seconds=1))
    return numbers


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(["erin", "carol", "olga"])),
        st.tuples(st.sampled_from(["approve", "cancel", "again"]), st.sampled_from(["erin", "carol", "olga", "bob"])),
        st.tuples(st.sampled_from(["leaves", "returns"]), st.sampled_from(["erin", "carol", "olga"])),
        st.tuples(st.sampled_from(["time passes", "look", "breaks", "mended"]), st.just("")),
    ),
    max_size=14,
)


@hypothesis.settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_people_do_nothing_happens_twice_or_because_one_person_wanted_it_at_once(
    arrival: Arrival, erin: User, carol: User, olga: User, bob: User, done: list[int], steps: list[tuple[str, str]]
) -> None:
    """Law: an act that happened was agreed to by somebody else, or its delay was over and nobody had stopped it."""
    people = {user.username: User.objects.get(pk=user.pk) for user in (erin, carol, olga, bob)}
    User.objects.update(is_active=True)
    Approval.objects.all().delete()
    done.clear()
    broken: list[str] = []

    def work(approval: Approval) -> None:
        if broken:
            raise DeliveryError("It is broken.")
        done.append(approval.pk)

    approvals.ACTS["probe"] = work  # put back by the fixture
    waited: set[int] = set()
    for verb, name in steps:
        if verb in ("breaks", "mended"):
            broken[:] = ["yes"] if verb == "breaks" else []
        elif verb == "time passes":
            waited |= _later()
        else:
            _step(verb, people.get(name), arrival)
    assert len(done) == len(set(done))
    for one in Approval.objects.filter(pk__in=done):
        assert one.cancelled_at is None
        assert one.second_by_id != one.asked_by_id
        assert one.second_by_id is not None or one.pk in waited
        assert one.second_by_id != people["bob"].member.pk
    assert set(Approval.objects.exclude(done_at=None).values_list("pk", flat=True)) == set(done)


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_do_it_once(arrival: Arrival, olga: User, done: list[int]) -> None:
    approval = approvals.ask(olga.member, arrival, "probe")
    _past(approval)
    start, errors = threading.Barrier(4), list[BaseException]()

    def worker() -> None:
        try:
            start.wait()
            approvals.run_due()
        except BaseException as error:  # told to the test, which fails
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (errors, done) == ([], [approval.pk])


def test_the_page_says_what_waits_and_does_what_it_is_told(
    arrival: Arrival, erin: User, carol: User, bob: User, client_of: ClientOf, done: list[int]
) -> None:
    approval = approvals.ask(erin.member, arrival, "probe")
    mine, hers = client_of(erin), client_of(carol)
    page = mine.get("/approvals/").content.decode()
    assert "probe" in page
    assert f"/approvals/{approval.pk}/approve/" not in page, "who asked is not offered to agree"
    assert mine.post(f"/approvals/{approval.pk}/approve/").status_code == 403
    assert client_of(bob).get("/approvals/").status_code == 403
    assert f"/approvals/{approval.pk}/approve/" in hers.get("/approvals/").content.decode()
    answer = hers.post(f"/approvals/{approval.pk}/approve/")
    assert (answer.status_code, done) == (302, [approval.pk])
    assert "agreed" in mine.get("/approvals/").content.decode()


def test_the_page_stops_it(arrival: Arrival, olga: User, client_of: ClientOf, done: list[int]) -> None:
    approval = approvals.ask(olga.member, arrival, "probe")
    client = client_of(olga)
    assert "10 minutes" in client.get("/approvals/").content.decode()
    assert client.get(f"/approvals/{approval.pk}/cancel/").status_code == 405
    assert client.post(f"/approvals/{approval.pk}/cancel/").status_code == 302
    approval.refresh_from_db()
    assert approval.cancelled_at is not None
    assert client.post(f"/approvals/{approval.pk}/explode/").status_code == 404
