"""Verify: does what is kept still match its own digests?"""

from __future__ import annotations

from pathlib import Path

from safeconduct.destinations.container import check
from safeconduct.errors import CustodyError, SafeconductError
from safeconduct.home import Custody, Home
from safeconduct.home.custody import DELIVERED, FAILED, INTENDED, UNDOING, UNDONE
from safeconduct.model import Json
from safeconduct.steps.planfile import Plan
from safeconduct.steps.transfer import UNDONE as TAKEN_BACK
from safeconduct.steps.transfer import find, kept_plan


def verify(home: Home, path: Path | None = None, transfer: str = "") -> dict[str, list[Json]]:
    """What was checked and what is wrong, in sentences: one file, one journal, or every journal of this home."""
    if path is not None:
        return _file(path)
    checked: list[Json] = []
    wrong: list[Json] = []
    for identity in [find(home, transfer).id] if transfer else home.transfers():
        try:
            count = _journal(home, identity)
            found = find(home, identity)
            if found.state == TAKEN_BACK and not found.plan_path.exists():
                checked.append(f"transfer {identity}: {count} journal entries; taken back, and its plan forgotten")
                continue
            plan = kept_plan(found)
            _sealed(home, plan)
            checked.append(f"transfer {identity}: {count} journal entries, a plan of {plan.footer.records} records")
        except SafeconductError as error:
            wrong.append(str(error))
    return {"checked": checked, "wrong": wrong}


def _journal(home: Home, identity: str) -> int:
    """How many entries.  The index of deliveries must say what the journal says, or ``undo`` would miss something."""
    count, said = 0, {}
    for count, entry in enumerate(home.journal(identity).entries(), 1):  # noqa: B007 (the last one is the count)
        if entry["event"] in (INTENDED, DELIVERED, FAILED, UNDOING, UNDONE):
            said[entry["detail"]["n"]] = entry["event"]
    if not count:
        raise CustodyError(f"The journal of transfer {identity} is gone. Compare with a backup.")
    found = Custody(home, identity).states()
    for number in sorted(said.keys() | found.keys()):
        if said.get(number) != found.get(number):
            raise CustodyError(
                f"Item {number} of transfer {identity} is {found.get(number, 'missing')} in the index and "
                f"{said.get(number, 'missing')} in the journal. Compare with a backup."
            )
    return count


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
