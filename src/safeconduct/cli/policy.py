"""safeconduct policy explain, list"""

from __future__ import annotations

import click

from safeconduct.policy import diff, explain, presets, read_policy


@click.group("policy")
def command() -> None:
    """What a community minds, as sentences."""


@command.command("list")
def list_presets() -> None:
    """The presets that come with Safeconduct."""
    for name in presets():
        click.echo(f"{name:16} {read_policy(name).title}")


@command.command("diff")
@click.argument("old")
@click.argument("new")
def diff_policies(old: str, new: str) -> None:
    """What changes from OLD to NEW, one sentence each."""
    for sentence in diff(read_policy(old), read_policy(new)):
        click.echo(sentence)


@command.command("explain")
@click.argument("policy")
def explain_policy(policy: str) -> None:
    """POLICY (a preset's name or a TOML file) as prose."""
    click.echo(explain(read_policy(policy)))
