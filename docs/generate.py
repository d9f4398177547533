"""Writes the reference pages that are derived: the criteria, the presets, the command line, sources, destinations.

``python docs/generate.py`` writes them; a test compares what is committed with what would be written.  A criterion's
page is made from its docstring, its parameters and its examples, so adding a criterion adds its page; the page of
the command line is made from what ``--help`` prints, the others from docstrings.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from safeconduct.cli import safeconduct
from safeconduct.discover import plugins
from safeconduct.policy import explain, preset_files, read_policy
from safeconduct.policy.questions import bases

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/generate.py from the code: change it there. -->\n\n"
SHOWN = 3  # items of an example about many

PLUGINS = {
    "sources": "What can be read. A source is recognised by itself; you only give its path.",
    "destinations": "Where items can go: the name, a colon, and the place, as in `site:my-site`.",
}

Page = tuple[Path, str]


def pages() -> Iterator[Page]:
    """Every derived page: its path below ``docs/reference`` and its text."""
    criteria = plugins("criteria")
    yield Path("criteria/index.md"), MADE + _index(criteria)
    for name, kind in criteria.items():
        yield Path(f"criteria/{name}.md"), MADE + _criterion(name, kind)
    yield Path("presets.md"), MADE + _presets()
    yield Path("cli.md"), MADE + _cli()
    for folder, about in PLUGINS.items():
        yield Path(f"{folder}.md"), MADE + _plugins(folder, about)


def write() -> None:
    """Write every page, and remove pages of criteria that are gone."""
    kept = {REFERENCE / path: text for path, text in pages()}
    for path in (REFERENCE / "criteria").glob("*.md"):
        if path not in kept:
            path.unlink()
    for path, text in kept.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _index(criteria: Mapping[str, type]) -> str:
    rows = [f"| [{name}]({name}.md) | {_summary(kind)} |" for name, kind in criteria.items()]
    return "\n".join(
        [
            "# Criteria",
            "",
            "One question each, asked of every item or of the whole import. They say what was found and how surely;",
            "what it means is for [your policy](../../how-to/write-a-policy.md) to say.",
            "",
            "| found … | what it sees |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _criterion(name: str, kind: type) -> str:
    parts = [f"# {name}", inspect.cleandoc(kind.__doc__ or "").replace("``", "`"), _facts(kind), _parameters(kind)]
    examples = Path(inspect.getfile(kind)).with_suffix(".yml")
    if examples.exists():
        parts += _examples(yaml.safe_load(examples.read_text("utf-8")))
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(kind: type) -> str:
    """The first paragraph, on one line."""
    return (
        " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")
    )


def _facts(kind: type) -> str:
    asked = {"inspect": "every item", "conclude": "the whole import, once everything was seen"}
    of = " and ".join(words for method, words in asked.items() if hasattr(kind, method))
    rests = ", ".join(sorted(bases(kind)))
    return f"Asked of: {of}." + (f" Rests on: {rests}." if rests else "")


def _parameters(kind: type) -> str:
    found = inspect.signature(kind).parameters.values() if kind.__init__ is not object.__init__ else ()  # type: ignore[misc]
    rows = [f"| `{one.name}` | {_type(one.annotation)} | {_default(one.default)} |" for one in found]
    return "\n".join(["| parameter | takes | unless given |", "|---|---|---|", *rows]) if rows else ""


def _type(annotation: object) -> str:
    names = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
    written = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return names.get(written, "a list of texts")


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, str):
        return f"`{value}`" if value else "nothing"
    if isinstance(value, int | float):
        return f"`{value:g}`" if abs(value) < 1e6 else f"`{value}`"
    words = [f"`{word}`" for word in value]
    if len(words) > 12:
        return ", ".join(words[:6]) + f" and {len(words) - 6} more"
    return ", ".join(words) or "none"


def _examples(examples: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for key, title in (("finds", "## Found"), ("quiet", "## Not found")):
        if examples.get(key):
            yield title
            for name, example in examples[key].items():
                yield _example(str(name), example)


def _example(name: str, example: Any) -> str:
    reason = example.get("reason") if isinstance(example, dict) else None
    said = f": *{reason}*" if reason else ""
    return f"{name[:1].upper()}{name[1:]}{said}\n\n```yaml\n{_yaml(_shown(example))}```"


def _shown(example: Any) -> Any:
    """The example without what the heading says already; long ones show their beginning."""
    if not isinstance(example, dict) or "type" in example:
        return example
    shown = {key: value for key, value in example.items() if key not in ("reason", "confidence", "basis", "at")}
    for key, value in shown.items():
        if isinstance(value, list) and len(value) > SHOWN:
            shown[key] = [*value[:SHOWN], f"… and {len(value) - SHOWN} more"]
    return shown


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=110))


def _presets() -> str:
    head = (
        "# The presets, in prose\n\nWhat `safeconduct policy explain` says of each. "
        "[How to write your own](../how-to/write-a-policy.md).\n"
    )
    return "\n".join([head, *(_preset(name) for name in preset_files())])


def _preset(name: str) -> str:
    title, _, prose = explain(read_policy(name)).partition("\n\n")
    return f"## {name}: {title}\n\n" + prose.replace(":\n• ", ":\n\n• ").replace("• ", "- ")


def _plugins(folder: str, about: str) -> str:
    made = [f"# {folder.capitalize()}", about]
    for name, kind in plugins(folder).items():
        module = inspect.getmodule(kind)
        made += [f"## {name}", _prose(kind.__doc__), _prose(module.__doc__ if module else "")]
    return "\n\n".join(part for part in made if part) + "\n"


def _prose(text: str | None) -> str:
    return inspect.cleandoc(text or "").replace("``", "`")


def _cli() -> str:
    top = click.Context(safeconduct, info_name="safeconduct")
    made = ["# The command line", _help(safeconduct)]
    for name, command in _commands(safeconduct, top):
        made += [f"## safeconduct {name}", *_command(name, command)]
    return "\n\n".join(made) + "\n"


def _commands(group: click.Group, context: click.Context, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command in the order of ``--help``; those of a group after the group."""
    for name in group.list_commands(context):
        command = group.commands[name]
        yield before + name, command
        if isinstance(command, click.Group):
            yield from _commands(command, context, f"{name} ")


def _command(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=f"safeconduct {name}")
    yield _help(command)
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    options = [one for one in command.params if isinstance(one, click.Option)]
    if options:
        yield "\n".join(["| option | what it does | unless given |", "|---|---|---|", *map(_option, options)])


def _help(command: click.Command) -> str:
    """As ``--help`` has it; a block that click must not fold (``\\b``) is a list here."""
    parts = []
    for part in inspect.cleandoc(command.help or "").split("\n\n"):
        head, *rows = part.removeprefix("\b\n").split("\n")
        if part.startswith("\b"):
            parts.append("\n".join([head, "", *(f"- {row.strip()}" for row in rows)]))
        else:
            parts.append(" ".join(part.split()))
    return "\n\n".join(parts)


def _option(option: click.Option) -> str:
    said = (option.help or "").replace("|", "\\|")
    names = ", ".join(option.opts)
    takes = "" if option.is_flag else f" {_takes(option)}"
    return f"| `{names}{takes}` | {said} | {_unless(option)} |"


def _takes(option: click.Option) -> str:
    """The choices, or the word that stands for a value."""
    if isinstance(option.type, click.Choice):
        return "\\|".join(f'"{one}"' if " " in one else one for one in option.type.choices)
    return option.metavar or option.type.name.upper()


def _unless(option: click.Option) -> str:
    if option.required:
        return "must be given"
    if isinstance(option.show_default, str):
        return option.show_default
    return f"`{option.default}`" if option.show_default and option.default is not None else ""


if __name__ == "__main__":
    write()
