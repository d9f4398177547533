"""Deciding in groups: nothing bad is let through by an answer to another question, and no answer is lost."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.flow import open_source
from safeconduct.model import Action, Basis, Confidence, Decision, Filter, Finding, Reason
from safeconduct_desk import answers, groups, jobs
from safeconduct_desk.grouping import FEW, MANY, Asked, clusters
from safeconduct_desk.models import Arrival, Group, Held, Look, Member, Role
from safeconduct_desk.store import files
from tests.desk.conftest import ClientOf

State = Arrival.State


def group_of(arrival: Arrival, rule: str, criterion: str = "") -> Group:
    """The largest group of a rule."""
    found = arrival.groups.filter(rule=rule)
    first = (found.filter(criterion=criterion) if criterion else found).order_by("-count").first()
    assert first is not None, rule
    return first


# --- making groups ----------------------------------------------------------------------------------------------------


class Nothing(Asked):
    """No rule beyond the decision itself."""

    def __init__(self) -> None:
        pass

    def reasons(self, number: int, decision: Decision, findings: object) -> tuple[Reason, ...]:
        return decision.reasons

    def otherwise(self, number: int, findings: object) -> frozenset[Filter]:
        return frozenset()


rules = st.sampled_from(["copies", "links", "words"])
items = st.lists(
    st.tuples(st.sets(rules, min_size=1), st.sampled_from("abcdefgh"), st.sampled_from(list(Action)[1:])), max_size=60
)


def _decided(told: list[tuple[set[str], str, Action]]) -> list[tuple[int, Decision, list[Finding]]]:
    made = []
    for number, (held_by, value, action) in enumerate(told):
        reasons = tuple(Reason(rule, f"found-{rule}", f"Because of {rule}.") for rule in sorted(held_by))
        findings = [
            Finding(number, reason.criterion, Confidence.HIGH, Basis.EXACT, "seen", value=value) for reason in reasons
        ]
        made.append((number, Decision(action, reasons=reasons), findings))
    return made


@given(items)
@settings(deadline=None, max_examples=100)
def test_every_held_item_stands_in_one_group_and_no_group_mixes_rules(told: list[tuple[set[str], str, Action]]) -> None:
    found = clusters(_decided(told), Nothing())
    held = [number for number, (_, _, action) in enumerate(told) if action >= Action.QUARANTINE]
    assert sorted(number for one in found.values() for number in one.numbers) == held
    for one in found.values():
        assert {(tuple(sorted(told[n][0])), told[n][2]) for n in one.numbers} == {(one.rules, one.proposed)}


@given(items)
@settings(deadline=None, max_examples=100)
def test_small_clusters_of_one_rule_are_one_question(told: list[tuple[set[str], str, Action]]) -> None:
    found = clusters(_decided(told), Nothing())
    small = Counter((one.rules, one.proposed) for one in found.values() if len(one.numbers) < FEW)
    assert all(count == 1 for count in small.values())
    again = clusters(_decided(told), Nothing())
    assert {key: one.numbers for key, one in again.items()} == {key: one.numbers for key, one in found.items()}


def test_a_rule_asks_a_bounded_number_of_questions() -> None:
    """Forty clusters of six, of which the twelve largest stand alone: nobody answers forty times."""
    told = [({"copies"}, f"text:{place}", Action.QUARANTINE) for place in range(40) for _ in range(6 + (place < 3))]
    found = clusters(_decided(told), Nothing())
    assert len(found) == MANY + 1
    (rest,) = [one for one in found.values() if one.together]
    assert rest.value == "small:28"
    assert {f"text:{place}" for place in range(3)} <= {one.value for one in found.values()}


def test_an_item_held_by_two_rules_is_not_released_by_an_answer_to_one(screened: Arrival) -> None:
    hidden = {one.n for one in Held.objects.filter(group__arrival=screened, group__rule="hidden-text+listed-phrase")}
    assert hidden
    phrase = set(group_of(screened, "listed-phrase").members.values_list("n", flat=True))
    assert not hidden & phrase
    assert len(group_of(screened, "hidden-text+listed-phrase").sentence.split("\n")) == 2


def test_what_an_exact_rule_refused_is_no_question(screened: Arrival) -> None:
    asked = groups.questions(screened)
    assert asked
    assert all(one.proposed == "quarantine" for one in asked)
    assert screened.minutes == len(asked) / 2
    counts = [one.count for one in asked]
    assert counts == sorted(counts, reverse=True), "most settled with one look first"


# --- what an answer does ----------------------------------------------------------------------------------------------


def test_releasing_answers_one_question_and_other_limits_stay(screened: Arrival, carol: User) -> None:
    """A post with a picture that tells a place, held as a copy: whoever says the copy is fine did not see the place."""
    group = group_of(screened, "copies")
    member = group.members.first()
    assert member is not None
    Held.objects.filter(pk=member.pk).update(otherwise="no-media sensitive")
    groups.decide(group, carol.member, "accept")
    told = {name: one for one in answers.answers(screened) for name in one.names}
    assert told[member.item].action is Action.LIMIT
    assert told[member.item].filters == {Filter.NO_MEDIA, Filter.SENSITIVE}


def test_limits_of_a_person_and_of_other_rules_unite(screened: Arrival, carol: User) -> None:
    group = group_of(screened, "copies")
    group.members.update(otherwise="unlisted")
    groups.decide(group, carol.member, "limit", filters=["no-links"], because="No links, please.")
    (one,) = answers.answers(screened)
    assert one.filters == {Filter.UNLISTED, Filter.NO_LINKS}
    assert one.because == "No links, please."


def test_a_limit_says_how(screened: Arrival, carol: User) -> None:
    with pytest.raises(groups.NotNow, match="at least one limit"):
        groups.decide(group_of(screened, "copies"), carol.member, "limit", filters=["everything"])
    with pytest.raises(groups.NotNow):
        groups.decide(group_of(screened, "copies"), carol.member, "destroy")
    assert not list(answers.answers(screened))


def test_the_first_answer_stands_until_it_is_taken_back(screened: Arrival, carol: User, erin: User) -> None:
    group = group_of(screened, "copies")
    stale = Group.objects.get(pk=group.pk)
    groups.decide(group, carol.member, "reject")
    with pytest.raises(groups.NotNow, match="Somebody else"):
        groups.decide(stale, erin.member, "accept")
    assert group.can_be_undone
    groups.undo(group, carol.member)
    assert groups.decide(group, erin.member, "accept").action == "accept"
    Group.objects.filter(pk=group.pk).update(decided_at=timezone.now() - timedelta(seconds=31))
    group.refresh_from_db()
    assert not group.can_be_undone


def test_nothing_is_decided_about_what_does_not_wait(screened: Arrival, carol: User) -> None:
    group = group_of(screened, "copies")
    Arrival.objects.filter(pk=screened.pk).update(state=State.APPLIED)
    with pytest.raises(groups.NotNow, match="does not wait"):
        groups.decide(group, carol.member, "accept")
    with pytest.raises(groups.NotNow, match="does not wait"):
        groups.undo(group, carol.member)


def test_not_now_goes_to_the_end(screened: Arrival, carol: User) -> None:
    first = groups.questions(screened)[0]
    groups.put_off(first, carol.member)
    assert groups.questions(screened)[-1] == first


# --- the second reader ------------------------------------------------------------------------------------------------


@pytest.fixture
def severe(screened: Arrival) -> Group:
    """A group of which two people read one each."""
    group = group_of(screened, "copies")
    Group.objects.filter(pk=group.pk).update(severe=True)
    group.refresh_from_db()
    return group


def test_severe_ones_wait_for_a_second_reader(severe: Group, carol: User, erin: User) -> None:
    arrival = severe.arrival
    groups.decide(severe, carol.member, "accept")
    assert not answers.settled(severe)
    assert severe in groups.questions(arrival)
    assert {one.action for one in answers.answers(arrival)} == {Action.QUARANTINE}, "until then it is held"
    with pytest.raises(groups.NotNow):
        groups.decide(severe, carol.member, "accept")
    groups.decide(severe, erin.member, "accept")
    assert answers.settled(severe)
    assert {one.action for one in answers.answers(arrival)} <= {Action.ACCEPT, Action.LIMIT}


def test_two_who_do_not_agree_leave_it_held(severe: Group, carol: User, erin: User) -> None:
    groups.decide(severe, carol.member, "accept")
    groups.decide(severe, erin.member, "reject")
    assert (severe.action, severe.second_by) == ("quarantine", erin.member)
    assert {one.action for one in answers.answers(severe.arrival)} == {Action.QUARANTINE}


def test_where_there_is_no_second_reader_time_stands_in(severe: Group, carol: User) -> None:
    groups.decide(severe, carol.member, "accept")
    assert not answers.settled(severe)
    Group.objects.filter(pk=severe.pk).update(decided_at=timezone.now() - timedelta(minutes=11))
    severe.refresh_from_db()
    assert answers.settled(severe)


def test_the_second_reader_is_shown_another_one(severe: Group, carol: User, erin: User, client_of: ClientOf) -> None:
    address = f"/arrivals/{severe.arrival.name}/groups/{severe.pk}/"
    first = client_of(carol).get(address).context["n"]
    client_of(carol).post(f"{address}decide/", {"action": "accept"})
    second = client_of(erin).get(address)
    assert second.context["second"]
    assert second.context["n"] != first
    assert "if you two do not agree" in second.content.decode()


# --- splitting --------------------------------------------------------------------------------------------------------


def test_parts_hold_the_same_members(screened: Arrival, carol: User) -> None:
    group = group_of(screened, "private-data")
    before = sorted(group.members.values_list("n", flat=True))
    made = groups.split(group, carol.member, "finding")
    assert len(made) > 1
    assert sorted(one.n for part in made for one in part.members.all()) == before
    assert all(part.count == part.members.count() and part.sentence == group.sentence for part in made)
    assert all(part.excerpt for part in made)
    assert not Group.objects.filter(pk=group.pk).exists()
    with pytest.raises(groups.NotNow, match="nothing to split"):
        groups.split(made[0], carol.member, "finding")


def test_an_answered_group_is_not_split(screened: Arrival, carol: User) -> None:
    group = groups.decide(group_of(screened, "copies"), carol.member, "accept")
    with pytest.raises(groups.NotNow, match="answer already"):
        groups.split(group, carol.member, "one by one")


# --- reading again (law 3) --------------------------------------------------------------------------------------------


def test_answers_of_people_survive_reading_again(arrival: Arrival, carol: User) -> None:
    jobs.start("screen", arrival)
    accepted = groups.decide(group_of(arrival, "copies"), carol.member, "accept")
    rejected = groups.decide(group_of(arrival, "listed-phrase"), carol.member, "reject", because="Spam.")
    parts = groups.split(group_of(arrival, "private-data"), carol.member, "one by one")
    groups.decide(parts[0], carol.member, "reject")
    kept = {one.pk: sorted(one.members.values_list("n", flat=True)) for one in (accepted, rejected, parts[0])}
    jobs.start("screen", arrival)
    for pk, members in kept.items():
        group = Group.objects.get(pk=pk)
        assert group.action
        assert sorted(group.members.values_list("n", flat=True)) == members
    answered = {n for members in kept.values() for n in members}
    opened = {one.n for one in Held.objects.filter(group__arrival=arrival, group__action="")}
    assert not answered & opened, "nobody is asked twice"


def test_what_comes_to_a_settled_group_later_is_a_new_question(arrival: Arrival, carol: User) -> None:
    jobs.start("screen", arrival)
    group = groups.decide(group_of(arrival, "copies"), carol.member, "accept")
    newcomer = group.members.last()
    assert newcomer is not None
    newcomer.delete()
    jobs.start("screen", arrival)
    group.refresh_from_db()
    assert newcomer.n not in set(group.members.values_list("n", flat=True))
    asked = Held.objects.get(group__arrival=arrival, n=newcomer.n).group
    assert (asked.action, asked.rule) == ("", "copies")
    assert asked in groups.questions(arrival)


def test_another_rule_that_holds_what_was_released_asks_again_and_it_waits(arrival: Arrival, carol: User) -> None:
    jobs.start("screen", arrival)
    group = groups.decide(group_of(arrival, "copies"), carol.member, "accept")
    Group.objects.filter(pk=group.pk).update(rule="some-rule-that-is-gone")
    jobs.start("screen", arrival)
    told: dict[str, Action] = {}
    for one in answers.answers(arrival):
        told |= dict.fromkeys(one.names, one.action)
    names = list(group.members.values_list("item", flat=True))
    assert {told[name] for name in names} == {Action.QUARANTINE}


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_says_why_the_rule_can_be_wrong(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    group = group_of(screened, "listed-phrase")
    said = client_of(carol).get(f"/arrivals/{screened.name}/groups/{group.pk}/").content.decode()
    assert "Why it can be wrong" in said
    assert group.sentence in unescape(said)
    assert "<mark>" in said
    for key in "alqr":
        assert f'data-key="{key}"' in said


def test_answers_go_on_to_the_next_question_and_can_be_undone(
    screened: Arrival, carol: User, client_of: ClientOf
) -> None:
    client, order = client_of(carol), groups.questions(screened)
    place = f"/arrivals/{screened.name}/groups"
    answer = client.post(f"{place}/{order[0].pk}/decide/", {"action": "quarantine"}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{place}/{order[1].pk}/"
    assert "undo (30 s)" in answer.content.decode()
    client.post(f"{place}/{order[0].pk}/undo/")
    order[0].refresh_from_db()
    assert order[0].action == ""


def test_the_same_is_not_shown_twice(screened: Arrival, carol: User, erin: User, client_of: ClientOf) -> None:
    group = Group.objects.filter(arrival=screened, count=1, proposed="quarantine").first()
    assert group is not None
    address = f"/arrivals/{screened.name}/groups/{group.pk}/"
    client = client_of(carol)
    assert "You have seen this" not in client.get(address).content.decode()
    assert "You have seen this" not in client.get(address).content.decode(), "the same sitting"
    Look.objects.update(at=timezone.now() - timedelta(hours=1))
    assert "You have seen this" in client.get(address).content.decode()
    assert "You have seen this" not in client_of(erin).get(address).content.decode()


def test_something_else_is_shown_where_there_is_something_else(
    screened: Arrival, carol: User, client_of: ClientOf
) -> None:
    group = group_of(screened, "followers-only")
    address = f"/arrivals/{screened.name}/groups/{group.pk}/"
    first = client_of(carol).get(address).context["n"]
    Look.objects.update(at=timezone.now() - timedelta(hours=1))
    assert client_of(carol).get(address).context["n"] != first


def test_groups_of_another_arrival_are_not_found(
    screened: Arrival, bob: User, carol: User, client_of: ClientOf
) -> None:
    other = Arrival.objects.create(person=bob, state=State.WAITING)
    group = group_of(screened, "copies")
    assert client_of(carol).get(f"/arrivals/{other.name}/groups/{group.pk}/").status_code == 404
    assert client_of(carol).post(f"/arrivals/{other.name}/groups/{group.pk}/decide/").status_code == 404


# --- an evening -------------------------------------------------------------------------------------------------------

BAD = {"listed-phrase", "listed-host", "hidden-text", "not-yours", "from-the-future"}


def test_an_import_is_decided_in_twelve_actions_and_nothing_bad_arrives(
    arrival: Arrival, carol: User, client_of: ClientOf, tmp_path: Path
) -> None:
    """What is planted is refused or stays held, what only repeats is released, the rest goes as the policy says."""
    jobs.start("screen", arrival)
    client, actions = client_of(carol), 0
    place = f"/arrivals/{arrival.name}"
    for group in groups.questions(arrival):
        held_by = set(group.rule.split("+"))
        action = "accept" if held_by <= {"copies", "repeats"} else "reject" if held_by & BAD else ""
        if action:
            client.post(f"{place}/groups/{group.pk}/decide/", {"action": action})
            actions += 1
    bad = set(
        Held.objects.filter(group__arrival=arrival).exclude(group__action="accept").values_list("item", flat=True)
    )
    client.post(f"{place}/do/accept/")
    actions += 1
    arrival.refresh_from_db()
    assert arrival.state == State.APPLIED
    assert actions <= 12, actions
    lines = _planned(arrival)
    assert {line["fate"] for line in lines if line["item"] in bad} <= {"held", "refused"}
    released = {one.item for one in Held.objects.filter(group__arrival=arrival, group__action="accept")}
    assert released
    assert {line["action"] for line in lines if line["item"] in released} <= {"accept", "limit"}
    delivered = _container(tmp_path / "delivered.tar")
    for words in ("MOONROCKS", "bad.example", "never written by Alice"):
        assert words.casefold() not in delivered.casefold(), words
    assert "Carriage 2 of 12" in delivered, "what was released did arrive"


def _planned(arrival: Arrival) -> list[dict[str, str]]:
    lines = (json.loads(line) for line in files().fetch(arrival, "plan.jsonl").read_text().splitlines())
    return [line for line in lines if "fate" in line and "item" in line]


def _container(path: Path) -> str:
    with tarfile.open(path) as archive:
        members = [one for one in archive.getmembers() if one.name.endswith((".json", ".jsonl", ".ndjson"))]
        return "\n".join((archive.extractfile(one) or _none()).read().decode("utf-8") for one in members)


def _none() -> tarfile.ExFileObject:
    raise AssertionError


def test_what_was_not_answered_stays_held(arrival: Arrival, carol: User) -> None:
    jobs.start("screen", arrival)
    arrival.refresh_from_db()
    opened = {one.item for one in Held.objects.filter(group__arrival=arrival)}
    groups.decided(arrival, carol.member)
    arrival.refresh_from_db()
    assert arrival.state == State.APPLIED
    assert {line["fate"] for line in _planned(arrival) if line["item"] in opened} <= {"held", "refused"}
    kinds = Counter(entry.kind for entry in open_source(str(files().fetch(arrival, "archive"))).read())  # type: ignore[union-attr]
    assert sum(kinds.values()) == len(_planned(arrival))


def test_roles_are_needed_for_every_verb(screened: Arrival, alice: User, bob: User, client_of: ClientOf) -> None:
    group = group_of(screened, "copies")
    place = f"/arrivals/{screened.name}/groups/{group.pk}"
    for somebody in (alice, bob):
        for verb in ("decide", "undo", "later", "split"):
            assert client_of(somebody).post(f"{place}/{verb}/", {"action": "accept", "by": "year"}).status_code == 403
    group.refresh_from_db()
    assert group.action == ""
    assert Member.objects.get(user=alice).rank == Role.PERSON
