"""Appeals: somebody else answers where there is somebody else, once; what was wrong is a question again."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from safeconduct_desk import appeals, custody, groups, jobs, statements
from safeconduct_desk.models import Act, Appeal, Arrival, Group, Role, Tombstone
from safeconduct_desk.store import files
from tests.desk.conftest import ClientOf
from tests.desk.test_statements import finished, settle

State = Arrival.State


@pytest.fixture
def decided(screened: Arrival, carol: User) -> Group:
    """Carol refused one group; the rest is delivered."""
    group = settle(screened, carol, "reject")
    finished(screened, carol)
    group.refresh_from_db()
    return group


@pytest.fixture
def appeal(decided: Group) -> Appeal:
    """Alice disagrees."""
    decided.arrival.refresh_from_db()
    return appeals.appeal(decided.arrival, decided.key, "These are my own words.")


def test_what_was_read_is_kept_with_the_appeal(appeal: Appeal, carol: User) -> None:
    assert appeal.statement["text"] == "We do not take this."
    assert appeal.against == [carol.member.pk]


def test_there_is_nothing_to_appeal_before_it_is_decided(screened: Arrival, alice: User, client_of: ClientOf) -> None:
    group = screened.groups.first()
    assert group is not None
    with pytest.raises(appeals.CannotAppeal, match="no decision"):
        appeals.appeal(screened, group.key, "But")
    assert client_of(alice).get(f"/mine/{screened.name}/appeal/{group.key}/").status_code == 404


def test_one_appeal_at_a_time(appeal: Appeal, erin: User) -> None:
    arrival = appeal.arrival
    with pytest.raises(appeals.CannotAppeal, match="already"):
        appeals.appeal(arrival, appeal.statement["key"], "Again")
    appeals.answer(erin.member, appeal, True, "Read it again; it stands.")
    appeals.appeal(arrival, appeal.statement["key"], "There is something new.")


def test_who_decided_does_not_answer_where_there_is_somebody_else(appeal: Appeal, carol: User, erin: User) -> None:
    assert "yourself" in appeals.why_not(carol.member, appeal)
    with pytest.raises(appeals.CannotAppeal, match="yourself"):
        appeals.answer(carol.member, appeal, True, "No.")
    assert appeals.why_not(erin.member, appeal) == ""


def test_where_there_is_nobody_else_it_is_answered_all_the_same(appeal: Appeal, carol: User, erin: User) -> None:
    erin.last_login = None  # she has not been here for ever
    erin.save()
    assert appeals.why_not(carol.member, appeal) == ""


def test_nobody_answers_about_their_own_import(appeal: Appeal, alice: User, client_of: ClientOf) -> None:
    alice.member.role = Role.LEAD
    alice.member.save()
    assert appeals.why_not(alice.member, appeal)
    assert appeal not in appeals.waiting(alice.member)
    assert client_of(alice).get(f"/appeals/{appeal.pk}/").status_code == 404


def test_a_decision_that_stands_changes_nothing_else(appeal: Appeal, erin: User, decided: Group) -> None:
    appeals.answer(erin.member, appeal, True, "The rule is clear.")
    decided.refresh_from_db()
    decided.arrival.refresh_from_db()
    assert (decided.action, decided.arrival.state) == ("reject", State.APPLIED)
    with pytest.raises(appeals.CannotAppeal, match="meanwhile"):
        appeals.answer(erin.member, appeal, False, "Or not.")


def test_a_decision_that_was_wrong_is_a_question_again_and_then_it_arrives(
    appeal: Appeal, erin: User, decided: Group
) -> None:
    arrival = decided.arrival
    arrival.refresh_from_db()
    before = arrival.outcome["delivered"]
    assert Tombstone.objects.filter(arrival=arrival).exists()
    appeals.answer(erin.member, appeal, False, "You are right.")
    decided.refresh_from_db()
    arrival.refresh_from_db()
    assert (decided.action, arrival.state, arrival.claimed_by) == ("", State.WAITING, erin.member)
    assert decided in groups.questions(arrival)
    assert statements.of(arrival) == [], "what is asked again is not refused"
    with custody.home() as opened:
        names = list(decided.members.values_list("item", flat=True))
        marks = [opened.mark(name) for name in names]
    assert not Tombstone.objects.filter(mark__in=marks).exists()
    groups.decide(decided, erin.member, "accept")
    Arrival.objects.filter(pk=arrival.pk).update(decided_by=erin.member, decided_at=timezone.now())
    jobs.start("apply", arrival)
    arrival.refresh_from_db()
    assert arrival.state == State.APPLIED, arrival.problem
    assert arrival.outcome["delivered"] > before
    assert decided.key not in {one.key for one in statements.of(arrival)}


def test_what_a_rule_refused_by_itself_is_asked_of_a_person_after_the_appeal(
    screened: Arrival, carol: User, erin: User
) -> None:
    group = settle(screened, carol, "")
    Group.objects.filter(pk=group.pk).update(proposed="reject", decided_by=None, decided_at=None)
    finished(screened, carol)
    made = appeals.appeal(screened, group.key, "No rule knows this.")
    assert made.against == []
    appeals.answer(carol.member, made, False, "Let me look.")
    group.refresh_from_db()
    screened.refresh_from_db()
    assert group in groups.questions(screened)


def test_a_whole_import_can_be_opened_again(screened: Arrival, carol: User, erin: User) -> None:
    Arrival.objects.filter(pk=screened.pk).update(
        state=State.REFUSED, decided_by=carol.member, decided_at=timezone.now(), outcome={"because": "Sold."}
    )
    screened.refresh_from_db()
    made = appeals.appeal(screened, statements.WHOLE, "It was not.")
    assert made.against == [carol.member.pk]
    appeals.answer(erin.member, made, False, "You are right.")
    screened.refresh_from_db()
    assert (screened.state, screened.decided_by) == (State.WAITING, None)
    assert files().path(screened, "archive").exists()


def test_nothing_is_opened_while_it_is_being_taken_back(appeal: Appeal, erin: User) -> None:
    Arrival.objects.filter(pk=appeal.arrival_id).update(state=State.UNDOING)
    with pytest.raises(appeals.CannotAppeal, match="just being"):
        appeals.answer(erin.member, appeal, False, "You are right.")
    appeal.refresh_from_db()
    assert appeal.upheld is None, "all of it or nothing of it"


def test_the_story_on_the_pages(
    decided: Group, alice: User, bob: User, carol: User, erin: User, client_of: ClientOf
) -> None:
    address = f"/mine/{decided.arrival.name}/appeal/{decided.key}/"
    assert "We do not take this." in client_of(alice).get(address).content.decode()
    assert client_of(bob).get(address).status_code == 404
    assert client_of(erin).post(address, {"text": "x"}).status_code == 404
    assert client_of(alice).post(address, {"text": ""}).status_code == 400
    assert client_of(alice).post(address, {"text": "My <b>own</b> words."}).status_code == 302
    appeal = Appeal.objects.get()
    assert "somebody else" in client_of(carol).get("/appeals/").content.decode()
    assert "you can" in client_of(erin).get("/appeals/").content.decode()
    assert client_of(alice).get("/appeals/").status_code == 403
    page = client_of(erin).get(f"/appeals/{appeal.pk}/").content.decode()
    assert "My &lt;b&gt;own&lt;/b&gt; words." in page
    assert client_of(erin).post(f"/appeals/{appeal.pk}/", {"text": "x"}).status_code == 400
    client_of(carol).post(f"/appeals/{appeal.pk}/", {"stands": "yes", "text": "No."})
    appeal.refresh_from_db()
    assert appeal.upheld is None
    client_of(erin).post(f"/appeals/{appeal.pk}/", {"stands": "yes", "text": "It <stands>."})
    told = client_of(alice).get(f"/mine/{decided.arrival.name}/").content.decode()
    assert "It &lt;stands&gt;." in told
    assert erin.member.pseudonym in told
    assert "erin" not in told.replace(erin.member.pseudonym, "")
    assert set(Act.objects.filter(arrival=decided.arrival).values_list("verb", flat=True)) >= {
        "appealed", "answered an appeal",
    }  # fmt: skip
