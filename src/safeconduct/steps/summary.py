"""The sum of a plan in numbers a person can read: fates, reasons, coverage, time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from safeconduct.model import Abilities, Fate, Json, Kind
from safeconduct.steps.planfile import Line, own_post

SECONDS_A_REQUEST = 0.03  # measured on one connection to a GoToSocial with some thousand posts
EXAMPLES = 5
SENTENCES = 500  # a destination that writes another sentence for every item must not fill the memory
NAMES = re.compile(r"\S*[@\d]\S*")  # accounts and numbers: sentences that differ only in them are one reason

Why = tuple[Fate, str, str]


class Summary:
    """Counts plan lines."""

    def __init__(self, abilities: Abilities) -> None:
        self._abilities = abilities
        self._fates: dict[str, Counter[str]] = {}
        self._reasons: dict[Why, Reasoned] = {}
        self._own: Counter[bool] = Counter()
        self._boosts: Counter[bool] = Counter()
        self._requests = 0
        self._others_see: Counter[str] = Counter()
        self.overruled = 0

    def add(self, line: Line) -> None:
        """Count one line."""
        carried = line.fate in (Fate.ARRIVES, Fate.ADAPTED)
        self._fates.setdefault(line.kind, Counter())[line.fate] += 1
        self._reasoned(line).add(line)
        if own_post(line):
            self._own[carried] += 1
        if line.kind == Kind.BOOST:
            self._boosts[carried] += 1
        if line.shape is not None:
            self._requests += 1 + len(line.shape.media)
            if line.shape.kind in self._abilities.seen_by_others:
                self._others_see[line.shape.kind] += 1

    def _reasoned(self, line: Line) -> Reasoned:
        """The group of this line: one code may have several sentences, and each is true only of its own lines."""
        why = line.fate, line.code, NAMES.sub("…", line.reason)
        if why not in self._reasons and len(self._reasons) >= SENTENCES:
            why = line.fate, line.code, ""
        return self._reasons.setdefault(why, Reasoned())

    def rows(self, questions: Sequence[str]) -> dict[str, Json]:
        """What the plan's footer and its report hold."""
        return {
            "fates": {kind: dict(fates) for kind, fates in sorted(self._fates.items())},
            "reasons": [reasoned.row(key) for key, reasoned in sorted(self._reasons.items(), key=_by_count)],
            "coverage": _share(self._own),
            "boosts": _share(self._boosts),
            "requests": self._requests,
            "eta_seconds": self._seconds(),
            "seen_by_others": dict(self._others_see),
            "questions": list(questions),
            "disagreements": self.overruled,
        }

    def _seconds(self) -> int:
        limits = self._abilities.limits
        pace = limits.get("seconds", 0) / limits["requests"] if limits.get("requests") else 0.0
        measured = SECONDS_A_REQUEST if self._abilities.account else 0.0
        return round(self._requests * max(pace, measured))


class Reasoned:
    """Lines with the same fate for the same reason."""

    def __init__(self) -> None:
        self._count = 0
        self._kinds: Counter[str] = Counter()
        self._reason = ""
        self._examples: list[str] = []

    def add(self, line: Line) -> None:
        self._count += 1
        self._kinds[line.kind] += 1
        self._reason = self._reason or line.reason
        if len(self._examples) < EXAMPLES:
            self._examples.append(line.origin)

    @property
    def count(self) -> int:
        return self._count

    def row(self, key: Why) -> dict[str, Json]:
        return {
            "fate": key[0], "code": key[1], "count": self._count, "reason": self._reason,
            "kinds": dict(self._kinds), "examples": self._examples,
        }  # fmt: skip


def _by_count(entry: tuple[Why, Reasoned]) -> tuple[int, Why]:
    return -entry[1].count, entry[0]


def _share(counted: Counter[bool]) -> dict[str, Json]:
    total = counted.total()
    return {"carried": counted[True], "of": total, "share": round(counted[True] / total, 4) if total else None}
