"""What the desk adds to the command line: one file = one command, registered by entry points."""

from __future__ import annotations

import os
from pathlib import Path

import click

home_option = click.option(
    "--home", "folder", type=click.Path(path_type=Path, file_okay=False), envvar="SAFECONDUCT_DESK",
    help="The folder that holds everything of the desk.",
)  # fmt: skip


def ready(folder: Path | None) -> None:
    """Django, set up for this folder; the database has all its tables afterwards."""
    if folder is not None:
        os.environ["SAFECONDUCT_DESK"] = str(folder.absolute())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safeconduct_desk.settings")
    try:
        import django
    except ImportError as error:
        raise click.ClickException(
            "The desk is not installed. Install it with: pip install 'safeconduct[desk]'"
        ) from error
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
