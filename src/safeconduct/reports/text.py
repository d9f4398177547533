"""Reports for a terminal: the same sentences as on the page, in lines that fit."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from safeconduct.model import Json
from safeconduct.reports import sentences as say

Row = Mapping[str, Json]
WIDEST = 100
MOST = 12


def inspection_text(report: Row, width: int = 0) -> str:
    """What ``inspect --json`` prints, as text.  ``width`` in columns; 0 asks the terminal."""
    return _fitted(_inspection(report), width)


def plan_text(report: Row, width: int = 0) -> str:
    """What ``plan --json`` prints, as text.  ``width`` in columns; 0 asks the terminal."""
    return _fitted(_plan(report), width)


# --- an inspection ---------------------------------------------------------------------------------------


def _inspection(report: Row) -> Iterator[str]:
    source = report.get("source") or {}
    yield f"{source.get('acct') or source.get('actor') or 'Somebody'} ({source.get('format', 'unknown format')})"
    yield ""
    yield say.what_it_is(report)
    yield say.what_is_decided(report)
    yield say.what_waits(report)
    yield from filter(None, [say.what_could_not_be_read(report)])
    yield ""
    decisions = report.get("decisions") or {}
    for action in say.ACTIONS:
        yield f"  {say.SHAPES[action]} {action:<11}{int(decisions.get(action, 0)):>9,}  {say.MEANS[action]}"
    yield from _questions(report)
    yield from _findings(report)
    yield from _section("Who could read them", [say.who_may_read(report)])
    yield from _section("Proof", [say.who_confirms(report)])
    yield from _section("What nobody knows, and what was odd", _open_ends(report))


def _questions(report: Row) -> Iterator[str]:
    groups = list(report.get("groups") or ())
    asked = [f"  ◌ {question}" for question in report.get("questions") or ()]
    waiting = [group for group in groups if say.strictest(group) == "quarantine"]
    yield from _section("For a person, largest first; one decision settles a group", [*asked, *_groups(waiting)])
    settled = [group for group in groups if say.strictest(group) != "quarantine"]
    yield from _section("Settled by the policy", list(_groups(settled)))


def _groups(groups: Sequence[Row]) -> Iterator[str]:
    for group in groups[:MOST]:
        items = say.many(int(group.get("count", 0)), "item")
        found = ": ".join(filter(None, [str(group.get("finding", "")), say.known_as(group)]))
        yield f"  {say.SHAPES[say.strictest(group)]} {items}: {group.get('because', '')} ({found})"
    if len(groups) > MOST:
        yield f"    … and {len(groups) - MOST} more groups (see --json)"


def _findings(report: Row) -> Iterator[str]:
    rows = sorted(report.get("findings") or (), key=lambda row: -int(row.get("count", 0)))
    lines = [
        f"  {int(row.get('count', 0)):>9,}  {row.get('criterion', '')} ({row.get('confidence', '')} confidence)"
        for row in rows
    ]
    yield from _section("What was found", lines)


def _open_ends(report: Row) -> list[str]:
    lines = [
        f"  {line}" for line in (*(report.get("unknown") or ()), *say.totals(report), *(report.get("notes") or ()))
    ]
    lines += [f"  {row.get('criterion', '')}: {row.get('reason', '')}" for row in report.get("whole") or ()]
    unreadable = list(report.get("unreadables") or ())
    lines += [f"  {row.get('origin', '')}: {row.get('reason', '')}" for row in unreadable[:MOST]]
    if len(unreadable) > MOST:
        lines.append(f"  … and {len(unreadable) - MOST} more that could not be read (see --json)")
    return lines


# --- a plan ------------------------------------------------------------------------------------------------


def _plan(report: Row) -> Iterator[str]:
    yield f"Plan for {say.where_to(report)}"
    yield ""
    yield say.what_travels(report)
    yield from filter(None, [say.coverage(report), say.what_could_not_be_read(report)])
    yield say.how_long(report)
    yield say.seen_by_others(report)
    yield ""
    for fate, count in say.rows_of(report.get("totals") or {}, say.FATES):
        shape, means = say.FATES.get(fate, ("·", fate))  # type: ignore[call-overload]
        yield f"  {shape} {count:>9,}  {means}"
    yield from _section("Questions for a person first", [f"  ◌ {one}" for one in report.get("questions") or ()])
    yield from _reasons(report)
    yield from _section(
        "About the destination", [f"  {one}" for one in (report.get("destination") or {}).get("notes") or ()]
    )
    yield from _section("", ["Nothing has left this computer. This plan is exactly what a copy will do."])


def _reasons(report: Row) -> Iterator[str]:
    lines = []
    for row in report.get("reasons") or ():
        if row.get("reason"):
            shape = say.FATES.get(row.get("fate"), ("·", ""))[0]
            lines.append(f"  {shape} {say.listed(say.kinds(row.get('kinds') or {}))}: {row['reason']}")
    more = len(lines) - 2 * MOST
    yield from _section(
        "Why", lines[: 2 * MOST] + ([f"    … and {more} more reasons (see --json)"] if more > 0 else [])
    )


# --- lines ---------------------------------------------------------------------------------------------------


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield from [title] if title else []
        yield from lines


def _fitted(lines: Iterator[str], width: int) -> str:
    """Folded to the width, with the fold under the words, and nothing in it that a terminal would obey."""
    columns = min(width or shutil.get_terminal_size().columns, WIDEST)
    made: list[str] = []
    for line in lines:
        line = inert(line)
        lead = len(line) - len(line.lstrip())
        hang = " " * (lead + 2 if lead else 0)
        made += textwrap.wrap(line, max(columns, 20), subsequent_indent=hang, break_on_hyphens=False) or [""]
    return "\n".join(made)


def inert(text: str) -> str:
    """Control characters and marks that turn the writing direction are shown, not sent to the terminal."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
