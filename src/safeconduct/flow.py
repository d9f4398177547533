"""The pipeline, from one end to the other.

A *source* gives items; *criteria* inspect them; the *policy* decides; the *destination* shapes what is allowed; the
plan holds every fate; ``copy`` executes exactly the plan; the *journal* keeps what happened.  Each verb is a file in
``steps/``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from safeconduct.archives import open_archive
from safeconduct.archives.trouble import shown
from safeconduct.contracts import Destination, Source, Terms
from safeconduct.discover import plugins
from safeconduct.errors import PlanError, SourceError
from safeconduct.home import Home
from safeconduct.model import Abilities, Choices
from safeconduct.policy import Policy
from safeconduct.steps.copy import WHOLE, Portion, Result, copy, lease_of, same_source
from safeconduct.steps.decide import Overruled
from safeconduct.steps.inspect import Inspection, Tick, inspect
from safeconduct.steps.plan import make_plan
from safeconduct.steps.planfile import Plan
from safeconduct.steps.remainder import STAYS, keep_held, save_remainder
from safeconduct.steps.transfer import Transfer, begin, find, kept_plan
from safeconduct.steps.undo import Rollback, hide, show, undo


def no_tick(count: int) -> None:
    """For whoever watches no progress."""


def open_source(place: str) -> Source:
    """The source at ``place`` (a path), by the most confident claim.  ``SourceError`` if nobody recognises it."""
    path = Path(place)
    if not path.exists():
        raise SourceError(f"There is nothing at {shown(place)}. Give the path of the archive you downloaded.")
    if not (path.is_file() or path.is_dir()):
        raise SourceError(f"{shown(place)} is neither a file nor a folder. Give the archive you downloaded.")
    claims = [(kind.recognise(path), kind) for kind in plugins("sources").values()]  # type: ignore[attr-defined]
    best = max(((claim, kind) for claim, kind in claims if claim), key=lambda pair: pair[0], default=None)
    if best is None:
        open_archive(path).close()  # a broken or hostile container says so itself, naming the member
        known = ", ".join(plugins("sources"))
        raise SourceError(
            f"{path.name} is none of the formats known here ({known}). "
            "If it is a Mastodon export, give the .zip or .tar.gz as you downloaded it."
        )
    source: Source = best[1](path)
    return source


def open_destination(spec: str, terms: Terms) -> Destination:
    """The destination ``spec`` names (``nowhere``, ``site:DIR``, ``gotosocial:https://host``)."""
    name, _, place = spec.partition(":")
    kind = plugins("destinations").get(name)
    if kind is None or (not place and name != "nowhere"):
        known = ", ".join(plugins("destinations"))
        raise PlanError(
            f"{spec!r} is no destination. Write one of: {known}, then a colon and where, as in site:my-site"
        )
    destination: Destination = kind(place, terms)
    return destination


@contextmanager
def inspected(
    home: Home,
    source: Source,
    policies: Sequence[Policy],
    *,
    as_of: datetime | None = None,
    measure: bool = True,
    tick: Tick = no_tick,
    leave_out: Sequence[str] = (),
) -> Iterator[Inspection]:
    """An inspection of ``source``; its working files are gone when the ``with`` block ends."""
    with home.work() as folder:
        inspection = inspect(
            source,
            policies,
            folder,
            as_of or datetime.now(UTC),
            measure=measure,
            tick=tick,
            leave_out=leave_out,
            kept=home.path / "compiled",
        )
        try:
            yield inspection
        finally:
            inspection.close()


def planned(
    home: Home,
    source: Source,
    policies: Sequence[Policy],
    destination: Destination,
    abilities: Abilities,
    choices: Choices,
    path: Path,
    *,
    spec: str,
    place: str = "",
    as_of: datetime | None = None,
    tick: Tick = no_tick,
) -> Plan:
    """Inspect and plan; writes the plan file at ``path``.  Nothing leaves this machine."""
    with inspected(home, source, policies, as_of=as_of, tick=tick) as inspection:
        return make_plan(
            source, inspection, destination, abilities, choices, path,
            created=datetime.now(UTC), overruled=Overruled(home), place=place, spec=spec,
            seal=home.mark, tick=tick,
        )  # fmt: skip


def copied(
    home: Home, plan: Plan, source: Source, destination: Destination, *, tick: Tick = no_tick, portion: Portion = WHOLE
) -> tuple[Transfer, Result, Path | None]:
    """Execute the plan, or a portion of it; keep what is held and save what stays behind once all is done.

    Returns where the remainder is, if any.
    """
    same_source(plan, source)
    lease = lease_of(home, plan)  # before anything is entered: who has to wait leaves no transfer behind
    try:
        transfer = begin(home, plan, plan.header.destination)
        keep_held(home, plan, transfer, source)  # first: whoever is asked while it runs can already answer
        result = copy(home, plan, transfer, source, destination, lease=lease, tick=tick, portion=portion)
    finally:
        lease.release()
    return transfer, result, None if result.left else _remainder(home, plan, transfer, source, result)


def undone(
    home: Home,
    transfer_id: str,
    destination: Destination,
    numbers: Sequence[int] | None = None,
    *,
    tick: Tick = no_tick,
) -> Rollback:
    """Take back a whole transfer, or these items of it."""
    transfer = find(home, transfer_id)
    return undo(home, kept_plan(transfer), transfer, destination, numbers, tick=tick, sleep=time.sleep)


def hidden(home: Home, transfer_id: str, destination: Destination, numbers: Sequence[int] | None = None) -> int | None:
    """Out of sight at once, before it is taken back; how many items, or ``None`` where the destination cannot hide."""
    transfer = find(home, transfer_id)
    return hide(home, kept_plan(transfer), transfer, destination, numbers, sleep=time.sleep)


def visible(home: Home, transfer_id: str, destination: Destination, numbers: Sequence[int] | None = None) -> int | None:
    """What was hidden is in sight again; how many items, or ``None`` where the destination cannot hide."""
    transfer = find(home, transfer_id)
    return show(home, kept_plan(transfer), transfer, destination, numbers, sleep=time.sleep)


def _remainder(home: Home, plan: Plan, transfer: Transfer, source: Source, result: Result) -> Path | None:
    refused = frozenset(number for number, _ in (*result.differences, *result.notes))
    if not refused and not any(plan.footer.fates.get(fate, 0) for fate in STAYS):
        return None
    path = transfer.folder / "remainder.tar"
    if path.exists():
        return path
    terms = Terms(actor=plan.header.actor, acct=plan.header.acct, key=home.signing_key(), title="What stayed behind")
    return (
        path if save_remainder(plan, source, refused, plugins("destinations")["container"](str(path), terms)) else None
    )
