"""safeconduct verify PATH"""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.cli._queries import named
from safeconduct.cli._shell import DONE, FAILED, common, put
from safeconduct.home import Home
from safeconduct.steps.verify import verify


@click.command("verify", short_help="Does what is kept still match its own digests?")
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--transfer", default="", help="Check the journal of this transfer only: its id, its beginning, or last.")
@common
@click.pass_context
def command(context: click.Context, /, path: Path | None, transfer: str, home: Path, as_json: bool) -> None:
    """Check a container or a plan (PATH), or this home's journals: digests, counts, signature, chain."""
    with Home(home) as place:
        report = verify(place, path, named(place, transfer).id if transfer else "")
    lines = [f"checked: {what}" for what in report["checked"]] + [f"WRONG: {what}" for what in report["wrong"]]
    put(report, "\n".join(lines) or "There is nothing to check here yet.", as_json)
    context.exit(FAILED if report["wrong"] else DONE)
