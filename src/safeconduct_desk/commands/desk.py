"""safeconduct desk"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from safeconduct_desk.commands import home_option, ready


@click.command("desk", short_help="Serve the arrivals desk, with a worker in the same process.")
@click.option("--listen", default="127.0.0.1:8765", show_default=True, help="Address and port to serve on.")
@click.option("--threads", default=8, show_default=True, help="Pages served at the same time.")
@click.option("--no-worker", is_flag=True, help="Only serve; `safeconduct worker` does the work elsewhere.")
@home_option
def command(listen: str, threads: int, no_worker: bool, folder: Path | None) -> None:
    """Serve the arrivals desk.  The first visit sets it up, in the browser."""
    ready(folder)
    import waitress
    from django.conf import settings

    from safeconduct_desk import intake, jobs, setup
    from safeconduct_desk.wsgi import application

    if not no_worker:
        jobs.launch()
    tempfile.tempdir = str(intake.spool())  # what a form sends waits there, and not in a memory that calls itself /tmp
    # What a proxy says of the caller is believed only where there is one.
    proxy: dict[str, object] = {"trusted_proxy": "*", "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"}}
    server = waitress.create_server(
        application, listen=listen, threads=threads, ident="", channel_timeout=120,
        max_request_body_size=intake.FORM + (1 << 20), clear_untrusted_proxy_headers=True,
        **(proxy if settings.BEHIND_PROXY else {}),
    )  # fmt: skip
    click.echo(f"The desk is open: http://{listen}{setup.invitation()}")
    try:
        server.run()
    finally:
        server.close()
        if not no_worker:
            jobs.stop()
