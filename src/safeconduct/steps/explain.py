"""Explain: why one item of an archive is decided so by a policy, rule by rule and finding by finding."""

from __future__ import annotations

from collections.abc import Sequence

from safeconduct.contracts import Source
from safeconduct.errors import SourceError
from safeconduct.model import Action, Decision, Finding, Item
from safeconduct.policy import why
from safeconduct.steps.inspect import Inspection


def explain_item(source: Source, inspection: Inspection, number: int) -> str:
    """The decision on item ``number`` in sentences.  ``SourceError`` if there is no such item."""
    item = _item(source, number)
    findings: Sequence[Finding] = ()
    for place, _, found in inspection.decisions():
        if place == number:
            findings = found
    told = []
    for policy in inspection.policies:
        decision = policy.decide(item, findings, inspection.census) if findings else Decision(Action.ACCEPT)
        told.append(why(policy, item, findings, decision))
    return "\n".join(told)


def _item(source: Source, number: int) -> Item:
    for entry in source.read():
        if entry.number == number and isinstance(entry, Item):
            return entry
    raise SourceError(f"This archive has no item {number}. `safeconduct inspect` shows the numbers of its examples.")
