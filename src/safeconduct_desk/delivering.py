"""Deliver what was accepted; take back what was delivered.  Both go on where they stopped."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from msgspec.structs import replace

from safeconduct.contracts import Destination, Terms
from safeconduct.flow import copied, open_destination, open_source, planned, undone
from safeconduct.home import Home
from safeconduct.model import Choices
from safeconduct.steps.decide import overrule
from safeconduct.steps.planfile import Plan
from safeconduct.steps.probe import probe
from safeconduct_desk.answers import answers
from safeconduct_desk.custody import home, unsealed
from safeconduct_desk.models import Arrival, Community
from safeconduct_desk.screening import policies_for
from safeconduct_desk.store import files


def plan(arrival: Arrival) -> None:
    """Every item's fate, under the policy and what people decided; written once."""
    Arrival.objects.filter(pk=arrival.pk).update(state=Arrival.State.APPLYING, problem="")
    path = files().path(arrival, "plan.jsonl")
    if path.exists():
        return
    source = open_source(str(files().fetch(arrival, "archive")))
    with home() as opened:
        destination = place(opened, arrival)
        _overrule(opened, arrival)
        # The gate is for those who come from outside: here the community itself decides.
        abilities = replace(probe(opened, spec(arrival), destination), policy="")
        planned(
            opened, source, policies_for(arrival), destination, abilities,
            choices(arrival), path, spec=spec(arrival), place=str(files().fetch(arrival, "archive")),
            as_of=datetime.now(UTC),
        )  # fmt: skip
    files().keep(arrival, "plan.jsonl")


def deliver(arrival: Arrival) -> None:
    """Execute the plan.  The core resumes at the item where it was cut short."""
    source = open_source(str(files().fetch(arrival, "archive")))
    count = Counter[str]()

    def tick(done: int) -> None:
        count["done"] += done
        if count["done"] % 50 == 0:
            Arrival.objects.filter(pk=arrival.pk).update(progress={"step": "deliver", "done": count["done"]})

    with home() as opened:
        transfer, result, remainder = copied(
            opened, Plan(files().fetch(arrival, "plan.jsonl")), source, place(opened, arrival), tick=tick
        )
    Arrival.objects.filter(pk=arrival.pk).update(
        transfer=transfer.id,
        outcome={
            "planned": result.planned, "delivered": result.delivered + result.already, "failed": result.failed,
            "differences": [list(one) for one in result.differences[:200]], "remainder": bool(remainder),
        },
    )  # fmt: skip


def settle(arrival: Arrival) -> None:
    """It is there."""
    Arrival.objects.filter(pk=arrival.pk).update(state=Arrival.State.APPLIED, progress={})


def hide(arrival: Arrival, numbers: list[int] | None = None) -> None:
    """First out of sight, where the destination can hide (law 10)."""
    del numbers
    Arrival.objects.filter(pk=arrival.pk).update(state=Arrival.State.UNDOING, problem="")


def take_back(arrival: Arrival, numbers: list[int] | None = None) -> None:
    """Take back everything, or these items, newest first; what could not be is said."""
    with home() as opened:
        rollback = undone(opened, arrival.transfer, place(opened, arrival), numbers)
    outcome = {"undone": rollback.undone, "failed": rollback.failed, "leftovers": [list(o) for o in rollback.leftovers]}
    whole = numbers is None and not rollback.failed
    Arrival.objects.filter(pk=arrival.pk).update(
        state=Arrival.State.UNDONE if whole else Arrival.State.APPLIED,
        outcome={**arrival.outcome, "rollback": outcome},
        progress={},
    )


def spec(arrival: Arrival) -> str:
    """The destination, as the command line writes it."""
    return arrival.destination or Community.objects.get().destination


def place(opened: Home, arrival: Arrival) -> Destination:
    """The destination, opened with the receiving account's token."""
    community = Community.objects.get()
    own = getattr(arrival.person, "member", None)
    token = unsealed(own.token) if own is not None and own.token else unsealed(community.token)
    terms = Terms(
        choices=choices(arrival), actor=arrival.actor, acct=arrival.acct, token=str(token),
        loopback=community.loopback, key=opened.signing_key(), title=f"Arrival {arrival.name}",
    )  # fmt: skip
    return open_destination(spec(arrival), terms)


def _overrule(opened: Home, arrival: Arrival) -> None:
    """What people decided about groups, told to the core, which asks it for every item of the next plan."""
    for one in answers(arrival):
        overrule(opened, one.names, one.action, author=one.author, because=one.because, filters=one.filters)


def choices(arrival: Arrival) -> Choices:
    """What the person chose; the quiet and careful defaults where they said nothing."""
    return Choices(**arrival.choices)
