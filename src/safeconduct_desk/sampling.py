"""A sample for histories too large to read, and exactly what it supports.

The desk draws, with a seed of its own that is kept.  Strata are year and kind, each with its share, so the smallest
guaranteed share of any stratum is known.  What can be said afterwards must hold wherever the bad items hide: the bound
is the worst over *all* ways of spreading them over the strata, not that of a well-mixed archive.

With every stratum's hypergeometric distribution a sum of independent coin tosses (Vatutin and Mikhailov 1982), the
number of bad ones in the sample is one too, and the binomial tail bounds it (Hoeffding 1956); where none was found
the worst spreading is found exactly, one bad item after the other (each costs the most likely stratum, and what it
costs only grows).  One stratum is the textbook's hypergeometric bound.
"""

from __future__ import annotations

import heapq
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb, exp, lgamma, log, log1p
from random import Random

import numpy

from safeconduct.model import Action, Kind
from safeconduct.screening.census import UNREADABLE
from safeconduct_desk.models import Arrival, Held, Member, Sample
from safeconduct_desk.screening import COLUMNS
from safeconduct_desk.store import files

SIZE = 300
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 1.1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 75)
ODDS = 20
DOUBT = 1 / ODDS
SEEN = frozenset({Kind.POST, Kind.POLL, Kind.MEDIA, Kind.PROFILE})  # what has something to look at
Strata = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Statement:
    """What a sample supports: of ``population``, ``size`` were drawn and ``bad`` found; at most ``most`` are bad."""

    population: int
    size: int
    bad: int
    most: int

    @property
    def percent(self) -> float:
        """The bound as a share, rounded up to what can be said in a sentence."""
        share = 100 * self.most / self.population if self.population else 0.0
        for step in STEPS:
            if share < step:
                return step
        return 100.0


# --- drawing ----------------------------------------------------------------------------------------------------------


def strata(arrival: Arrival) -> dict[str, list[int]]:
    """Everything that would be delivered and that nobody has looked at: numbers by year and kind."""
    looked = set(Held.objects.filter(group__arrival=arrival).values_list("n", flat=True))
    for sample in arrival.samples.all():
        looked |= set(sample.numbers[: sample.looked])
    columns = numpy.load(files().fetch(arrival, COLUMNS))
    kinds, actions = columns["kind"], columns["action"]
    years = _years(columns["published"])
    wanted = numpy.isin(kinds, [place for place, kind in enumerate(Kind) if kind in SEEN])
    wanted &= (actions <= Action.LIMIT) & (kinds != UNREADABLE)
    names = tuple(Kind)
    found: dict[str, list[int]] = defaultdict(list)
    for number in numpy.flatnonzero(wanted):
        if int(number) not in looked:
            year = int(years[number])
            found[f"{year or '?'} {names[int(kinds[number])]}"].append(int(number))
    return dict(sorted(found.items()))


def _years(published: numpy.ndarray) -> numpy.ndarray:
    """The year of each date; 0 where there is none, or none that a calendar knows."""
    known = numpy.isfinite(published) & (numpy.abs(published) < 2.5e11)
    seconds = numpy.where(known, published, 0).astype("datetime64[s]")
    years = seconds.astype("datetime64[Y]").astype(numpy.int64) + 1970
    return numpy.where(known, years, 0)


def draw(arrival: Arrival, member: Member, size: int = SIZE) -> Sample:
    """A new sample: the seed is the desk's own."""
    found = strata(arrival)
    seed = secrets.token_hex(32)
    numbers = drawn(found, size, seed)
    return Sample.objects.create(
        arrival=arrival, seed=seed, size=len(numbers), population=sum(map(len, found.values())), numbers=numbers,
        by=member,
        strata={
            name: {"of": len(members), "numbers": sorted(set(members) & set(numbers))}
            for name, members in found.items()
        },
    )  # fmt: skip


def drawn(found: Strata, size: int, seed: str) -> list[int]:
    """The numbers of a sample, in an order that says nothing; the same seed draws the same."""
    random = Random(seed)  # noqa: S311 seeded from ``secrets``, and to be drawn again
    numbers = [
        number
        for name, count in allotted({name: len(members) for name, members in found.items()}, size).items()
        for number in random.sample(sorted(found[name]), count)
    ]
    random.shuffle(numbers)
    return numbers


def allotted(sizes: Mapping[str, int], size: int) -> dict[str, int]:
    """How many of each stratum: in proportion by largest remainders, at least one of each where that is possible."""
    whole = sum(sizes.values())
    size = min(size, whole)
    least = {name: int(count > 0 and size >= len(sizes)) for name, count in sizes.items()}
    shares = {name: size * count / whole if whole else 0.0 for name, count in sizes.items()}
    given = {name: max(least[name], min(sizes[name], int(shares[name]))) for name in sizes}
    for name in sorted(sizes, key=lambda name: (given[name] - shares[name], name)):
        if sum(given.values()) < size and given[name] < sizes[name]:
            given[name] += 1
    while sum(given.values()) > size:
        name = max((name for name in sizes if given[name] > least[name]), key=lambda name: given[name] - shares[name])
        given[name] -= 1
    return given


# --- what it supports ------------------------------------------------------------------------------------------------


def statement(sample: Sample) -> Statement:
    """What the part of the sample that was looked at supports; before the end, years not yet met may hide anything."""
    looked = set(sample.numbers[: sample.looked])
    parts = [(int(one["of"]), len(looked & set(one["numbers"]))) for one in sample.strata.values()]
    return Statement(sample.population, sample.looked, sample.bad, bound(parts, sample.bad))


def bound(parts: Sequence[tuple[int, int]], bad: int) -> int:
    """The most bad ones that may be there, at 95 % confidence: (population, looked at) of each stratum, ``bad`` found.

    For every way in which more of them could lie, the chance to find so few is at most one in twenty.
    """
    unseen = sum(of for of, looked in parts if not looked)
    covered = [(of, looked) for of, looked in parts if looked]
    if not covered:
        return unseen
    if len(covered) == 1:
        return unseen + _one(*covered[0], bad)
    return unseen + (_spread(covered) if bad == 0 else _tossed(covered, bad))


def _one(of: int, looked: int, bad: int) -> int:
    """Hypergeometric, in whole numbers: the largest count that would show so few more often than one time in twenty."""
    every = comb(of, looked)

    def likely(count: int) -> bool:
        ways = sum(comb(count, found) * comb(of - count, looked - found) for found in range(bad + 1))
        return ways * ODDS > every

    return _last(likely, bad, of - looked + bad)


def _spread(parts: Sequence[tuple[int, int]]) -> int:
    """None found: the bad ones lie where they are least likely to be met, exactly."""
    ways, every, count = 1, 1, 0
    heap = [(-(of - looked) / of, of, looked) for of, looked in parts]
    heapq.heapify(heap)
    while heap:
        _, left, looked = heapq.heappop(heap)
        ways, every = ways * (left - looked), every * left
        if ways * ODDS <= every:
            break
        count += 1
        if left - 1 > looked:
            heapq.heappush(heap, (-(left - 1 - looked) / (left - 1), left - 1, looked))
    return count


def _tossed(parts: Sequence[tuple[int, int]], bad: int) -> int:
    """Some found: the binomial tail, with the smallest share of any stratum."""
    looked = sum(one for _, one in parts)
    share = min(one / of for of, one in parts)

    def likely(count: int) -> bool:
        mean = share * count
        return mean < bad + 1 or _tail(looked, min(1.0, mean / looked), bad) > DOUBT

    return _last(likely, bad, sum(of - one for of, one in parts) + bad)


def _tail(tosses: int, chance: float, most: int) -> float:
    """P(at most ``most`` of so many tosses)."""
    if chance >= 1:
        return float(most >= tosses)
    terms = (
        lgamma(tosses + 1) - lgamma(one + 1) - lgamma(tosses - one + 1) + one * log(chance)
        + (tosses - one) * log1p(-chance)
        for one in range(min(most, tosses) + 1)
    )  # fmt: skip
    return sum(map(exp, terms)) * (1 + 1e-9)


def _last(likely: Callable[[int], bool], low: int, high: int) -> int:
    """The largest number between that is still likely; likelihood only falls."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if likely(middle) else (low, middle - 1)
    return low
