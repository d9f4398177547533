"""near-duplicate and id-order against the slow and obvious way of doing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.criteria.id_order import IdOrder, _longest
from safeconduct.criteria.near_duplicate import NearDuplicate, _join
from safeconduct.model import Kind, Total

NOW = datetime(2024, 6, 1, tzinfo=UTC)


class Columns:
    """A census whose columns are given."""

    def __init__(self, **columns: Any) -> None:
        self._columns = {name: numpy.asarray(values) for name, values in columns.items()}
        self.count = len(next(iter(columns.values())))
        self.owner, self.as_of = "", NOW
        self.totals: Sequence[Total] = ()
        self.touched: Mapping[str, int] = {}

    def column(self, name: str) -> Any:
        return self._columns[name]


def posts(count: int) -> list[int]:
    return [list(Kind).index(Kind.POST)] * count


SIGNATURES = st.lists(st.lists(st.integers(0, 2), min_size=8, max_size=8), min_size=3, max_size=12)


@settings(deadline=None, max_examples=100)
@given(SIGNATURES, st.integers(5, 8))
def test_what_it_joins_is_alike_and_no_pair_of_two_is_missed(rows: list[list[int]], alike: int) -> None:
    columns: dict[str, Any] = {f"shingle{at}": [row[at] for row in rows] for at in range(8)}
    census = Columns(kind=posts(len(rows)), text=list(range(1, len(rows) + 1)), **columns)
    found = {finding.item for finding in NearDuplicate(alike, copies=2).conclude(census)}
    near = {(one, two) for one, two in combinations(range(len(rows)), 2) if _equal(rows[one], rows[two]) >= alike}
    # rows are held against the first of their band and their neighbour only; a lone pair is never missed
    assert found <= {two for pair in near for two in pair}
    lonely = [pair for pair in near if sum(bool({*pair} & {*other}) for other in near) == 1]
    assert {two for one, two in lonely if _alone(rows, one, two)} <= found


def _equal(one: list[int], two: list[int]) -> int:
    return sum(a == b for a, b in zip(one, two, strict=True))


def _alone(rows: list[list[int]], one: int, two: int) -> bool:
    """Nobody else shares as much as two samples with either: then they are neighbours in every band they share."""
    return all(
        max(_equal(rows[other], rows[one]), _equal(rows[other], rows[two])) < 2
        for other in range(len(rows))
        if other not in (one, two)
    )


@settings(deadline=None, max_examples=100)
@given(
    st.integers(2, 12).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=12))
    )
)
def test_groups_are_connected_components(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    count, pairs = drawn
    group = numpy.arange(count, dtype=numpy.int32)
    _join(
        group,
        numpy.array([one for one, _ in pairs], dtype=numpy.intp),
        numpy.array([two for _, two in pairs], dtype=numpy.intp),
    )
    expected = list(range(count))
    for _ in range(count):
        for one, two in pairs:
            expected[one] = expected[two] = min(expected[one], expected[two])
    assert group.tolist() == expected


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_the_longest_run_grows_and_is_the_longest(values: list[int]) -> None:
    places = _longest(values)
    run = [values[place] for place in places]
    assert places == sorted(set(places))
    assert run == sorted(run)
    best = [1] * len(values)
    for at in range(len(values)):
        best[at] = 1 + max((best[before] for before in range(at) if values[before] <= values[at]), default=0)
    assert len(run) == max(best)


def test_one_forged_number_accuses_nobody_else() -> None:
    times = [NOW.timestamp() - 86_400 * (100 - day) for day in range(100)]
    serials = [1000 + 10 * day for day in range(100)]
    serials[3] = 999_999
    census = Columns(kind=posts(100), serial=numpy.array(serials, dtype=numpy.uint64), published=times)
    assert {finding.item for finding in IdOrder().conclude(census)} == {3, -1}
