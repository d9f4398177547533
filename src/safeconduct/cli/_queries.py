"""The options that say which items are meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from safeconduct.discover import plugins
from safeconduct.home import Home
from safeconduct.model import Action, Fate, Kind
from safeconduct.steps.queue import group
from safeconduct.steps.trace import Query
from safeconduct.steps.transfer import Transfer, find

Command = TypeVar("Command", bound=Callable[..., Any])

OPTIONS = (
    click.option("--transfer", default="", help="Only of this transfer: its id, its beginning, or last."),
    click.option("--item", "number", type=int, default=-1, help="Only this item number."),
    click.option("--criterion", default="", help="Only where this criterion found something and the policy asked it."),
    click.option("--action", type=click.Choice([one.name.lower() for one in Action]), help="Only with this decision."),
    click.option("--fate", type=click.Choice([one.value for one in Fate]), help="Only with this fate."),
    click.option("--kind", type=click.Choice([one.value for one in Kind]), help="Only of this kind."),
)


group_option = click.option("--group", default="", metavar="GROUP", help="Only what waits in this group of the queue.")


def named(home: Home, transfer: str) -> Transfer:
    """The transfer with this id or beginning of an id; ``last`` is the newest."""
    newest = home.transfers()[:1] if transfer == "last" else []
    return find(home, newest[0] if newest else transfer)


def given_any(given: dict[str, Any]) -> bool:
    """Did the person say anything about which items are meant?"""
    return any(value not in ("", None, -1) for value in given.values())


def which(command: Command) -> Command:
    """The options; read them with ``query_of``."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def query_of(home: Home, thing: str, given: dict[str, Any]) -> Query:
    """The query out of a command's keyword arguments."""
    waits = group(home, given["group"]) if given.get("group") else Query()
    transfer = named(home, given["transfer"]).id if given["transfer"] else waits.transfer
    kind = given["kind"] or waits.kind
    if waits.transfer not in ("", transfer) or waits.kind not in ("", kind):
        raise click.UsageError(f"Group {given['group']} is of another transfer or kind.")
    return msgspec.structs.replace(
        waits,
        thing=thing,
        transfer=transfer,
        criterion=given["criterion"],
        action=given["action"] or "",
        fate=given["fate"] or "",
        kind=kind,
        number=given["number"],
    )


def unmatched(given: dict[str, Any]) -> str:
    """What to say beside "nothing fits" where a criterion was asked for; "" elsewhere."""
    criterion = given.get("criterion")
    if not criterion:
        return ""
    if criterion not in plugins("criteria"):
        return f" There is no criterion called {criterion!r}."
    return (
        " What a criterion found is known here only if a rule of the policy asked it; "
        "`safeconduct inspect` shows everything that was found."
    )
