"""Runs the examples that lie beside each criterion: the same data is its test and its documentation.

A file has two maps, ``quiet`` and ``finds``, from a name to an example.  An example is an ActivityStreams object, or::

    item: {...}            one object, or  items: [{...}, ...]
    with: {...}            parameters of the criterion
    owner: "..."           whose archive it is ("" for unknown)
    totals: [{file, declared, found}]
    facts: {"/attachment/0": {...}}  what was measured of a medium (null: its bytes are missing)
    reason: "..."          of the first finding;  reason_has: a part of it
    confidence: low|medium|high
    value: "..."
    at: [0, 2]             the items it is about (-1: the whole import)
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from safeconduct.discover import plugins
from safeconduct.model import Finding, Item, MediaFacts, Total
from safeconduct.screening.batch import Screen
from safeconduct.screening.census import CensusWriter
from tests.fixtures.items import ACCT, ALICE, NOW, item

FOLDER = Path(__file__).parents[2] / "src/safeconduct/criteria"


class Example(Struct, frozen=True):
    """One named example of one criterion."""

    criterion: str
    name: str
    finds: bool
    case: Mapping[str, Any]

    @property
    def objects(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.case.get("items", [self.case.get("item", self.case)])
        return found

    @property
    def items(self) -> list[Item]:
        return [item(each, number, self.owner or ALICE) for number, each in enumerate(self.objects)]

    @property
    def owner(self) -> str:
        return self.case.get("owner", ALICE) if self.told else ALICE

    @property
    def told(self) -> bool:
        """Does it say more than the object alone?"""
        return "item" in self.case or "items" in self.case

    @property
    def made(self) -> Any:
        """The criterion with this example's parameters; always the same one."""
        return _made()[self.criterion, self.finds, self.name]

    def facts(self) -> dict[str, MediaFacts | None]:
        """What was measured, by the pointer of each medium."""
        told: Mapping[str, Any] = self.case.get("facts", {}) if self.told else {}
        blank = {"sha256": "0" * 64, "size": 1}
        return {
            place: None if each is None else msgspec.convert(blank | each, MediaFacts) for place, each in told.items()
        }

    def findings(self) -> list[Finding]:
        totals = [msgspec.convert(each, Total) for each in self.case.get("totals", [])] if self.told else []
        return run(self.made, self.items, owner=self.owner, totals=totals, facts=self.facts())


def examples(name: str) -> list[Example]:
    """All examples of one criterion; empty if it has none."""
    path = FOLDER / (name.replace("-", "_") + ".yml")
    if not path.exists():
        return []
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        Example(name, title, part == "finds", case)
        for part in ("quiet", "finds")
        for title, case in written[part].items()
    ]


@cache
def _made() -> Mapping[tuple[str, bool, str], Any]:
    """The criteria of all examples."""
    return {
        (each.criterion, each.finds, each.name): plugins("criteria")[each.criterion](
            **(each.case.get("with", {}) if each.told else {})
        )
        for name in plugins("criteria")
        for each in examples(name)
    }


@cache
def _screen() -> Screen:
    """One screen for all examples: compiling its automaton is the dear part."""
    return Screen(list(_made().values()), as_of=NOW)


def run(
    criterion: Any,  # a criterion may lack any two of the contract's three verbs
    items: Sequence[Item],
    *,
    owner: str = ALICE,
    totals: Sequence[Total] = (),
    facts: Mapping[str, MediaFacts | None] | None = None,
    step: int = 500,
) -> list[Finding]:
    """What one criterion finds, through the real screen and census; whatever it raises is raised."""
    shared = any(criterion is each for each in _screen().criteria)
    screen: Any = copy(_screen() if shared else Screen([criterion], as_of=NOW))
    screen.owner, screen.acct = owner, ACCT if owner else ""
    screen._measure = lambda medium: (facts or {}).get(medium.pointer)
    found: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder:
        writer = CensusWriter(Path(folder))
        for batch in screen.batches(items, step):
            found += criterion.inspect(batch) if hasattr(criterion, "inspect") else ()
            writer.add(batch)
        census = writer.close(totals, owner, NOW)
        if hasattr(criterion, "conclude"):
            found += criterion.conclude(census)
    return found
