"""Trends: what arrived, from where, what became of it, which rules spoke, and how much work it was, month by month."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth
from django.http import HttpRequest
from ninja import Router, Schema

from safeconduct_desk import trends as counted
from safeconduct_desk.api._ground import needs
from safeconduct_desk.models import Arrival, Group

router = Router()
ORIGINS = 50  # the most frequent


class Month(Schema):
    """Imports that began in a month (``2026-11``), by the state they are in today."""

    month: str
    imports: int
    items: int
    held: int
    states: dict[str, int]


class Spoke(Schema):
    """One rule in one month: groups, and the items in them."""

    month: str
    rule: str
    groups: int
    items: int


class Work(Schema):
    """Review in one month, of all who work here together: seconds, decisions, items decided without being opened.

    A month in which fewer than three people worked is left out.
    """

    month: str
    seconds: int
    decisions: int
    saved: int


class Origin(Schema):
    """Imports from one server."""

    origin: str
    imports: int


class Appeals(Schema):
    """Appeals and how they ended."""

    open: int
    upheld: int
    reversed: int


class Trends(Schema):
    """The numbers of a community, for its meeting; no person is in them."""

    months: list[Month]
    origins: list[Origin]
    rules: list[Spoke]
    work: list[Work]
    appeals: Appeals


@router.get("trends", auth=needs("trends:read"), response=Trends, operation_id="read_trends")
def trends(request: HttpRequest) -> dict[str, Any]:
    """Arrivals, origins, outcomes, hits per rule, workload and appeals over time."""
    origins = Arrival.objects.exclude(origin="").order_by().values("origin").annotate(imports=Count("pk"))
    return {
        "months": _months(), "origins": list(origins.order_by("-imports", "origin")[:ORIGINS]), "rules": _rules(),
        "work": counted.work(),
        "appeals": _appeals(),
    }  # fmt: skip


def _months() -> list[dict[str, Any]]:
    rows = (
        Arrival.objects.order_by().annotate(month=TruncMonth("created")).values("month", "state")
        .annotate(imports=Count("pk"), all=Sum("items"), kept=Sum("held")).order_by("month")
    )  # fmt: skip
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = f"{row['month']:%Y-%m}"
        month = found.setdefault(name, {"month": name, "imports": 0, "items": 0, "held": 0, "states": {}})
        month["imports"] += row["imports"]
        month["items"] += row["all"]
        month["held"] += row["kept"]
        month["states"][row["state"]] = row["imports"]
    return list(found.values())


def _rules() -> list[dict[str, Any]]:
    rows = (
        Group.objects.order_by().annotate(month=TruncMonth("arrival__created")).values("month", "rule")
        .annotate(groups=Count("pk"), items=Sum("count")).order_by("month", "rule")
    )  # fmt: skip
    return [{**row, "month": f"{row['month']:%Y-%m}"} for row in rows]


def _appeals() -> dict[str, int]:
    found = counted.answers()
    return {"open": found.get(None, 0), "upheld": found.get(True, 0), "reversed": found.get(False, 0)}
