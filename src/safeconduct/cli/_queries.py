"""The options that say which items are meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from safeconduct.home import Home
from safeconduct.model import Action, Fate, Kind
from safeconduct.steps.trace import Query
from safeconduct.steps.transfer import Transfer, find

Command = TypeVar("Command", bound=Callable[..., Any])

OPTIONS = (
    click.option("--transfer", default="", help="Only of this transfer: its id, its beginning, or last."),
    click.option("--item", "number", type=int, default=-1, help="Only this item number."),
    click.option("--criterion", default="", help="Only where this criterion found something."),
    click.option("--action", type=click.Choice([one.name.lower() for one in Action]), help="Only with this decision."),
    click.option("--fate", type=click.Choice([one.value for one in Fate]), help="Only with this fate."),
    click.option("--kind", type=click.Choice([one.value for one in Kind]), help="Only of this kind."),
)


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
    return Query(
        thing=thing,
        transfer=named(home, given["transfer"]).id if given["transfer"] else "",
        criterion=given["criterion"],
        action=given["action"] or "",
        fate=given["fate"] or "",
        kind=given["kind"] or "",
        number=given["number"],
    )
