"""One file = one command; a command is found because its file is there.

Exit codes: 0 done, 1 held or refused something that needs a person, 2 wrong use, 3 failed.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import click

from safeconduct import __version__
from safeconduct.errors import PolicyError, SafeconductError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="safeconduct")
def safeconduct() -> None:
    """Safe passage for people, posts and communities between Fediverse services and their neighbours."""


for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        safeconduct.add_command(importlib.import_module(f"{__name__}.{_module.name}").command)


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
    except PolicyError as error:
        click.echo(str(error), err=True)
        code = 2
    except SafeconductError as error:
        click.echo(str(error), err=True)
        code = 3
    sys.exit(code if isinstance(code, int) else 0)
