"""Every page of the desk, with who looks at it, and a world in which each has something to show.

A new page is one more entry in ``PAGES``; what an address may name in braces is what ``world`` gives.  With
``errors``, the form that this selector finds is sent as it is, empty, and looked at again.  With ``press``, a button is
pressed first and leads to the page.  With ``delivered``, one import has really arrived and was reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import User
from django.utils import timezone

from safeconduct.steps.trace import Query, trace
from safeconduct_desk import custody, invitations, jobs, notices, setup, tokens
from safeconduct_desk.models import Appeal, Approval, Arrival, Community, Group, Member, PolicyVersion, Question, Role
from tests.desk.conftest import PASSWORD, somebody
from tests.desk.elsewhere import Elsewhere

MESSY = "\u202ewren\u202c<b>@a-very-long-name-that-nobody-can-break-in-a-sensible-place.example"
SOME = 9  # pages that one test looks at


@dataclass(frozen=True)
class Page:
    """One page to look at: its address, who looks, and which form is sent empty to see its errors."""

    address: str
    who: str = "carol"
    errors: str = ""
    press: str = ""
    write: dict[str, str] = field(default_factory=dict, hash=False)
    arrives: str = ""
    set_up: bool = True
    delivered: bool = False

    def __str__(self) -> str:
        words = f"{self.who} {self.address} {self.press and self.arrives}".strip("/ ").replace("/", "_")
        return f"{words.replace('?', '_')}{' delivered' * self.delivered}{' errors' * bool(self.errors)}"


PAGES = (
    Page("/set-up/?code={code}", "", set_up=False),
    Page("/set-up/?code={code}", "", set_up=False, errors="main form"),
    Page("/set-up/?code=wrong", "", set_up=False),
    # Strangers
    Page("/sign-in/", ""),
    Page("/sign-in/", "", errors="main form"),
    Page("/sign-in/", "", press="[action='/sign-in/server/'] button", arrives="/sign-in/server/"),
    Page("/sign-in/", "", press="[action='/sign-in/server/'] button", write={"server": "{elsewhere}"},
         arrives="/sign-in/server/leave/"),
    Page("/sign-in/", "", press="main form button", write={"login": "grace", "password": PASSWORD},
         arrives="/account/factors/ask/"),
    Page("/sign-up/", ""),
    Page("/sign-up/", "", errors="main form"),
    Page("/sign-out/", "bob"),
    Page("/account/closed/", ""),
    Page("/account/single/stopped/", ""),
    Page("/account/single/failed/", ""),
    Page("/welcome/{invitation}/", ""),
    Page("/welcome/{invitation}/", "", errors="main form"),
    Page("/welcome/{way_in}/", ""),
    Page("/welcome/nothing/", ""),
    Page("/welcome/{invitation}/", "alice"),
    Page("/intake/", ""),
    Page("/custody/", ""),
    Page("/transparency/", ""),
    Page("/report/", "", errors="main form"),
    Page("/report/thanks/", ""),
    # People who move
    Page("/account/", "alice"),
    Page("/offer/", "alice"),
    Page("/offer/", "bob"),
    Page("/offer/taken/", "alice"),
    Page("/offer/taken/", "alice", errors="main form"),
    Page("/offer/choices/", "alice"),
    Page("/mine/", "alice"),
    Page("/mine/", "bob"),
    Page("/mine/{arrival}/", "alice"),
    Page("/mine/{received}/", "alice"),
    Page("/mine/{applied}/", "alice"),
    Page("/mine/{refused}/", "alice"),
    Page("/mine/{broken}/", "alice"),
    Page("/mine/{received}/withdraw/", "alice"),
    Page("/mine/{offered}/file/", "alice"),
    Page("/mine/{arrival}/question/{question}/", "alice"),
    Page("/mine/{arrival}/question/{question}/", "alice", errors="main form"),
    Page("/mine/{applied}/appeal/{refusal}/", "alice", errors="main form"),
    # Whoever works here: their account
    Page("/account/"),
    Page("/account/password/", errors="main form"),
    Page("/account/factors/"),
    Page("/account/codes/on/"),
    Page("/account/codes/on/", errors="main form"),
    Page("/account/passkeys/"),
    Page("/account/passkeys/add/"),
    Page("/account/receiving/"),
    Page("/account/again/"),
    Page("/account/single/"),
    Page("/account/factors/", "grace"),
    Page("/account/codes/off/", "grace"),
    Page("/account/recovery/", "grace"),
    Page("/account/recovery/new/", "grace"),
    Page("/account/factors/again/", "grace"),
    Page("/account/passkeys/", "heidi"),
    Page("/account/passkeys/{passkey}/name/", "heidi"),
    Page("/account/passkeys/{passkey}/remove/", "heidi"),
    Page("/account/password/first/", "heidi"),
    Page("/account/programs/", "olga"),
    Page("/account/programs/", "olga", errors="[action='/account/programs/']"),
    Page("/account/programs/", "olga", press="[action='/account/programs/told/'] button",
         arrives="/account/programs/told/"),
    # Arrivals
    Page("/"),
    Page("/?show=mine"),
    Page("/?show=closed", "olga"),
    Page("/no-such-page/"),
    Page("/gallery/", errors="form.every"),
    Page("/arrivals/{arrival}/"),
    Page("/arrivals/{arrival}/", "erin"),
    Page("/arrivals/{applied}/"),
    Page("/arrivals/{broken}/"),
    Page("/arrivals/{refused}/"),
    Page("/arrivals/{arrival}/groups/{group}/"),
    Page("/arrivals/{arrival}/items/{item}/"),
    Page("/arrivals/{arrival}/sample/"),
    Page("/arrivals/{arrival}/sample/", "erin", press="button[value='60']", arrives="/arrivals/{arrival}/sample/"),
    Page("/arrivals/{applying}/transfer/"),
    Page("/arrivals/{arrival}/transfer/", delivered=True),
    Page("/arrivals/{arrival}/", delivered=True),
    Page("/mine/{arrival}/", "alice", delivered=True),
    Page("/appeals/"),
    Page("/appeals/{appeal}/"),
    Page("/appeals/{appeal}/", errors="main form"),
    Page("/approvals/"),
    Page("/approvals/", "erin"),
    Page("/notices/"),
    Page("/notices/", delivered=True),
    Page("/labour/"),
    Page("/policy/"),
    Page("/policy/versions/{live}/"),
    Page("/policy/versions/{draft}/"),
    Page("/policy/versions/{draft}/try/", "erin"),
    Page("/policy/hits/", delivered=True),
    Page("/policy/edit/", "erin"),
    Page("/policy/edit/", "erin", press="button[value='phrases']", arrives="/policy/edit/"),
    Page("/policy/edit/", "erin", press="button[name='check']", write={"text": "name = 3"}, arrives="/policy/edit/"),
    Page("/trends/"),
    Page("/audit/", "erin"),
    Page("/audit/{arrival}/", "erin", delivered=True),
    Page("/trace/"),
    Page("/trace/?q=alice@old.example"),
    Page("/trace/?q={acct}", delivered=True),
    Page("/trace/{transfer}/{number}/", delivered=True),
    Page("/trace/{transfer}/{other}/", delivered=True,
         press="[action^='/trace/look/'] button", arrives="/trace/look/{look}/"),
    Page("/people/", "olga"),
    Page("/people/?q=ali", "olga"),
    Page("/people/", "olga", press="[action='/people/invite/'] button", arrives="/people/"),
    Page("/community/", "olga"),
    Page("/community/", "olga", errors="main form"),
)  # fmt: skip


def some(pages: tuple[Page, ...] = PAGES) -> list[list[Page]]:
    """The pages, a few at a time: those of one person in one world."""
    alike = attrgetter("set_up", "delivered", "who")
    found = []
    for _key, these in groupby(sorted(pages, key=alike), alike):
        them = list(these)
        found += [them[n : n + SOME] for n in range(0, len(them), SOME)]
    return found


@pytest.fixture
def people(request: pytest.FixtureRequest) -> dict[str, User]:
    """Everybody, by name: Grace has codes, Heidi came with her server: a passkey and no password."""
    found = {name: request.getfixturevalue(name) for name in ("alice", "bob", "carol", "erin", "olga")}
    found |= {name: somebody(name, Role.MODERATOR) for name in ("grace", "heidi")}
    found["heidi"].set_unusable_password()
    found["heidi"].save()
    TOTP.activate(found["grace"], "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(found["grace"])
    Authenticator.objects.create(user=found["heidi"], type="webauthn", data={"name": "My key", "credential": {}})
    return found


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Another server."""
    with Elsewhere() as place:
        yield place.host


@pytest.fixture
def world(people: dict[str, User], screened: Arrival, elsewhere: str) -> dict[str, str]:
    """Imports in every state; what addresses may name: ``arrival`` waits for a decision, others by their state."""
    named = {"arrival": screened.name, "acct": screened.acct, "elsewhere": elsewhere}
    named |= _rows(people, screened) | _policies(people, screened)
    named |= {"code": setup.code(), "passkey": str(Authenticator.objects.get(type="webauthn").pk)}
    operator = people["olga"].member
    Community.objects.update(loopback=True)
    named["invitation"] = invitations.invite(operator, Role.MODERATOR)
    named["way_in"] = invitations.way_in(operator, people["bob"].member)
    tokens.make(operator, f"Program {MESSY}", ["arrivals:read"])
    return named


@pytest.fixture
def delivered(world: dict[str, str]) -> dict[str, str]:
    """As ``world``, but ``arrival`` was delivered, one thing of it is reported, and a new policy would hold some."""
    arrival = Arrival.objects.get(name=world["arrival"])
    jobs.start("apply", arrival)
    arrival.refresh_from_db()
    assert arrival.state == Arrival.State.APPLIED
    with custody.home() as opened:
        posts = trace(opened, Query(transfer=arrival.transfer, kind="post"))
        row, other = islice((one for one in posts if one.state), 2)
    notices.received(row.origin, f"It is not hers. {MESSY}", "form")
    tried = {"imports": {arrival.name: {"holds": [3, 4, 5], "rules": {"3": "shop", "4": "shop"}}}, "done": True}
    PolicyVersion.objects.filter(state="live").update(tried=tried)
    agreed = Approval.objects.create(
        arrival=arrival, act="open-map", asked_by=Member.objects.get(user__username="carol"), done_at=timezone.now(),
        detail={"transfer": arrival.transfer, "n": other.number, "why": MESSY},
    )  # fmt: skip
    named = {"transfer": arrival.transfer, "number": str(row.number), "other": str(other.number)}
    return {**world, **named, "look": str(agreed.pk)}


def _rows(people: dict[str, User], screened: Arrival) -> dict[str, str]:
    alice, carol = people["alice"], people["carol"].member
    group = screened.groups.all()[0]
    named = {"group": str(group.pk), "item": str(group.members.all()[0].n)}
    for state in Arrival.State:
        made = Arrival.objects.create(
            person=alice, state=state, acct=f"wren@{state}.example", filename="x.zip", items=9412, held=118, minutes=6,
            progress={"step": "read", "done": 4000, "of": 9412}, decided_by=carol, decided_at=timezone.now(),
            problem="The file ends too early. Ask for it again." if state == "broken" else "",
            received_at=timezone.now(), shape=screened.shape, report=screened.report, policy=screened.policy,
        )  # fmt: skip
        named[str(state)] = made.name
    Arrival.objects.create(person=alice, state="waiting", acct=MESSY, claimed_by=people["erin"].member)
    Group.objects.filter(arrival=screened).update(excerpt=MESSY)
    delivered = Arrival.objects.get(name=named["applied"])
    refused = Group.objects.create(
        arrival=delivered, key="0" * 32, rule="shop", criterion="link", sentence="Links to shops are not taken here.",
        count=96, proposed="quarantine", action="reject", because=MESSY, decided_by=carol,
        decided_at=timezone.now() - timedelta(hours=2), excerpt=MESSY,
    )  # fmt: skip
    due = timezone.now() + timedelta(days=1)
    Approval.objects.create(arrival=delivered, act="rollback", asked_by=carol, due=due, detail={"because": MESSY})
    asked = Question.objects.create(arrival=screened, text=f"Is {MESSY} yours?", asked_by=carol)
    appeal = Appeal.objects.create(arrival=delivered, group=refused, text=f"It is no shop. {MESSY}")
    return {**named, "question": str(asked.pk), "appeal": str(appeal.pk), "refusal": refused.key}


def _policies(people: dict[str, User], screened: Arrival) -> dict[str, str]:
    said: dict[str, Any] = {"releases": [1, 2], "holds": [3], "rules": {"1": "shop", "2": "shop"}, "watched": {"a": 2}}
    draft = PolicyVersion.objects.create(
        name="milder", text='name = "milder"\nbase = "careful"\nwithout = ["burst", "copies"]\n', digest="0" * 64,
        author=people["erin"].member, because=MESSY,
        tried={"against": "x", "of": 1, "done": True, "imports": {screened.name: said}},
    )  # fmt: skip
    live = PolicyVersion.live()
    assert live is not None
    return {"draft": str(draft.pk), "live": str(live.pk)}
