"""What the person is told: nothing before it is decided, then every reason; and how long what is kept."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct.flow import open_source
from safeconduct.model import Item
from safeconduct.steps.inspect import Inspection
from safeconduct.steps.report import inspection_report
from safeconduct.steps.transfer import find
from safeconduct.steps.verify import verify
from safeconduct_desk import appeals, custody, intake, jobs, retention, screening, statements
from safeconduct_desk.models import Act, Appeal, Arrival, Community, Group, Held, Question
from safeconduct_desk.store import files
from tests.desk.conftest import ClientOf

State = Arrival.State


def settle(arrival: Arrival, by: User, action: str, because: str = "We do not take this.") -> Group:
    """The largest open question, answered."""
    group = arrival.groups.filter(action="").exclude(proposed="reject").first()
    assert group is not None
    Group.objects.filter(pk=group.pk).update(
        action=action, because=because, decided_by=by.member, decided_at=timezone.now(), severe=False
    )
    group.refresh_from_db()
    return group


def finished(arrival: Arrival, by: User) -> Arrival:
    """Everything said, and delivered."""
    Arrival.objects.filter(pk=arrival.pk).update(decided_by=by.member, decided_at=timezone.now())
    arrival.groups.filter(criterion="whole-import").update(action="accept", decided_at=timezone.now())
    jobs.start("apply", arrival)
    arrival.refresh_from_db()
    assert arrival.state == State.APPLIED, arrival.problem
    return arrival


@pytest.fixture
def refused(screened: Arrival, carol: User) -> Arrival:
    """Nothing of it was taken."""
    Arrival.objects.filter(pk=screened.pk).update(
        state=State.REFUSED, decided_by=carol.member, decided_at=timezone.now(),
        outcome={"because": "We know this archive: <b>it was sold</b>."},
    )  # fmt: skip
    screened.refresh_from_db()
    return screened


# --- statements -------------------------------------------------------------------------------------------------------


def test_what_nobody_has_decided_is_pending(screened: Arrival, carol: User, alice: User, client_of: ClientOf) -> None:
    settle(screened, carol, "reject")
    assert statements.of(screened) == [], "it may still be taken back"
    assert len(statements.pending(screened)) == screened.groups.count()
    page = client_of(alice).get(f"/mine/{screened.name}/").content.decode()
    assert "Nothing of this is refused" in page
    assert "We do not take this" not in page


def test_every_field_that_has_to_be_said(screened: Arrival, carol: User) -> None:
    group = settle(screened, carol, "reject")
    finished(screened, carol)
    statement = statements.one(screened, group.key)
    assert statement is not None
    assert (statement.action, statement.count, statement.text) == ("reject", group.count, "We do not take this.")
    assert (statement.automated_detection, statement.automated_decision) == (True, False)
    assert statement.decided_by == carol.member.pseudonym
    assert "carol" not in str(statement), "who works here is pseudonymous outward"
    for said in (statement.what, statement.until, statement.facts, statement.rule, statement.found_by, statement.date,
                 statement.scope, statement.ground, statement.appeal, *statement.redress):  # fmt: skip
        assert said


def test_an_open_question_is_no_refusal_even_after_the_delivery(screened: Arrival, carol: User) -> None:
    group = settle(screened, carol, "reject")
    finished(screened, carol)
    told = {one.key for one in statements.of(screened)}
    waiting = {one.key for one in statements.pending(screened)}
    open_ones = set(screened.groups.filter(action="").exclude(proposed="reject").values_list("key", flat=True))
    assert group.key in told
    assert open_ones <= waiting
    assert not told & waiting


def test_a_rule_that_refuses_says_that_nobody_did(screened: Arrival, carol: User) -> None:
    Group.objects.filter(pk=settle(screened, carol, "").pk).update(proposed="reject", decided_by=None, because="")
    finished(screened, carol)
    automatic = [one for one in statements.of(screened) if one.automated_decision]
    assert automatic
    assert all("rule" in one.decided_by and one.date for one in automatic)


def test_a_fault_is_never_told_as_a_refusal(screened: Arrival, carol: User) -> None:
    group = settle(screened, carol, "")
    Group.objects.filter(pk=group.pk).update(proposed="reject", criterion="broken-criterion", because="")
    finished(screened, carol)
    assert statements.one(screened, group.key) is None
    assert group.key in {one.key for one in statements.pending(screened)}


def test_one_file_for_programs(screened: Arrival, carol: User, alice: User, bob: User, client_of: ClientOf) -> None:
    group = settle(screened, carol, "reject")
    finished(screened, carol)
    answer = client_of(alice).get(f"/mine/{screened.name}/reasons.json")
    assert answer["Content-Disposition"] == 'attachment; filename="reasons.json"'
    data = answer.json()
    mine = next(one for one in data["statements"] if one["key"] == group.key)
    assert len(mine["items"]) == group.count
    assert {one["number"] for one in mine["items"]} == set(group.members.values_list("n", flat=True))
    assert mine["appeal"].startswith("http://")
    assert client_of(bob).get(f"/mine/{screened.name}/reasons.json").status_code == 404
    assert client_of(carol).get(f"/mine/{screened.name}/reasons.json").status_code == 404


def test_a_whole_import_that_was_refused_says_why(refused: Arrival, alice: User, client_of: ClientOf) -> None:
    page = client_of(alice).get(f"/mine/{refused.name}/").content.decode()
    assert "None of this import was taken" in page
    assert "&lt;b&gt;it was sold&lt;/b&gt;" in page
    assert [one.key for one in statements.of(refused)] == [statements.WHOLE]


ACTIONS = st.sampled_from(["", "accept", "limit", "quarantine", "reject"])


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    action=ACTIONS, proposed=st.sampled_from(["quarantine", "reject"]), state=st.sampled_from(list(State)),
    severe=st.booleans(), second=st.booleans(), criterion=st.sampled_from(["many-links", "broken-criterion"]),
)  # fmt: skip
def test_nothing_is_both_refused_and_pending_and_no_fault_is_a_refusal(
    arrival: Arrival, carol: User, erin: User,
    action: str, proposed: str, state: str, severe: bool, second: bool, criterion: str,
) -> None:  # fmt: skip
    """Law: what is told as decided was decided, by a settled word of a person or by an exact rule; nothing twice."""
    Group.objects.all().delete()
    Arrival.objects.filter(pk=arrival.pk).update(state=state)
    arrival.refresh_from_db()
    group = Group.objects.create(
        arrival=arrival, key="k", rule="r", criterion=criterion, sentence="s", count=3, severe=severe, action=action,
        proposed=proposed, decided_by=carol.member if action else None, second_by=erin.member if second else None,
        decided_at=timezone.now() if action else None, filters="sensitive" if action == "limit" else "",
    )  # fmt: skip
    told, waiting = statements.of(arrival), statements.pending(arrival)
    about = [one for one in told if one.key == "k"]
    assert not (about and waiting)
    if about:
        assert state in statements.DECIDED
        assert action in {"limit", "quarantine", "reject"} or (proposed == "reject" and criterion == "many-links")
        assert about[0].automated_decision == (not action)
        assert not severe or not action or action == "quarantine" or second
    if state in {State.WAITING, State.SCREENING}:
        assert waiting == [group]


# --- questions --------------------------------------------------------------------------------------------------------


def test_a_question_is_answered_once_and_only_by_its_person(
    screened: Arrival, carol: User, alice: User, bob: User, client_of: ClientOf
) -> None:
    question = Question.objects.create(arrival=screened, text="Is this your own shop?", asked_by=carol.member)
    address = f"/mine/{screened.name}/question/{question.pk}/"
    page = client_of(alice).get(f"/mine/{screened.name}/").content.decode()
    assert "Is this your own shop?" in page
    assert address in page
    assert client_of(bob).post(address, {"answer": "no"}).status_code == 404
    assert client_of(carol).post(address, {"answer": "no"}).status_code == 404
    assert client_of(alice).post(address, {"answer": " "}).status_code == 400
    assert client_of(alice).post(address, {"answer": "Yes, <i>mine</i>."}).status_code == 302
    client_of(alice).post(address, {"answer": "Something else."})
    question.refresh_from_db()
    assert question.answer == "Yes, <i>mine</i>."
    assert "&lt;i&gt;mine&lt;/i&gt;" in client_of(alice).get(f"/mine/{screened.name}/").content.decode()


def test_a_question_to_the_origin_is_not_the_persons(screened: Arrival, alice: User, client_of: ClientOf) -> None:
    question = Question.objects.create(arrival=screened, text="Who is this?", to="origin")
    assert client_of(alice).get(f"/mine/{screened.name}/question/{question.pk}/").status_code == 404
    assert "Who is this?" not in client_of(alice).get(f"/mine/{screened.name}/").content.decode()


# --- taking along -----------------------------------------------------------------------------------------------------


def test_what_was_not_taken_is_given_back_to_its_owner_only(
    screened: Arrival, carol: User, alice: User, bob: User, client_of: ClientOf
) -> None:
    settle(screened, carol, "reject")
    finished(screened, carol)
    address = f"/mine/{screened.name}/not-taken/"
    answer = client_of(alice).get(address)
    assert answer["Content-Disposition"] == 'attachment; filename="not-taken.tar"'
    with tarfile.open(fileobj=BytesIO(b"".join(answer.streaming_content))) as tar:  # type: ignore[attr-defined]
        assert len(tar.getnames()) > 3
    for other in (bob, carol):
        assert client_of(other).get(address).status_code == 404


def test_a_refused_import_is_given_back_as_it_was(
    refused: Arrival, alice: User, sample: Path, client_of: ClientOf
) -> None:
    Arrival.objects.filter(pk=refused.pk).update(received_at=timezone.now())
    answer = client_of(alice).get(f"/mine/{refused.name}/not-taken/")
    given_back = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert hashlib.sha256(given_back).digest() == hashlib.sha256(sample.read_bytes()).digest()


def test_what_a_law_seals_is_copied_for_nobody(
    refused: Arrival, alice: User, carol: User, erin: User, client_of: ClientOf
) -> None:
    Arrival.objects.filter(pk=refused.pk).update(received_at=timezone.now())
    source = open_source(str(files().fetch(refused, "archive")))
    posts = [one for one in source.read() if isinstance(one, Item) and one.kind == "post"]
    custody.hold_by_law(refused, [posts[5].number], "Order 7", carol.member, erin.member)
    answer = client_of(alice).get(f"/mine/{refused.name}/not-taken/")
    data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert posts[4].id.encode() in data
    assert posts[5].id.encode() not in data
    again = client_of(alice).get(f"/mine/{refused.name}/not-taken/")
    assert b"".join(again.streaming_content) == data  # type: ignore[attr-defined]


def test_what_a_law_seals_is_left_out_of_what_stayed_behind(
    screened: Arrival, alice: User, carol: User, erin: User, client_of: ClientOf
) -> None:
    group = settle(screened, carol, "reject")
    finished(screened, carol)
    first, second = ((one.n, one.item.partition(":")[2].encode()) for one in group.members.exclude(item="")[:2])
    address = f"/mine/{screened.name}/not-taken/"
    before = b"".join(client_of(alice).get(address).streaming_content)  # type: ignore[attr-defined]
    assert first[1] in before
    custody.hold_by_law(screened, [first[0]], "Order 7", carol.member, erin.member)
    after = b"".join(client_of(alice).get(address).streaming_content)  # type: ignore[attr-defined]
    assert first[1] not in after
    assert second[1] in after


# --- withdrawing and forgetting ---------------------------------------------------------------------------------------


def test_withdrawing_deletes_at_once_and_for_good(screened: Arrival, alice: User, client_of: ClientOf) -> None:
    folder = files().path(screened, "archive").parent
    client, address = client_of(alice), f"/mine/{screened.name}/withdraw/"
    assert "Withdraw this import?" in client.post(address).content.decode(), "one click is not enough"
    assert client.get(address).status_code == 200
    client.post(address, {"sure": "yes"})
    screened.refresh_from_db()
    assert (screened.state, screened.groups.count()) == (State.WITHDRAWN, 0)
    assert not any(folder.glob("*"))
    kept = (screened.actor, screened.acct, screened.sha256, screened.report, screened.filename, screened.consent)
    assert not any(kept)
    assert client.get(f"/mine/{screened.name}/").status_code == 200
    assert Act.objects.filter(arrival=screened, verb="withdrew").exists()


def test_others_withdraw_nothing(screened: Arrival, bob: User, olga: User, client_of: ClientOf) -> None:
    for other in (bob, olga):
        assert client_of(other).post(f"/mine/{screened.name}/withdraw/", {"sure": "yes"}).status_code == 404
    screened.refresh_from_db()
    assert screened.state == State.WAITING


def test_what_is_being_delivered_is_not_withdrawn_under_way(screened: Arrival, alice: User) -> None:
    for state in (State.APPLYING, State.APPLIED, State.UNDOING):
        Arrival.objects.filter(pk=screened.pk).update(state=state)
        screened.refresh_from_db()
        assert not retention.withdraw(screened)
        assert files().path(screened, "archive").exists()


def test_reading_that_ends_after_the_withdrawal_brings_nothing_back(arrival: Arrival) -> None:
    retention.withdraw(arrival)
    jobs.start("screen", arrival)
    arrival.refresh_from_db()
    assert (arrival.state, arrival.groups.count(), arrival.report) == (State.WITHDRAWN, 0, {})


def test_withdrawing_while_it_is_read_leaves_nothing(arrival: Arrival, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the worst moment: everything is read, and nothing is written down yet."""
    known = inspection_report

    def withdrawn(inspection: Inspection) -> dict[str, object]:
        retention.withdraw(arrival)
        return known(inspection)

    monkeypatch.setattr(screening, "inspection_report", withdrawn)
    jobs.start("screen", arrival)
    arrival.refresh_from_db()
    assert (arrival.state, arrival.groups.count(), arrival.report) == (State.WITHDRAWN, 0, {})
    assert not any(files().path(arrival, "archive").parent.iterdir())


def past(arrival: Arrival, days: int) -> None:
    then = timezone.now() - timedelta(days=days)
    Arrival.objects.filter(pk=arrival.pk).update(ended_at=then)


@pytest.mark.parametrize(
    ("state", "days", "gone"),
    [
        (State.APPLIED, 364, False), (State.APPLIED, 366, True), (State.REFUSED, 29, False), (State.REFUSED, 31, True),
        (State.UNDONE, 31, True), (State.BROKEN, 29, False), (State.BROKEN, 31, True), (State.WAITING, 999, False),
        (State.APPLYING, 999, False), (State.SCREENING, 999, False), (State.UNDOING, 999, False),
    ],
)  # fmt: skip
def test_bytes_go_after_the_published_time(screened: Arrival, state: str, days: int, gone: bool) -> None:
    Arrival.objects.filter(pk=screened.pk).update(state=state)
    past(screened, days)
    assert retention.forget_due() == gone
    assert files().path(screened, "archive").exists() is not gone
    screened.refresh_from_db()
    assert bool(screened.forgotten_at) is gone
    assert retention.forget_due() == 0
    if gone:
        assert not screened.groups.exclude(excerpt="").exists()
        assert screened.state == state, "that it was here stays"


def test_an_upload_nobody_goes_on_with(alice: User) -> None:
    arrival = intake.offered(alice, "a.zip", 100, {}, {})
    intake.chunk(arrival, 0, b"x" * 10)
    assert retention.forget_due() == 0
    Arrival.objects.filter(pk=arrival.pk).update(changed=timezone.now() - timedelta(days=8))
    assert retention.forget_due() == 1
    arrival.refresh_from_db()
    assert (arrival.state, arrival.got) == (State.WITHDRAWN, 0)
    with pytest.raises(intake.NotTaken):
        intake.chunk(arrival, 10, b"x")


def test_the_clock_begins_when_it_ends_and_stops_when_it_is_open_again(screened: Arrival) -> None:
    Arrival.objects.filter(pk=screened.pk).update(state=State.REFUSED)
    retention.forget_due()
    screened.refresh_from_db()
    assert screened.ended_at
    Arrival.objects.filter(pk=screened.pk).update(state=State.WAITING)
    retention.forget_due()
    screened.refresh_from_db()
    assert screened.ended_at is None


def test_an_appeal_nobody_answered_keeps_the_bytes(refused: Arrival, carol: User, erin: User) -> None:
    appeal = appeals.appeal(refused, statements.WHOLE, "That was me.")
    past(refused, 999)
    assert retention.forget_due() == 0
    appeals.answer(erin.member, appeal, True, "It stands.")
    assert retention.forget_due() == 1


def test_forgetting_keeps_the_journal_and_what_a_law_seals(screened: Arrival, carol: User, erin: User) -> None:
    settle(screened, carol, "reject")
    finished(screened, carol)
    custody.hold_by_law(screened, [1], "Order 7", carol.member, erin.member)
    past(screened, 366)
    assert retention.forget_due() == 1
    with custody.home() as opened:
        transfer = find(opened, screened.transfer)
        assert list(opened.journal(screened.transfer).entries())
        assert not (transfer.folder / "store").exists()
        assert not (transfer.folder / "remainder.tar").exists()
    folder = files().path(screened, "archive").parent
    assert {path.name.partition("-")[0] for path in folder.iterdir()} <= {"hold", "plan"}
    assert any(path.name.startswith("hold-") for path in folder.iterdir())
    assert Community.objects.exists()
    assert not Appeal.objects.exists()


def words(arrival: Arrival) -> list[bytes]:
    """Texts of the archive that are long enough to be nobody else's."""
    found: list[bytes] = []
    for item in open_source(str(files().fetch(arrival, "archive"))).read():
        if isinstance(item, Item) and item.kind == "post" and len(found) < 400:
            note = json.loads(item.raw).get("object")
            text = str(note.get("content", "")) if isinstance(note, dict) else ""
            found += [part.encode() for part in re.split(r"<[^>]*>|&\w+;", text) if len(part) > 30][:1]
    assert len(found) > 20
    return found


def left(folder: Path, texts: list[bytes]) -> set[str]:
    """Files under the desk's folder in which one of these still stands."""
    held = ((path.name, path.read_bytes()) for path in folder.rglob("*") if path.is_file())
    return {name for name, data in held if any(text in data for text in texts)}


def test_of_what_was_taken_back_no_word_stays(screened: Arrival, carol: User, folder: Path) -> None:
    texts = words(screened)
    settle(screened, carol, "reject")
    finished(screened, carol)
    jobs.start("undo", screened)
    screened.refresh_from_db()
    assert screened.state == State.UNDONE
    assert left(folder, texts), "before, they are found by this"
    past(screened, 31)
    assert retention.forget_due() == 1
    assert left(folder, texts) == set()
    rows = " ".join(str(row) for model in (Arrival, Group, Held) for row in model.objects.values()).encode()
    assert not [text for text in texts if text in rows]
    with custody.home() as opened:
        assert verify(opened)["wrong"] == []
