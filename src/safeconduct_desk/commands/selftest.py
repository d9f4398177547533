"""safeconduct selftest"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from safeconduct_desk.commands import ready


@click.command("selftest", short_help="Send three harmless markers through the whole desk, and take them back.")
@click.option("--keep", is_flag=True, help="Keep the scratch folder afterwards, to look at.")
@click.pass_context
def command(context: click.Context, /, keep: bool) -> None:
    """Offer, read, hold, accept, deliver, trace and take back, in a scratch folder that is gone afterwards.

    Nothing of a real desk is read or changed, and nobody outside is asked.  Exit code 0: everything works; 1: not.
    """
    folder = tempfile.mkdtemp(prefix="safeconduct-selftest-")
    for name in [name for name in os.environ if name.startswith("SAFECONDUCT_DESK")]:
        del os.environ[name]  # whatever a real desk has here: its database, its store, its single sign-on
    os.environ["SAFECONDUCT_DESK_AT_ONCE"] = "yes"
    try:
        ready(Path(folder))
        from safeconduct_desk import selftest

        well = selftest.run(click.echo)
    finally:
        _gone(folder, keep)
    click.echo("Everything works." if well else "It does not work. The line with ✕ says what, and nothing was changed.")
    context.exit(0 if well else 1)


def _gone(folder: str, keep: bool) -> None:
    import shutil

    if keep:
        click.echo(f"It is all in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
