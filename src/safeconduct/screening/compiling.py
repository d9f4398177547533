"""Hyperscan databases, compiled once: within a process always, and between runs where there is a folder to keep them.

Compiling a community's policy takes up to seconds, reading the compiled form back takes milliseconds.  The file's
name is a digest of everything it was made from, and Hyperscan itself checks version, processor and checksum; what
cannot be read is compiled anew.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

KEPT = 24  # a policy takes up to eight; policies come and go, and the oldest compiled ones go first


@lru_cache(maxsize=KEPT)
def compiled(
    expressions: tuple[bytes, ...], numbers: tuple[int, ...], flags: int, literal: bool, kept: Path | None
) -> Any:
    """The database of these expressions; ``kept`` is the folder of compiled ones.  Raises ``hyperscan.error``."""
    engine = importlib.import_module("hyperscan")
    if kept is None:
        return _compile(engine, expressions, numbers, flags, literal)
    path = kept / f"{_name(engine, expressions, numbers, flags, literal)}.hyperscan"
    with suppress(OSError, engine.error, ValueError):
        database = engine.loadb(path.read_bytes(), engine.HS_MODE_BLOCK)
        database.scratch = engine.Scratch(database)
        os.utime(path)
        return database
    database = _compile(engine, expressions, numbers, flags, literal)
    with suppress(OSError):
        _keep(path, engine.dumpb(database))
    return database


def _compile(engine: Any, expressions: tuple[bytes, ...], numbers: tuple[int, ...], flags: int, literal: bool) -> Any:
    database = engine.Database(mode=engine.HS_MODE_BLOCK)
    database.compile(
        expressions=list(expressions), ids=list(numbers), elements=len(numbers), flags=flags, literal=literal
    )
    return database


def _name(engine: Any, expressions: tuple[bytes, ...], numbers: tuple[int, ...], flags: int, literal: bool) -> str:
    digest = hashlib.sha256(f"{engine.__version__} {flags} {literal} {numbers}".encode())
    for expression in expressions:
        digest.update(len(expression).to_bytes(8) + expression)
    return digest.hexdigest()[:40]


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    part.replace(path)
    old = sorted(path.parent.glob("*.hyperscan"), key=lambda one: one.stat().st_mtime, reverse=True)
    for one in old[KEPT:]:
        one.unlink(missing_ok=True)
