"""safeconduct decide"""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from safeconduct.cli._queries import given_any, group_option, query_of, unmatched, which
from safeconduct.cli._shell import common, put
from safeconduct.errors import SafeconductError
from safeconduct.home import Home
from safeconduct.model import Action, Fate, Filter, Json
from safeconduct.reports.words import decided_text
from safeconduct.steps.decide import decide
from safeconduct.steps.trace import Traced, trace


@click.command("decide", short_help="Overrule a policy: accept, limit, quarantine or reject.")
@click.argument("action_name", metavar="ACTION", type=click.Choice([one.name.lower() for one in Action]))
@click.argument("thing", default="")
@which
@group_option
@click.option("--because", required=True, help="The sentence the person will read.")
@click.option("--filter", "filters", multiple=True, type=click.Choice([one.value for one in Filter]),
              help="For limit: how; may be given again.")  # fmt: skip
@click.option("--as", "author", default=getpass.getuser, show_default="your login", help="Who decides.")
@common
def command(
    action_name: str, thing: str, because: str, filters: tuple[str, ...], author: str, home: Path, as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Overrule a policy for the items that fit: ACTION is accept, limit, quarantine or reject.

    THING is an old or new id, an address or a place in the archive.  With options only, the items that wait are
    meant: what was refused or has arrived is left alone unless --fate, --action, --item or THING names it.  With
    --group, exactly one group of `queue` is meant.

    Takes effect with the next plan or copy; what was already delivered is taken back with `undo`.
    """
    if not thing and not given_any(given):
        raise click.UsageError("Say which items: THING, --group, --transfer with --item, --criterion, …")
    with Home(home) as place:
        query = query_of(place, thing, _waiting(thing, given))
        if unmatched(given) and next(trace(place, query), None) is None:
            raise SafeconductError(f"Nothing here fits that description, so nothing was decided.{unmatched(given)}")
        items = decide(
            place, query, Action[action_name.upper()], author=author, because=because,
            filters=frozenset(Filter(name) for name in filters),
        )  # fmt: skip
    report = decided(action_name, items, query.criterion or query.code)
    put(report, decided_text(report), as_json)


def _waiting(thing: str, given: dict[str, Any]) -> dict[str, Any]:
    """A group in the queue is settled, and nothing else by the way: a refused direct message stays refused."""
    if thing or given["fate"] or given["action"] or given["number"] >= 0:
        return given
    return {**given, "fate": Fate.HELD.value}


def decided(action: str, items: Sequence[Traced], criterion: str) -> dict[str, Json]:
    """What ``decide`` prints; ``also_found`` is what else the same items were found for."""
    unique = {(one.transfer, one.number): one for one in items}.values()
    others = Counter(name for one in unique for name in one.criteria if name != criterion)
    return {
        "decided": len(items),
        "action": action,
        "kinds": dict(Counter(one.kind for one in unique)),
        "items": [one.number for one in items[:100]],
        "also_found": dict(others) if criterion else {},
    }
