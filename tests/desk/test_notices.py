"""Reports arrive from three sides, are matched by trace, and many of one import are one sentence and one action."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from safeconduct_desk import approvals, custody, delivering, jobs, notices
from safeconduct_desk.models import Act, Approval, Arrival, Community, Notice
from tests.desk.conftest import ClientOf
from tests.journeys.stand_in import ROUTES, TOKEN, Account, Form, Refuse, StandIn, route

State = Arrival.State


@route("GET", "/api/v1/admin/reports")
def _admin_reports(place: StandIn, me: Account, form: Form, files: dict[str, bytes], key: str) -> list[Form]:
    """As GoToSocial answers: newest first, ``max_id`` for the next page; 403 for whoever is no moderator."""
    reports: list[Form] | None = getattr(place, "reports", None)
    if reports is None:
        raise Refuse(403, "Forbidden: user not an admin or moderator")
    older = [one for one in reports if not form.get("max_id") or one["id"] < form["max_id"]]
    return sorted(older, key=lambda one: str(one["id"]), reverse=True)[: int(form["limit"])]


@pytest.fixture
def server(community: Community) -> Iterator[StandIn]:
    assert ROUTES
    with StandIn() as place:
        Community.objects.update(destination=f"gotosocial:{place.url}", loopback=True, token=custody.sealed(TOKEN))
        yield place


@pytest.fixture
def delivered(screened: Arrival, server: StandIn) -> Arrival:
    """Alice's posts are there."""
    jobs.start("apply", screened)
    screened.refresh_from_db()
    assert screened.state == State.APPLIED
    return screened


def report(number: int, *statuses: Form, comment: str = "No.") -> Form:
    """``Admin::Report`` as Mastodon and GoToSocial both write it."""
    return {
        "id": f"{number:04d}", "comment": comment, "action_taken": False,
        "target_account": {"id": "1", "account": {"acct": "alice", "url": "https://garden.example/@alice"}},
        "statuses": [{"id": one["id"], "uri": one["url"], "url": one["url"]} for one in statuses],
    }  # fmt: skip


def test_a_report_finds_the_import_and_the_item(delivered: Arrival, server: StandIn) -> None:
    post = server.posts()[3]
    for thing in (post["url"], post["id"]):
        made = notices.received(thing, "Not nice.", "form")
        assert made.arrival == delivered
        assert made.n is not None
    assert notices.received("https://garden.example/@bob/1").arrival is None


def test_41_posts_all_from_one_import_are_one_sentence(delivered: Arrival, server: StandIn, bob: User) -> None:
    for post in server.posts()[:41]:
        notices.received(post["url"])
    notices.received(server.posts()[0]["url"], "again")
    (one,) = notices.flagged()
    assert (len(one.items), one.reports) == (41, 42)
    assert one.sentence == "41 items of this person are reported, all from this import."
    other = Arrival.objects.create(person=bob, state=State.APPLIED)
    Notice.objects.create(thing="x", arrival=other, n=1)
    quiet = Arrival.objects.create(person=bob, state=State.APPLIED)
    with CaptureQueriesContext(connection) as asked:
        assert notices.flagged(delivered) == [one]
        assert notices.flagged(quiet) == []
    assert len(asked) == 3, "one import's page reads no report about somebody else's"
    assert f'person_id" = {delivered.person_id}' in asked[1]["sql"]


def test_gotosocials_reports_are_polled_once_each_over_pages(delivered: Arrival, server: StandIn) -> None:
    posts = server.posts()
    server.reports = [report(n, posts[n % 40]) for n in range(150)]  # type: ignore[attr-defined]
    assert notices.poll() == 150
    assert notices.poll() == 0
    server.reports.append(report(150, posts[0], posts[1]))  # type: ignore[attr-defined]
    server.reports.append(report(151))  # type: ignore[attr-defined]  # about the person, not about a post
    assert notices.poll() == 3
    assert Notice.objects.filter(channel="gotosocial", arrival=delivered).exclude(n=None).count() == 152
    about_person = Notice.objects.get(outside="0151")
    assert about_person.thing == "https://garden.example/@alice"


def test_a_token_that_may_not_read_reports_is_no_error(delivered: Arrival, server: StandIn) -> None:
    assert notices.poll() == 0


def test_a_signed_webhook_is_taken_and_nothing_else(
    delivered: Arrival, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFECONDUCT_DESK_REPORTS_SECRET", "a secret of that server")
    body = json.dumps({"event": "report.created", "object": report(7, server.posts()[0])}).encode()
    good = "sha256=" + hmac.new(b"a secret of that server", body, hashlib.sha256).hexdigest()

    def send(data: bytes, signature: str) -> int:
        headers: Any = {"HTTP_X_HUB_SIGNATURE": signature}
        return Client(enforce_csrf_checks=True).post(
            "/hooks/mastodon/", data, content_type="application/json", **headers
        ).status_code  # fmt: skip

    assert send(body, "sha256=" + "0" * 64) == 403
    assert send(body + b" ", good) == 403
    assert send(body, "") == 403
    assert not Notice.objects.exists()
    assert send(body, good) == 204
    assert send(body, good) == 204
    assert Notice.objects.get().arrival == delivered
    monkeypatch.delenv("SAFECONDUCT_DESK_REPORTS_SECRET")
    assert send(body, "sha256=" + hmac.new(b"", body, hashlib.sha256).hexdigest()) == 403


def test_the_form_says_the_same_whether_we_know_it_or_not(delivered: Arrival, server: StandIn) -> None:
    answers = set()
    for thing in (server.posts()[0]["url"], "https://elsewhere.example/1"):
        answer = Client().post("/report/", {"thing": thing, "said": "Not nice."}, follow=True)
        answers.add(answer.content)
    assert Notice.objects.count() == 2
    assert len(answers) == 1
    assert b"govuk-error-summary" in Client().post("/report/", {"thing": ""}).content


def test_one_action_takes_the_reported_items_back(
    delivered: Arrival, server: StandIn, carol: User, erin: User, client_of: ClientOf
) -> None:
    bad = server.posts()[:5]
    for post in bad:
        notices.received(post["url"])
    page = client_of(carol).get("/notices/").content.decode()
    assert "5 items of this person are reported, all from this import." in page
    assert "cannot hide" in page
    report = client_of(carol).get(f"/arrivals/{delivered.name}/").content.decode()
    assert "5 items of this person are reported, all from this import." in report
    client_of(carol).post(f"/notices/{delivered.name}/", {"verb": "undo", "scope": "these"})
    approval = Approval.objects.get(act="undo-reported")
    assert len(server.posts()) > 40, "two people"
    approvals.approve(erin.member, approval)
    approval.refresh_from_db()
    assert approval.problem == ""
    left = {post["id"] for post in server.posts()}
    assert not left & {post["id"] for post in bad}
    delivered.refresh_from_db()
    assert (delivered.state, delivered.outcome["rollback"]["undone"]) == (State.APPLIED, 5)


def test_limited_posts_come_back_with_a_warning_and_not_announced(
    delivered: Arrival, server: StandIn, carol: User, erin: User
) -> None:
    bad = next(post for post in server.posts() if post["visibility"] == "public")
    before = len(server.posts())
    notices.received(bad["url"])
    notices.do(carol.member, delivered, "limit", "these")
    approvals.approve(erin.member, Approval.objects.get(act="limit-reported"))
    delivered.refresh_from_db()
    assert (delivered.state, delivered.problem) == (State.APPLIED, "")
    posts = server.posts()
    again = [post for post in posts if post["created_at"] == bad["created_at"]]
    assert [(post["visibility"], post["id"] != bad["id"]) for post in again] == [("unlisted", True)]
    assert len(posts) == before
    assert len(delivering.transfers(delivered)) == 2
    jobs.start("undo", delivered)
    assert server.posts() == []


def test_person_and_origin_reach_every_import_of_theirs(
    delivered: Arrival, alice: User, bob: User, carol: User
) -> None:
    other = Arrival.objects.create(person=alice, state=State.APPLIED, origin="tiny.example")
    Arrival.objects.filter(pk=delivered.pk).update(origin="old.example")
    delivered.refresh_from_db()
    stranger = Arrival.objects.create(person=bob, state=State.APPLIED, origin="old.example")
    Arrival.objects.create(person=bob, state=State.WAITING, origin="old.example")

    def reach(scope: str) -> set[int]:
        return {one.pk for one, _ in notices.targets(delivered, scope)}

    assert reach("person") == {delivered.pk, other.pk}
    assert reach("origin") == {delivered.pk, stranger.pk}
    assert reach("import") == {delivered.pk}
    assert reach("these") == set()


def test_closed_reports_are_no_longer_told(delivered: Arrival, server: StandIn, carol: User) -> None:
    notices.received(server.posts()[0]["url"])
    assert notices.close(carol.member, delivered, "nothing") == 1
    assert notices.flagged() == []
    assert Act.objects.filter(verb="closed reports").exists()


def test_held_is_hidden_and_shown_again(
    screened: Arrival, community: Community, carol: User, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = tmp_path_factory.mktemp("place") / "site"
    Community.objects.update(destination=f"site:{site}")
    jobs.start("apply", screened)
    screened.refresh_from_db()
    before = {path.name for path in site.glob("*.html")}
    assert before
    notices.do(carol.member, screened, "hold", "import")
    assert {path.name for path in site.glob("*.html")} & before <= set()
    screened.refresh_from_db()
    assert screened.outcome["held"]["hidden"] > 0
    notices.do(carol.member, screened, "show", "import")
    assert {path.name for path in site.glob("*.html")} == before
