"""What the desk adds to the command line: one file = one command, registered by entry points."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

STARTING = 0x5AFEC0DD  # the advisory lock of whoever makes tables
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
    from safeconduct_desk.jobs import prepare

    with _alone():
        call_command("migrate", interactive=False, verbosity=0)
        prepare()


@contextmanager
def _alone() -> Iterator[None]:
    """Of several processes that start at once, on this machine or others, one makes the tables and the rest wait."""
    from django.conf import settings
    from django.db import connection

    with open(Path(settings.FOLDER) / "starting", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if connection.vendor != "postgresql":
            yield
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [STARTING])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [STARTING])
