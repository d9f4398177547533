"""safeconduct policy explain, list"""

from __future__ import annotations

import click

from safeconduct.policy import explain, presets, read_policy


@click.group("policy")
def command() -> None:
    """What a community minds, as sentences."""


@command.command("list")
def list_presets() -> None:
    """The presets that come with Safeconduct."""
    for name in presets():
        click.echo(f"{name:16} {read_policy(name).title}")


@command.command("explain")
@click.argument("policy")
def explain_policy(policy: str) -> None:
    """POLICY (a preset's name or a TOML file) as prose."""
    click.echo(explain(read_policy(policy)))
