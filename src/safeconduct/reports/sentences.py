"""The sentences that stand above every number: the same words on the page and in the terminal.

All functions take the reports as ``--json`` prints them and bear with missing keys, so that a report of another version
still reads.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache

from safeconduct.discover import plugins
from safeconduct.model import Fate, Json

Row = Mapping[str, Json]

ACTIONS = ("accept", "limit", "quarantine", "reject")
SHAPES = {"accept": "●", "limit": "◐", "quarantine": "◌", "reject": "✕"}
MEANS = {
    "accept": "arrive as they are",
    "limit": "arrive with a limit, such as a warning",
    "quarantine": "wait for a person",
    "reject": "are refused",
}
FATES = {
    Fate.ARRIVES: ("●", "arrive as they are"),
    Fate.ADAPTED: ("◐", "arrive, changed to fit"),
    Fate.HELD: ("◌", "wait for a person"),
    Fate.REFUSED: ("✕", "are refused"),
    Fate.LEFT_BY_PERSON: ("○", "stay because you chose so"),
    Fate.LEFT_BY_DESTINATION: ("□", "stay because there is no place for them there"),
}
KINDS = {
    "post": ("post", "posts"), "boost": ("boost", "boosts"), "poll": ("poll", "polls"), "media": ("file", "files"),
    "profile": ("profile", "profiles"), "follow": ("follow", "follows"), "follower": ("follower", "followers"),
    "list": ("list entry", "list entries"), "block": ("block", "blocks"), "mute": ("mute", "mutes"),
    "domain-block": ("blocked server", "blocked servers"), "filter": ("filter", "filters"), "like": ("like", "likes"),
    "bookmark": ("bookmark", "bookmarks"), "pin": ("pin", "pins"), "hashtag": ("followed hashtag", "followed hashtags"),
    "other": ("other record", "other records"),
}  # fmt: skip
AUDIENCES = {
    "public": "everybody",
    "unlisted": "everybody, but not announced (unlisted)",
    "followers": "followers only",
    "named": "only the people named in them",
    "nobody": "nobody, or the archive does not say",
}
WITNESSES = {
    "proved": "proved by a signature or a sign-in",
    "matched": "match what is still public at the origin",
    "changed": "differ from what is public at the origin",
    "gone": "are no longer at the origin",
    "claimed": "are only claimed by the archive",
    "not_asked": "nobody was asked about",
}
MACHINE = re.compile(r"[a-z]+:\d+|[0-9a-f]{12}")
WORDS = 8
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def many(count: int, one: str, more: str = "") -> str:
    """``1 post``, ``9,412 posts``."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def kinds(counted: Mapping[str, int], most: int = 0) -> list[str]:
    """``["412 posts", "31 boosts"]``, most frequent first; "" names are left out."""
    rows = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    said = [many(count, *KINDS.get(kind, (kind, kind))) for kind, count in rows if count]
    return [*said[:most], f"{len(said) - most} other kinds"] if most and len(said) > most + 1 else said


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else "nothing"


def day(moment: Json) -> str:
    """A date in words, "" if it is none."""
    try:
        when = datetime.fromisoformat(str(moment))
    except ValueError:
        return ""
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}"


def duration(seconds: float) -> str:
    """``about 3 hours``: as exact as it can honestly be."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size * 1.5:
            return f"about {many(round(seconds / size), name)}"
    return "about a minute" if seconds >= 45 else "less than a minute"


# --- an inspection -------------------------------------------------------------------------------------


def what_it_is(report: Row) -> str:
    """What the archive holds, in one sentence."""
    span = report.get("span") or {}
    first, last = day(span.get("first")), day(span.get("last"))
    impossible = int(span.get("impossible") or 0)
    dates = f" They say they are from {first} to {last}." if first and last else ""
    if impossible:
        dates += f" {many(impossible, 'item claims an impossible date', 'items claim impossible dates')}."
    count = int(report.get("items", 0))
    held = listed(kinds(report.get("kinds") or {}, 4))
    return f"{many(count, 'item')} in this archive: {held}.{(dates or ' None of them says a date.') if count else ''}"


def what_is_decided(report: Row) -> str:
    """What the community's policy says to it, in one sentence."""
    decisions = {action: int((report.get("decisions") or {}).get(action, 0)) for action in ACTIONS}
    names = [policy.get("name", "") for policy in report.get("policy") or ()]
    by = f"By the policy {listed([f'‘{name}’' for name in names])}, " if names else ""
    if not any(decisions[action] for action in ACTIONS[1:]):
        return _upper(f"{by}all of them would arrive as they are.")
    said = [f"{decisions[action]:,} {MEANS[action]}" for action in ACTIONS if decisions[action]]
    return _upper(f"{by}{listed(said)}.")


def what_waits(report: Row) -> str:
    """How much work there is for a person."""
    review = report.get("review") or {}
    groups, minutes = int(review.get("groups", 0)), int(review.get("minutes", 0))
    questions = len(report.get("questions") or ())
    if not groups and not questions:
        return "Nothing waits for a person."
    parts = (
        [many(questions, "question about the whole import", "questions about the whole import")] if questions else []
    )
    parts += [many(groups, "group")] if groups else []
    time = f"; {many(minutes, 'minute')} of review is our guess" if minutes else ""
    return f"{listed(parts)} for a person to settle{time}."


def what_could_not_be_read(report: Row) -> str:
    """Records that gave no item; "" if there are none."""
    count = int(report.get("unreadable", 0))
    verb = "was" if count == 1 else "were"
    return f"{many(count, 'record')} could not be read and {verb} counted apart; nothing was dropped." if count else ""


def who_may_read(report: Row) -> str:
    """The audiences, in one sentence."""
    seen = {name: int(count) for name, count in (report.get("visibility") or {}).items() if count}
    narrow = sum(seen.get(name, 0) for name in ("followers", "named", "nobody"))
    wide = sum(seen.values()) - narrow
    return f"Everybody may read {wide:,} of them; {narrow:,} were meant for fewer people or do not say."


def who_confirms(report: Row) -> str:
    """What witnesses said, in one sentence."""
    seen = {name: int((report.get("witnesses") or {}).get(name, 0)) for name in WITNESSES}
    if not any(count for name, count in seen.items() if name != "not_asked"):
        return "Nobody else was asked: what this archive says about its author and its dates is a claim."
    return f"{listed([f'{count:,} {WITNESSES[name]}' for name, count in seen.items() if count])}."


def totals(report: Row) -> list[str]:
    """Files that say another number of records than they hold."""
    return [
        f"{row['file']} says it has {many(int(row['declared']), 'record')}; {int(row['found']):,} were found."
        for row in report.get("totals") or ()
        if row.get("declared") is not None and row["declared"] != row["found"]
    ]


@cache
def mind(criterion: str) -> str:
    """What a criterion gets wrong, in its own words ("" if it says nothing or is not known here)."""
    plugin = plugins("criteria").get(criterion)
    found = re.search(r"\*\*Mind\*\*\s+(.+?)(?:\n\n|\Z)", inspect.getdoc(plugin) or "" if plugin else "", re.DOTALL)
    return " ".join(found[1].replace("``", "").replace("*", "").split()) if found else ""


def known_as(group: Row) -> str:
    """What a group was found by, in words, "" if the criterion's name says it all.

    Where the value is a name for the machine (``text:587``, a digest), the first words of one of them stand there; of a
    post whose words are not to be shown, what the criterion says of it.
    """
    value = str(group.get("value") or "")
    if not MACHINE.fullmatch(value):
        return value
    shown = group.get("representative")
    one: Row = shown if isinstance(shown, Mapping) else {}
    words = str(one.get("text") or "").split()
    if words:
        return f"“{' '.join(words[:WORDS])}{' …' if len(words) > WORDS else ''}”"
    return str(one.get("reason") or "")


def strictest(group: Row) -> str:
    """What the policy says to most of a group at its strictest."""
    actions = group.get("actions") or {}
    return next((action for action in reversed(ACTIONS) if actions.get(action)), "quarantine")


# --- a plan ----------------------------------------------------------------------------------------------


def where_to(report: Row) -> str:
    """The destination as the person wrote it, and what runs there."""
    where = report.get("destination") or {}
    runs = f"{where.get('software') or ''} {where.get('version') or ''}".strip()
    name = str(where.get("name") or "")
    return f"{name} ({runs})" if name and runs else name or runs or "the destination"


def what_travels(report: Row) -> str:
    """The fates, in one sentence."""
    fates = {fate: int((report.get("totals") or {}).get(fate, 0)) for fate in FATES}
    said = [f"{count:,} {FATES[fate][1]}" for fate, count in fates.items() if count]
    return f"Of {many(int(report.get('items', 0)), 'item')}, {listed(said)}."


def coverage(report: Row) -> str:
    """The share of the person's own posts that travels; "" if there are none."""
    share = report.get("coverage") or {}
    if not share.get("of"):
        return ""
    return (
        f"{int(share.get('carried', 0)):,} of {many(int(share['of']), 'post')} of your own travel: "
        f"{percent(float(share.get('share') or 0))}. Boosts are counted apart."
    )


def how_long(report: Row) -> str:
    """The time it takes."""
    requests, seconds = int(report.get("requests", 0)), float(report.get("eta_seconds", 0))
    if not requests:
        return "Nothing has to be sent."
    return f"{many(requests, 'step')}; {duration(seconds)}, if nothing gets in the way."


def seen_by_others(report: Row) -> str:
    """Which deliveries another server will see; the quiet sentence if none."""
    seen = report.get("seen_by_others") or {}
    if not seen:
        return "Nobody is told: no notification, no mention, nothing that another server will see."
    return f"Other servers will see {listed(kinds(seen))}; everything else stays quiet."


def percent(share: float) -> str:
    """Never "100 %" unless it is all of it."""
    return f"{min(share * 100, 99.9 if share < 1 else 100):.1f} %".replace(".0 %", " %")


def rows_of(counted: Mapping[str, int], names: Iterable[str]) -> list[tuple[str, int]]:
    """Counts in a given order, without zeros; what the order does not know comes last."""
    known = list(names)
    return [(name, int(counted[name])) for name in [*known, *(set(counted) - set(known))] if counted.get(name)]


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
