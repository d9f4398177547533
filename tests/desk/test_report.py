"""The import report: everything a moderator needs before the first decision, and the acts on the whole import."""

from __future__ import annotations

import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from safeconduct_desk import groups, jobs, screening, summary
from safeconduct_desk.models import Act, Approval, Arrival, Community, Group, Member, Question, Role
from safeconduct_desk.store import files
from tests.desk.conftest import ClientOf

State = Arrival.State


def page(client: Client, arrival: Arrival) -> str:
    """The report's words."""
    answer = client.get(f"/arrivals/{arrival.name}/")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def do(client: Client, arrival: Arrival, verb: str, **given: Any) -> None:
    """Press one button of the report."""
    assert client.post(f"/arrivals/{arrival.name}/do/{verb}/", given).status_code == 302
    arrival.refresh_from_db()


def test_it_says_everything_in_one_sentence(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    said = page(client_of(carol), screened)
    counts = screened.report["decisions"]
    assert summary.sentence(screened) in said
    assert f"{screened.items} items from 2017 to 2024" in said
    assert "English" in said
    assert f"{counts['quarantine']} held under" in said
    assert f"{counts['reject']} refused by exact rules" in said


def test_each_part_of_the_report_is_there(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    said = page(client_of(carol), screened)
    for words in (
        "Nothing is proved", "numbers that do not fit their dates", "other totals than the archive says",
        "follows 0 people here", "Nothing of it came with another import", "Nobody asked the origin server",
        "When it was written", "For whom it was", "Links lead to", "people are mentioned", "text-only",
        "Accept the rest as policy ‘careful’ says", "Accept, softly over 14 days", "Not here", "Ask the person",
        "nobody has looked at the other", "By exact rules of the policy",
    ):  # fmt: skip
        assert words in said, words


def test_presets_say_what_a_whole_inspection_would(screened: Arrival) -> None:
    """The policy in force is a preset too: both ways of counting agree, and every item is counted once."""
    told = screened.shape["presets"]
    assert told["careful"] == screened.report["decisions"]
    assert {sum(counts.values()) for counts in told.values()} == {screened.items}
    assert told["open"]["quarantine"] < told["careful"]["quarantine"]


def test_dates_that_nobody_believes_are_counted_and_not_drawn(screened: Arrival) -> None:
    months = summary.volume(screened)
    assert months[0][0] == "2017-04"
    assert months[-1][0] == "2024-12"
    assert summary.unbelievable(screened) == 2
    every = sum(screened.shape["months"].values())
    assert sum(count for _, count in months) + 2 == every


def test_relations_are_counted_for_all_and_named_for_leads(
    screened: Arrival, bob: User, carol: User, erin: User, client_of: ClientOf
) -> None:
    Member.objects.filter(user=bob).update(acct="bob@friends.example")
    screening.shape(screened)  # marks are made with the key of this test's folder
    shape = {"relations": {"marks": {"domains": [_mark("old.example")]}}}
    Arrival.objects.create(person=bob, acct="bob@friends.example", state=State.APPLIED, shape=shape)
    for somebody, named in ((carol, False), (erin, True)):
        said = page(client_of(somebody), screened)
        assert "follows 1 person here" in said
        assert "is blocked by 1 person who came here" in said
        assert ("follows \u2068" in said or "follows bob@friends.example" in said) is named
        assert ("Who: leads only" in said) is not named
    assert "bob@friends.example" not in str(screened.shape["relations"]), "names are not kept"


def _mark(host: str) -> str:
    from safeconduct_desk.custody import home
    from safeconduct_desk.shapes import account_mark

    with home() as opened:
        return account_mark(opened, host)


def test_the_same_items_in_another_import_are_seen(
    screened: Arrival, sample: Path, bob: User, carol: User, client_of: ClientOf
) -> None:
    groups.decided(screened, carol.member)
    other = Arrival.objects.create(person=bob, state=State.RECEIVED)
    shutil.copy(sample, files().path(other, "archive"))
    jobs.start("screen", other)
    other.refresh_from_db()
    screened.refresh_from_db()
    assert summary.overlap(other) == [(screened, screened.items)]
    assert f"{screened.items} items: alice@old.example" in page(client_of(carol), other)


def test_only_who_works_here_sees_it(screened: Arrival, alice: User, bob: User, client_of: ClientOf) -> None:
    group = screened.groups.first()
    assert group is not None
    addresses = (
        f"/arrivals/{screened.name}/", f"/arrivals/{screened.name}/groups/{group.pk}/",
        f"/arrivals/{screened.name}/items/50/", f"/arrivals/{screened.name}/items/50/media/0/",
        f"/arrivals/{screened.name}/sample/", "/labour/",
    )  # fmt: skip
    for address in addresses:
        assert client_of(alice).get(address).status_code == 403, address
        assert client_of(bob).get(address).status_code == 403, address
        assert Client().get(address).status_code == 302, address


def test_nothing_is_delivered_before_a_yes(screened: Arrival, carol: User, client_of: ClientOf, tmp_path: Path) -> None:
    client = client_of(carol)
    page(client, screened)
    for group in screened.groups.all():
        client.get(f"/arrivals/{screened.name}/groups/{group.pk}/")
    place = tmp_path / "delivered.tar"
    assert not place.exists()
    do(client, screened, "accept")
    assert screened.state == State.APPLIED
    assert screened.decided_by == carol.member
    assert place.exists()
    do(client, screened, "accept")
    assert Act.objects.filter(verb="accepted").count() == 1, "pressed twice is delivered once"


def test_softly_keeps_the_days(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    client = client_of(carol)
    do(client, screened, "softly", days="0")
    assert screened.state == State.WAITING, "no number of days is not a yes"
    do(client, screened, "softly", days="9")
    assert screened.soft_days == 9
    assert screened.state != State.WAITING


def test_not_here_waits_for_a_second_person(
    screened: Arrival, carol: User, erin: User, client_of: ClientOf, tmp_path: Path
) -> None:
    do(client_of(carol), screened, "refuse", because="")
    assert not Approval.objects.exists(), "a refusal without a reason is none"
    do(client_of(carol), screened, "refuse", because="We are full.")
    assert screened.state == State.WAITING
    approval = Approval.objects.get()
    client_of(erin).post(f"/approvals/{approval.pk}/approve/")
    screened.refresh_from_db()
    assert screened.state == State.REFUSED
    assert screened.outcome["because"] == "We are full."
    assert not (tmp_path / "delivered.tar").exists()


def test_releasing_very_many_held_items_waits_for_a_second_person(
    screened: Arrival, carol: User, erin: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MASS", 3)
    group = screened.groups.filter(proposed="quarantine", count__gt=3).first()
    assert group is not None
    groups.decide(group, carol.member, "accept")
    do(client_of(carol), screened, "accept")
    assert screened.state == State.WAITING
    client_of(erin).post(f"/approvals/{Approval.objects.get().pk}/approve/")
    screened.refresh_from_db()
    assert screened.state == State.APPLIED


def test_asking_changes_nothing_else(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    client = client_of(carol)
    do(client, screened, "ask-person", text="Are these your own photographs?")
    do(client, screened, "ask-origin", text="Is this account known to you?")
    do(client, screened, "ask-person", text="  ")
    assert [(one.to, one.asked_by) for one in Question.objects.order_by("pk")] == [
        ("person", carol.member), ("origin", carol.member),
    ]  # fmt: skip
    assert screened.state == State.WAITING
    assert "Are these your own photographs?" in page(client, screened)


def test_claim_hand_over_and_give_back(
    screened: Arrival, carol: User, erin: User, olga: User, client_of: ClientOf
) -> None:
    carols, erins = client_of(carol), client_of(erin)
    do(carols, screened, "claim")
    assert screened.claimed_by == carol.member
    Member.objects.filter(user=erin).update(role=Role.MODERATOR)
    do(erins, screened, "claim")
    assert screened.claimed_by == carol.member, "who has it keeps it"
    do(erins, screened, "hand-over", to=str(erin.member.pk))
    assert screened.claimed_by == carol.member, "only who has it hands it over"
    do(carols, screened, "hand-over", to=str(erin.member.pk))
    assert screened.claimed_by == erin.member
    do(carols, screened, "give-back")
    assert screened.claimed_by == erin.member
    do(erins, screened, "give-back")
    assert screened.claimed_by is None
    do(client_of(olga), screened, "hand-over", to=str(screened.person_id))
    assert screened.claimed_by is None, "not to the person who moves"


def test_nobody_decides_about_their_own_import_while_others_are_here(
    screened: Arrival, alice: User, carol: User, client_of: ClientOf
) -> None:
    Member.objects.filter(user=alice).update(role=Role.OPERATOR)
    alices = client_of(User.objects.get(pk=alice.pk))
    do(alices, screened, "accept")
    assert screened.state == State.WAITING
    User.objects.filter(pk=carol.pk).update(is_active=False)
    do(alices, screened, "accept")
    assert screened.state == State.APPLIED, "somebody who is alone here may try the desk out"


def test_a_page_while_it_is_read(arrival: Arrival, carol: User, client_of: ClientOf) -> None:
    Arrival.objects.filter(pk=arrival.pk).update(state=State.SCREENING, progress={"step": "read", "done": 4000})
    arrival.refresh_from_db()
    said = page(client_of(carol), arrival)
    assert "is being read" in said
    assert "4,000 items so far" in said


def test_names_of_others_are_text(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    evil = "<script>alert(1)</script>"
    shape = {**screened.shape, "hosts": {evil: 3}, "mentions": {evil: 2}}
    Arrival.objects.filter(pk=screened.pk).update(acct=evil, shape=shape)
    Group.objects.filter(arrival=screened).update(excerpt=evil, rule=evil)
    answer = client_of(carol).get(f"/arrivals/{screened.name}/").content.decode()
    assert "<script>alert" not in answer
    assert "&lt;script&gt;alert" in answer


def test_the_community_may_decide_that_one_person_is_enough(
    screened: Arrival, carol: User, erin: User, community: Community, client_of: ClientOf
) -> None:
    del erin
    Community.objects.filter(pk=community.pk).update(two_people=False)
    do(client_of(carol), screened, "refuse", because="Not here.")
    assert screened.state == State.REFUSED
