"""What a person is asked, as few times as is honest: like findings of the same rules are one question.

A group never mixes rules: where two rules hold an item, it stands in the group of both, and whoever releases it has
read both sentences.  Clusters that are too small to be worth a question each (four texts here, three there) become one
group of their rules, which can be split again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as changed

from safeconduct.model import Action, Decision, Filter, Finding, Reason
from safeconduct.policy import Policy
from safeconduct.policy.rules import BROKEN, Breaker, Unknown
from safeconduct.screening.census import Census
from safeconduct.steps.verdicts import Verdicts

SEVERE = frozenset({"known-media", "similar-media"})
FEW = 5  # fewer alike than this are not a question of their own
MANY = 12  # of the same rules, so many clusters are questions of their own: the largest
SMALL = "small"
WHOLE = "whole-import"  # the criterion of a question about the import as a whole
JOIN = "+"
Decided = tuple[int, Decision, Sequence[Finding]]


@dataclass(frozen=True)
class Cluster:
    """Items that one decision can settle.  ``rules`` are all that hold them, the first names the group."""

    rules: tuple[str, ...]
    criterion: str
    value: str
    sentence: str
    proposed: Action
    basis: str = ""
    confidence: int = 2
    together: bool = False  # several small ones
    numbers: list[int] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The same when the same archive is read again."""
        value = f"\0{SMALL}" if self.together else self.value
        return key_of(JOIN.join(self.rules), self.criterion, f"{self.proposed.name}:{value}")

    @property
    def severe(self) -> bool:
        return self.criterion in SEVERE


class Asked:
    """What the policies of one inspection say of its items, beyond the decision itself."""

    def __init__(self, policies: Sequence[Policy], census: Census) -> None:
        self._mild = Verdicts([mild(policy) for policy in policies], census)
        self._held = Verdicts([unrefusing(policy) for policy in policies], census)

    def reasons(self, number: int, decision: Decision, findings: Sequence[Finding]) -> tuple[Reason, ...]:
        """Every rule that keeps the item back: behind a refusal there may be a question too."""
        if decision.action is not Action.REJECT:
            return decision.reasons
        behind = self._held.decision(number, findings)
        more = behind.reasons if behind.action is Action.QUARANTINE else ()
        return (*decision.reasons, *(reason for reason in more if reason not in decision.reasons))

    def otherwise(self, number: int, findings: Sequence[Finding]) -> frozenset[Filter]:
        """The limits that other rules set: they stay when a person releases the item."""
        sound = [one for one in findings if one.criterion != BROKEN]
        return self._mild.decision(number, sound).filters if sound else frozenset()


def mild(policy: Policy) -> Policy:
    """Only what accepts or limits: no question, no refusal, no breaker."""
    rules = [
        changed(rule, breaker=Breaker(share=1.0), unknown=Unknown.PASS)
        for rule in policy.rules
        if rule.then <= Action.LIMIT
    ]
    return Policy(policy.name, rules, policy.questions, digest=policy.digest, lists=policy.lists)


def unrefusing(policy: Policy) -> Policy:
    """The same policy without what refuses."""
    rules = [rule for rule in policy.rules if rule.then < Action.REJECT]
    return Policy(policy.name, rules, policy.questions, digest=policy.digest, lists=policy.lists)


def clusters(decided: Iterable[Decided], asked: Asked) -> dict[str, Cluster]:
    """Everything that is held or refused, by key."""
    found: dict[str, Cluster] = {}
    for number, decision, findings in decided:
        if decision.action >= Action.QUARANTINE:
            made = _cluster(asked.reasons(number, decision, findings), decision.action, findings)
            found.setdefault(made.key, made).numbers.append(number)
    return {one.key: one for one in _together(found.values())}


def _cluster(reasons: Sequence[Reason], action: Action, findings: Sequence[Finding]) -> Cluster:
    criterion = reasons[0].criterion
    first = next((one for one in findings if one.criterion == criterion), None)
    return Cluster(
        rules=tuple(dict.fromkeys(reason.rule for reason in reasons)), criterion=criterion,
        value=first.value[:300] if first else "", proposed=action,
        sentence="\n".join(dict.fromkeys(reason.sentence for reason in reasons)),
        basis=str(first.basis) if first else "", confidence=int(first.confidence) if first else 2,
    )  # fmt: skip


def _together(found: Iterable[Cluster]) -> Iterator[Cluster]:
    """Small clusters of the same rules as one; severe ones never, since each shows another thing."""
    alike: dict[tuple[tuple[str, ...], str, Action], list[Cluster]] = {}
    for one in found:
        if one.severe:
            yield one
        else:
            alike.setdefault((one.rules, one.criterion, one.proposed), []).append(one)
    for several in alike.values():
        several.sort(key=lambda one: (-len(one.numbers), one.numbers[0]))
        own = min(MANY, sum(len(one.numbers) >= FEW for one in several))
        yield from several[:own]
        rest = several[own:]
        if rest:
            yield rest[0] if len(rest) == 1 else _one_of(rest)


def _one_of(several: Sequence[Cluster]) -> Cluster:
    numbers = sorted(number for one in several for number in one.numbers)
    sentences = dict.fromkeys(one.sentence for one in several)
    return replace(
        several[0], value=f"{SMALL}:{len(several)}", together=True, numbers=numbers,
        sentence="\n".join(list(sentences)[:3]), confidence=min(one.confidence for one in several),
    )  # fmt: skip


def key_of(rule: str, criterion: str, value: str) -> str:
    """A group's key."""
    return hashlib.sha256("\0".join((rule, criterion, value)).encode("utf-8", "replace")).hexdigest()[:32]
