"""Trace, transfer and audit pages: the whole story, for those who work here; the sealed map only by two."""

from __future__ import annotations

import sqlite3
from html import unescape
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from safeconduct.steps.trace import Query, Traced, journey, trace
from safeconduct_desk import custody, jobs, notices
from safeconduct_desk.models import Act, Approval, Arrival
from safeconduct_desk.templatetags.desk import named
from tests.desk.conftest import ClientOf

State = Arrival.State


@pytest.fixture
def delivered(screened: Arrival) -> Arrival:
    jobs.start("apply", screened)
    screened.refresh_from_db()
    assert screened.state == State.APPLIED
    return screened


def one(arrival: Arrival, **wanted: str) -> Traced:
    with custody.home() as opened:
        return next(row for row in trace(opened, Query(transfer=arrival.transfer, **wanted)) if row.state)  # type: ignore[arg-type]


def test_whatever_one_has_in_hand_leads_to_its_story(delivered: Arrival, carol: User, client_of: ClientOf) -> None:
    client, row = client_of(carol), one(delivered, kind="post")
    page = client.get("/trace/", {"q": row.origin}, follow=True)
    assert page.redirect_chain == [(f"/trace/{row.transfer}/{row.number}/", 302)]
    text = page.content.decode()
    for sentence in ("The import was offered here.", "It was about to be delivered.", "It was delivered."):
        assert sentence in text
    assert delivered.actor in client.get("/trace/", {"q": delivered.actor}).content.decode()
    listed = client.get("/trace/", {"q": delivered.acct}).content.decode()
    assert listed.count(f"/trace/{row.transfer}/") == 100
    assert "Nothing here knows it" in client.get("/trace/", {"q": "https://never.example/1"}).content.decode()
    assert client.get("/trace/").status_code == 200
    assert client.get(f"/trace/{row.transfer}/99999/").status_code == 404


def test_people_who_move_trace_nothing(delivered: Arrival, alice: User, client_of: ClientOf) -> None:
    row = one(delivered, kind="post")
    places = ["/trace/?q=x", f"/trace/{row.transfer}/{row.number}/", "/notices/", "/audit/",
              f"/arrivals/{delivered.name}/transfer/"]  # fmt: skip
    assert [client_of(alice).get(place).status_code for place in places] == [403] * 5


def test_the_map_is_opened_by_two_and_each_look_is_written_down(
    delivered: Arrival, carol: User, erin: User, client_of: ClientOf
) -> None:
    row = one(delivered, kind="post")
    place = f"/trace/{row.transfer}/{row.number}/"
    client = client_of(carol)
    assert client.get(place).content.decode().count("Ask to open it") == 1
    client.post(f"{place}open/", {"why": ""})
    assert not Approval.objects.exists()
    client.post(f"{place}open/", {"why": "A court asked."})
    approval = Approval.objects.get(act="open-map")
    assert client.post(f"/trace/look/{approval.pk}/").status_code == 404, "nobody has agreed"
    client_of(erin).post(f"/approvals/{approval.pk}/approve/")
    for _ in range(2):
        page = client.post(f"/trace/look/{approval.pk}/")
        assert page.status_code == 200
        assert page.headers["Cache-Control"].count("no-store") == 1
    with custody.home() as opened:
        looks = [entry for entry in journey(opened, row.transfer) if entry["event"] == "map-opened"]
    assert [entry["detail"] for entry in looks] == [{"why": "A court asked."}] * 2
    assert Act.objects.filter(verb="opened the sealed map", member=carol.member).count() == 2


def test_the_delivery_is_shown_and_taken_back_by_two(
    delivered: Arrival, carol: User, erin: User, client_of: ClientOf
) -> None:
    client, place = client_of(carol), f"/arrivals/{delivered.name}/transfer/"
    text = client.get(place).content.decode()
    assert f"Take back {delivered.outcome['delivered']} items" in text
    assert "out of sight at once" in text
    client.post(f"{place}take-back/")
    approval = Approval.objects.get(act="rollback")
    assert "waits for a second person" in client.get(place).content.decode()
    client_of(erin).post(f"/approvals/{approval.pk}/approve/")
    text = client.get(place).content.decode()
    assert "Take back" not in text
    assert f"{delivered.outcome['delivered']} items are deleted" in text
    assert client.post(f"{place}explode/").status_code == 404


def test_stop_and_go_on(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    Arrival.objects.filter(pk=screened.pk).update(soft_days=5)
    screened.refresh_from_db()
    jobs.start("apply", screened)
    client, place = client_of(carol), f"/arrivals/{screened.name}/transfer/"
    text = client.get(place).content.decode()
    assert "Stop the delivery" in text
    assert "The next part comes on" in text
    client.post(f"{place}stop/")
    screened.refresh_from_db()
    assert screened.stop
    assert "It is stopped" in client.get(place).content.decode()
    client.post(f"{place}go-on/")
    screened.refresh_from_db()
    assert (screened.stop, screened.state) == (False, State.APPLYING)
    assert set(Act.objects.values_list("verb", flat=True)) == {"stopped the delivery", "let the delivery go on"}


def test_the_audit_says_who_did_what_and_that_the_journal_is_whole(
    delivered: Arrival, carol: User, erin: User, client_of: ClientOf, folder: Path
) -> None:
    assert client_of(carol).get("/audit/").status_code == 403, "for leads"
    client = client_of(erin)
    group = delivered.groups.all()[0]
    custody.act(erin.member, "looked", delivered, n=3)
    custody.act(erin.member, "decided", delivered, group=group.pk, action="quarantine", items=group.count)
    custody.act(None, "delay over: rollback", delivered)
    custody.act(erin.member, "handed over", delivered, to=carol.member.pk)
    page = unescape(client.get("/audit/").content.decode())
    assert "looked" in page
    assert "item: 3" in page, "what has no sentence yet is told all the same"
    count = f"{group.count} item" + ("s" if group.count > 1 else "")
    assert f"answered the question about {count}: {named(group.criterion)} (rule {group.rule}) with: quarantine" in page
    assert "nobody had stopped it: began to take back what was delivered of this import" in page
    assert "handed the import over to carol" in page
    assert "group: " not in page
    assert "delay over: rollback" not in page
    journal = client.get(f"/audit/{delivered.name}/").content.decode()
    assert "nothing is missing or changed" in journal
    assert "handed the import over to carol" in journal
    assert "It was delivered." in journal
    assert "desk:" not in journal
    with sqlite3.connect(folder / "home" / "safeconduct.db") as file:
        file.execute("DROP TRIGGER entries_stay")
        file.execute("UPDATE entries SET event = 'undone' WHERE seq = 5")
    journal = client.get(f"/audit/{delivered.name}/").content.decode()
    assert "The journal was changed" in journal
    assert "entry 5" in journal


def test_a_reported_item_says_so_in_its_story(delivered: Arrival, carol: User, client_of: ClientOf) -> None:
    row = one(delivered, kind="post")
    notices.received(row.origin, "Not <b>nice</b>.", "form")
    text = client_of(carol).get(f"/trace/{row.transfer}/{row.number}/").content.decode()
    assert "It was reported (form)." in text
    assert "<b>nice</b>" not in client_of(carol).get("/notices/").content.decode()
