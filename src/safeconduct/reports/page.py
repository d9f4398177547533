"""Reports as one page each: a single HTML file that loads nothing, runs nothing and can be sent or printed.

Everything from an archive is text in it (``autoescape``, ``<bdi>``); there is no script, no link and no picture.
The one style sheet stands inside and is named in the page's Content-Security-Policy by its digest.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from safeconduct.model import Json
from safeconduct.reports import sentences as say

FILES = Path(__file__).with_name("page_files")
Row = Mapping[str, Json]


def render_inspection(report: Row) -> str:
    """The import report as a page; ``report`` is what ``inspect --json`` prints."""
    decisions = report.get("decisions") or {}
    bars = [(say.SHAPES[action], action, int(decisions.get(action, 0)), say.MEANS[action]) for action in say.ACTIONS]
    findings = sorted(report.get("findings") or (), key=lambda row: -int(row.get("count", 0)))
    counted, groups = report.get("kinds") or {}, report.get("groups") or ()
    kinds = say.rows_of(counted, sorted(counted, key=lambda name: (-counted[name], name)))
    audiences = say.rows_of(report.get("visibility") or {}, say.AUDIENCES)
    return _page(
        "inspection.html",
        report=report,
        source=report.get("source") or {},
        actions=bars,
        waiting=[_group(group) for group in groups if say.strictest(group) == "quarantine"],
        settled=[_group(group) for group in groups if say.strictest(group) != "quarantine"],
        findings=[{**row, "mind": say.mind(str(row.get("criterion", "")))} for row in findings],
        kinds=[(say.KINDS.get(kind, (kind, kind))[1], count) for kind, count in kinds],
        audiences=[(say.AUDIENCES.get(name, name), count) for name, count in audiences],
    )


def render_plan(report: Row) -> str:
    """A plan's sum as a page; ``report`` is what ``plan --json`` prints."""
    totals = report.get("totals") or {}
    fates = [(shape, str(fate), int(totals.get(fate, 0)), means) for fate, (shape, means) in say.FATES.items()]
    return _page(
        "plan.html",
        report=report,
        items=int(report.get("items", 0)),
        fates=fates,
        reasons=[_reason(row) for row in report.get("reasons") or () if row.get("reason")],
        by_kind=sorted((report.get("fates") or {}).items()),
        where=report.get("destination") or {},
    )


def _group(group: Row) -> dict[str, Json]:
    action = say.strictest(group)
    representative = group.get("representative")
    return {
        **group,
        "action": action,
        "shape": say.SHAPES[action],
        "mind": say.mind(str(group.get("finding", ""))),
        "known_as": say.known_as(group),
        "representative": representative if isinstance(representative, Mapping) else {},
    }


def _reason(row: Row) -> dict[str, Json]:
    shape, means = next((words for fate, words in say.FATES.items() if fate == row.get("fate")), ("·", row.get("fate")))
    return {**row, "shape": shape, "means": means, "what": say.listed(say.kinds(row.get("kinds") or {}))}


def _page(template: str, **values: Json) -> str:
    style = (FILES / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    page = _jinja().get_template(template)
    return page.render(style=Markup(style), style_digest=digest, **values)  # noqa: S704 - our own file


@cache
def _jinja() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FILES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made.filters.update(thousands=lambda count: f"{count:,}", many=say.many, day=say.day)
    made.globals.update(say=say)
    return made
