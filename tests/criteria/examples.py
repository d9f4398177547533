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
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct
from safeconduct.screening.batch import Screen
from safeconduct.screening.census import CensusWriter

from safeconduct.contracts import Criterion
from safeconduct.discover import plugins
from safeconduct.model import Finding, Item, MediaFacts, Medium, Total
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
        if "items" in self.case:
            return self.case["items"]
        return [self.case.get("item", self.case)]

    @property
    def items(self) -> list[Item]:
        return [item(each, number, self.owner or ALICE) for number, each in enumerate(self.objects)]

    @property
    def owner(self) -> str:
        return self.case.get("owner", ALICE) if self._told else ALICE

    @property
    def _told(self) -> bool:
        return "item" in self.case or "items" in self.case

    def build(self) -> Criterion:
        """The criterion with this example's parameters."""
        given = self.case.get("with", {}) if self._told else {}
        built: Criterion = plugins("criteria")[self.criterion](**given)
        return built

    def facts(self) -> dict[str, MediaFacts | None]:
        """What was measured, by the pointer of each medium."""
        told: Mapping[str, Any] = self.case.get("facts", {}) if self._told else {}
        blank = {"sha256": "0" * 64, "size": 1}
        return {
            place: None if each is None else msgspec.convert(blank | each, MediaFacts) for place, each in told.items()
        }

    def findings(self) -> list[Finding]:
        totals = [msgspec.convert(each, Total) for each in self.case.get("totals", [])] if self._told else []
        return run(self.build(), self.items, owner=self.owner, totals=totals, facts=self.facts())


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


def run(
    criterion: Criterion,
    items: Sequence[Item],
    *,
    owner: str = ALICE,
    totals: Sequence[Total] = (),
    facts: Mapping[str, MediaFacts | None] | None = None,
    step: int = 0,
) -> list[Finding]:
    """What one criterion finds, through the real screen and census; ``step`` items to a batch if it is given."""

    def measure(medium: Medium) -> MediaFacts | None:
        return (facts or {}).get(medium.pointer)

    screen = Screen([criterion], as_of=NOW, owner=owner, acct=ACCT if owner else "", measure=measure)
    found: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder:
        writer = CensusWriter(Path(folder))
        for start in range(0, len(items), step or max(1, len(items))):
            for batch in screen.batches(items[start : start + (step or len(items))]):
                found += screen.findings(batch)
                writer.add(batch)
        found += screen.conclude(writer.close(totals, owner, NOW))
    return found
