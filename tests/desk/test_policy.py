"""The policy workbench: it says what is wrong and where, and nothing goes live that nobody has tried."""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.policy import parse_policy
from safeconduct.policy.prose import sentence
from safeconduct_desk import approvals, backtest, workbench
from safeconduct_desk.models import Act, Approval, Arrival, Community, Member, PolicyVersion, Role
from safeconduct_desk.pages.policy_edit import SIMPLE
from tests.desk.conftest import ClientOf
from tests.desk.test_backtest import NONE, PICTURES, WITHOUT

State = PolicyVersion.State
TEXT = {"name": "ours", "because": "We talked about it."}


def words(html: bytes) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html.decode())))


def read(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, address
    return words(answer.content)


def saved(client: Client, text: str) -> PolicyVersion:
    """Saved from the page, as a person does."""
    answer = client.post("/policy/edit/", {**TEXT, "text": text, "save": "yes"})
    assert answer.status_code == 302, words(answer.content)
    return PolicyVersion.objects.order_by("-pk")[0]


def ready(client: Client, text: str) -> PolicyVersion:
    """Saved and tried."""
    made = saved(client, text)
    assert client.post(f"/policy/versions/{made.pk}/try/").status_code == 302
    made.refresh_from_db()
    return made


def go_live(client: Client, made: PolicyVersion, **given: str) -> Any:
    answer = client.post(f"/policy/versions/{made.pk}/live/", {"because": "We agreed.", **given})
    made.refresh_from_db()
    return answer


# --- reading ----------------------------------------------------------------------------------------------------------


def test_the_page_says_what_each_rule_did(screened: Arrival, carol: User, client_of: ClientOf) -> None:
    page = client_of(carol).get("/policy/").content
    said = words(page)
    policy = parse_policy(PolicyVersion.objects.get().text)
    bold = set(re.findall(r'<th scope="row"[^>]*>([^<]*)</th>', page.decode()))
    assert {rule.id for rule in policy.rules} <= bold, "of a rule only its name is bold"
    counts = {one.rule.id: one for one in workbench.did(policy)}
    assert len(counts) == len(policy.rules)
    assert all(re.sub(r"\\s+", " ", sentence(rule, workbench.usual_breaker(policy))) in said for rule in policy.rules)
    group = screened.groups.filter(rule="hidden-text")[0]
    assert counts["hidden-text"].held >= group.count
    assert "items in 1 import" in said
    assert said.count("more than 20 % of an import") == 1
    assert all(one.touched >= one.held >= one.released for one in counts.values())
    assert "would have touched" in said


def test_what_people_released_is_counted(screened: Arrival) -> None:
    policy = parse_policy(PolicyVersion.objects.get().text)
    group = screened.groups.filter(rule="hidden-text")[0]
    screened.groups.filter(pk=group.pk).update(action="accept")
    after = {one.rule.id: one for one in workbench.did(policy)}
    assert after["hidden-text"].released == group.count


def test_who_may_do_what(alice: User, carol: User, erin: User, client_of: ClientOf) -> None:
    made = PolicyVersion.objects.create(name="x", text=NONE, digest="")
    for address in ("/policy/", f"/policy/versions/{made.pk}/", f"/policy/versions/{made.pk}/try/", "/policy/hits/"):
        assert client_of(alice).get(address).status_code == 403
        assert client_of(carol).get(address).status_code == 200
    assert client_of(carol).get("/policy/edit/").status_code == 403
    assert client_of(erin).get("/policy/edit/").status_code == 200
    assert "Begin a new version" not in read(client_of(carol), f"/policy/versions/{made.pk}/")


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('name = "x"\n[[rule]\n', 2, "not TOML"),
        ('name = "x"\n\n[[rule]]\nwhen = "phrse"\nthen = "accept"\n', 4, "phrase"),
        ('name = "x"\n[[rule]]\nwhen = "image"\nthen = "hold"\n', 4, "quarantine"),
        ('name = "x"\n[[rule]]\nwhen = "image"\nthen = "reject"\n', 4, "because"),
        ('base = "carful"\n', 1, "careful"),
    ],
)
def test_a_mistake_is_said_with_its_line_and_what_to_write(
    erin: User, client_of: ClientOf, text: str, line: int, said: str
) -> None:
    for verb in ("check", "save"):
        answer = client_of(erin).post("/policy/edit/", {**TEXT, "text": text, verb: "yes"})
        shown = words(answer.content)
        assert answer.status_code == 200
        assert f"Line {line}:" in shown
        assert said in shown
    while_typing = client_of(erin).post("/policy/edit/", {**TEXT, "text": text, "check": "yes"}, HTTP_HX_REQUEST="true")
    shown = words(while_typing.content.split(b'id="policy-check"')[1].split(b"<form")[0])
    assert f"Line {line}:" in shown
    assert said in shown
    assert PolicyVersion.objects.count() == 1


def test_a_rule_that_does_not_fit_its_examples_is_not_saved(erin: User, client_of: ClientOf) -> None:
    text = NONE + workbench.rule_text("w", "phrase", "quarantine", "No.", {"words": ["casino"]})
    good = client_of(erin).post("/policy/edit/", {**TEXT, "text": text + 'matches = ["a casino"]\n', "check": "yes"})
    assert "1 example was run and fits" in words(good.content)
    bad = client_of(erin).post("/policy/edit/", {**TEXT, "text": text + 'matches = ["a theatre"]\n', "save": "yes"})
    assert "does not match" in words(bad.content)
    assert not PolicyVersion.objects.filter(state=State.DRAFT).exists()


def test_a_draft_is_kept_with_who_and_why_and_says_what_changes(erin: User, client_of: ClientOf) -> None:
    made = saved(client_of(erin), WITHOUT.replace("\n", "\r\n"))
    assert (made.state, made.author, made.because) == (State.DRAFT, erin.member, TEXT["because"])
    assert made.text == WITHOUT
    said = read(client_of(erin), f"/policy/versions/{made.pk}/")
    assert "Rule burst is gone" in said
    assert TEXT["because"] in said
    assert PolicyVersion.live() != made


GIVEN = {
    "phrases": {"words": 'casino\n"free" money\\\n'},
    "domains": {"hosts": "bad.example\nworse.example"},
    "images": {}, "videos": {}, "old": {"days": "400"},
}  # fmt: skip


@pytest.mark.parametrize("kind", list(SIMPLE))
@pytest.mark.parametrize("then", ["quarantine", "warn", "unlisted"])
def test_a_form_writes_a_rule_that_can_be_read(erin: User, client_of: ClientOf, kind: str, then: str) -> None:
    client = client_of(erin)
    whole = {f"whole-{key}": value for key, value in {**TEXT, "text": 'base = "open"\n'}.items()}
    asked = client.post("/policy/edit/", {**TEXT, "text": 'base = "open"\n', "rule": kind})
    assert asked.status_code == 200
    assert 'base = "open"' in unescape(asked.content.decode())
    answer = client.post(
        f"/policy/edit/{kind}/", {**whole, **GIVEN[kind], "then": then, "because": "“No” here.", "add": "y"}
    )
    shown = unescape(answer.content.decode())
    assert "This can be read." in shown
    text = shown.split("<textarea", 1)[1].split(">", 1)[1].split("</textarea>")[0]
    rules = {one.id: one for one in parse_policy(text.strip()).rules}
    made = next(one for name, one in rules.items() if name.startswith("our-"))
    assert made.because == "“No” here."
    assert made.then.name.lower() == ("quarantine" if then == "quarantine" else "limit")
    if kind == "phrases":
        assert list(made.given["words"]) == ["casino", '"free" money\\']


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4), st.text(min_size=1, max_size=40))
@settings(deadline=None, max_examples=100)
def test_whatever_is_typed_into_a_form_is_a_text_and_nothing_else(said: list[str], because: str) -> None:
    whole = workbench.with_rule('name = "x"\n', workbench.rule_text("r", "phrase", "accept", because, {"words": said}))
    (rule,) = tomllib.loads(whole)["rule"]
    assert set(rule) == {"id", "when", "with", "then", "because"}
    assert rule["with"] == {"words": [one.encode("utf-8", "replace").decode() for one in said]}


# --- going live -------------------------------------------------------------------------------------------------------


def test_nothing_goes_live_untried(screened: Arrival, erin: User, client_of: ClientOf) -> None:
    made = saved(client_of(erin), PICTURES)
    answer = go_live(client_of(erin), made)
    assert answer.status_code == 409
    assert "Try it on the stored imports first" in words(answer.content)
    assert made.state == State.DRAFT


def test_what_only_holds_more_goes_live_at_once(screened: Arrival, erin: User, client_of: ClientOf) -> None:
    before, made = PolicyVersion.live(), ready(client_of(erin), PICTURES)
    assert before is not None
    text = before.text
    said = read(client_of(erin), f"/policy/versions/{made.pk}/try/")
    count = backtest.sums(made.tried)["holds"]
    assert f"Releases 0, newly holds {count}" in said
    assert count > 0
    assert go_live(client_of(erin), made).status_code == 302
    before.refresh_from_db()
    assert (made.state, before.state, before.text) == (State.LIVE, State.RETIRED, text)
    assert PolicyVersion.objects.filter(state=State.LIVE).count() == 1
    assert made.because == "We agreed."
    assert Act.objects.filter(verb="made a policy live", member=erin.member).count() == 1
    assert f"newly holds {count}" in read(client_of(erin), "/policy/")


def test_why_is_asked_and_a_moderator_cannot(screened: Arrival, erin: User, carol: User, client_of: ClientOf) -> None:
    made = ready(client_of(erin), PICTURES)
    assert go_live(client_of(erin), made, because="  ").status_code == 409
    assert go_live(client_of(carol), made).status_code == 409
    assert made.state == State.DRAFT


def test_what_releases_much_waits_for_somebody_else(
    screened: Arrival, erin: User, carol: User, client_of: ClientOf
) -> None:
    made = ready(client_of(erin), NONE)
    assert backtest.sums(made.tried)["releases"] > 0
    assert go_live(client_of(erin), made).status_code == 302
    assert made.state == State.DRAFT
    assert made.asked_by == erin.member
    for verb in ("agree", "ask"):
        assert go_live(client_of(erin), made, verb=verb).status_code == 409
    assert made.state == State.DRAFT
    assert "Agree" in read(client_of(carol), f"/policy/versions/{made.pk}/try/")
    go_live(client_of(carol), made, verb="agree")
    assert (made.state, made.second_by) == (State.LIVE, carol.member)


def test_anybody_who_works_here_can_stop_it(screened: Arrival, erin: User, carol: User, client_of: ClientOf) -> None:
    made = ready(client_of(erin), NONE)
    go_live(client_of(erin), made)
    go_live(client_of(carol), made, verb="stop")
    assert (made.state, made.asked_by) == (State.DRAFT, None)
    assert go_live(client_of(carol), made, verb="agree").status_code == 409


def test_who_is_alone_waits_for_the_delay(screened: Arrival, erin: User, client_of: ClientOf) -> None:
    Member.objects.exclude(pk=erin.member.pk).filter(role__gte=Role.MODERATOR).delete()
    made = ready(client_of(erin), NONE)
    go_live(client_of(erin), made)
    assert go_live(client_of(erin), made).status_code == 409
    minutes = Community.objects.get().delay_minutes
    PolicyVersion.objects.filter(pk=made.pk).update(asked_at=timezone.now() - timedelta(minutes=minutes + 1))
    assert go_live(client_of(erin), made).status_code == 302
    assert made.state == State.LIVE


def test_a_version_that_was_tried_against_another_policy_does_not_go_live(
    screened: Arrival, erin: User, client_of: ClientOf
) -> None:
    first, second = ready(client_of(erin), PICTURES), ready(client_of(erin), PICTURES + "\n# again\n")
    go_live(client_of(erin), first)
    assert go_live(client_of(erin), second).status_code == 409
    assert second.state == State.DRAFT
    assert go_live(client_of(erin), first).status_code == 409  # it is live: nothing changes
    assert PolicyVersion.live() == first


def test_where_two_people_are_not_asked_for_it_goes_live(screened: Arrival, erin: User, client_of: ClientOf) -> None:
    Community.objects.update(two_people=False)
    made = ready(client_of(erin), NONE)
    go_live(client_of(erin), made)
    assert made.state == State.LIVE


# --- what was delivered before ----------------------------------------------------------------------------------------


@pytest.fixture
def minded(screened: Arrival, erin: User, client_of: ClientOf) -> PolicyVersion:
    """Pictures are minded now; Alice's were delivered."""
    Arrival.objects.filter(pk=screened.pk).update(state=Arrival.State.APPLIED)
    made = ready(client_of(erin), PICTURES)
    go_live(client_of(erin), made)
    assert made.state == State.LIVE
    return made


def test_hits_are_listed_and_nothing_is_taken_back_by_itself(
    minded: PolicyVersion, screened: Arrival, carol: User, client_of: ClientOf
) -> None:
    said = read(client_of(carol), "/policy/hits/")
    assert f"{len(minded.tried['imports'][screened.name]['holds'])} items of" in said
    assert "no-pictures" in said
    screened.refresh_from_db()
    assert screened.state == Arrival.State.APPLIED
    assert not Approval.objects.exists()
    assert "Look at them" in read(client_of(carol), "/policy/")


def test_taking_them_back_is_asked_for_as_every_rollback(
    minded: PolicyVersion, screened: Arrival, carol: User, erin: User, client_of: ClientOf
) -> None:
    assert client_of(carol).post(f"/policy/hits/{screened.name}/undo/").status_code == 302
    approval = Approval.objects.get()
    assert (approval.act, approval.arrival, approval.done_at) == ("rollback", screened, None)
    assert approval.detail == {"numbers": minded.tried["imports"][screened.name]["holds"]}
    assert "nothing to look at" in read(client_of(carol), "/policy/hits/")
    client_of(erin).post(f"/policy/hits/{screened.name}/undo/")
    assert Approval.objects.count() == 1
    assert approvals.waiting().count() == 1


def test_leaving_them_is_written_down(
    minded: PolicyVersion, screened: Arrival, carol: User, client_of: ClientOf
) -> None:
    client_of(carol).post(f"/policy/hits/{screened.name}/leave/")
    assert Act.objects.get(verb="left what a new policy would hold").detail["policy"] == minded.pk
    assert not Approval.objects.exists()
    assert backtest.queue(PolicyVersion.objects.get(pk=minded.pk)) == []


def test_names_of_others_are_text(screened: Arrival, erin: User, client_of: ClientOf) -> None:
    made = saved(
        client_of(erin),
        'name = "<script>x</script>"\n' + workbench.rule_text("<b>", "image", "limit", "<i>hi", filters=["unlisted"]),
    )
    for address in (
        f"/policy/versions/{made.pk}/",
        f"/policy/versions/{made.pk}/try/",
        f"/policy/edit/?from={made.pk}",
    ):
        html = client_of(erin).get(address).content.decode()
        assert not re.search("<script>x|<b>|<i>hi", html)
