"""safeconduct queue"""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.cli._queries import named
from safeconduct.cli._shell import DONE, NEEDS_A_PERSON, common, put
from safeconduct.home import Home
from safeconduct.reports.words import held_text, queue_text
from safeconduct.steps.queue import held_item, queue


@click.command("queue", short_help="What waits for a person, in groups.")
@click.option("--transfer", default="", help="Only of this transfer: its id, its beginning, or last.")
@click.option("--show", "number", type=int, metavar="ITEM", help="With --transfer: the text of this held item.")
@common
@click.pass_context
def command(context: click.Context, /, transfer: str, number: int | None, home: Path, as_json: bool) -> None:
    """What waits for a person, one row for each group that a single decision would settle."""
    with Home(home) as place:
        chosen = named(place, transfer) if transfer else None
        if number is not None:
            if chosen is None:
                raise click.UsageError("--show needs --transfer: item numbers count within one transfer.")
            item = held_item(place, chosen, number)
            put(item, held_text(item), as_json)
            return
        groups = queue(place, chosen)
    put(groups, queue_text(groups), as_json)
    context.exit(NEEDS_A_PERSON if groups else DONE)
