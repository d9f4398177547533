"""safeconduct plan SOURCE --to DESTINATION"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from safeconduct.cli._shell import (
    DONE,
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
from safeconduct.errors import PlanError
from safeconduct.flow import open_destination, open_source, planned
from safeconduct.home import Home
from safeconduct.reports.page import render_plan
from safeconduct.reports.text import plan_text
from safeconduct.steps.plan import plan_report
from safeconduct.steps.probe import policies_for, probed


@click.command("plan", short_help="The dry run: every item's fate, before anything leaves.")
@click.argument("source")
@click.option("--to", "spec", required=True, metavar="DESTINATION", help="As in site:DIR or gotosocial:https://host")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("plan.jsonl"),
              show_default=True, help="Where to write the plan.")  # fmt: skip
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), help="Also write the plan's report as a page.")
@policy_option
@choosing
@loopback_option
@common
@click.pass_context
def command(context: click.Context, /, source: str, spec: str, output: Path, page: Path | None, **given: Any) -> None:
    """Every item's fate and reason before anything leaves: this is the dry run.

    Works offline: what a server allows is taken from the last `probe`.  `copy --plan` executes exactly this plan.
    """
    if output.exists():
        raise PlanError(
            f"There is a plan at {output} already, and a plan is never overwritten. Give another name (-o)."
        )
    archive = open_source(source)
    about = archive.about()
    choices = choices_of(given)
    with Home(given["home"]) as home, progress("Planning") as tick:
        destination = open_destination(spec, terms_of(home, choices, about.actor, about.acct, given["loopback"]))
        abilities = probed(home, spec, destination)
        chosen = policies_for(given["policies"], abilities)
        plan = planned(
            home, archive, chosen, destination, abilities, choices, output,
            spec=spec, place=str(Path(source).resolve()), tick=tick,
        )  # fmt: skip
    report = plan_report(plan)
    if page:
        page.write_text(render_plan(report), encoding="utf-8")
    put(report, plan_text(report), given["as_json"])
    context.exit(NEEDS_A_PERSON if report["needs_a_person"] else DONE)
