"""Writes the reference pages that are derived: one for each criterion, their index, and the presets as prose.

``python docs/generate.py`` writes them; a test compares what is committed with what would be written.  A page is made
from the criterion's docstring, its parameters and its examples, so adding a criterion adds its page.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from safeconduct.discover import plugins
from safeconduct.policy import explain, presets, read_policy
from safeconduct.policy.questions import bases

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/generate.py from the code: change it there. -->\n\n"
SHOWN = 3  # items of an example about many

Page = tuple[Path, str]


def pages() -> Iterator[Page]:
    """Every derived page: its path below ``docs/reference`` and its text."""
    criteria = plugins("criteria")
    yield Path("criteria/index.md"), MADE + _index(criteria)
    for name, kind in criteria.items():
        yield Path(f"criteria/{name}.md"), MADE + _criterion(name, kind)
    yield Path("presets.md"), MADE + _presets()


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
    return "\n".join([head, *(_preset(name) for name in presets())])


def _preset(name: str) -> str:
    title, _, prose = explain(read_policy(name)).partition("\n\n")
    return f"## {name}: {title}\n\n" + prose.replace(":\n• ", ":\n\n• ").replace("• ", "- ")


if __name__ == "__main__":
    write()
