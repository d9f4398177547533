"""One file = one command; a command is found because its file is there.

Exit codes: 0 done, 1 something needs a person, 2 wrong use, 3 failed.
"""

from __future__ import annotations

import importlib
import pkgutil
import sqlite3
import sys
from importlib.metadata import entry_points

import click

from safeconduct import __version__
from safeconduct.errors import PolicyError, SafeconductError
from safeconduct.reports.text import inert

STORY = ("inspect", "probe", "plan", "copy", "queue", "decide", "trace", "undo", "verify", "policy")


class Program(click.Group):
    """Lists its commands in the order in which they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The story first, then whatever else is there."""
        del ctx
        return [*(name for name in STORY if name in self.commands), *sorted(set(self.commands) - set(STORY))]


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="safeconduct")
def safeconduct() -> None:
    """Safe passage for people, posts and communities between Fediverse services and their neighbours.

    A SOURCE is the path of an archive: a Mastodon export (.zip, .tar.gz), a container, or a remainder.

    A DESTINATION is site:DIR, container:FILE, gotosocial:https://HOST, mastodon:https://HOST or nowhere.  The token
    of a receiving account is read from SAFECONDUCT_TOKEN, never from the command line.

    A TRANSFER is the id that copy printed, its beginning, or the word last.

    \b
    Exit codes:
      0  done
      1  done, and something waits for a person, was refused, or could not be read or delivered
      2  wrong use, or a mistake in a policy
      3  failed
    """


for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        safeconduct.add_command(importlib.import_module(f"{__name__}.{_module.name}").command)


# What comes with another package (the desk) says so itself; the core knows nothing of it.
for _entry in entry_points(group="safeconduct.commands"):
    safeconduct.add_command(_entry.load())


def _no_room(error: OSError | sqlite3.Error) -> str:
    """A full disk, a folder without the right to write: nobody's mistake in the code."""
    what = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    where = f" at {error.filename}" if isinstance(error, OSError) and error.filename else ""
    return (
        f"This computer could not read or write{where}: {what}. Make room, or check who may write there; "
        "then run the same command again: what is done stays done, and nothing goes twice."
    )


def main() -> None:
    """The ``safeconduct`` program: errors become one plain sentence and an exit code, never a stack trace."""
    try:
        code = safeconduct.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        click.echo("Stopped. What was delivered is in the journal; run the same command again to go on.", err=True)
        code = 3
    except PolicyError as error:  # it quotes a policy, which may be a stranger's
        click.echo(inert(str(error)), err=True)
        code = 2
    except SafeconductError as error:
        click.echo(inert(str(error)), err=True)
        code = 3
    except (OSError, sqlite3.OperationalError) as error:
        click.echo(_no_room(error), err=True)
        code = 3
    sys.exit(code if isinstance(code, int) else 0)
