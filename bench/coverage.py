"""How much of a life arrives: a 10k archive planned for a GoToSocial server and then copied, item by item.

Beside our plan stands what the rules of the best tool of today would carry of the very same archive: it takes public
and unlisted posts, and leaves boosts, polls, posts that mention others and answers to others (and answers to an own
post it left).  On an archive of 10,000 real-looking entries that was measured as 41.6 %.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safeconduct import flow
from safeconduct.contracts import Source, Terms
from safeconduct.destinations.gotosocial import CARRIES, GoToSocial
from safeconduct.destinations.nowhere import Nowhere
from safeconduct.home import Home
from safeconduct.model import Abilities, Choices, Fate, Item, Kind, Receipt, Shaped, Visibility
from safeconduct.policy import read_policy
from safeconduct.sample import build
from safeconduct.steps.planfile import Plan

NOW = datetime(2025, 11, 1, tzinfo=UTC)
BEST = 0.416
POSTS = (Kind.POST, Kind.POLL)
# What a GoToSocial 0.20 with its own defaults says of itself.
SERVER = Abilities(
    "gotosocial:https://new.example", "gotosocial", "0.20.0", NOW, CARRIES, account="alice@new.example",
    limits={"characters": 5000, "attachments": 6, "image_bytes": 41_943_040, "video_bytes": 41_943_040},
    types=("image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "video/webm", "audio/mp3"),
)  # fmt: skip


class Offline(GoToSocial):
    """A GoToSocial that is only planned for: shaping is pure and needs no server."""

    name = "gotosocial"

    def probe(self) -> Abilities:
        return SERVER


class Recording(Nowhere):
    """Delivers nowhere and remembers what came."""

    name = "nowhere"

    def __init__(self, place: str, terms: Terms) -> None:
        super().__init__(place, terms)
        self.came: dict[int, Shaped] = {}

    def probe(self) -> Abilities:
        return SERVER

    def deliver(self, shaped: Shaped, source: Source, parent: Receipt | None) -> Receipt:
        self.came[shaped.number] = shaped
        return super().deliver(shaped, source, parent)


def main(posts: int = 10_000) -> None:
    """Plan, compare, copy, compare again."""
    with tempfile.TemporaryDirectory() as folder:
        place, choices = Path(folder), Choices(followers=True)
        path = place / "archive.zip"
        build(path, posts)
        with Home(place / "home") as home:
            source = flow.open_source(str(path))
            destination = Offline("https://new.example", Terms(choices))
            plan = flow.planned(
                home, source, [read_policy("open")], destination, SERVER, choices, place / "plan.jsonl",
                spec="gotosocial:https://new.example", as_of=NOW,
            )  # fmt: skip
            fates(plan)
            shares(plan, source)
            copied(home, plan, source, Recording("", Terms(choices)))


def fates(plan: Plan) -> None:
    """Every kind with its fates, and why anything was left or changed."""
    print(f"{'kind':14}" + "".join(f"{fate:>25}" for fate in Fate))
    rows = plan.footer.summary["fates"]
    for kind, counts in rows.items():
        print(f"{kind:14}" + "".join(f"{counts.get(fate, 0):25,}" for fate in Fate))
    print(f"{'together':14}" + "".join(f"{plan.footer.fates.get(fate, 0):25,}" for fate in Fate))
    print("why, the twenty most frequent:")
    for row in plan.footer.summary["reasons"][:20]:
        print(f"{row['count']:8,}  {row['fate']:25} {row['code']:18} {row['reason'][:110]}")


def shares(plan: Plan, source: Source) -> None:
    """What is carried, beside what the rules of the best tool of today ("that tool") carry of the same archive."""
    entries = [one for one in source.read() if isinstance(one, Item)]
    fate = {line.n: line.fate for line in plan.lines()}
    here = {number for number, one in fate.items() if one in (Fate.ARRIVES, Fate.ADAPTED)}
    own = [one for one in entries if one.kind in POSTS]
    outbox = [one for one in entries if one.kind in (*POSTS, Kind.BOOST)]
    theirs, left = peer(outbox)
    for name, group in (("own posts", own), ("outbox entries", outbox), ("all items", entries)):
        ours, best = sum(one.number in here for one in group), sum(one.number in theirs for one in group)
        print(f"{name:16} {len(group):8,}  carried here {ours:7,} ({ours / len(group):6.1%})   by that tool's rules "
              f"{best:7,} ({best / len(group):6.1%})")  # fmt: skip
    print(f"measured of that tool on another 10k archive: {BEST:.1%} of the outbox; it left here: {dict(left)}")


def peer(outbox: list[Item]) -> tuple[set[int], Counter[str]]:
    """The numbers of what its rules carry, and how many each rule leaves; the first rule that speaks counts."""
    carried: set[int] = set()
    ids: set[str] = set()
    left: Counter[str] = Counter()
    for item in outbox:
        why = refusal(item, ids)
        if why:
            left[why] += 1
        else:
            carried.add(item.number)
            ids.add(item.id)
    return carried, left


def refusal(item: Item, carried: set[str]) -> str:
    """Which of its rules leaves this entry, "" if none."""
    tags: Any = item.object.get("tag")
    mentions = [tag for tag in tags if isinstance(tag, dict) and tag.get("type") == "Mention"] if tags else []
    if item.kind is Kind.BOOST:
        return "boosts"
    if item.visibility < Visibility.UNLISTED:
        return "visibility"
    if item.reply and not item.reply.mine:
        return "answers to others"
    if item.reply and item.reply.to not in carried:
        return "orphaned answers to oneself"
    if mentions:
        return "mentions"
    return "polls" if item.kind is Kind.POLL else ""


def copied(home: Home, plan: Plan, source: Source, destination: Recording) -> None:
    """Execute the plan and lay the result beside it, item by item."""
    _, result, _ = flow.copied(home, plan, source, destination)
    planned = {line.n: line.shape for line in plan.lines() if line.shape is not None}
    same = sum(destination.came.get(number) == shape for number, shape in planned.items())
    stray = len(destination.came.keys() - planned.keys())
    print(f"copied: {len(planned):,} shapes planned, {result.delivered:,} delivered, {same:,} equal in every field, "
          f"{stray} not planned, {len(result.differences)} differences")  # fmt: skip
    if result.differences or stray or same != len(planned):
        raise SystemExit("plan and result do not agree")


if __name__ == "__main__":
    main()
