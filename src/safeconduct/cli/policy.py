"""safeconduct policy list, diff, explain"""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.cli._shell import common, json_option, put
from safeconduct.flow import inspected, open_source
from safeconduct.home import Home
from safeconduct.policy import Policy, diff, explain, preset_files, read_policy
from safeconduct.steps.explain import explain_item


@click.group("policy", short_help="What a community minds, as sentences.")
def command() -> None:
    """What a community minds, as sentences.  A POLICY is a preset's name or a TOML file."""


@command.command("list")
@json_option
def list_presets(as_json: bool) -> None:
    """The presets that come with Safeconduct."""
    found = {name: read_policy(name).title for name in preset_files()}
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
@click.option("--source", help="With --item: an archive, to say why one item of it is decided so.")
@click.option("--item", "number", type=int, help="The number of that item, as inspect and trace show it.")
@common
def explain_policy(policy: str, source: str | None, number: int | None, home: Path, as_json: bool) -> None:
    """POLICY as prose: what each rule does, and the sentence the person will read.

    With --source and --item: which rules decided that item, what was found in it, and where.
    """
    if (source is None) != (number is None):
        raise click.UsageError("--source and --item belong together: which item of which archive?")
    chosen = read_policy(policy)
    text = explain(chosen) if source is None or number is None else _why(chosen, source, number, home)
    put({"name": chosen.name, "title": chosen.title, "text": text}, text, as_json)


def _why(policy: Policy, source: str, number: int, home: Path) -> str:
    archive = open_source(source)
    with Home(home) as place, inspected(place, archive, [policy]) as seen:
        return explain_item(archive, seen, number)
