"""safeconduct restore"""

from __future__ import annotations

import os
from pathlib import Path

import click

from safeconduct.errors import SafeconductError
from safeconduct_desk.commands import home_option
from safeconduct_desk.commands.backup import default, said


@click.command("restore", short_help="Make a desk again from a backup, in an empty folder.")
@click.argument("backup", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@home_option
@click.pass_context
def command(context: click.Context, /, backup: Path, folder: Path | None) -> None:
    """Put the desk from FILE into an empty folder, and check every journal.

    It goes on where it was: stop the old desk first, or both deliver.
    """
    from safeconduct_desk import copies

    place = folder or default()
    try:
        report = copies.restore(backup, place, os.environ.get("SAFECONDUCT_DESK_DATABASE", ""))
    except SafeconductError as error:
        raise click.ClickException(str(error)) from error
    said(report)
    click.echo(f"The desk is in {place} again. Start it with: safeconduct desk --home {place}")
    context.exit(1 if report["wrong"] else 0)
