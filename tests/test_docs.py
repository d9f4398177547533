"""What the documentation says is what the code says, and what it shows to type does what it shows.

Conventions in the pages: a block after ``<!-- runs -->`` is typed, in order, in one empty folder for each page, and
every line of output that a ``console`` block shows must come out.  ``<!-- runs with a stand-in -->``: the same, with
``social.example`` played by a server on this machine.  ``<!-- file: NAME -->``: the block is that file.  Every other
``sh`` block must at least be made of commands and options that exist.
"""

from __future__ import annotations

import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import click
import pytest
from msgspec import Struct

from docs import generate
from safeconduct.cli import main, safeconduct
from safeconduct.discover import plugins
from tests.journeys.stand_in import TOKEN, StandIn

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?:^<!-- (runs|runs with a stand-in|file: \S+) -->\n+)?^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PLACE = re.compile(r"`((?:src|tests|docs|bench)/[\w./-]+)`")
IDENTITY = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
SERVER = "https://social.example"
INVENTED = ("many_commas", "my_")  # files that a page asks its reader to write
NOT_OURS = ("git", "cd", "export")


class Block(Struct, frozen=True):
    """One code block; ``mark`` is the comment before it."""

    mark: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(*found.groups(default="")) for found in BLOCK.finditer(page.read_text("utf-8"))]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


# --- derived pages ------------------------------------------------------------------------------------------------


@cache
def made() -> Mapping[Path, str]:
    return dict(generate.pages())


def test_reference_is_current() -> None:
    stale = [str(path) for path, text in made().items() if _committed(path) != text]
    assert not stale, "run: make docs"


def _committed(path: Path) -> str:
    file = generate.REFERENCE / path
    return file.read_text("utf-8") if file.exists() else ""


def test_no_page_is_left_of_a_criterion_that_is_gone() -> None:
    assert {path.stem for path in (generate.REFERENCE / "criteria").glob("*.md")} == {*plugins("criteria"), "index"}


@pytest.mark.parametrize("name", plugins("criteria"))
def test_a_criterion_says_what_it_sees_why_and_what_it_gets_wrong(name: str) -> None:
    page = made()[Path(f"criteria/{name}.md")]
    assert "**Why** " in page
    assert "**Mind** " in page


@pytest.mark.parametrize("folder", ["sources", "destinations"])
def test_every_source_and_destination_has_a_section(folder: str) -> None:
    page = made()[Path(f"{folder}.md")]
    assert re.findall(r"^## (.+)$", page, re.M) == list(plugins(folder))


def test_every_command_and_option_is_in_the_reference() -> None:
    page = made()[Path("cli.md")]
    for name, command in safeconduct.commands.items():
        section = page.partition(f"## safeconduct {name}\n")[2].partition("\n## ")[0]
        assert section.strip(), name
        assert all(f"`{option.opts[0]}" in section for option in command.params if isinstance(option, click.Option))
        assert command.help, name


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    dead = [link for link in LINK.findall(text) if not link.startswith(("https:", "http:")) and _dead(page, link)]
    assert not dead
    lost = [place for place in PLACE.findall(text) if not (ROOT / place).exists() and not _invented(place)]
    assert not lost


def _dead(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = (page.parent / path) if path else page
    return not target.exists() or bool(heading and heading not in _headings(target))


def _invented(place: str) -> bool:
    return Path(place).name.startswith(INVENTED)


def _headings(page: Path) -> set[str]:
    lines = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in lines}


def test_the_pages_say_nothing_of_other_machines() -> None:
    for page in PAGES:
        assert not re.search(r"/(?:home|work|tmp|root)/\w", page.read_text("utf-8")), page


# --- what is shown to type ----------------------------------------------------------------------------------------


def typed(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a block and the output shown below it ("" in ``sh`` blocks)."""
    text = block.text.replace("\\\n", " ")
    if block.language == "sh":
        yield from ((line, "") for line in text.splitlines() if line.strip() and not line.startswith("#"))
        return
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def words_of(line: str) -> list[str]:
    """As a shell reads it: a ``#`` inside a word is no comment."""
    return shlex.split(re.sub(r"\s+#\s.*", "", line))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_and_options_exist(page: Path) -> None:
    for block in blocks(page):
        for line, _ in typed(block) if block.language in ("sh", "console") else ():
            _check(words_of(line))


def _check(words: list[str]) -> None:
    name, *rest = words
    if name == "safeconduct":
        _check_options(safeconduct, rest)
    elif name == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
        assert rest[0] in targets, words
    elif name == "python":
        assert runpy.run_module(rest[1], run_name="documented")["main"], words
    else:
        assert name in NOT_OURS, words


def _check_options(command: click.Command, words: list[str]) -> None:
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, words
        return _check_options(command.commands[words[0]], words[1:])
    context = click.Context(command)
    given, *_ = command.make_parser(context).parse_args(list(words))
    for option in command.params:
        value = given.get(option.name or "")
        if isinstance(option.type, click.Choice) and value is not None:
            for one in value if isinstance(value, list) else [value]:
                option.type.convert(one, option, context)
    return None


RUNNING = [page for page in PAGES if any(block.mark.startswith("runs") for block in blocks(page))]


def test_the_pages_that_matter_run() -> None:
    assert {"README.md", "docs/tutorial/first-import.md", "docs/how-to/move-to-gotosocial.md"} <= set(
        map(named, RUNNING)
    )


@pytest.mark.parametrize("page", RUNNING, ids=named)
def test_what_is_shown_to_type_does_what_is_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "SAFECONDUCT_HOME": str(tmp_path / "home"),
        "SAFECONDUCT_TOKEN": TOKEN,
        "COLUMNS": "80",
    }.items():
        monkeypatch.setenv(name, value)
    with StandIn() as server:
        for block in blocks(page):
            if block.mark.startswith("file: "):
                Path(block.mark.removeprefix("file: ")).write_text(block.text, "utf-8")
            elif block.mark.startswith("runs"):
                for line, shown in typed(block):
                    _type(line, shown, server.url if "stand-in" in block.mark else "", monkeypatch)


def _type(line: str, shown: str, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = words_of(line)
    if words[0] in NOT_OURS:
        return
    if server and words[1] in ("probe", "plan", "copy", "undo"):
        words = [word.replace(SERVER, server) for word in words] + ["--loopback"]
    code, output = _run(words, monkeypatch)
    assert code in (0, 1), f"{line} ended with {code}:\n{output}"
    output = _plain(output.replace(server, SERVER) if server else output)
    for part in re.split(r"^\s*…\s*$", shown, flags=re.M):
        assert _plain(part) in output, f"{line} does not print this:\n{part}"


def _plain(text: str) -> str:
    return " ".join(IDENTITY.sub("TRANSFER", text).split())


def _run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The exit code and everything printed."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            if words[0] == "python":
                monkeypatch.setattr(sys, "argv", [words[2], *words[3:]])
                runpy.run_module(f"{words[2]}.__main__", run_name="__main__")
            else:
                monkeypatch.setattr(sys, "argv", words)
                main()
        except SystemExit as end:
            return (end.code if isinstance(end.code, int) else int(end.code is not None)), said.getvalue()
    return 0, said.getvalue()


# --- "add a criterion in two files" ----------------------------------------------------------------------------------

SUITE = ["tests/criteria/test_examples.py", "tests/contracts/test_criterion.py"]
POLICY = """
base = "open"
[[rule]]
when = "many-commas"
with = { commas = 20 }
then = "quarantine"
because = "This has many commas, so a person looks at it first."
"""


def test_the_criterion_in_contributing_is_one(tmp_path: Path) -> None:
    for folder in ("src", "tests", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    criteria = tmp_path / "src/safeconduct/criteria"
    for language, ending in (("python", "py"), ("yaml", "yml")):
        (text,) = re.findall(rf"^   ```{language}\n(.*?)^   ```$", _contributing(), re.M | re.S)
        (criteria / f"many_commas.{ending}").write_text(re.sub(r"^   ", "", text, flags=re.M), "utf-8")
    (tmp_path / "commas.toml").write_text(POLICY, "utf-8")
    _passes(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "-k", "many-commas", *SUITE)
    assert "many-commas (commas: 20)" in _passes(tmp_path, "safeconduct", "policy", "explain", "commas.toml")
    _passes(tmp_path, "docs.generate")
    assert "3 commas in one post" in (tmp_path / "docs/reference/criteria/many-commas.md").read_text("utf-8")


def _contributing() -> str:
    return (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def _passes(folder: Path, *words: str) -> str:
    env = {**os.environ, "PYTHONPATH": f"{folder / 'src'}:{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-m", *words], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
