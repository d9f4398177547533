"""What the desk adds to the command line: one file = one command, registered by entry points."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

STARTING = 0x5AFEC0DD  # the advisory lock of whoever makes tables
PATIENCE = 120.0  # seconds
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

    _wait_for_database()
    with _alone():
        call_command("migrate", interactive=False, verbosity=0)
        prepare()


def _wait_for_database() -> None:
    """After a power cut everything starts at once, and a database takes longest."""
    from django.db import OperationalError, connection

    end = time.monotonic() + PATIENCE
    while True:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            if time.monotonic() > end:
                raise click.ClickException(f"The database does not answer: {str(error).splitlines()[0]}") from error
            connection.close()
            time.sleep(1)
        else:
            return


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
