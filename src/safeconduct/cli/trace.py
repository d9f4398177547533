"""safeconduct trace [THING]"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from safeconduct.cli._queries import given_any, group_option, named, query_of, unmatched, which
from safeconduct.cli._shell import common, put
from safeconduct.home import Home
from safeconduct.model import Json
from safeconduct.reports.words import journey_text, traced_text, transfers_text
from safeconduct.steps.trace import journey, trace
from safeconduct.steps.transfer import find


@click.command("trace", short_help="Everything known about a post, an address, a transfer.")
@click.argument("thing", default="")
@which
@group_option
@click.option("--journal", "whole_journal", is_flag=True, help="With --transfer: every entry of its journal, checked.")
@common
def command(thing: str, whole_journal: bool, home: Path, as_json: bool, **given: Any) -> None:
    """Everything known about THING: an old or new id, an address, an actor, a place in the archive, or the SHA-256 of
    a post, of a delivered picture or of the archive.

    With options only: all items that fit, such as everything quarantined in one transfer.  With nothing: all transfers.
    """
    with Home(home) as place:
        if whole_journal:
            if not given["transfer"]:
                raise click.UsageError("--journal needs --transfer: each transfer has a journal of its own.")
            entries = journey(place, named(place, given["transfer"]).id)
            put(entries, journey_text(entries), as_json)
        elif not thing and not given_any(given):
            rows = _transfers(place)
            put(rows, transfers_text(rows), as_json)
        else:
            found = [msgspec.to_builtins(one) for one in trace(place, query_of(place, thing, given))]
            put(found, traced_text(found) + ("" if found else unmatched(given)), as_json)


def _transfers(home: Home) -> list[dict[str, Json]]:
    return [
        {"transfer": one.id, "created": one.created, "destination": one.destination, "state": one.state}
        for one in (find(home, identity) for identity in home.transfers())
    ]
