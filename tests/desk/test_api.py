"""``/api/v1``: tokens and their scopes, problems, and that it does what the pages do under the same law."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from safeconduct_desk import intake, published, tokens
from safeconduct_desk.api import description
from safeconduct_desk.models import Act, Appeal, Arrival, Community, Labour, Member, PolicyVersion, Role, Token
from tests.desk.conftest import somebody

ROOT = "/api/v1/"
PROBLEM = "application/problem+json"
Call = Callable[..., Any]


@pytest.fixture
def call(db: None) -> Call:
    """Ask as somebody, with these scopes (all they may have, unless told)."""
    made: dict[tuple[int, str], str] = {}

    def asked(user: User | None, method: str, path: str, body: Any = None, scopes: str = "", **headers: str) -> Any:
        given = dict(headers)
        if user is not None:
            key = user.pk, scopes
            member = Member.objects.get(user=user)
            chosen = scopes.split() or tokens.offered(member)
            made[key] = made.get(key) or tokens.make(member, "a program", chosen)[1]
            given["Authorization"] = f"Bearer {made[key]}"
        data = body if isinstance(body, bytes) else json.dumps(body) if body is not None else ""
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        return getattr(Client(enforce_csrf_checks=True), method)(ROOT + path, data, content_type=kind, headers=given)

    return asked


def is_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == PROBLEM
    said: dict[str, Any] = response.json()
    assert said["status"] == status
    assert said["title"]
    assert said["type"]
    return said


# --- tokens and problems ---------------------------------------------------------------------------------------


def test_only_the_digest_of_a_token_is_kept(carol: User) -> None:
    token, secret = tokens.make(Member.objects.get(user=carol), "importer", ["screen"])
    assert token.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in json.dumps(list(Token.objects.values()), default=str)
    assert secret not in json.dumps(list(Act.objects.values()), default=str)


@pytest.mark.django_db
def test_before_the_desk_is_set_up_a_program_is_told_so() -> None:
    for path in ("arrivals", "openapi.json", "screen"):
        response = Client().post(ROOT + path) if path == "screen" else Client().get(ROOT + path)
        assert "not set up yet" in is_problem(response, 503)["detail"]
        assert int(response["Retry-After"]) >= 60


def test_the_description_names_the_largest_piece_that_is_taken() -> None:
    operation = description.desk.get_openapi_schema()["paths"][f"{ROOT}arrivals/{{name}}/file"]["patch"]
    assert f"at most {intake.LARGEST_PIECE / 2**20:.0f} MiB at once" in operation["description"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic abc", "Bearer scd_" + "a" * 43, "Bearer \udc80"])
def test_without_a_token_there_is_a_problem_that_says_how(call: Call, community: Community, header: str) -> None:
    headers = {"Authorization": header.encode("utf-8", "surrogateescape").decode("latin-1")} if header else {}
    response = call(None, "get", "arrivals", **headers)
    is_problem(response, 401)
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_token_that_was_revoked_or_whose_member_is_closed_opens_nothing(call: Call, carol: User) -> None:
    assert call(carol, "get", "arrivals").status_code == 200
    User.objects.filter(pk=carol.pk).update(is_active=False)
    is_problem(call(carol, "get", "arrivals"), 401)
    User.objects.filter(pk=carol.pk).update(is_active=True)
    tokens.revoke(Member.objects.get(user=carol), Token.objects.get())
    is_problem(call(carol, "get", "arrivals"), 401)


def test_a_token_allows_no_more_than_its_member_does_today(call: Call, erin: User) -> None:
    draft = {"name": "mine", "text": 'name = "mine"\nbase = "open"\n'}
    assert call(erin, "post", "policy/versions", draft).status_code == 201
    Member.objects.filter(user=erin).update(role=Role.PERSON)
    said = is_problem(call(erin, "post", "policy/versions", draft), 403)
    assert "policy:write" in said["detail"]


def test_nobody_gives_a_program_what_they_may_not_do_themselves(alice: User) -> None:
    with pytest.raises(ValueError, match="screen"):
        tokens.make(Member.objects.get(user=alice), "too much", ["screen"])
    with pytest.raises(ValueError, match="no scope"):
        tokens.make(Member.objects.get(user=alice), "nothing", [])


def test_a_session_opens_nothing_here(carol: User, client_of: Callable[[User], Client]) -> None:
    is_problem(client_of(carol).get(ROOT + "arrivals"), 401)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "nowhere", 404), ("get", "", 404), ("get", "docs", 404), ("put", "arrivals", 405),
     ("get", "arrivals?page=0", 422), ("get", "arrivals?page=x", 422), ("get", "arrivals/UPPER", 422),
     ("get", "arrivals/abc", 404), ("get", "policy/versions/99999999999999999999999", 404)],
)  # fmt: skip
def test_every_error_is_a_problem(call: Call, carol: User, method: str, path: str, status: int) -> None:
    response = call(carol, method, path)
    is_problem(response, status)
    if status == 405:
        assert "GET" in response["Allow"]


def test_what_nobody_foresaw_says_nothing_outside_and_no_content_in_the_log(
    call: Call, carol: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a post of alice")

    monkeypatch.setattr("safeconduct_desk.api.arrivals.shown", broken)
    monkeypatch.setattr("safeconduct_desk.api.arrivals.paged", broken)
    said = is_problem(call(carol, "get", "arrivals"), 500)
    assert "alice" not in json.dumps(said)
    assert "alice" not in caplog.text
    assert "RuntimeError" in caplog.text


def test_the_description_is_whole_and_loads_nothing_from_elsewhere(community: Community) -> None:
    response = Client().get(ROOT + "openapi.json")
    said = response.json()
    assert "/api/v1/screen" in said["paths"]
    assert "http://" not in response.content.decode()
    assert "https://" not in response.content.decode()
    for path, operations in said["paths"].items():
        for method, operation in operations.items():
            assert operation["security"], (path, method)
            assert operation["description"], (path, method)
            assert PROBLEM in operation["responses"]["default"]["content"]


# --- whose imports ---------------------------------------------------------------------------------------------


def test_a_person_sees_their_own_imports_and_no_others(call: Call, screened: Arrival, alice: User, bob: User) -> None:
    listed = call(alice, "get", "arrivals").json()
    assert [one["name"] for one in listed["items"]] == [screened.name]
    assert call(bob, "get", "arrivals").json()["items"] == []
    assert call(alice, "get", f"arrivals/{screened.name}").json()["items"] == screened.items
    for path in ("", "/report", "/shape", "/groups", "/file"):
        is_problem(call(bob, "get", f"arrivals/{screened.name}{path}"), 404)


def test_a_person_gets_no_report_and_decides_nothing(call: Call, screened: Arrival, alice: User) -> None:
    for path in ("/report", "/shape", "/groups"):
        is_problem(call(alice, "get", f"arrivals/{screened.name}{path}"), 403)
    is_problem(call(alice, "post", f"arrivals/{screened.name}/apply", {}), 403)
    is_problem(call(alice, "get", "trace?thing=x"), 403)


def test_pages_of_a_list_go_on_to_its_end(call: Call, carol: User, alice: User) -> None:
    made = {Arrival.objects.create(person=alice).name for _ in range(7)}
    path, seen = "arrivals?size=3", []
    while path:
        page = call(carol, "get", path).json()
        seen += [one["name"] for one in page["items"]]
        path = (page["next"] or "").removeprefix(ROOT)
    assert len(seen) == 7
    assert set(seen) == made


def test_a_report_that_is_known_is_not_sent_again(call: Call, screened: Arrival, carol: User) -> None:
    first = call(carol, "get", f"arrivals/{screened.name}/report")
    assert first.json() == screened.report
    again = call(carol, "get", f"arrivals/{screened.name}/report", **{"If-None-Match": f'"x", W/{first["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"")


# --- offering --------------------------------------------------------------------------------------------------


def offer_of(community: Community, path: Path) -> dict[str, Any]:
    agreed = {one.key: one.digest for one in published.sections(community)}
    return {"filename": "alice.zip", "size": path.stat().st_size, "agreed": agreed}


def test_an_import_is_offered_and_sent_in_pieces_that_are_gone_on_with(
    call: Call, alice: User, community: Community, sample: Path
) -> None:
    made = call(alice, "post", "offers", offer_of(community, sample))
    assert made.status_code == 201, made.content
    place = f"arrivals/{made.json()['name']}/file"
    data, size = sample.read_bytes(), 90_000
    assert call(alice, "get", place).json()["offset"] == 0
    offset = 0
    while offset < len(data):
        piece = data[offset : offset + size]
        digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
        wrong = is_problem(call(alice, "patch", f"{place}?offset={offset + 1}", piece), 409)
        assert wrong["offset"] == offset
        is_problem(
            call(alice, "patch", f"{place}?offset={offset}", piece + b"x", **{"Content-Digest": f"sha-256=:{digest}:"}),
            409,
        )
        answer = call(alice, "patch", f"{place}?offset={offset}", piece, **{"Content-Digest": f"sha-256=:{digest}:"})
        assert answer.status_code == 200, answer.content
        offset = answer.json()["offset"]
    arrival = Arrival.objects.get()
    assert arrival.sha256 == hashlib.sha256(data).hexdigest()
    assert arrival.state == Arrival.State.WAITING


def test_nothing_is_taken_before_everything_was_agreed_to_as_it_reads_today(
    call: Call, alice: User, community: Community, sample: Path
) -> None:
    offer = offer_of(community, sample)
    offer["agreed"]["custody"] = "0" * 64
    said = is_problem(call(alice, "post", "offers", offer), 409)
    assert [one["key"] for one in said["agree"]] == ["custody"]
    assert not Arrival.objects.exists()


def test_only_whose_import_it_is_sends_its_file(
    call: Call, alice: User, carol: User, community: Community, sample: Path
) -> None:
    name = call(alice, "post", "offers", offer_of(community, sample)).json()["name"]
    is_problem(call(carol, "patch", f"arrivals/{name}/file?offset=0", b"x"), 403)


# --- deciding --------------------------------------------------------------------------------------------------


def test_a_whole_evening_by_api(call: Call, screened: Arrival, carol: User, erin: User, tmp_path: Path) -> None:
    place = f"arrivals/{screened.name}"
    groups = call(carol, "get", f"{place}/groups?size=200").json()["items"]
    assert {one["key"] for one in groups} == set(screened.groups.values_list("key", flat=True))
    for one in groups[:3]:
        word = {"action": "quarantine", "because": "Looked at."}
        said = call(carol, "post", f"{place}/groups/{one['key']}/decision", word)
        assert said.json()["action"] == "quarantine", said.content
    is_problem(call(carol, "post", f"{place}/groups/{groups[0]['key']}/decision", {"action": "accept"}), 409)
    assert call(carol, "delete", f"{place}/groups/{groups[0]['key']}/decision").json()["action"] == ""
    members = call(carol, "get", f"{place}/groups/{groups[0]['key']}/items").json()["items"]
    assert members[0]["findings"]
    begun = call(carol, "post", f"{place}/apply", {})
    assert (begun.status_code, begun.json()) == (202, {"state": "applied", "approval": None})
    assert (tmp_path / "delivered.tar").exists()
    found = call(carol, "get", f"trace?thing={Arrival.objects.get().acct}").json()
    assert found["more"]
    assert found["items"][0]["arrival"] == screened.name
    asked = call(carol, "post", f"{place}/rollback", {})
    waiting = asked.json()["approval"]
    assert waiting, asked.content
    is_problem(call(carol, "post", f"approvals/{waiting}/approve"), 403)
    done = call(erin, "post", f"approvals/{waiting}/approve")
    assert done.status_code == 200, done.content
    assert call(carol, "get", place).json()["state"] == "undone"


def test_what_cannot_be_done_any_more_is_a_sentence(call: Call, arrival: Arrival, carol: User) -> None:
    place = f"arrivals/{arrival.name}"
    assert is_problem(call(carol, "post", f"{place}/apply", {}), 409)["detail"]
    assert is_problem(call(carol, "post", f"{place}/rollback", {}), 409)["detail"]
    assert is_problem(call(carol, "post", f"{place}/stop"), 409)["detail"]


def test_a_refusal_needs_a_reason_and_a_second_person(call: Call, screened: Arrival, carol: User, erin: User) -> None:
    place = f"arrivals/{screened.name}"
    is_problem(call(carol, "post", f"{place}/refuse", {"because": ""}), 422)
    waiting = call(carol, "post", f"{place}/refuse", {"because": "Not this."}).json()["approval"]
    assert waiting
    assert [one["id"] for one in call(erin, "get", "approvals").json()] == [waiting]
    assert call(erin, "post", f"approvals/{waiting}/approve").status_code == 200
    assert call(carol, "get", place).json()["state"] == "refused"


def test_claiming_is_seen_by_others(call: Call, screened: Arrival, carol: User) -> None:
    pseudonym = Member.objects.get(user=carol).pseudonym
    assert call(carol, "post", f"arrivals/{screened.name}/claim").json()["claimed_by"] == pseudonym
    assert call(carol, "delete", f"arrivals/{screened.name}/claim").json()["claimed_by"] == ""


# --- policy ----------------------------------------------------------------------------------------------------


def test_the_policy_as_text_and_as_sentences(call: Call, carol: User) -> None:
    said = call(carol, "get", "policy").json()
    live = PolicyVersion.live()
    assert live is not None
    assert (said["id"], said["digest"], said["text"]) == (live.pk, live.digest, live.text)
    assert len(said["sentences"]) > 5


def test_a_draft_decides_nothing_and_a_broken_one_says_where(call: Call, erin: User, carol: User) -> None:
    text = 'name = "x"\nbase = "open"\n[[rule]]\nwhen = "many-lynx"\n'
    said = is_problem(call(erin, "post", "policy/versions", {"name": "x", "text": text}), 422)
    assert said["errors"][0]["line"] == "4"
    made = call(erin, "post", "policy/versions", {"name": "x", "text": 'name = "x"\nbase = "open"\n'}).json()
    assert made["state"] == "draft"
    live = PolicyVersion.live()
    assert live is not None
    assert live.pk != made["id"]
    is_problem(call(carol, "post", "policy/versions", {"name": "x", "text": text}), 403)


def test_a_token_says_when_it_was_last_used(call: Call, carol: User) -> None:
    call(carol, "get", "arrivals")
    used = Token.objects.get().used
    assert used is not None
    assert timezone.now() - used < tokens.USED


def test_a_draft_is_tried_before_it_goes_live(call: Call, erin: User, screened: Arrival) -> None:
    made = call(erin, "post", "policy/versions", {"name": "x", "text": 'name = "x"\nbase = "careful"\n'}).json()
    place = f"policy/versions/{made['id']}"
    assert is_problem(call(erin, "post", f"{place}/live", {"because": "Better."}), 409)["detail"]
    assert call(erin, "post", f"{place}/try").json()["done"]
    assert call(erin, "get", f"{place}/try").json()["tried"]["imports"]
    live = call(erin, "post", f"{place}/live", {"because": "Better."})
    assert live.json()["state"] == "live", live.content
    assert call(erin, "get", "policy").json()["id"] == made["id"]
    is_problem(call(erin, "post", f"{place}/try"), 409)


# --- reports ---------------------------------------------------------------------------------------------------


def test_a_report_finds_its_import_and_is_answered(call: Call, screened: Arrival, carol: User) -> None:
    call(carol, "post", f"arrivals/{screened.name}/apply", {})
    report = {"thing": Arrival.objects.get().acct, "said": "Look at this.", "outside": "7"}
    made = call(carol, "post", "notices", report)
    assert made.status_code == 201, made.content
    assert made.json()["arrival"] == screened.name
    assert call(carol, "post", "notices", report).json()["id"] == made.json()["id"]
    (flagged,) = call(carol, "get", "notices/flagged").json()
    assert (flagged["arrival"], flagged["reports"]) == (screened.name, 1)
    assert call(carol, "get", "notices").json()["items"][0]["said"] == "Look at this."
    assert call(carol, "post", f"arrivals/{screened.name}/reports/close", {"outcome": "nothing"}).json()["reports"] == 1
    assert call(carol, "get", "notices/flagged").json() == []


def test_whoever_moves_reads_no_reports(call: Call, alice: User, screened: Arrival) -> None:
    is_problem(call(alice, "get", "notices"), 403)
    is_problem(call(alice, "get", "notices/flagged"), 403)
    is_problem(call(alice, "post", "notices", {"thing": "x"}), 403)


# --- trends ----------------------------------------------------------------------------------------------------


def test_the_numbers_of_the_community_sum_up(call: Call, screened: Arrival, carol: User, alice: User) -> None:
    Arrival.objects.create(person=alice, origin="old.example", state=Arrival.State.REFUSED)
    Labour.objects.create(member=Member.objects.get(user=carol), day=timezone.now().date(), seconds=90, decisions=3)
    Appeal.objects.create(arrival=screened, text="I disagree.", upheld=False)
    said = call(carol, "get", "trends").json()
    (month,) = said["months"]
    assert (month["imports"], month["items"], month["held"]) == (2, screened.items, screened.held)
    assert month["states"] == {"waiting": 1, "refused": 1}
    assert sum(one["items"] for one in said["rules"]) == sum(screened.groups.values_list("count", flat=True))
    assert said["work"] == [], "it would say how much one of them worked"
    for name in ("dora", "erna"):
        other = somebody(name, Role.MODERATOR).member
        Labour.objects.create(member=other, day=timezone.now().date(), seconds=30, saved=2)
    work = call(carol, "get", "trends").json()["work"]
    assert work == [{"month": month["month"], "seconds": 150, "decisions": 3, "saved": 4}]
    assert said["appeals"] == {"open": 0, "upheld": 0, "reversed": 1}
    assert {"origin": "old.example", "imports": 1} in said["origins"]
    assert "alice" not in json.dumps(said)
    is_problem(call(alice, "get", "trends"), 403)
