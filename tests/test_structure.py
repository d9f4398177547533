"""The structure is a promise too: small functions, small plug-ins, one file that connects."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "safeconduct"
LONGEST_FUNCTION = 40
LONGEST_FILE = {"criteria": 200, "sources": 400, "destinations": 400}
FILES = sorted(SOURCE.rglob("*.py"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_functions_stay_short(path: Path) -> None:
    long = [f.name for f in functions(path) if (f.end_lineno or 0) - f.lineno + 1 - _header(f) > LONGEST_FUNCTION]
    assert not long


def _header(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines before the first statement that is not the docstring: parameters and prose do not make code long."""
    first = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
    return first.lineno - function.lineno


@pytest.mark.parametrize("folder", sorted(LONGEST_FILE))
def test_plug_ins_stay_small(folder: str) -> None:
    sizes = {path.name: len(path.read_text().splitlines()) for path in (SOURCE / folder).glob("*.py")}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE[folder]} == {}


def test_only_one_file_connects() -> None:
    network = {"socket", "http", "urllib.request", "httpx", "httpcore", "ssl", "ftplib", "smtplib", "asyncio"}
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name in network or name.split(".")[0] in network - {"http"} for name in names):
                found.add(str(path.relative_to(SOURCE)))
    assert found <= {"net.py"}


def test_no_flag_is_called_dry_run() -> None:
    for path in FILES:
        arguments = {a.arg for f in functions(path) for a in [*f.args.args, *f.args.kwonlyargs]}
        assert "dry_run" not in arguments, path
