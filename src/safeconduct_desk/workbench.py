"""The policy workbench: texts checked as they are written, simple rules from forms, and what goes live, and when.

A version never changes: saving makes another one, going live retires the one before.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from safeconduct.errors import PolicyError
from safeconduct.policy import Policy, diff, parse_policy
from safeconduct.policy.prose import sentence
from safeconduct.policy.rules import Breaker, Rule
from safeconduct_desk import approvals, backtest
from safeconduct_desk.custody import act
from safeconduct_desk.grouping import JOIN
from safeconduct_desk.models import Arrival, Community, Group, Member, PolicyVersion, Role

LATELY = 20  # imports over which the hits of rules are counted
LONGEST = 1_000_000  # letters of a policy, as the API takes it


class NotYet(PolicyError):
    """It cannot go live now; the message says why and what to do."""


@dataclass(frozen=True)
class Checked:
    """A text that was checked: the policy, or what is wrong, in which line, and what to write instead."""

    policy: Policy | None
    problem: str = ""
    line: int = 0
    instead: str = ""
    examples: int = 0  # of its own rules; all of them fit, or it would be no policy


@dataclass(frozen=True)
class Did:
    """One rule: as a sentence, and what it did in the last imports."""

    rule: Rule
    sentence: str
    held: int  # items it held or refused
    released: int  # of these, by people
    touched: int  # items it did something to, limited ones too
    imports: int  # in which it spoke
    watched: int  # items it would have acted on, were it live


# --- texts ------------------------------------------------------------------------------------------------------------


def check(text: str, name: str = "policy") -> Checked:
    """Read the text as it would be read when it goes live; its examples are run."""
    text = text.replace("\r\n", "\n")
    if len(text) > LONGEST:
        return Checked(None, _("This policy is too long. A million letters is the most."))
    try:
        policy = parse_policy(text, name)
    except PolicyError as error:
        said = str(error).removeprefix(f"{error.file}:{error.line}: ").partition("  Write instead: ")[0]
        return Checked(None, said, error.line, error.instead)
    return Checked(policy, examples=_examples(text))


def _examples(text: str) -> int:
    rules = tomllib.loads(text).get("rule", [])
    return sum(len(rule.get(key, ())) for rule in rules for key in ("matches", "spares"))


def save(member: Member, name: str, text: str, because: str) -> PolicyVersion:
    """A draft of this text.  Raises ``PolicyError``: what is no policy is not kept."""
    text = text.replace("\r\n", "\n")
    policy = parse_policy(text, name)
    draft = PolicyVersion.objects.create(
        name=name, text=text, digest=policy.digest, author=member, because=because.strip()
    )
    act(member, "wrote a draft of the policy", policy=draft.pk)
    return draft


def with_rule(text: str, written: str) -> str:
    """The text with one more rule at its end."""
    return f"{text.rstrip()}\n\n{written.strip()}\n".lstrip()


def rule_text(
    ident: str, when: str, then: str, because: str, given: Mapping[str, int | Sequence[str]] | None = None,
    filters: Iterable[str] = (),
) -> str:  # fmt: skip
    """One rule in TOML.  What people type becomes strings and nothing else, whatever it contains."""
    lines = ["[[rule]]", f"id = {_toml(ident)}", f"when = {_toml(when)}"]
    if given:
        lines.append("with = { " + ", ".join(f"{key} = {_toml(value)}" for key, value in given.items()) + " }")
    lines.append(f"then = {_toml(then)}")
    if filters := sorted(filters):
        lines.append(f"filters = {_toml(filters)}")
    return "\n".join([*lines, f"because = {_toml(because)}"]) + "\n"


def free_name(text: str, wish: str) -> str:
    """A name for a new rule that no rule of the text has."""
    checked = check(text)
    taken = {rule.id for rule in checked.policy.rules} if checked.policy else set(re.findall(r'id = "([^"]+)"', text))
    return next(name for n in range(1, len(taken) + 3) if (name := wish if n == 1 else f"{wish}-{n}") not in taken)


def _toml(value: int | str | Sequence[str]) -> str:
    """JSON's strings are TOML's basic strings but for DEL, and for halves of pairs, which are no letters."""
    clean = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
    return clean.replace("\x7f", "\\u007f")


def changes(version: PolicyVersion, before: PolicyVersion | None) -> tuple[str, ...]:
    """What changed since ``before``, as sentences; one that cannot be read any more says so."""
    if before is None:
        return ()
    old, new = check(before.text, before.name), check(version.text, version.name)
    if old.policy is None or new.policy is None:
        return (_("One of the two cannot be read any more: %s") % (old.problem or new.problem),)
    return diff(old.policy, new.policy)


# --- what rules did ---------------------------------------------------------------------------------------------------


def did(policy: Policy) -> list[Did]:
    """Each rule of the policy, from the strictest down, with what it did in the last imports."""
    arrivals = list(Arrival.objects.exclude(report={}).order_by("-created")[:LATELY])
    held, released, touched, spoke, watched = (Counter[str]() for _counter in range(5))
    for group in Group.objects.filter(arrival__in=arrivals).only("rule", "count", "action", "arrival_id"):
        for name in set(group.rule.split(JOIN)):
            held[name] += group.count
            released[name] += group.count if group.action in ("accept", "limit") else 0
    for arrival in arrivals:
        watched.update(shadow_of(arrival))
        touched.update(rules_of(arrival))
        spoke.update(set(rules_of(arrival)))
    rules = sorted(policy.rules, key=lambda rule: (rule.state.value != "live", -rule.then))
    touched |= held  # a rule that spoke beside another one is counted there only once
    usual = usual_breaker(policy)
    return [
        Did(one, sentence(one, usual), *(counts[one.id] for counts in (held, released, touched, spoke, watched)))
        for one in rules
    ]


def usual_breaker(policy: Policy) -> Breaker | None:
    """The breaker that most rules have: said once, it need not be said of each."""
    common = Counter(rule.breaker for rule in policy.rules if rule.breaker.share < 1).most_common(1)
    return common[0][0] if common else None


def rules_of(arrival: Arrival) -> dict[str, int]:
    """Items that each live rule did something to, as the report of the import counts them."""
    counts = Counter[str]()
    for row in arrival.report.get("groups") or ():
        counts[str(row["rule"])] += int(row["count"])
    return dict(counts)


def shadow_of(arrival: Arrival) -> dict[str, int]:
    """Items each shadow rule would have touched."""
    return dict(arrival.report.get("shadow") or {})


# --- going live -------------------------------------------------------------------------------------------------------


def ask(member: Member, draft: PolicyVersion, because: str) -> PolicyVersion:
    """``member`` wants it live: at once, after a second person, or after the delay where there is none.

    Raises ``NotYet``; look at ``draft.state`` and ``draft.asked_at`` afterwards.
    """
    _ready(member, draft, because)
    draft.because = draft.because if draft.asked_at else because.strip()
    if not needs_second(draft):
        return _live(draft, None)
    if draft.asked_at is None:
        draft.asked_by, draft.asked_at = member, timezone.now()
        draft.save(update_fields=["because", "asked_by", "asked_at"])
        act(member, "asked: make a policy live", policy=draft.pk)
        return draft
    until = due(draft)
    if until is not None and until <= timezone.now():
        return _live(draft, None)
    return agree(member, draft)


def agree(member: Member, draft: PolicyVersion) -> PolicyVersion:
    """The second person agrees.  ``approvals.TwoPeople`` if they cannot be that person."""
    if draft.asked_at is None or draft.state != PolicyVersion.State.DRAFT or not backtest.current(draft):
        raise NotYet(_("Nobody is waiting for this now. Try it again first."))
    if member.pk == draft.asked_by_id:
        raise approvals.TwoPeople(_("You asked for this yourself. Somebody else has to agree."))
    if not member.rank.works_here:
        raise approvals.TwoPeople(_("Only moderators can agree to this."))
    return _live(draft, member)


def withdraw(member: Member, draft: PolicyVersion) -> None:
    """It stays a draft: anybody who works here may stop it before it happens."""
    draft.asked_by, draft.asked_at = None, None
    draft.save(update_fields=["asked_by", "asked_at"])
    act(member, "stopped: make a policy live", policy=draft.pk)


def needs_second(draft: PolicyVersion) -> bool:
    """Two people are asked for here, and it releases much."""
    community = Community.here()
    return (community is None or community.two_people) and backtest.releases_much(draft.tried)


def due(draft: PolicyVersion) -> datetime | None:
    """From when on whoever asked may make it live alone: only where there is no second person."""
    if draft.asked_at is None or draft.asked_by_id is None:
        return None
    others = Member.objects.filter(
        role__gte=Role.MODERATOR, user__is_active=True, user__last_login__gt=timezone.now() - approvals.AWAY
    ).exclude(pk=draft.asked_by_id)
    if others.exists():
        return None
    community = Community.here()
    return draft.asked_at + timedelta(minutes=community.delay_minutes if community else 10)


def _ready(member: Member, draft: PolicyVersion, because: str) -> None:
    if member.rank < Role.LEAD:
        raise NotYet(_("A lead or operator makes a policy live."))
    if draft.state != PolicyVersion.State.DRAFT:
        raise NotYet(_("This version was live before. Save it as a new draft first."))
    if not because.strip() and not draft.asked_at:
        raise NotYet(_("Say why. It stands in the list of versions."))
    if check(draft.text, draft.name).policy is None:
        raise NotYet(_("This is no policy that can be read. Put it right first."))
    if not backtest.current(draft):
        raise NotYet(_("Try it on the stored imports first: nobody has seen what it changes in the live policy."))


def _live(draft: PolicyVersion, second: Member | None) -> PolicyVersion:
    """It decides from now on; the one before is retired.  Never two at once."""
    states = PolicyVersion.State
    with transaction.atomic():
        every = {one.pk: one for one in PolicyVersion.objects.select_for_update()}
        row = every[draft.pk]
        before = next((one for one in every.values() if one.state == states.LIVE), None)
        if row.state != states.DRAFT or row.tried.get("against") != (before.pk if before else None):
            raise NotYet(_("Another policy went live meanwhile. Try this one again first."))
        if before:
            PolicyVersion.objects.filter(pk=before.pk).update(state=states.RETIRED)
        PolicyVersion.objects.filter(pk=draft.pk).update(
            state=states.LIVE, lived=timezone.now(), second_by=second, because=draft.because
        )
        total = backtest.sums(row.tried)
        act(second or draft.asked_by or draft.author, "made a policy live", policy=draft.pk,
            releases=total["releases"], holds=total["holds"])  # fmt: skip
    draft.refresh_from_db()
    return draft
