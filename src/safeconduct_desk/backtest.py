"""What a draft would change in imports that are stored: pending ones and past ones.

Each archive is read once, with the questions of both policies; then each policy decides alone over what was found, so
the difference is that of two full runs (a law, tested).  An import is tried as of the day it was read, so that nothing
differs because a year has passed.  What was tried is kept import by import: what was cut short goes on from there.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy
from django.conf import settings
from django.db import close_old_connections, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from safeconduct.contracts import Source
from safeconduct.discover import plugins
from safeconduct.errors import SafeconductError
from safeconduct.flow import inspected, open_source
from safeconduct.home import Home
from safeconduct.model import Action, Finding
from safeconduct.policy import Policy, parse_policy
from safeconduct.policy.rules import BROKEN
from safeconduct.steps.inspect import Inspection
from safeconduct.steps.verdicts import Verdicts
from safeconduct_desk.custody import home
from safeconduct_desk.models import Arrival, PolicyVersion
from safeconduct_desk.store import files

log = logging.getLogger("safeconduct.desk")
State = Arrival.State
STORED = (State.WAITING, State.APPLYING, State.APPLIED, State.UNDONE, State.REFUSED)
FEW, SMALL = 3, 5000  # so many imports, of so many items together, are tried while one waits
RELEASES_MOST, SHARE_MOST = 50, 0.1  # above that, a second person agrees
SHOWN = 100  # items of one import listed on a page
Actions = numpy.ndarray[tuple[int], numpy.dtype[numpy.uint8]]
_running = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """What one policy says of one import: an action an item, hits by rule, questions about the whole of it."""

    actions: Actions
    hits: Mapping[str, int]
    watched: Mapping[str, int]
    asks: tuple[str, ...]
    rules: Mapping[int, str]  # the rule that speaks, for items that are held or refused


@dataclass(frozen=True)
class Difference:
    """Numbers of items by what changes; ``asks`` and ``asks_no_more`` are rules about the whole import."""

    releases: tuple[int, ...]
    holds: tuple[int, ...]
    other: int
    asks: tuple[str, ...]
    asks_no_more: tuple[str, ...]


# --- one import -------------------------------------------------------------------------------------------------------


def compare(opened: Home, source: Source, live: Policy, draft: Policy, as_of: datetime) -> tuple[Outcome, Outcome]:
    """What each of the two policies says of every item: the archive is read once.  Raises ``SourceError``."""
    asked = {one.name for policy in (live, draft) for one in policy.questions}
    rest = [name for name in plugins("criteria") if name not in asked]
    with inspected(opened, source, [live, draft], as_of=as_of, leave_out=rest) as inspection:
        return alone(inspection, live), alone(inspection, draft)


def alone(inspection: Inspection, policy: Policy) -> Outcome:
    """What this policy alone says, over an inspection that asked its questions among others."""
    census, spool = inspection.census, inspection.spool
    verdicts, before = Verdicts([policy], census), census.touched
    own = {str(getattr(one, "question", one.name)) for one in policy.questions}
    hits, watched = Counter[str](), Counter[str]()
    for numbers, findings in verdicts.alike(spool):
        live, shadow = verdicts.spoken(int(numbers[0]), _heard(findings, own))
        for rules, counts in ((live, hits), (shadow, watched)):
            counts.update(dict.fromkeys(rules, len(numbers)))
    actions, spoke = numpy.zeros(census.count, dtype=numpy.uint8), dict[int, str]()
    census.touched = hits
    try:
        for numbers, findings in verdicts.alike(spool):
            decision = verdicts.decision(int(numbers[0]), _heard(findings, own))
            actions[numbers] = decision.action
            if decision.action >= Action.QUARANTINE:
                spoke.update(dict.fromkeys(numbers.tolist(), decision.reasons[0].rule))
    finally:
        census.touched = before
    asks = tuple(sorted({reason.rule for reason in policy.conclude(_heard(inspection.whole(), own))}))
    return Outcome(actions, dict(hits), dict(watched), asks, spoke)


def _heard(findings: Sequence[Finding], own: set[str]) -> list[Finding]:
    """What this policy asked for: a fault in the other one's question is not its own (a text nobody could read is)."""
    return [one for one in findings if one.question in own or (one.criterion == BROKEN and not one.question)]


def difference(live: Outcome, draft: Outcome) -> Difference:
    """What the draft changes, item by item; held and refused are both "not there"."""
    before, after = live.actions >= Action.QUARANTINE, draft.actions >= Action.QUARANTINE
    released, held = numpy.flatnonzero(before & ~after), numpy.flatnonzero(~before & after)
    changed = int(numpy.count_nonzero(live.actions != draft.actions))
    return Difference(
        tuple(map(int, released)), tuple(map(int, held)), changed - len(released) - len(held),
        tuple(sorted(set(draft.asks) - set(live.asks))), tuple(sorted(set(live.asks) - set(draft.asks))),
    )  # fmt: skip


# --- all of them ------------------------------------------------------------------------------------------------------


def stored() -> QuerySet[Arrival]:
    """The imports a draft is tried on: whose files are still here, the newest first."""
    return Arrival.objects.filter(state__in=STORED, forgotten_at=None).order_by("-created")


def begin(draft: PolicyVersion) -> bool:
    """Try it on everything stored: at once if that is little, else in the background.  True if it is done."""
    live, them = PolicyVersion.live(), stored()
    fresh: dict[str, Any] = {
        "against": live.pk if live else None,
        "begun": timezone.now().isoformat(),
        "imports": {},
        "of": len(them),
    }
    if draft.tried.get("against", 0) != fresh["against"] or draft.tried.get("done"):
        _keep(draft, fresh)
    if settings.WORK_AT_ONCE or (len(them) <= FEW and sum(one.items for one in them) < SMALL):
        run(draft.pk)
    elif not _running.locked():
        threading.Thread(target=_quietly, args=(draft.pk,), name="backtest", daemon=True).start()
    draft.refresh_from_db()
    return bool(draft.tried.get("done"))


def run(pk: int) -> None:
    """Try every stored import that was not tried yet; safe to repeat, and to cut short."""
    with _running:
        draft = PolicyVersion.objects.get(pk=pk)
        live = PolicyVersion.objects.filter(pk=draft.tried.get("against")).first()
        policies = policy_of(live), policy_of(draft)
        for arrival in stored():
            if arrival.name not in draft.tried["imports"]:
                _one(draft, arrival, *policies)
        _keep(draft, {**draft.tried, "done": timezone.now().isoformat()})


def _quietly(pk: int) -> None:
    try:
        run(pk)
    except Exception as error:  # whatever it is, the page has to say that it stopped, and trying again goes on
        log.warning("backtest %s: %s", pk, type(error).__name__)
        draft = PolicyVersion.objects.get(pk=pk)
        _keep(draft, {**draft.tried, "problem": _("It stopped with a fault. Try again: it goes on where it stopped.")})
    finally:
        close_old_connections()


def _one(draft: PolicyVersion, arrival: Arrival, live: Policy, new: Policy) -> None:
    """One import; one that cannot be read any more is said, and does not stop the others."""
    said: dict[str, Any]
    try:
        source = open_source(str(files().fetch(arrival, "archive")))
        with home() as opened:
            before, after = compare(opened, source, live, new, arrival.let_in_at or arrival.created)
        said = _said(difference(before, after), before, after)
    except (SafeconductError, OSError) as error:
        said = {"problem": str(error) if isinstance(error, SafeconductError) else _("Its file is not here any more.")}
    _keep(draft, {**draft.tried, "problem": "", "imports": {**draft.tried["imports"], arrival.name: said}})


def _said(found: Difference, before: Outcome, after: Outcome) -> dict[str, Any]:
    """As JSON: every number that changes sides, and for those on the page the rule that spoke."""
    return {
        "items": len(before.actions), "held": int(numpy.count_nonzero(before.actions >= Action.QUARANTINE)),
        "releases": list(found.releases), "holds": list(found.holds), "other": found.other,
        "asks": list(found.asks), "asks_no_more": list(found.asks_no_more), "hits": dict(after.hits),
        "watched": dict(after.watched),
        "rules": {
            **{str(n): before.rules[n] for n in found.releases[:SHOWN]},
            **{str(n): after.rules[n] for n in found.holds[:SHOWN]},
        },
    }  # fmt: skip


def _keep(draft: PolicyVersion, tried: dict[str, Any]) -> None:
    draft.tried = tried
    PolicyVersion.objects.filter(pk=draft.pk).update(tried=tried)


def policy_of(version: PolicyVersion | None) -> Policy:
    """The policy of a version; one without rules where there is none."""
    return parse_policy(version.text, version.name) if version else Policy("none", ())


# --- what it comes to -------------------------------------------------------------------------------------------------


def current(draft: PolicyVersion) -> bool:
    """Was it tried to the end, against the policy that is live now?"""
    live = PolicyVersion.live()
    return bool(draft.tried.get("done")) and draft.tried.get("against") == (live.pk if live else None)


def sums(tried: Mapping[str, Any]) -> dict[str, int]:
    """Over all imports: ``imports``, ``items``, ``held``, ``releases``, ``holds``, ``other``, ``asks_no_more``."""
    them = [one for one in tried.get("imports", {}).values() if "items" in one]
    total = {name: sum(one[name] for one in them) for name in ("items", "held", "other")}
    total |= {name: sum(len(one[name]) for one in them) for name in ("releases", "holds", "asks", "asks_no_more")}
    return {"imports": len(them), **total}


def releases_much(tried: Mapping[str, Any]) -> bool:
    """Does it let so much in that a second person has to agree?

    More than 50 items that are held or refused now, or more than a tenth of them, or a question about a whole import
    that nobody would be asked any more.  An import that could not be tried counts as much: nobody knows.
    """
    total = sums(tried)
    unknown = any("problem" in one for one in tried.get("imports", {}).values())
    share = total["releases"] > SHARE_MOST * total["held"]
    return total["releases"] > RELEASES_MOST or share or total["asks_no_more"] > 0 or unknown


# --- afterwards: what it would not have let in ------------------------------------------------------------------------


def queue(version: PolicyVersion) -> list[tuple[Arrival, dict[str, Any]]]:
    """Delivered imports with items that this version would hold, while nobody has said what to do with them."""
    found = {name: one for name, one in version.tried.get("imports", {}).items() if one.get("holds")}
    waiting = {name for name, one in found.items() if not one.get("answer")}
    delivered = Arrival.objects.filter(name__in=waiting, state=State.APPLIED).order_by("-created")
    return [(arrival, found[arrival.name]) for arrival in delivered]


def answered(version: PolicyVersion, name: str, answer: str) -> bool:
    """Write down what a person said about the hits in one import; False if somebody was quicker."""
    with transaction.atomic():
        row = PolicyVersion.objects.select_for_update().get(pk=version.pk)
        one = row.tried.get("imports", {}).get(name)
        if one is None or one.get("answer"):
            return False
        one["answer"] = answer
        row.save(update_fields=["tried"])
    return True
