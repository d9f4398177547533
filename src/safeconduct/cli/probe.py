"""safeconduct probe DESTINATION"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from safeconduct.cli._shell import common, loopback_option, put, terms_of
from safeconduct.flow import open_destination
from safeconduct.home import Home
from safeconduct.model import Choices
from safeconduct.reports.words import abilities_text
from safeconduct.steps.probe import probe


@click.command("probe", short_help="What a destination is and allows today.")
@click.argument("destination")
@loopback_option
@common
def command(destination: str, loopback: bool, home: Path, as_json: bool) -> None:
    """What DESTINATION is and allows today, kept for `plan` to use offline.  Writes nothing there."""
    with Home(home) as place:
        target = open_destination(destination, terms_of(place, Choices(), "", "", loopback))
        abilities = probe(place, destination, target)
    report = msgspec.to_builtins(abilities)
    put(report, abilities_text(report), as_json)
