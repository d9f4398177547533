"""safeconduct decide"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from safeconduct.cli._queries import query_of, which
from safeconduct.cli._shell import common, put
from safeconduct.home import Home
from safeconduct.model import Action, Filter
from safeconduct.steps.decide import decide


@click.command("decide")
@click.argument("action_name", metavar="ACTION", type=click.Choice([one.name.lower() for one in Action]))
@click.argument("thing", default="")
@which
@click.option("--because", required=True, help="The sentence the person will read.")
@click.option("--filter", "filters", multiple=True, type=click.Choice([one.value for one in Filter]),
              help="For limit: how.")  # fmt: skip
@click.option("--as", "author", default=getpass.getuser, show_default="your login", help="Who decides.")
@common
def command(
    action_name: str, thing: str, because: str, filters: tuple[str, ...], author: str, home: Path, as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Overrule a policy for the items that fit: accept, limit, quarantine or reject.

    Takes effect with the next plan or copy; what was already delivered is taken back with `undo`.
    """
    if not thing and not any(value not in ("", None, -1) for value in given.values()):
        raise click.UsageError("Say which items: THING, --transfer with --item, --criterion, …")
    with Home(home) as place:
        items = decide(
            place, query_of(place, thing, given), Action[action_name.upper()],
            author=author, because=because, filters=frozenset(Filter(name) for name in filters),
        )  # fmt: skip
    report = {"decided": len(items), "action": action_name, "items": [one.number for one in items[:100]]}
    put(report, f"{action_name}: {len(items)} items. It takes effect with the next plan or copy.", as_json)
