"""The sample: drawn by the desk, again the same from its seed, and a bound that no hiding place breaks."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from math import comb

import pytest
from django.contrib.auth.models import User
from hypothesis import example, given, settings
from hypothesis import strategies as st

from safeconduct.model import Kind
from safeconduct_desk import sampling
from safeconduct_desk.models import Arrival
from safeconduct_desk.sampling import DOUBT, Statement, allotted, bound, drawn

Part = tuple[int, int]
small = st.lists(
    st.integers(1, 7).flatmap(lambda of: st.tuples(st.just(of), st.integers(0, of))), min_size=1, max_size=3
)


def _chance(parts: list[Part], spread: tuple[int, ...], most: int) -> Fraction:
    """The exact chance to meet at most ``most`` bad ones, were they spread like that."""
    met = {0: Fraction(1)}
    for (of, looked), bad in zip(parts, spread, strict=True):
        here = {
            found: Fraction(comb(bad, found) * comb(of - bad, looked - found), comb(of, looked))
            for found in range(min(bad, looked) + 1)
            if looked - found <= of - bad
        }
        after: dict[int, Fraction] = {}
        for one, other in product(met, here):
            after[one + other] = after.get(one + other, Fraction(0)) + met[one] * here[other]
        met = after
    return sum((chance for found, chance in met.items() if found <= most), Fraction(0))


def _spreads(parts: list[Part]) -> Iterator[tuple[int, ...]]:
    return product(*(range(of + 1) for of, _ in parts))


@given(small, st.integers(0, 3))
@settings(deadline=None, max_examples=100)
@example([(7, 3), (7, 1), (5, 5)], 0)
@example([(4, 4), (7, 6), (7, 7)], 1)
def test_wherever_more_were_hidden_so_few_would_be_found_one_time_in_twenty(parts: list[Part], bad: int) -> None:
    if bad > sum(looked for _, looked in parts):
        return
    most = bound(parts, bad)
    for spread in _spreads(parts):
        if sum(spread) > most:
            assert _chance(parts, spread, bad) <= Fraction(1, 20), spread


@given(small)
@settings(deadline=None, max_examples=100)
def test_where_none_was_found_the_bound_is_the_smallest_that_holds(parts: list[Part]) -> None:
    """Exact: some way of hiding exactly that many would go unseen more often than one time in twenty."""
    most = bound(parts, 0)
    assert any(sum(spread) == most and _chance(parts, spread, 0) > Fraction(1, 20) for spread in _spreads(parts))


@given(st.integers(1, 40).flatmap(lambda of: st.tuples(st.just(of), st.integers(1, of))), st.integers(0, 4))
@settings(deadline=None, max_examples=100)
def test_one_stratum_is_the_textbook_bound(part: Part, bad: int) -> None:
    of, looked = part
    if bad > looked:
        return
    counts = range(bad, of - looked + bad + 1)
    assert bound([part], bad) == max(count for count in counts if _chance([part], (count,), bad) > Fraction(1, 20))


def test_the_sentence_of_the_published_example() -> None:
    assert bound([(18_240, 300)], 0) / 18_240 < 0.01
    assert bound([(18_240, 298)], 0) / 18_240 > 0.0097
    assert Statement(18_240, 300, 0, bound([(18_240, 300)], 0)).percent == 1


def test_everything_looked_at_leaves_nothing_open() -> None:
    assert bound([(9, 9), (4, 4)], 0) == 0
    assert bound([(9, 9), (4, 4)], 2) == 2
    assert bound([(9, 9), (400, 0)], 0) == 400, "a stratum that nobody saw may be bad altogether"


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 500), min_size=1, max_size=12), st.integers(1, 600))
@settings(deadline=None, max_examples=100)
def test_shares_are_in_proportion_and_no_stratum_is_forgotten(sizes: dict[str, int], size: int) -> None:
    given_ = allotted(sizes, size)
    assert sum(given_.values()) == min(size, sum(sizes.values()))
    assert all(0 <= given_[name] <= sizes[name] for name in sizes)
    if size >= len(sizes):
        assert all(given_.values())


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=50)
def test_the_same_seed_draws_the_same(seed: int) -> None:
    found = {"2019 post": list(range(0, 90)), "2020 post": list(range(90, 100)), "? media": [200]}
    first = drawn(found, 30, str(seed))
    assert first == drawn(found, 30, str(seed))
    assert len(set(first)) == 30
    assert 200 in first
    assert drawn(found, 30, f"{seed} other") != first


def test_each_item_of_a_stratum_is_drawn_equally_often() -> None:
    found = {"a": list(range(10)), "b": list(range(10, 30))}
    counts = [0] * 30
    for seed in range(2000):
        for number in drawn(found, 6, str(seed)):
            counts[number] += 1
    assert all(330 < count < 470 for count in counts), counts  # 400 expected; six standard deviations are 107


def test_what_nobody_looked_at_and_would_be_delivered_is_drawn(screened: Arrival, carol: User) -> None:
    sample = sampling.draw(screened, carol.member, 40)
    assert len(sample.seed) == 64
    assert len(set(sample.numbers)) == sample.size == 40
    held = {one.n for group in screened.groups.all() for one in group.members.all()}
    assert not held & set(sample.numbers)
    assert sample.population == sum(part["of"] for part in sample.strata.values())
    kinds = {name.partition(" ")[2] for name in sample.strata}
    assert {"post", "media", "profile"} <= kinds <= set(sampling.SEEN)
    assert Kind.FOLLOW not in kinds
    again = drawn(sampling.strata(screened), 40, sample.seed)
    assert again == sample.numbers, "drawn again from the seed that was kept"
    sample.looked = sample.size
    sample.save()
    second = sampling.draw(screened, carol.member, 40)
    assert not set(second.numbers) & set(sample.numbers), "nobody is shown the same again"
    assert second.population == sample.population - 40


def test_before_the_end_it_supports_less(screened: Arrival, carol: User) -> None:
    sample = sampling.draw(screened, carol.member, 60)
    sample.looked = 20
    early = sampling.statement(sample)
    sample.looked = sample.size
    late = sampling.statement(sample)
    assert early.most > late.most > 0
    assert late.percent < 100
    sample.bad = 3
    assert sampling.statement(sample).most > late.most
    assert pytest.approx(0.05) == DOUBT
