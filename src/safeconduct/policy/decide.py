"""Findings become one decision: the strictest counts (law 3), a fault holds (8), only exact findings reject (9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from safeconduct.contracts import Census, Criterion
from safeconduct.model import WHOLE, Action, Basis, Decision, Finding, Item, Reason
from safeconduct.policy.rules import BROKEN, NOT_ASSESSED, Rule, State, Unknown


class Policy:
    """What one community minds.  Order-free, total; more findings never soften; stricter than accept has reasons.

    ``digest`` is the SHA-256 of everything that can change a decision, lists included.
    ``questions`` are the criteria to run; each carries its key as ``question``, and asks once for all its rules.
    """

    def __init__(
        self,
        name: str,
        rules: Sequence[Rule],
        questions: Sequence[Criterion] = (),
        *,
        title: str = "",
        description: str = "",
        version: str = "",
        digest: str = "",
        lists: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.name, self.title, self.description, self.version = name, title or name, description, version
        self.rules, self.questions = tuple(rules), tuple(questions)
        self.digest = digest
        self.lists: Mapping[str, Sequence[str]] = dict(lists or {})
        self._accept = Decision(Action.ACCEPT, author=self.author)

    @property
    def author(self) -> str:
        return f"policy:{self.digest}"

    def touched(self, item: Item, findings: Sequence[Finding], as_of: datetime | None = None) -> tuple[str, ...]:
        """Ids of the live rules that would act on this item, were there no breaker: ``census.touched`` counts these.

        Give the ``as_of`` of the batch; without it every age condition counts as met.
        """
        return self._speaking(self._live, item, findings, as_of)

    def shadowed(self, item: Item, findings: Sequence[Finding], as_of: datetime | None = None) -> tuple[str, ...]:
        """Ids of the shadow rules that would act on this item if they were live."""
        return self._speaking(self._shadow, item, findings, as_of)

    def decide(self, item: Item, findings: Sequence[Finding], census: Census) -> Decision:
        """What this community says of one item.  Looks only at its kind, visibility, date and number."""
        if not findings:
            return self._accept
        return strictest([self._accept, *self._verdicts(item, findings, census)])

    def conclude(self, findings: Sequence[Finding]) -> tuple[Reason, ...]:
        """The questions to a person about the import as a whole; while one is open, all of it waits.

        Only rules ``where = { whole = true }`` that quarantine ask one, and a criterion that broke (law 8).
        """
        whole = [finding for finding in findings if finding.item == WHOLE]
        asked = [reason for finding in whole if finding.criterion == BROKEN for reason in fault(finding).reasons]
        for finding in whole:
            for rule in self._live.get(finding.question, ()):
                if rule.minds_whole(finding) and rule.then is Action.QUARANTINE:
                    asked += _reasons(rule, finding, f"{rule.because} ({finding.reason})")
        return tuple(sorted(set(asked), key=_order))

    @cached_property
    def _live(self) -> Mapping[str, tuple[Rule, ...]]:
        return _by_question(rule for rule in self.rules if rule.state is State.LIVE)

    @cached_property
    def _shadow(self) -> Mapping[str, tuple[Rule, ...]]:
        return _by_question(rule for rule in self.rules if rule.state is State.SHADOW)

    def _speaking(
        self, rules: Mapping[str, tuple[Rule, ...]], item: Item, findings: Sequence[Finding], as_of: datetime | None
    ) -> tuple[str, ...]:
        return tuple(
            sorted({rule.id for f in findings for rule in rules.get(f.question, ()) if rule.minds(item, f, as_of)})
        )

    def _verdicts(self, item: Item, findings: Sequence[Finding], census: Census) -> Iterator[Decision]:
        for finding in findings:
            if finding.criterion == BROKEN and finding.item == item.number:
                yield fault(finding)
            for rule in self._live.get(finding.question, ()):
                touched = census.touched.get(rule.id, 0)
                if rule.minds(item, finding, census.as_of) and rule.where.enough(touched, census.count):
                    yield self._verdict(rule, finding, touched, census.count)

    def _verdict(self, rule: Rule, finding: Finding, touched: int, count: int) -> Decision:
        if finding.value == NOT_ASSESSED:
            return self._held(rule, finding, _unassessed(rule, finding), pending=rule.unknown is Unknown.ASK)
        if rule.then > Action.ACCEPT and rule.breaker.trips(touched, count):
            return self._held(rule, finding, _tripped(rule, touched, count), pending=True)
        if rule.then is Action.REJECT and finding.basis is not Basis.EXACT:
            return self._held(rule, finding, rule.because)
        return Decision(rule.then, rule.filters, _reasons(rule, finding, rule.because), self.author)

    def _held(self, rule: Rule, finding: Finding, sentence: str, pending: bool = False) -> Decision:
        return Decision(Action.QUARANTINE, frozenset(), _reasons(rule, finding, sentence), self.author, pending)


def strictest(decisions: Iterable[Decision]) -> Decision:
    """Law 3 within one inspection, whatever the order: the strictest wins, equals unite filters and reasons.

    A question among equals stays a question.  Raises ``ValueError`` for none at all: no decision is not an accept.
    """
    every = list(decisions)
    if not every:
        raise ValueError("there is no decision to choose from")
    action = max(decision.action for decision in every)
    equals = [decision for decision in every if decision.action == action]
    if len(equals) == 1:
        return equals[0]
    return Decision(
        action,
        frozenset(name for decision in equals for name in decision.filters),
        tuple(sorted({reason for decision in equals for reason in decision.reasons}, key=_order)),
        min((decision.author for decision in equals), key=_rank),
        any(decision.pending for decision in equals),
    )


def fault(finding: Finding) -> Decision:
    """A criterion broke: whatever the rules say, a person looks (law 8)."""
    criterion = finding.value or finding.criterion
    sentence = f"The check “{criterion}” could not be completed, so this waits for a person: {finding.reason}"
    return Decision(Action.QUARANTINE, frozenset(), (Reason("fault", criterion, sentence),), "fault", pending=True)


def _by_question(rules: Iterable[Rule]) -> Mapping[str, tuple[Rule, ...]]:
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in rules:
        found[rule.question] = (*found.get(rule.question, ()), rule)
    return found


def _reasons(rule: Rule, finding: Finding, sentence: str) -> tuple[Reason, ...]:
    return (Reason(rule.id, finding.criterion, sentence),) if sentence else ()


def _tripped(rule: Rule, touched: int, count: int) -> str:
    share = f"{100 * touched / count:.0f} %" if count else f"{touched} items"
    return f"This rule would touch {share} of the import; a person needs to confirm it. The rule: {rule.because}"


def _unassessed(rule: Rule, finding: Finding) -> str:
    return f"This could not be assessed ({finding.reason}), so it waits for a person. The rule: {rule.because}"


def _order(reason: Reason) -> tuple[str, str, str]:
    return reason.rule, reason.criterion, reason.sentence


def _rank(author: str) -> tuple[bool, bool, str]:
    """Among equals a person is named before a fault, a fault before a policy."""
    return not author.startswith("person:"), author != "fault", author
