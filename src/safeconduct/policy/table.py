"""One table of a policy file that knows its lines, so that every complaint names one and says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Never, TypeVar

from safeconduct.errors import PolicyError
from safeconduct.model import Json

T = TypeVar("T")

_RULE = re.compile(r"\s*\[\[\s*rule\s*\]\]")
_HEADER = re.compile(r"\s*\[")
_SUB = re.compile(r"\s*\[\s*rule\s*\.")


class Page:
    """The text of a policy file.  ``tomllib`` gives values without lines; this finds them again by their keys."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.lines = file, text.splitlines()

    def line(self, keys: Iterable[str], rule: int | None = None) -> int:
        """The line, from 1, of the innermost of ``keys`` that can be found in the ``rule``-th rule or at the top."""
        first, end = self._span(rule)
        found = first
        for key in keys:
            mention = re.compile(rf"""(?:^|[\s{{,.\["']){re.escape(key)}["']?\s*[=\].]""")
            written = (n for n in range(found, end) if not self.lines[n].lstrip().startswith("#"))
            found = next((n for n in written if mention.search(self.lines[n])), found)
        return found + 1

    def _span(self, rule: int | None) -> tuple[int, int]:
        starts = [n for n, line in enumerate(self.lines) if _RULE.match(line)]
        if rule is None or rule >= len(starts):
            return 0, len(self.lines)
        first = starts[rule]
        for n in range(first + 1, len(self.lines)):
            if _HEADER.match(self.lines[n]) and not _SUB.match(self.lines[n]) and self._closed(first, n):
                return first, n
        return first, len(self.lines)

    def _closed(self, first: int, n: int) -> bool:
        """A line that begins with a bracket inside an array is no header: every bracket before it must be closed."""
        before = re.sub(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|#.*", "", "\n".join(self.lines[first:n]))
        return before.count("[") == before.count("]")


class Table:
    """Values with their types checked; it lies in the ``rule``-th rule, or at the top, below the keys of ``path``."""

    def __init__(
        self, raw: Mapping[str, Json], page: Page, rule: int | None = None, path: tuple[str, ...] = ()
    ) -> None:
        self.raw, self.page, self.rule, self.path = raw, page, rule, path

    def __contains__(self, key: str) -> bool:
        return key in self.raw

    def wrong(self, message: str, key: str = "", instead: str = "") -> Never:
        keys = (*self.path, key) if key else self.path
        raise PolicyError(message, self.page.file, self.page.line(keys, self.rule), instead)

    def only(self, *keys: str) -> None:
        """Refuse every key that is not one of these: a misspelt condition must not become no condition."""
        for key in self.raw:
            if key not in keys:
                close = nearest(key, keys)
                here = ".".join(self.path) or ("a rule" if self.rule is not None else "a policy")
                instead = f"{close} = …" if close else "one of " + ", ".join(keys)
                self.wrong(f"{here} has no “{key}”.", key, instead)

    def text(self, key: str, default: str = "") -> str:
        value = self.raw.get(key, default)
        if not isinstance(value, str):
            self.wrong(f"“{key}” is a text in quotation marks, not {kind(value)}.", key, f'{key} = "…"')
        return value

    def number(self, key: str, least: float = 0.0, most: float = float("inf")) -> float | None:
        value = self.raw.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(f"“{key}” is a number, not {kind(value)}.", key, f"{key} = {_sample(least, most)}")
        if not least <= value <= most:
            self.wrong(f"“{key}” is {value}, which is out of bounds.", key, f"{key} = {_sample(least, most)}")
        return float(value)

    def flag(self, key: str) -> bool:
        value = self.raw.get(key, False)
        if not isinstance(value, bool):
            self.wrong(f"“{key}” is true or false, not {kind(value)}.", key, f"{key} = true")
        return value

    def names(self, key: str) -> tuple[str, ...]:
        """One text or a list of texts."""
        value = self.raw.get(key, [])
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            self.wrong(f"“{key}” is a text or a list of texts.", key, f'{key} = ["…", "…"]')
        return tuple(values)

    def array(self, key: str) -> list[Json]:
        value = self.raw.get(key, [])
        if not isinstance(value, list):
            self.wrong(f"“{key}” is a list, not {kind(value)}.", key, f"{key} = [ … ]")
        return value

    def table(self, key: str) -> Table:
        value = self.raw.get(key, {})
        if not isinstance(value, dict):
            self.wrong(f"“{key}” is a table, not {kind(value)}.", key, f"{key} = {{ … = … }}")
        return Table(value, self.page, self.rule, (*self.path, key))

    def choice(self, key: str, choices: Mapping[str, T], default: T) -> T:
        return self._pick(key, self.text(key), choices) if key in self else default

    def choices(self, key: str, choices: Mapping[str, T]) -> frozenset[T]:
        return frozenset(self._pick(key, name, choices) for name in self.names(key))

    def _pick(self, key: str, name: str, choices: Mapping[str, T]) -> T:
        if name not in choices:
            close = nearest(name, choices)
            instead = f'{key} = "{close}"' if close else "one of " + ", ".join(f'"{choice}"' for choice in choices)
            self.wrong(f"“{name}” is not something “{key}” can be.", key, instead)
        return choices[name]


def nearest(word: str, words: Iterable[str]) -> str:
    """The word that was probably meant, "" if none comes close."""
    return next(iter(get_close_matches(word, list(words), 1, 0.7)), "")


def kind(value: Json) -> str:
    names = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def _sample(least: float, most: float) -> str:
    return f"{least:g} or more" if most == float("inf") else f"a number from {least:g} to {most:g}"
