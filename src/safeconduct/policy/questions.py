"""The criteria a policy asks: found by name, given their parameters, each set of parameters asked once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from safeconduct.contracts import Criterion
from safeconduct.model import Basis, Json
from safeconduct.policy.table import Table, nearest
from safeconduct.screening.expressions import check

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Questions:
    """Builds criteria from ``when`` and ``with``; ``asked`` holds each by its key."""

    def __init__(self, criteria: Mapping[str, type], lists: Mapping[str, Sequence[str]]) -> None:
        self.criteria, self.lists = criteria, lists
        self.asked: dict[str, Criterion] = {}

    def ask(self, rule: Table) -> tuple[str, Mapping[str, Json]]:
        """The key of this rule's question and the parameters it gives, lists filled in."""
        kind = self._criterion(rule)
        given = self._given(rule.table("with"), kind)
        key = question(rule.text("when"), given)
        if key not in self.asked:
            self.asked[key] = self._built(rule, kind, given, key)
        return key, given

    def bases(self, name: str) -> frozenset[Basis]:
        return bases(self.criteria[name])

    def _criterion(self, rule: Table) -> type:
        name = rule.text("when")
        if not name:
            rule.wrong(
                "This rule does not say when it speaks.", instead='when = "many-links" (the name of a criterion)'
            )
        if name not in self.criteria:
            close = nearest(name, self.criteria)
            instead = f'when = "{close}"' if close else "one of " + ", ".join(self.criteria)
            rule.wrong(f"There is no criterion “{name}”.", "when", instead)
        return self.criteria[name]

    def _given(self, table: Table, kind: type) -> Mapping[str, Json]:
        takes = _parameters(kind)
        for name in table.raw:
            if name not in takes:
                close = nearest(name, takes) or ", ".join(takes)
                instead = f"{close} = …" if takes else "no “with” at all"
                table.wrong(f"{getattr(kind, 'name', kind.__name__)} has no parameter “{name}”.", name, instead)
        return {name: self._value(table, name, takes[name]) for name in sorted(table.raw)}

    def _value(self, table: Table, name: str, hint: Json) -> Json:
        value = table.raw[name]
        if isinstance(value, str) and not _fits(value, hint) and _fits([value], hint):
            value = self._list(table, name, value)
        if not _fits(value, hint):
            table.wrong(f"“{name}” cannot be {value!r}.", name, f"{name} = {_shape(hint)}")
        return value

    def _list(self, table: Table, name: str, wanted: str) -> Sequence[str]:
        """A text where a list is expected is the name of one of the policy's lists."""
        if wanted not in self.lists:
            close = nearest(wanted, self.lists)
            instead = (
                f'{name} = "{close}"' if close else f'{name} = ["{wanted}"], or add {wanted} = [ … ] under [lists]'
            )
            table.wrong(f"This policy has no list called “{wanted}”.", name, instead)
        return list(self.lists[wanted])

    def _built(self, rule: Table, kind: type, given: Mapping[str, Json], key: str) -> Criterion:
        hints = _parameters(kind)
        values = {name: msgspec.convert(value, hints[name]) for name, value in given.items()}
        try:
            built: Criterion = kind(**values)
        except ValueError as problem:
            name = rule.text("when")
            said = str(problem).removeprefix(f"{name}: ")
            rule.wrong(f"{name} does not take this: {said}.", "with", "what the message asks for")
        vars(built)["question"] = key
        if given:
            self._searchable(rule, built)
        return built

    def _searchable(self, rule: Table, built: Criterion) -> None:
        """No pattern that could stall a scan, or match everywhere, gets as far as one."""
        for pattern in built.patterns() if hasattr(built, "patterns") else ():
            if problem := check(pattern):
                rule.wrong(
                    f"“{pattern.text[:80]}” cannot be looked for. {problem}", "with", "what the message asks for"
                )


def bases(kind: type) -> frozenset[Basis]:
    """On what this criterion's findings can rest: as it declares in ``basis`` or ``bases``, or else as its file says.

    Empty if neither says anything; such a criterion may not reject.
    """
    declared = getattr(kind, "bases", None) or getattr(kind, "basis", None)
    if declared:
        return frozenset([declared] if isinstance(declared, str) else declared)
    try:
        written = inspect.getsource(inspect.getmodule(kind) or kind)
    except (OSError, TypeError):
        return frozenset()
    return frozenset(Basis[name] for name in re.findall(r"\bBasis\.([A-Z_]+)", written) if name in Basis.__members__)


def question(name: str, given: Mapping[str, Json]) -> str:
    """The stable key of a criterion with these parameters."""
    if not given:
        return name
    return f"{name}#{sha256(msgspec.json.encode(given, order='sorted')).hexdigest()[:16]}"


def _parameters(kind: type) -> Mapping[str, Json]:
    """The type of each keyword a criterion takes."""
    if kind.__init__ is object.__init__:  # type: ignore[misc]
        return {}
    found = inspect.signature(kind, eval_str=True).parameters.values()
    return {one.name: Any if one.annotation is one.empty else one.annotation for one in found if one.kind in _NAMED}


def _fits(value: Json, hint: Json) -> bool:
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def _shape(hint: Json) -> str:
    """What a parameter of this type looks like in TOML."""
    for kind, sample in ((True, "true or false"), (1, "a whole number"), (1.5, "a number"), ("…", '"…"')):
        if _fits(kind, hint):
            return sample
    return '["…", "…"]'
