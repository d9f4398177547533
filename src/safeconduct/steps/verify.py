"""Verify: does what is kept still match its own digests?"""

from __future__ import annotations

from pathlib import Path

from safeconduct.destinations.container import check
from safeconduct.errors import CustodyError, SafeconductError
from safeconduct.home import Home
from safeconduct.model import Json
from safeconduct.steps.planfile import Plan
from safeconduct.steps.transfer import find, kept_plan


def verify(home: Home, path: Path | None = None, transfer: str = "") -> dict[str, list[Json]]:
    """What was checked and what is wrong, in sentences: one file, one journal, or every journal of this home."""
    if path is not None:
        return _file(path)
    checked: list[Json] = []
    wrong: list[Json] = []
    for identity in [find(home, transfer).id] if transfer else home.transfers():
        try:
            count = sum(1 for _ in home.journal(identity).entries())
            plan = kept_plan(find(home, identity))
            _sealed(home, plan)
            checked.append(f"transfer {identity}: {count} journal entries, a plan of {plan.footer.records} records")
        except SafeconductError as error:
            wrong.append(str(error))
    return {"checked": checked, "wrong": wrong}


def _sealed(home: Home, plan: Plan) -> None:
    if not plan.made_with(home.mark):
        raise CustodyError(f"{plan.path} was not made here, or was changed since. Compare with a backup.")


def _file(path: Path) -> dict[str, list[Json]]:
    with path.open("rb") as file:
        start = file.read(1)
    if start == b"{":
        try:
            plan = Plan(path)
        except SafeconductError as error:
            return {"checked": [], "wrong": [str(error)]}
        return {"checked": [f"{path.name}: a whole plan of {plan.footer.records} records"], "wrong": []}
    wrong: list[Json] = list(check(path))
    return {"checked": [] if wrong else [f"{path.name}: digests, counts and signature"], "wrong": wrong}
