"""A policy as prose, one decision as prose, and the difference between two policies as sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from safeconduct.model import WHOLE, Action, Confidence, Decision, Evidence, Finding, Item, Json
from safeconduct.policy.decide import Policy
from safeconduct.policy.rules import BROKEN, NOT_ASSESSED, Breaker, Rule, State, Unknown

_DOES = {
    Action.ACCEPT: "that is noted, and it arrives as it is",
    Action.LIMIT: "it arrives limited",
    Action.QUARANTINE: "it is held for a person",
    Action.REJECT: "it is refused",
}
_SAID = {
    Action.ACCEPT: "arrives as it is",
    Action.LIMIT: "arrives, limited",
    Action.QUARANTINE: "is held until a person has looked at it",
    Action.REJECT: "does not arrive",
}
_SURELY = {
    Confidence.LOW: "",
    Confidence.MEDIUM: " at least fairly surely",
    Confidence.HIGH: " surely",
}
_SURE = {Confidence.LOW: "perhaps", Confidence.MEDIUM: "fairly sure", Confidence.HIGH: "sure"}
_END = (
    "What no rule minds arrives as it is. What could not be checked because something broke is held for a person. "
    "If several rules speak, the strictest counts, and equally strict ones add their limits together."
)
_UNKNOWN = {
    Unknown.PASS: "",
    Unknown.HOLD: " What cannot be assessed is held too.",
    Unknown.ASK: " What cannot be assessed is a question to a person.",
}


def explain(policy: Policy) -> str:
    """The whole policy in prose: its rules from the strictest down, then those that only watch."""
    live = [rule for rule in policy.rules if rule.state is State.LIVE]
    shadow = [rule for rule in policy.rules if rule.state is State.SHADOW]
    live.sort(key=lambda rule: -rule.then)
    usual = _usual(policy.rules)
    parts = [policy.title, policy.description]
    parts += ["\n".join(["These rules act:", *(_bullet(rule, usual) for rule in live)])] if live else ["No rule acts."]
    if shadow:
        watch = (_bullet(rule, usual) for rule in shadow)
        parts.append("\n".join(["These rules only watch and change nothing:", *watch]))
    parts.append(
        _END
        + (f" Unless it says otherwise, a rule that would touch {_much(usual)} asks a person first." if usual else "")
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def sentence(rule: Rule, usual: Breaker | None = None) -> str:
    """One rule as a sentence; a breaker that is the ``usual`` one is not mentioned."""
    limits = f" ({_and(sorted(rule.filters))})" if rule.filters else ""
    because = f": “{rule.because}”" if rule.because else "."
    found = f"When {rule.when}{_given(rule)} is found{_SURELY[rule.at_least]} in {_which(rule)}"
    return f"{found}, {_does(rule)}{limits}{because}{_breaks(rule, usual)}{_UNKNOWN[rule.unknown]}"


def why(policy: Policy, item: Item, findings: Sequence[Finding], decision: Decision) -> str:
    """Why this item was decided so: the sentence the person reads, the rule, what was found and where."""
    lines = [f"{item.kind.capitalize()} {item.number} ({item.origin}) {_SAID[decision.action]}{_limits(decision)}."]
    if decision.pending:
        lines.append("This is an open question, not a refusal: a person still has to answer it.")
    if not decision.reasons:
        lines.append("No rule minds it." if not findings else "No rule minds what was found in it.")
    rules = {rule.id: rule for rule in policy.rules}
    for reason in decision.reasons:
        lines.append(f"• {reason.sentence}")
        lines.append(f"  Rule {reason.rule}; decided by {_author(policy, decision.author)}.")
        seen = [f for f in findings if _caused(rules.get(reason.rule), reason.criterion, f)]
        lines += [f"  Found {_seen(finding)}" for finding in seen]
    return "\n".join(lines) + "\n"


def diff(old: Policy, new: Policy) -> tuple[str, ...]:
    """What changed from one policy to the other, a sentence for each rule; empty if nothing a decision rests on did."""
    before, after = ({rule.id: rule for rule in policy.rules} for policy in (old, new))
    gone = [f"Rule {name} is gone. It said: {sentence(before[name])}" for name in before if name not in after]
    added = [f"Rule {name} is new: {sentence(after[name])}" for name in after if name not in before]
    both = [name for name in after if name in before and before[name] != after[name]]
    return (*gone, *added, *(_change(before[name], after[name]) for name in both))


def _change(old: Rule, new: Rule) -> str:
    if old.then != new.then:
        word = "stricter" if new.then > old.then else "softer"
        return f"Rule {new.id} is {word}: {old.then.name.lower()} became {new.then.name.lower()}. Now: {sentence(new)}"
    if old.state is not new.state:
        return f"Rule {new.id} {'acts now' if new.state is State.LIVE else 'only watches now'}: {sentence(new)}"
    if sentence(old) == sentence(new):
        return f"Rule {new.id} reads the same, but a list it uses changed."
    return f"Rule {new.id} changed. Before: {sentence(old)} Now: {sentence(new)}"


def _bullet(rule: Rule, usual: Breaker | None) -> str:
    return f"• {sentence(rule, usual)} [{rule.id}]"


def _usual(rules: Sequence[Rule]) -> Breaker | None:
    """The breaker most rules have; said once, it need not be said for each."""
    common = Counter(rule.breaker for rule in rules if _can_ask(rule)).most_common(1)
    return common[0][0] if common and common[0][0].share < 1 else None


def _can_ask(rule: Rule) -> bool:
    return rule.then is not Action.ACCEPT and not rule.where.whole


def _much(breaker: Breaker) -> str:
    return f"more than {_percent(breaker.share)} of an import and more than {breaker.items} items"


def _which(rule: Rule) -> str:
    if rule.where.whole:
        return "an import"
    where = rule.where
    kinds = _or(sorted(kind.replace("-", " ") for kind in where.kind)) or "item"
    seen = _or([v.name.lower() for v in sorted(where.visibility, reverse=True)])
    return f"any {seen + ' ' if seen else ''}{kinds}" + "".join(f" {condition}" for condition in _conditions(rule))


def _conditions(rule: Rule) -> Iterator[str]:
    where = rule.where
    if where.older_than_days is not None:
        yield f"older than {_days(where.older_than_days)}"
    if where.newer_than_days is not None:
        yield f"newer than {_days(where.newer_than_days)}"
    if where.share_of_import_over is not None:
        yield f"(once more than {_percent(where.share_of_import_over)} of the import is like it)"


def _days(days: float) -> str:
    return "a day" if days == 1 else f"{days:g} days"


def _does(rule: Rule) -> str:
    if rule.where.whole and rule.then >= Action.QUARANTINE:
        return "all of it waits for a person's answer"
    return _DOES[rule.then]


def _given(rule: Rule) -> str:
    return f" ({', '.join(f'{name}: {_value(value)}' for name, value in rule.given.items())})" if rule.given else ""


def _value(value: Json) -> str:
    if isinstance(value, list | tuple):
        shown = ", ".join(map(str, value[:3])) or "none so far"
        return shown if len(value) <= 3 else f"{shown} and {len(value) - 3} more"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _breaks(rule: Rule, usual: Breaker | None) -> str:
    if not _can_ask(rule) or rule.breaker == usual:
        return ""
    if rule.breaker.share >= 1:
        return " It does so however much it touches." if usual else ""
    return f" Where it would touch {_much(rule.breaker)}, it asks a person first."


def _limits(decision: Decision) -> str:
    return f" by {_and(sorted(decision.filters))}" if decision.filters else ""


def _author(policy: Policy, author: str) -> str:
    if author == policy.author:
        return f"the policy “{policy.title}”"
    who, _, name = author.partition(":")
    return {"person": name, "fault": "a fault, which always holds", "policy": "another policy"}.get(who, author)


def _caused(rule: Rule | None, criterion: str, finding: Finding) -> bool:
    if rule is None:
        return finding.criterion == BROKEN and criterion in (finding.value, finding.criterion)
    return rule.hears(finding)


def _seen(finding: Finding) -> str:
    place = "in the import as a whole" if finding.item == WHOLE else _and([_place(one) for one in finding.evidence])
    surely = NOT_ASSESSED if finding.value == NOT_ASSESSED else f"{_SURE[finding.confidence]}, {finding.basis}"
    at = f", {place}" if place else ""
    return f"{finding.criterion} ({surely}){at}: {finding.reason}"


def _place(evidence: Evidence) -> str:
    characters = f" at characters {evidence.start}–{evidence.end}" if evidence.end else ""
    view = f" (read as {evidence.view})" if evidence.view else ""
    return f"in {evidence.pointer or 'the object'}{characters}{view}"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _and(words: Sequence[str]) -> str:
    return _joined(words, "and")


def _or(words: Sequence[str]) -> str:
    return _joined(words, "or")


def _joined(words: Sequence[str], last: str) -> str:
    return " ".join([", ".join(words[:-1]), last, words[-1]]) if len(words) > 1 else "".join(words)
