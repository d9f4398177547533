"""The import report: one object, the same for JSON, text and page."""

from __future__ import annotations

from safeconduct.model import Fate, Json
from safeconduct.policy import Policy
from safeconduct.steps.inspect import Inspection


def inspection_report(inspection: Inspection) -> dict[str, Json]:
    """Everything ``safeconduct inspect`` says.  ``fates`` are those of a copy to ``nowhere``, and sum to ``items``."""
    about = inspection.about
    counted = inspection.tally.report()
    decisions = counted["decisions"]
    return {
        "source": {"format": about.format, "actor": about.actor, "acct": about.acct, "sha256": about.sha256},
        "policy": [_policy(policy) for policy in inspection.policies],
        "as_of": inspection.census.as_of.isoformat(),
        **counted,
        "fates": {
            Fate.ARRIVES: decisions["accept"] + decisions["limit"],
            Fate.HELD: decisions["quarantine"],
            Fate.REFUSED: decisions["reject"],
        },
        "totals": [{"file": total.file, "declared": total.declared, "found": total.found} for total in about.totals],
        "questions": list(inspection.questions_text()),
        "whole": [{"criterion": finding.criterion, "reason": finding.reason} for finding in inspection.tally.whole],
        "notes": list(about.notes),
    }


def _policy(policy: Policy) -> dict[str, Json]:
    return {"name": policy.name, "digest": policy.digest}
