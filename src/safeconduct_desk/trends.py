"""What happened here over time: imports, servers, outcomes, rules, minutes, appeals.  Sums of all, never of a person.

For the public nothing below ``K`` is a number, and no server is named that fewer than ``K`` imports came from.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone
from django.utils.translation import gettext as _

from safeconduct_desk.models import Appeal, Arrival, Labour, Member
from safeconduct_desk.workbench import rules_of

K = 10
MONTHS = 12
JUMP, LEAST, EARLIER = 3, 20, 3  # times the median, items, imports that have to be known before
LATELY = timedelta(days=30)
FEWEST = 3  # people whose minutes are added up, so that the sum says nothing about one of them
Kept = Mapping[str, int]
State = Arrival.State
DELIVERED = (State.APPLIED, State.APPLYING)
ENDS = {
    "delivered": (State.APPLIED,), "not taken": (State.REFUSED,), "taken back": (State.UNDONE,),
    "withdrawn": (State.WITHDRAWN,),
}  # fmt: skip


@dataclass(frozen=True)
class Jump:
    """A rule that spoke in one import far more often than in those before."""

    rule: str
    arrival: Arrival
    count: int
    usual: float


@dataclass(frozen=True)
class Trends:
    """Rows for charts, each a list of (label, number); months are oldest first."""

    since: date
    months: Sequence[tuple[str, int]]
    origins: Sequence[tuple[str, int]]
    outcomes: Sequence[tuple[str, int]]
    items: Sequence[tuple[str, int]]
    rules: Sequence[tuple[str, int, Sequence[tuple[str, int]]]]
    minutes: Sequence[tuple[str, int]]
    appeals: Sequence[tuple[str, int]]
    jumps: Sequence[Jump]


def of(now: datetime | None = None) -> Trends:
    """The last twelve months, this one included."""
    now = now or timezone.now()
    names = months(now)
    since = date.fromisoformat(f"{names[0]}-01")
    start = timezone.make_aware(datetime.fromisoformat(since.isoformat()))
    arrivals = list(Arrival.objects.filter(created__gte=start).exclude(state=State.OFFERED).order_by("created"))
    return Trends(
        since, _by_month(names, Counter(_month(one.created) for one in arrivals)), _origins(arrivals),
        _outcomes(arrivals), _items(arrivals), _rules(names, arrivals), _minutes(names, since), _appeals(start),
        [one for one in jumps(arrivals) if one.arrival.created >= now - LATELY],
    )  # fmt: skip


def months(now: datetime, count: int = MONTHS) -> list[str]:
    """Names of the last months ("2026-03"), oldest first."""
    here = timezone.localtime(now)
    last = here.year * 12 + here.month - 1
    return [f"{one // 12:04}-{one % 12 + 1:02}" for one in range(last - count + 1, last + 1)]


def jumps(arrivals: Iterable[Arrival]) -> list[Jump]:
    """Rules whose hits jump: more than three times the median of the earlier imports, and at least twenty.

    ``arrivals`` in the order of time.  The first three imports of a community are no measure of what is usual.
    """
    before: dict[str, list[int]] = defaultdict(list)
    found, seen = list[Jump](), 0
    for arrival in arrivals:
        if not arrival.report:
            continue
        hits = rules_of(arrival)
        for rule, count in hits.items():
            usual = median([*before[rule], *[0] * (seen - len(before[rule]))]) if seen >= EARLIER else 0.0
            if seen >= EARLIER and count >= LEAST and count > JUMP * usual:
                found.append(Jump(rule, arrival, count, usual))
            before[rule].append(count)
        seen += 1
    return found[::-1]


def _month(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%Y-%m")


def _by_month(names: Sequence[str], counts: Kept) -> list[tuple[str, int]]:
    return [(name, counts.get(name, 0)) for name in names]


def _origins(arrivals: Iterable[Arrival]) -> list[tuple[str, int]]:
    return Counter(one.origin or _("not said") for one in arrivals).most_common(10)


def _outcomes(arrivals: Sequence[Arrival]) -> list[tuple[str, int]]:
    counts = Counter(one.state for one in arrivals)
    ends = [(name, sum(counts[state] for state in states)) for name, states in ENDS.items()]
    rest = len(arrivals) - sum(count for _name, count in ends)
    return [(_(name), count) for name, count in [*ends, ("still open", rest)]]


def _items(arrivals: Iterable[Arrival]) -> list[tuple[str, int]]:
    """What the policies said of single items, before people answered."""
    counts = Counter[str]()
    for one in arrivals:
        counts.update(one.report.get("decisions") or {})
    return [(name, counts[name]) for name in ("accept", "limit", "quarantine", "reject")]


def _rules(names: Sequence[str], arrivals: Iterable[Arrival]) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """The ten rules that spoke most, each over the months."""
    hits: dict[str, Counter[str]] = defaultdict(Counter)
    for one in arrivals:
        for rule, count in rules_of(one).items():
            hits[rule][_month(one.created)] += count
    most = sorted(hits, key=lambda rule: (-hits[rule].total(), rule))[:10]
    return [(rule, hits[rule].total(), _by_month(names, hits[rule])) for rule in most]


def work(since: date | None = None) -> list[dict[str, Any]]:
    """Review of all together by month: ``month``, ``seconds``, ``decisions``, ``saved``, oldest month first.

    A month in which fewer than ``FEWEST`` people worked is left out, for programs too: it would say something of one.
    """
    given = Labour.objects.filter(day__gte=since) if since else Labour.objects.all()
    rows = (
        given.order_by().annotate(month=TruncMonth("day")).values("month")
        .annotate(time=Sum("seconds"), said=Sum("decisions"), spared=Sum("saved"),
                  people=Count("member", distinct=True))
        .filter(people__gte=FEWEST).order_by("month")
    )  # fmt: skip
    return [
        {"month": f"{row['month']:%Y-%m}", "seconds": row["time"], "decisions": row["said"], "saved": row["spared"]}
        for row in rows
    ]


def _minutes(names: Sequence[str], since: date) -> list[tuple[str, int]]:
    kept = {row["month"]: round(row["seconds"] / 60) for row in work(since)}
    return _by_month(names, kept) if kept else []


def answers(since: datetime | None = None) -> dict[bool | None, int]:
    """How many appeals are open (``None``), were turned down (``True``: the decision stands) and were right."""
    rows = Appeal.objects.filter(created__gte=since) if since else Appeal.objects.all()
    return dict(rows.order_by().values_list("upheld").annotate(Count("pk")))


def _appeals(since: datetime) -> list[tuple[str, int]]:
    counts = answers(since)
    words = {None: _("still open"), True: _("the decision stands"), False: _("the decision was changed")}
    return [(words[key], counts.get(key, 0)) for key in (None, True, False)] if counts else []


# --- for everybody ----------------------------------------------------------------------------------------------------


def public(now: datetime | None = None) -> dict[str, Any]:
    """The transparency report of the last twelve full months, as data; ``None`` stands for "fewer than 10".

    What could be reckoned from a sum and the other parts is withheld too.  Items count by the imports they came with: a
    thousand posts of one person are one person.
    """
    now = now or timezone.now()
    names = months(now, MONTHS + 1)
    start, end = (timezone.make_aware(datetime.fromisoformat(f"{name}-01")) for name in (names[0], names[-1]))
    arrivals = list(Arrival.objects.filter(created__gte=start, created__lt=end).exclude(state=State.OFFERED))
    origins = Counter(one.origin for one in arrivals if one.origin)
    named = {name: count for name, count in origins.most_common() if count >= K}
    appeals = Appeal.objects.filter(created__gte=start, created__lt=end)
    servers = {**named, "": len(arrivals) - sum(named.values())}
    told = parts(servers)
    return {
        "from": start.date().isoformat(), "to": (end - timedelta(days=1)).date().isoformat(), "fewest": K,
        "imports": veiled(len(arrivals)), "outcomes": parts(dict(_public_ends(arrivals))),
        "items": _public_items(arrivals), "other_origins": told.pop(""), "origins": told,
        "rules": _public_rules(arrivals),
        "appeals": parts({
            "open": appeals.filter(upheld=None).count(), "decision stands": appeals.filter(upheld=True).count(),
            "decision changed": appeals.filter(upheld=False).count(),
        }),
        "minutes": _public_minutes(start, end),
    }  # fmt: skip


def veiled(count: int) -> int | None:
    """The number, or ``None`` for one that is fewer than ten; none at all is said, it is about nobody."""
    return count if count == 0 or count >= K else None


def parts(counts: Kept) -> dict[str, int | None]:
    """Parts of a whole that is told too: as many are veiled as it takes for what is veiled to be ten together."""
    shown = {name: veiled(count) for name, count in counts.items()}
    rest = sum(count for name, count in counts.items() if shown[name] is None)
    for name in sorted((name for name, count in shown.items() if count), key=lambda name: counts[name]):
        if 0 < rest < K:
            shown[name], rest = None, rest + counts[name]
    return shown


def _public_items(arrivals: Sequence[Arrival]) -> dict[str, int | None]:
    counts = dict(_items(arrivals))
    return parts(counts) if len(arrivals) >= K else dict.fromkeys(counts)


def _public_rules(arrivals: Iterable[Arrival]) -> dict[str, int | None]:
    """Items by rule, of rules that spoke in ten imports or more."""
    items, imports = Counter[str](), Counter[str]()
    for one in arrivals:
        items.update(rules_of(one))
        imports.update(set(rules_of(one)))
    return {rule: count if imports[rule] >= K else None for rule, count in items.most_common()}


def _public_ends(arrivals: Sequence[Arrival]) -> list[tuple[str, int]]:
    counts = Counter(one.state for one in arrivals)
    ends = [(name, sum(counts[state] for state in states)) for name, states in ENDS.items()]
    return [*ends, ("open", len(arrivals) - sum(count for _name, count in ends))]


def _public_minutes(start: datetime, end: datetime) -> int | None:
    """Minutes of review of all together, if enough people gave them."""
    given = Labour.objects.filter(day__gte=start.date(), day__lt=end.date())
    if Member.objects.filter(labour__in=given).distinct().count() < FEWEST:
        return None
    return round((given.aggregate(Sum("seconds"))["seconds__sum"] or 0) / 60)
