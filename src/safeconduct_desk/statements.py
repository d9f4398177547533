"""Statements of reasons: what was not taken, why, who or what decided, and how to disagree.

One statement for each group that was refused, held or limited, with the fields that article 17(3) of the Digital
Services Act asks for, in plain words and as data.  What nobody has decided is never told as a refusal: an open
question and a fault are ``pending``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from safeconduct.model import Json
from safeconduct.policy.rules import BROKEN, NOT_ASSESSED
from safeconduct_desk import retention
from safeconduct_desk.answers import settled
from safeconduct_desk.models import Arrival, Group, Member

State = Arrival.State
FORMAT = "safeconduct-statement/1"
DECIDED = (State.APPLYING, State.APPLIED, State.UNDOING, State.UNDONE, State.REFUSED)
WHOLE = "whole"  # in the place of a group's key: the statement about all of an import
BACK = "taken-back"  # the statement about what had been published already
NO_GROUP = (WHOLE, BACK)
PERSON = "found-by-a-person"


@dataclass(frozen=True)
class Statement:
    """One decision against something: every field that has to be said, as words."""

    key: str  # of the group, or ``WHOLE``
    action: str  # reject, quarantine or limit
    count: int
    what: str  # what was done: the restriction
    until: str  # how long
    facts: str  # what was seen
    rule: str  # its name in the policy
    text: str  # its sentence
    found_by: str  # person or program
    decided_by: str
    automated_detection: bool
    automated_decision: bool
    date: str  # ISO 8601
    scope: str
    ground: str
    redress: tuple[str, ...]
    appeal: str  # address, "" if it is too late


def decided(arrival: Arrival) -> bool:
    """May anything be said about this import yet?"""
    return arrival.state in DECIDED


def of(arrival: Arrival) -> list[Statement]:
    """Every statement about this arrival, the largest first; empty before it is decided."""
    if not decided(arrival):
        return []
    if arrival.state == State.REFUSED:
        return [_whole(arrival)]
    groups = arrival.groups.select_related("arrival", "decided_by", "second_by")
    said = [_of(group) for group in groups if _against(group)]
    return [_taken_back(arrival), *said] if arrival.state == State.UNDONE else said


def one(arrival: Arrival, key: str) -> Statement | None:
    """The statement with this key."""
    return next((statement for statement in of(arrival) if statement.key == key), None)


def pending(arrival: Arrival) -> list[Group]:
    """Groups about which nobody has decided: held, but not refused."""
    if arrival.state == State.REFUSED:
        return []
    groups = arrival.groups.select_related("decided_by", "arrival")
    return [group for group in groups if not decided(arrival) or not (_against(group) or _released(group))]


def members(arrival: Arrival, key: str) -> Iterator[dict[str, Json]]:
    """The items that a statement is about: address or id, kind, and the date that the archive says."""
    if key in NO_GROUP:
        return
    rows = arrival.groups.get(key=key).members.values_list("n", "item", "kind", "published")
    for number, item, kind, published in rows.iterator():
        yield {"number": number, "item": item, "kind": kind, "published": published.isoformat() if published else None}


def as_data(arrival: Arrival, address: str) -> dict[str, Json]:
    """All statements for programs, with the items of each.  ``address``: of this desk."""
    said: list[Json] = []
    for statement in of(arrival):
        plain: dict[str, Json] = {**asdict(statement), "redress": list(statement.redress)}
        plain["appeal"] = f"{address}{statement.appeal}" if statement.appeal else None
        plain["items"] = list(members(arrival, statement.key))
        said.append(plain)
    waiting: list[Json] = [{"key": group.key, "count": group.count, "state": "pending"} for group in pending(arrival)]
    due = retention.due(arrival)
    return {
        "format": FORMAT, "arrival": arrival.name, "state": arrival.state, "statements": said, "pending": waiting,
        "bytes_kept_until": due.isoformat() if due else None,
    }  # fmt: skip


def deciders(arrival: Arrival, group: Group | None) -> list[Member]:
    """The people who made the decision that a statement is about."""
    asked = [group.decided_by, group.second_by] if group is not None else [arrival.decided_by]
    if group is None and arrival.state == State.UNDONE:
        asked += [one for back in arrival.approvals.filter(act="rollback") for one in (back.asked_by, back.second_by)]
    return [one for one in asked if one is not None]


def _against(group: Group) -> bool:
    """Was something decided against it?  A rule that refuses decides by itself; everything else needs a person."""
    if group.action:
        return settled(group) and group.action in {"reject", "quarantine", "limit"}
    return group.proposed == "reject" and not _fault(group)


def _released(group: Group) -> bool:
    return bool(group.action) and settled(group) and group.action == "accept"


def _fault(group: Group) -> bool:
    return BROKEN in {group.criterion, group.rule} or group.value == NOT_ASSESSED


def _of(group: Group) -> Statement:
    action = group.action or group.proposed
    by_person = bool(group.action)
    found_by_person = group.criterion == PERSON
    return Statement(
        key=group.key, action=action, count=group.count, what=_what(action, group), until=_until(group.arrival, action),
        facts=_facts(group), rule=group.rule, text=group.because or group.sentence,
        found_by=_("a person who looked at it") if found_by_person else _("a program, by the rules of this community"),
        decided_by=_who(deciders(group.arrival, group)), automated_detection=not found_by_person,
        automated_decision=not by_person, date=_date(group.decided_at or group.arrival.decided_at),
        scope=_scope(), ground=_ground(), redress=_redress(), appeal=_appeal(group.arrival, group.key),
    )  # fmt: skip


def _whole(arrival: Arrival) -> Statement:
    because = str(arrival.outcome.get("because") or arrival.problem)
    return Statement(
        key=WHOLE, action="reject", count=arrival.items,
        what=_("None of this import was taken. Nothing was published."),
        until=_until(arrival, "reject"), facts=_("People here read the report about the whole import."), rule="",
        text=because, found_by=_("a person, helped by a program"),
        decided_by=_who(deciders(arrival, None)), automated_detection=False, automated_decision=False,
        date=_date(arrival.decided_at), scope=_scope(), ground=_ground(), redress=_redress(),
        appeal=_appeal(arrival, WHOLE),
    )  # fmt: skip


def _taken_back(arrival: Arrival) -> Statement:
    asked = arrival.approvals.filter(act="rollback").exclude(done_at=None).order_by("-done_at").first()
    people = [one for one in (asked.asked_by, asked.second_by) if one is not None] if asked else []
    because = str(asked.detail.get("because", "")) if asked else ""
    return Statement(
        key=BACK, action="reject", count=int(arrival.outcome.get("delivered") or 0),
        what=_("What had been published was taken back."), until=_until(arrival, "reject"),
        facts=_("This was decided after it had been published."), rule="",
        text=because or _("The people here can tell you why. Appeal, and they have to."),
        found_by=_("a person"), decided_by=_who(people), automated_detection=False, automated_decision=False,
        date=_date(asked.done_at if asked else arrival.ended_at), scope=_scope(), ground=_ground(),
        redress=_redress(), appeal=_appeal(arrival, BACK),
    )  # fmt: skip


def _what(action: str, group: Group) -> str:
    n = group.count
    if action == "limit":
        said = ngettext("%(n)s item was published with limits: %(limits)s.",
                        "%(n)s items were published with limits: %(limits)s.", n)  # fmt: skip
        return said % {"n": n, "limits": ", ".join(group.filters.split())}
    if action == "reject":
        return ngettext("%(n)s item was not taken. It was not published.",
                        "%(n)s items were not taken. They were not published.", n) % {"n": n}  # fmt: skip
    return ngettext("%(n)s item is held back. It was not published.",
                    "%(n)s items are held back. They were not published.", n) % {"n": n}  # fmt: skip


def _until(arrival: Arrival, action: str) -> str:
    if action == "limit":
        return _("for good, unless an appeal changes it")
    due = retention.due(arrival)
    if due is None:
        return _("for good, unless an appeal changes it")
    return _("for good, unless an appeal changes it; the copy here is deleted on %(day)s") % {"day": due.date()}


def _facts(group: Group) -> str:
    named = group.criterion.replace("-", " ")
    return ngettext("In %(n)s item this was found: %(named)s.", "In %(n)s items this was found: %(named)s.",
                    group.count) % {"n": group.count, "named": named}  # fmt: skip


def _who(people: list[Member]) -> str:
    if not people:
        return _("nobody: a rule that says so itself")
    return _(" and ").join(person.pseudonym for person in people)


def _scope() -> str:
    return _("It is about what this server publishes, everywhere. Elsewhere you can publish it as before.")


def _ground() -> str:
    return _("The rules of this community, not a law. It does not say that anything is illegal.")


def _redress() -> tuple[str, ...]:
    return (
        _("You can appeal here, without cost. Somebody else answers, where there is somebody else."),
        _("In the European Union you can also ask a certified body for settling disputes out of court, or a court."),
        _("You can take with you what was not taken, and publish it elsewhere."),
    )


def _appeal(arrival: Arrival, key: str) -> str:
    return "" if arrival.forgotten_at else reverse("appeal", args=[arrival.name, key])


def _date(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
