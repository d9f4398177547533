"""safeconduct policy list, diff, explain"""

from __future__ import annotations

import click

from safeconduct.cli._shell import json_option, put
from safeconduct.policy import diff, explain, presets, read_policy


@click.group("policy", short_help="What a community minds, as sentences.")
def command() -> None:
    """What a community minds, as sentences.  A POLICY is a preset's name or a TOML file."""


@command.command("list")
@json_option
def list_presets(as_json: bool) -> None:
    """The presets that come with Safeconduct."""
    found = {name: read_policy(name).title for name in presets()}
    put([{"name": name, "title": title} for name, title in found.items()],
        "\n".join(f"{name:16} {title}" for name, title in found.items()), as_json)  # fmt: skip


@command.command("diff")
@click.argument("old")
@click.argument("new")
@json_option
def diff_policies(old: str, new: str, as_json: bool) -> None:
    """What changes from the policy OLD to the policy NEW, one sentence each."""
    changes = list(diff(read_policy(old), read_policy(new)))
    put(changes, "\n".join(changes) or "Nothing changes.", as_json)


@command.command("explain")
@click.argument("policy")
@json_option
def explain_policy(policy: str, as_json: bool) -> None:
    """POLICY as prose: what each rule does, and the sentence the person will read."""
    chosen = read_policy(policy)
    put({"name": chosen.name, "title": chosen.title, "text": explain(chosen)}, explain(chosen), as_json)
