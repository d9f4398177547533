"""What all commands share: the home folder, ``--json``, the progress bar, a person's choices."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from safeconduct.contracts import Terms
from safeconduct.home import Home
from safeconduct.model import Choices, Json
from safeconduct.steps.inspect import Tick

DONE, NEEDS_A_PERSON, FAILED = 0, 1, 3
Command = TypeVar("Command", bound=Callable[..., Any])


UNSEEN = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def common(command: Command) -> Command:
    """``--home`` and ``--json``."""
    return click.option(
        "--home", type=click.Path(path_type=Path, file_okay=False), envvar="SAFECONDUCT_HOME", default=_default_home,
        show_default="~/.local/share/safeconduct", help="Where Safeconduct keeps its journal and plans.",
    )(json_option(command))  # fmt: skip


def _default_home() -> Path:
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "safeconduct"


OPTIONS = (
    click.option("--mentions", type=click.Choice(["defuse", "leave"]), default="defuse", show_default=True,
                 help="Mentions of others: keep the name as a link that notifies nobody, or leave the post behind."),
    click.option("--replies", type=click.Choice(["own-words", "leave"]), default="own-words", show_default=True,
                 help="Replies to others: your own words with a link to what you answered, or leave them behind."),
    click.option("--polls", type=click.Choice(["text", "leave"]), default="text", show_default=True,
                 help="Polls: as text, or leave them behind."),
    click.option("--boosts", type=click.Choice(["leave", "link"]), default="leave", show_default=True,
                 help="Boosts: leave them behind, or as links."),
    click.option("--followers-agreed", is_flag=True,
                 help="You agree that your followers there are new people; followers-only posts may then travel."),
    click.option("--link-accounts", is_flag=True, help="Show the old addresses: both accounts are publicly yours."),
    click.option("--federating", is_flag=True,
                 help="Also make the blocks and follows that other servers will be told about."),
    click.option("--keep-profile", is_flag=True, help="Do not touch the profile that is there."),
    click.option("--no-media", is_flag=True, help="Carry no pictures or other files."),
)  # fmt: skip


def choosing(command: Command) -> Command:
    """The options a person chooses by; read them with ``choices_of``."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def choices_of(given: dict[str, Any]) -> Choices:
    """The choices out of a command's keyword arguments."""
    return Choices(
        mentions=given["mentions"],
        replies=given["replies"],
        polls=given["polls"],
        boosts=given["boosts"],
        followers=given["followers_agreed"],
        linked=given["link_accounts"],
        federating=given["federating"],
        profile=not given["keep_profile"],
        media=not given["no_media"],
    )


loopback_option = click.option(
    "--loopback", is_flag=True, help="Allow http to a server on this very machine (for tests)."
)
policy_option = click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="POLICY",
    help="A preset's name or a TOML file; may be given again, the stricter wins.",
)


def terms_of(home: Home, choices: Choices, actor: str, acct: str, loopback: bool = False) -> Terms:
    """What a destination is given.  The token comes from the environment, never from the command line."""
    return Terms(
        choices=choices,
        actor=actor,
        acct=acct,
        token=os.environ.get("SAFECONDUCT_TOKEN", ""),
        loopback=loopback,
        key=home.signing_key(),
        title=f"Copy of {acct or 'an archive'}",
    )


def put(value: Json, text: str, as_json: bool) -> None:
    """Print the one or the other."""
    click.echo(_harmless(json.dumps(value, ensure_ascii=False, indent=2, default=str)) if as_json else text)


def _harmless(text: str) -> str:
    """The same JSON without a sign that a terminal obeys, that turns lines round, or that is half of one."""
    return UNSEEN.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


@contextmanager
def progress(label: str, length: int | None = None) -> Iterator[Tick]:
    """A progress bar on a terminal, with the time left where the length is known; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    with click.progressbar(length=length or 0, label=label, file=sys.stderr, show_pos=True, show_eta=True) as bar:
        seen = 0

        def tick(count: int) -> None:
            nonlocal seen
            seen += count
            if length is None:
                bar.length = seen + 1
            bar.update(count)

        yield tick
