"""safeconduct inspect SOURCE"""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.cli._shell import DONE, NEEDS_A_PERSON, common, policy_option, progress, put
from safeconduct.flow import inspected, open_source
from safeconduct.home import Home
from safeconduct.policy import read_policy
from safeconduct.reports.page import render_inspection
from safeconduct.reports.text import inspection_text
from safeconduct.steps.report import inspection_report
from safeconduct.steps.span import believable


@click.command("inspect", short_help="What is in an archive, and what a community would say to it.")
@click.argument("source")
@policy_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Also write the report as a page."
)
@click.option("--no-media", is_flag=True, help="Do not look into pictures and other files (faster).")
@common
@click.pass_context
def command(
    context: click.Context,
    /,
    source: str,
    policies: tuple[str, ...],
    output: Path | None,
    no_media: bool,
    home: Path,
    as_json: bool,
) -> None:
    """The whole import report: what is in SOURCE and what a community would say to it.  Delivers nothing.

    Without --policy, the preset careful speaks.
    """
    chosen = [read_policy(name) for name in policies or ("careful",)]
    archive = open_source(source)
    with (
        Home(home) as place,
        progress("Inspecting") as tick,
        inspected(place, archive, chosen, measure=not no_media, tick=tick) as seen,
    ):
        report = {**inspection_report(seen), "span": believable(seen.census)}
    if output:
        output.write_text(render_inspection(report), encoding="utf-8")
    put(report, inspection_text(report), as_json)
    decisions = report["decisions"]
    context.exit(NEEDS_A_PERSON if decisions["quarantine"] or decisions["reject"] or report["unreadable"] else DONE)
