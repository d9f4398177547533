"""Short answers of the command line, in plain words: copy, undo, trace, queue, probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from safeconduct.model import Json

Row = Mapping[str, Json]
SHOWN = 20


def copy_text(report: Row) -> str:
    """What a copy did, beside what was planned."""
    totals = report["plan"]["totals"]
    lines = [
        f"Transfer {report['transfer']} to {report['destination']}",
        "",
        f"  {report['delivered']} of {report['planned']} planned deliveries are there.",
    ]
    if report["already_there"]:
        lines.append(f"  {report['already_there']} were there already, from an earlier transfer.")
    lines += [f"  {count} {fate}" for fate, count in sorted(totals.items())]
    if report["failed"]:
        lines += ["", f"{report['failed']} did not arrive:"]
        lines += _cut([f"  item {row['item']}: {row['reason']}" for row in report["differences"]])
        lines.append("Run the same command again to try those once more.")
    if report["remainder"]:
        lines += ["", "What stayed behind is yours and is kept here, readable as a source:", f"  {report['remainder']}"]
    lines += ["", f"To take all of it back:  safeconduct undo {report['transfer']}"]
    return "\n".join(lines)


def rollback_text(report: Row) -> str:
    """What was taken back, and what could not be."""
    lines = [f"Took back {report['undone']} deliveries of transfer {report['transfer']}."]
    if report["leftovers"]:
        kinds: dict[str, int] = {}
        for row in report["leftovers"]:
            kinds[row["reason"]] = kinds.get(row["reason"], 0) + 1
        lines += ["", "What could not be taken back:"]
        lines += _cut([f"  {count} items: {reason}" for reason, count in kinds.items()])
    if report["failed"]:
        lines += ["", f"{report['failed']} are still there. Run the same command again."]
    return "\n".join(lines)


def traced_text(found: Sequence[Row]) -> str:
    """One line for each item found."""
    if not found:
        return "Nothing here fits that description."
    lines = [f"{len(found)} items"] + [
        f"  {row['transfer']} item {row['number']} ({row['kind']}) {row['origin']}: {row['fate']}"
        f"{', ' + row['state'] if row['state'] else ''}{'. ' + row['reason'] if row['reason'] else ''}"
        for row in found
    ]
    return "\n".join(lines)


def journey_text(entries: Sequence[Row]) -> str:
    """A journal, one line an entry."""
    return "\n".join(f"{row['seq']:>6}  {row['at']}  {row['event']:<10}  {_detail(row['detail'])}" for row in entries)


def transfers_text(rows: Sequence[Row]) -> str:
    """All transfers, newest first."""
    lines = [f"{row['transfer']}  {row['state']:<9}  {row['created'][:19]}  {row['destination']}" for row in rows]
    return "\n".join(lines) or "No transfers here yet."


def queue_text(groups: Sequence[Row]) -> str:
    """What waits, one line for each group."""
    if not groups:
        return "Nothing waits for a decision."
    lines = [f"{sum(row['count'] for row in groups)} items wait in {len(groups)} groups:"]
    lines += [
        f"  ◌ {row['count']:>5} {row['kind']} · {row['finding']} · {row['because']} "
        f"(first: item {row['first']} of {row['transfer']})"
        for row in groups
    ]
    lines += ["", "To see one:     safeconduct queue --transfer ID --show N",
              "To settle some: safeconduct decide accept --transfer ID --criterion NAME --because '…'"]  # fmt: skip
    return "\n".join(lines)


def held_text(item: Row) -> str:
    """One held item.  Control characters are shown, not sent to the terminal."""
    body = item["record"].get("object", item["record"]) if isinstance(item["record"], Mapping) else item["record"]
    text = body.get("content", body) if isinstance(body, Mapping) else body
    return "\n".join(
        [f"Item {item['item']}, {item['origin']}, {item['fate']}: {item['because']}", "", _inert(str(text))]
    )


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
    lines += [f"  {note}" for note in report["notes"]]
    if report["policy"]:
        lines.append("  publishes an intake policy; copies there follow the stricter of it and yours")
    return "\n".join(lines)


def _detail(detail: Row) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(detail.items()))


def _cut(lines: Sequence[str]) -> list[str]:
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"  … and {more} more (see --json)"] if more > 0 else [])]


def _inert(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)
