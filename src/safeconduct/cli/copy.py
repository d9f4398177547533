"""safeconduct copy SOURCE DESTINATION, safeconduct copy --plan FILE"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from safeconduct.cli._queries import named
from safeconduct.cli._shell import (
    DONE,
    FAILED,
    NEEDS_A_PERSON,
    choices_of,
    choosing,
    common,
    loopback_option,
    policy_option,
    progress,
    put,
    terms_of,
)
from safeconduct.contracts import Source
from safeconduct.errors import PlanError
from safeconduct.flow import copied, open_destination, open_source, planned
from safeconduct.home import Home
from safeconduct.model import Json
from safeconduct.policy import read_policy
from safeconduct.reports.text import inert
from safeconduct.reports.words import copy_text
from safeconduct.steps.copy import Result
from safeconduct.steps.plan import plan_report
from safeconduct.steps.planfile import Plan
from safeconduct.steps.probe import policies_for, probe
from safeconduct.steps.remainder import unreadable
from safeconduct.steps.transfer import UNDONE, Transfer, find, unfinished


@click.command("copy", short_help="Execute a plan: quietly, with the old dates.")
@click.argument("source", required=False)
@click.argument("destination", required=False)
@click.option(
    "--plan", "plan_path", type=click.Path(path_type=Path, dir_okay=False), help="Execute this plan, exactly."
)
@click.option("--resume", metavar="TRANSFER", help="Go on with a copy that was cut short.")
@policy_option
@choosing
@loopback_option
@common
@click.pass_context
def command(
    context: click.Context,
    /,
    source: str | None,
    destination: str | None,
    plan_path: Path | None,
    resume: str | None,
    **given: Any,
) -> None:
    """Execute a plan: quietly, with the old dates.  Run it again to go on where it stopped; nothing goes twice.

    The token of the receiving account is read from SAFECONDUCT_TOKEN.
    """
    with Home(given["home"]) as home, home.work() as folder:
        plan, archive = _plan(home, source, destination, plan_path, resume, folder / "plan.jsonl", given)
        header = plan.header
        for note in header.abilities.notes:
            click.echo(inert(note), err=True)
        target = open_destination(
            header.destination, terms_of(home, header.choices, header.actor, header.acct, given["loopback"])
        )
        with progress("Copying", sum(1 for line in plan.lines() if line.shape is not None)) as tick:
            transfer, result, remainder = copied(home, plan, archive, target, tick=tick)
    report = copy_report(plan, transfer, result, remainder)
    put(report, copy_text(report), given["as_json"])
    context.exit(_exit_code(result, report["plan"]["needs_a_person"]))


def _exit_code(result: Result, waiting: bool) -> int:
    if result.failed and not result.delivered + result.already:
        return FAILED
    return NEEDS_A_PERSON if result.failed > len(result.known) or waiting else DONE


def copy_report(plan: Plan, transfer: Transfer, result: Result, remainder: Path | None) -> dict[str, Json]:
    """What ``copy`` prints: plan and outcome side by side."""
    known = frozenset(result.known)
    return {
        "transfer": transfer.id,
        "destination": plan.header.destination,
        "planned": result.planned,
        "delivered": result.delivered,
        "already_there": result.already,
        "failed": result.failed,
        "differences": [
            {"item": number, "reason": reason, "known": number in known} for number, reason in result.differences
        ],
        "notes": [{"item": number, "reason": reason} for number, reason in result.notes],
        "remainder": str(remainder) if remainder else None,
        "unreadable": str(unreadable(transfer)) if unreadable(transfer).exists() else None,
        "plan": plan_report(plan),
    }


def _plan(
    home: Home,
    source: str | None,
    spec: str | None,
    plan_path: Path | None,
    resume: str | None,
    fresh: Path,
    given: dict[str, Any],
) -> tuple[Plan, Source]:
    if resume:
        kept = named(home, resume)
        return Plan(kept.plan_path), open_source(kept.source)
    if plan_path:
        plan = Plan(plan_path)
        _not_undone(home, plan)
        return plan, open_source(source or plan.header.source)
    if not (source and spec):
        raise click.UsageError("Give SOURCE and DESTINATION, or --plan FILE, or --resume TRANSFER.")
    archive = open_source(source)
    started = unfinished(home, archive.about().sha256, spec)
    if started:
        click.echo(f"Going on with transfer {started.id}, which was cut short.", err=True)
        return _resumed(started, given), archive
    return _fresh(home, archive, source, spec, fresh, given), archive


def _resumed(started: Transfer, given: dict[str, Any]) -> Plan:
    plan = Plan(started.plan_path)
    others = [name for name in given["policies"] if read_policy(name).digest not in plan.header.digests]
    if choices_of(given) != plan.header.choices or others:
        raise PlanError(
            f"Transfer {started.id} of this archive was cut short and had other choices or policies. Finish it with "
            f"`safeconduct copy --resume {started.id}` or take it back with `safeconduct undo {started.id}` first."
        )
    return plan


def _not_undone(home: Home, plan: Plan) -> None:
    for known in (find(home, identity) for identity in home.transfers()):
        if known.plan_digest == plan.digest and known.state == UNDONE:
            raise PlanError(
                f"This plan was carried out as transfer {known.id} and taken back. Nothing was written now. "
                "Make a new plan to copy it again."
            )


def _fresh(home: Home, archive: Source, source: str, spec: str, path: Path, given: dict[str, Any]) -> Plan:
    about = archive.about()
    choices = choices_of(given)
    destination = open_destination(spec, terms_of(home, choices, about.actor, about.acct, given["loopback"]))
    abilities = probe(home, spec, destination)
    chosen = policies_for(given["policies"], abilities)
    with progress("Planning") as tick:
        return planned(
            home, archive, chosen, destination, abilities, choices, path,
            spec=spec, place=str(Path(source).resolve()), tick=tick,
        )  # fmt: skip
