"""safeconduct backup"""

from __future__ import annotations

import os
from pathlib import Path

import click

from safeconduct.errors import SafeconductError
from safeconduct_desk.commands import home_option


@click.command("backup", short_help="The whole desk in one file, while it works.")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@home_option
@click.pass_context
def command(context: click.Context, /, target: Path, folder: Path | None) -> None:
    """Write the whole desk into FILE (a tar): folder, database, key.  The desk goes on working meanwhile.

    The key is in it: whoever has FILE can read everything that the desk holds.  Encrypt it, and keep it elsewhere.
    """
    from safeconduct_desk import copies

    try:
        report = copies.keep(folder or default(), target, os.environ.get("SAFECONDUCT_DESK_DATABASE", ""))
    except SafeconductError as error:
        raise click.ClickException(str(error)) from error
    said(report)
    click.echo(f"The desk is in {target}, with its key: whoever has this file can read everything. Encrypt it.")
    if os.environ.get("SAFECONDUCT_DESK_STORE"):
        click.echo("Archives in your S3 store are not in it. Keep versions or a copy of that bucket, too.")
    context.exit(1 if report["wrong"] else 0)


def default() -> Path:
    """The folder as the settings have it; to import those would make it."""
    return Path.home() / ".local" / "share" / "safeconduct-desk"


def said(report: dict[str, list[object]]) -> None:
    """What was checked, and what is wrong."""
    for what in report["checked"]:
        click.echo(f"checked: {what}")
    for what in report["wrong"]:
        click.echo(f"WRONG: {what}")
