"""Short answers of the command line, in plain words: copy, undo, trace, queue, probe."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from safeconduct.model import Fate, Json
from safeconduct.reports.sentences import FATES, KINDS, kinds, listed, many, rows_of, what_could_not_be_read

Row = Mapping[str, Json]
SHOWN = 20
WIDTH = 100
TAKEN_BACK = "It was taken back with undo; make a new plan to carry it again."


def copy_text(report: Row) -> str:
    """What a copy did, beside what was planned."""
    transfer, totals = report["transfer"], report["plan"]["totals"]
    lines = [f"Transfer {transfer} to {report['destination']}", "", _there(report)]
    lines += [f"  {FATES[Fate(fate)][0]} {count:>9,}  {FATES[Fate(fate)][1]}" for fate, count in rows_of(totals, FATES)]
    for known, what in ((False, "did not arrive"), (True, "still did not arrive, as in an earlier copy")):
        rows = [row for row in report["differences"] if bool(row.get("known")) == known]
        if rows:
            lines += ["", f"{len(rows):,} {what}:"]
            lines += _cut([f"  item {row['item']}: {_why(row['reason'])}" for row in rows])
    if report["failed"]:
        lines.append("Run the same command again to try those once more.")
    if report.get("notes"):
        lines += ["", f"Of {len(report['notes']):,} that did arrive, something stayed behind:"]
        lines += _cut([f"  item {row['item']}: {row['reason']}" for row in report["notes"]])
    if report.get("unreadable"):
        lines += ["", what_could_not_be_read(report["plan"]), f"Where and why:  {report['unreadable']}"]
    if report["remainder"]:
        lines += ["", "What stayed behind is yours and is kept here, readable as a source:", f"  {report['remainder']}"]
    lines.append("")
    if totals.get(Fate.HELD):
        lines.append(f"What waits for a person:  safeconduct queue --transfer {transfer}")
    lines.append(f"To take all of it back:   safeconduct undo {transfer}")
    return "\n".join(lines)


def _there(report: Row) -> str:
    """New ones and those of an earlier transfer are both there."""
    new, before = report["delivered"], report["already_there"]
    parts = f": {new:,} new, {before:,} from an earlier transfer" if before else ""
    return (
        f"  {new + before:,} of {many(report['planned'], 'planned delivery', 'planned deliveries')} are there{parts}."
    )


def _why(reason: str) -> str:
    return TAKEN_BACK if reason in ("still undone", "still undoing") else reason


def decided_text(report: Row) -> str:
    """What was decided, about how much, and what else was found in the same items."""
    lines = [f"{report['action']}: {listed(kinds(report['kinds']))}. It takes effect with the next plan or copy."]
    if report["also_found"]:
        lines.append(f"Also found in some of them: {_found(report['also_found'])}. Your word counts for those too.")
    return "\n".join(lines)


def _found(counted: Mapping[str, int]) -> str:
    return listed([f"{name} ({count:,})" for name, count in Counter(counted).most_common()])


def rollback_text(report: Row) -> str:
    """What was taken back, and what could not be."""
    count = report["undone"]
    lines = [f"Took back {many(count, 'delivery', 'deliveries')} of transfer {report['transfer']}."]
    if not count and not report["failed"]:
        what = "Nothing that" if report["chosen"] is None else "None of these items that"
        lines = [f"{what} transfer {report['transfer']} delivered is there any more."]
    if report.get("left_the_queue"):
        count = report["left_the_queue"]
        lines.append(
            f"{many(count, 'item')} of it that waited for a decision {'has' if count == 1 else 'have'} left the queue: "
            "a transfer that was taken back is over."
        )
    if report["leftovers"]:
        reasons = Counter(row["reason"] for row in report["leftovers"])
        lines += ["", "What could not be taken back:"]
        lines += _cut([f"  {many(count, 'item')}: {reason}" for reason, count in reasons.most_common()])
    if report["failed"]:
        lines += ["", f"{report['failed']:,} are still there. Run the same command again."]
    return "\n".join(lines)


def traced_text(found: Sequence[Row]) -> str:
    """One paragraph for each item found, under the transfer it belongs to."""
    if not found:
        return "Nothing here fits that description."
    lines = [f"{many(len(found), 'item')}:"]
    transfer = ""
    for row in found:
        if row["transfer"] != transfer:
            transfer = row["transfer"]
            lines += ["", f"Transfer {transfer}"]
        lines += _folded(f"{_shape(row['fate'])} item {row['number']}, {_kind(row)}, {row['origin']}: {_outcome(row)}")
    return "\n".join(lines)


def _outcome(row: Row) -> str:
    """An item that never travelled has no state; one that was taken back has."""
    state = f", {row['state']}" if row["state"] else ""
    found = f" Found: {', '.join(row['criteria'])}." if row["criteria"] else ""
    return f"{row['fate']}{state}. {row['reason']}".rstrip() + found


def journey_text(entries: Sequence[Row]) -> str:
    """A journal, one line an entry."""
    return "\n".join(f"{row['seq']:>6}  {row['at']}  {row['event']:<10}  {_detail(row['detail'])}" for row in entries)


def transfers_text(rows: Sequence[Row]) -> str:
    """All transfers, newest first."""
    lines = [f"{row['transfer']}  {row['state']:<9}  {row['created'][:19]}  {row['destination']}" for row in rows]
    return "\n".join(lines) or "No transfers here yet."


def queue_text(groups: Sequence[Row]) -> str:
    """What waits, one paragraph for each group, under the transfer it belongs to."""
    if not groups:
        return "Nothing waits for a decision."
    waiting = sum(row["count"] for row in groups)
    lines = [f"{many(waiting, 'item')} {_wait(waiting)} in {many(len(groups), 'group')}."]
    for transfer in dict.fromkeys(row["transfer"] for row in groups):
        lines += ["", f"Transfer {transfer}"]
        for row in groups:
            if row["transfer"] == transfer:
                lines += _waiting(row)
    largest = groups[0]
    lines += ["", f"To read one:  safeconduct queue --transfer {largest['transfer']} --show {largest['first']}"]
    lines.append("In place of accept: limit, quarantine or reject. Write after --because what the person will read.")
    return "\n".join(lines)


def _waiting(row: Row) -> Iterator[str]:
    """One group, and the command that settles exactly it: a person copies it and writes the sentence."""
    yield from _folded(f"◌ {_kinds(row)}: {row['because']} ({row['finding']}; the first is item {row['first']})")
    yield f"    safeconduct decide accept --group {row['group']} --because '…'"


def _wait(count: int) -> str:
    return "waits" if count == 1 else "wait"


def held_text(item: Row) -> str:
    """One held item.  Control characters are shown, not sent to the terminal."""
    body = item["record"].get("object", item["record"]) if isinstance(item["record"], Mapping) else item["record"]
    text = body.get("content", body) if isinstance(body, Mapping) else body
    head = [f"Item {item['item']}, {item['origin']}, {item['fate']}: {item['because']}"]
    found = [f"Found: {', '.join(item['criteria'])}"] if item["criteria"] else []
    return "\n".join([*head, *found, "", _inert(str(text))])


def abilities_text(report: Row) -> str:
    """What a destination is and allows."""
    lines = [
        f"{report['destination']}: {report['software']} {report['version']}",
        f"  probed {report['probed']}",
        f"  account: {report['account'] or 'none'}",
        f"  keeps old dates quietly: {'yes' if report['backdates'] else 'no'}",
        f"  takes: {', '.join(sorted(report['carries'])) or 'nothing'}",
    ]
    lines += [f"  {name}: {value}" for name, value in sorted(report["limits"].items())]
    lines += [f"  {_inert(note)}" for note in report["notes"]]
    if report["policy"]:
        lines.append("  publishes an intake policy; copies there follow the stricter of it and yours")
    return "\n".join(lines)


def _shape(fate: str) -> str:
    return FATES[Fate(fate)][0]


def _kind(row: Row) -> str:
    return KINDS.get(row["kind"], (row["kind"], ""))[0]


def _kinds(row: Row) -> str:
    return many(row["count"], *KINDS.get(row["kind"], (row["kind"], row["kind"])))


def _folded(text: str) -> list[str]:
    return textwrap.wrap(
        _inert(text),
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _detail(detail: Row) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(detail.items()))


def _cut(lines: Sequence[str]) -> list[str]:
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"  … and {more} more (see --json)"] if more > 0 else [])]


def _inert(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)
