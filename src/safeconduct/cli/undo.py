"""safeconduct undo TRANSFER"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from safeconduct.cli._queries import given_any, named, query_of, unmatched, which
from safeconduct.cli._shell import DONE, FAILED, common, loopback_option, progress, put, terms_of
from safeconduct.errors import SafeconductError
from safeconduct.flow import open_destination, undone
from safeconduct.home import Home
from safeconduct.reports.words import rollback_text
from safeconduct.steps.planfile import Plan
from safeconduct.steps.queue import queue
from safeconduct.steps.trace import trace


@click.command("undo", short_help="Take back what was delivered, newest first.")
@click.argument("transfer_id", metavar="TRANSFER")
@which
@loopback_option
@common
@click.pass_context
def command(
    context: click.Context, /, transfer_id: str, loopback: bool, home: Path, as_json: bool, **given: Any
) -> None:
    """Take back what TRANSFER delivered, newest first: all of it, or the items that the options describe.

    What could not be taken back is listed with the reason.  Undoing twice is undoing once.
    """
    with Home(home) as place:
        transfer = named(place, transfer_id)
        chosen = given_any({**given, "transfer": ""})
        query = query_of(place, "", {**given, "transfer": transfer.id})
        numbers = [one.number for one in trace(place, query)] if chosen else None
        if numbers == []:
            raise SafeconductError(
                f"Nothing in this transfer fits that description, so nothing was taken back.{unmatched(given)}"
            )
        waited = sum(row["count"] for row in queue(place, transfer))
        header = Plan(transfer.plan_path).header
        destination = open_destination(
            transfer.destination, terms_of(place, header.choices, header.actor, header.acct, loopback)
        )
        with progress("Taking back") as tick:
            result = undone(place, transfer.id, destination, numbers, tick=tick)
    report = {
        "transfer": result.transfer,
        "chosen": None if numbers is None else len(numbers),
        "undone": result.undone,
        "failed": result.failed,
        "left_the_queue": waited if numbers is None and not result.failed else 0,
        "leftovers": [{"item": number, "reason": reason} for number, reason in result.leftovers],
    }
    put(report, rollback_text(report), as_json)
    context.exit(FAILED if result.failed else DONE)
