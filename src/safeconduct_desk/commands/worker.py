"""safeconduct worker"""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from safeconduct_desk.commands import home_option, ready


@click.command("worker", short_help="Do the desk's long work in a process of its own.")
@click.option("--name", default="", help="The name of this worker; host and process number unless given.")
@home_option
def command(name: str, folder: Path | None) -> None:
    """Do the desk's long work.  Start as many as you like, on any machine with the same settings."""
    ready(folder)
    from safeconduct_desk import jobs

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    click.echo(f"Working as {jobs.launch(name)}.")
    stopped.wait()
    jobs.stop()
