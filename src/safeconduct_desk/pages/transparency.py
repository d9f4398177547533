"""The transparency report, for everybody: what happened here, without a number that could be about somebody."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from safeconduct_desk import trends
from safeconduct_desk.doors import door

WORDS = {
    "delivered": gettext_lazy("delivered"), "not taken": gettext_lazy("not taken"),
    "taken back": gettext_lazy("taken back"), "withdrawn": gettext_lazy("withdrawn by the person"),
    "open": gettext_lazy("still open"), "accept": gettext_lazy("arrived as they were"),
    "limit": gettext_lazy("arrived limited"), "quarantine": gettext_lazy("held for a person"),
    "reject": gettext_lazy("refused by an exact rule"), "decision stands": gettext_lazy("the decision stands"),
    "decision changed": gettext_lazy("the decision was changed"),
}  # fmt: skip


@require_safe
@door(None)
def view(request: HttpRequest) -> HttpResponse:
    """As a page; with ``?format=json`` as data, which pages elsewhere may read."""
    report = trends.public()
    if request.GET.get("format") == "json":
        return _data(report)
    tables = [
        (_("Imports, and how they ended"), _rows(report["outcomes"])),
        (_("Posts and other items, and what the policy said of them"), _rows(report["items"])),
        (
            _("Servers that imports came from"),
            _rows({**report["origins"], _("other servers"): report["other_origins"]}),
        ),
        (_("Rules, and the items they spoke about"), _rows(report["rules"])),
        (_("Appeals"), _rows(report["appeals"])),
    ]
    given = {"report": report, "tables": tables, "fewest": trends.K, "imports": said(report["imports"])}
    return render(request, "desk/transparency.html", given)


def _data(report: dict[str, Any]) -> HttpResponse:
    response = JsonResponse(report)
    response["Access-Control-Allow-Origin"] = "*"
    return response


def said(count: int | None) -> str:
    """A number, or that it is small."""
    return _("fewer than %d, or not told") % trends.K if count is None else f"{count}"


def _rows(counts: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(WORDS.get(name, name)), said(count)) for name, count in counts.items()]


urls = [path("transparency/", view, name="transparency")]
