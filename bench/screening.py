"""How fast posts are screened, beside a parse-only pass and a plain ``re`` loop: run it and read the ratios.

    python bench/screening.py [--posts 20000] [--engine hyperscan|portable]

Posts are made up: about 260 bytes of text inside about 2.7 KB of JSON, as Mastodon writes it.
"""

from __future__ import annotations

import argparse
import csv
import gc
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from safeconduct.contracts import Criterion
from safeconduct.model import Basis, Confidence, Evidence, Field, Finding, Item, Kind, Pattern, Visibility
from safeconduct.screening.automaton import Automaton
from safeconduct.screening.batch import Batch, Screen
from safeconduct.screening.census import CensusWriter
from safeconduct.screening.domains import DomainSet
from safeconduct.screening.fields import fields
from safeconduct.screening.html import reading
from safeconduct.screening.texts import Text
from safeconduct.screening.views import fold

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.screening.made import DISGUISES, PHRASE, SPAM, hits

NOW = datetime(2025, 3, 1, tzinfo=UTC)
PHRASES, PATTERNS, DOMAINS = 5000, 500, 60_000
ALICE = "https://old.example/users/alice"


class Note(msgspec.Struct):
    """What a careful reader decodes of a note: the floor that screening is compared with."""

    id: str = ""
    content: str = ""
    summary: str | None = None
    published: str = ""
    to: list[str] = []
    cc: list[str] = []
    tag: list[msgspec.Raw] = []
    attachment: list[msgspec.Raw] = []


class Create(msgspec.Struct):
    """One line of an outbox."""

    id: str = ""
    type: str = ""
    actor: str = ""
    published: str = ""
    object: Note | str = ""


class Phrases:
    """A word list."""

    name: ClassVar[str] = "phrases"

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = patterns

    def patterns(self) -> Sequence[Pattern]:
        return self._patterns

    def inspect(self, batch: Batch) -> Iterator[Finding]:
        for hit in batch.hits(self):  # type: ignore[arg-type]
            where = (Evidence(hit.field.pointer, hit.start, hit.end, hit.view),)
            yield Finding(batch.items[hit.item].number, self.name, Confidence.HIGH, Basis.EXACT, "listed", where)


class Domains:
    """A list of hosts."""

    name: ClassVar[str] = "domains"

    def __init__(self, hosts: Iterable[str]) -> None:
        self._listed = DomainSet(hosts)

    def inspect(self, batch: Batch) -> Iterator[Finding]:
        find = self._listed.find
        for index, item in enumerate(batch.items):
            for link in batch.links(index):
                if link.host and find(link.host):
                    yield Finding(item.number, self.name, Confidence.HIGH, Basis.EXACT, "listed", (), link.host)


def vocabulary(chance: random.Random, size: int = 30_000) -> list[str]:
    """Words as pronounceable as words are, the first ones frequent and short."""
    syllables = [first + vowel for first in "bcdfghjklmnprstvwz" for vowel in "aeiou"]
    syllables += [one + last for one in syllables for last in "nrst"]
    short = {"".join(chance.choices(syllables, k=chance.randint(1, 2))) for _ in range(900)}
    long = {"".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(size)}
    return sorted(short)[:800] + sorted(long - short)


def content(chance: random.Random, words: list[str], number: int) -> str:
    """A body as Mastodon writes it."""
    frequent = words[:800]
    text = [chance.choice(frequent if chance.random() < 0.9 else words) for _ in range(chance.randint(26, 52))]
    if chance.random() < 0.3:
        text.insert(9, chance.choice(["🚀", "it’s", "über", "❤️", "…", "déjà"]))
    made = "<p>" + " ".join(text[:20]) + ("</p><p>" if number % 3 == 0 else " ") + " ".join(text[20:])
    if number % 3 == 1:
        made += (
            f' <span class="h-card" translate="no"><a href="https://host{number % 97}.example/@bob" class="u-url '
            'mention">@<span>bob</span></a></span>'
        )
    if number % 2:
        address = f"site{number % 5000}.example/{words[number % len(words)]}"
        made += (
            f' <a href="https://{address}" target="_blank" rel="nofollow noopener" translate="no"><span class='
            f'"invisible">https://</span><span class="">{address}</span><span class="invisible"></span></a>'
        )
    return made + "</p>"


def post(chance: random.Random, words: list[str], number: int) -> dict[str, Any]:
    """One Create/Note."""
    ident = f"{ALICE}/statuses/{110_000_000_000 + number}"
    body = content(chance, words, number)
    note: dict[str, Any] = {
        "id": ident, "type": "Note", "summary": "weather" if number % 20 == 0 else None, "inReplyTo": None,
        "published": "2023-04-05T06:07:08Z", "url": f"https://old.example/@alice/{number}", "attributedTo": ALICE,
        "to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": [f"{ALICE}/followers"], "sensitive": False,
        "atomUri": ident, "inReplyToAtomUri": None, "conversation": f"tag:old.example,2023:objectId={number}",
        "content": body, "contentMap": {"en": body}, "attachment": [], "tag": [],
        "replies": {"id": f"{ident}/replies", "type": "Collection", "first": {"type": "CollectionPage", "items": []}},
        "likes": {"id": f"{ident}/likes", "type": "Collection", "totalItems": 2},
        "shares": {"id": f"{ident}/shares", "type": "Collection", "totalItems": 0},
    }  # fmt: skip
    if number % 5 == 0:
        note["attachment"] = [
            {"type": "Document", "mediaType": "image/jpeg", "url": f"/media/{number}.jpg", "name": "A grey morning"}
        ]
    if number % 4 == 0:
        note["tag"] = [{"type": "Hashtag", "href": "https://old.example/tags/moon", "name": "#moon"}]
    activity = {"@context": CONTEXT, "id": f"{ident}/activity", "type": "Create", "actor": ALICE}
    return activity | {"published": note["published"], "to": note["to"], "cc": note["cc"], "object": note}


CONTEXT = [
    "https://www.w3.org/ns/activitystreams",
    {f"toot:term{number}": {"@id": f"http://joinmastodon.org/ns#term{number}", "@type": "@id"} for number in range(12)},
]


def items(lines: Iterable[bytes]) -> Iterator[Item]:
    """Items as a source gives them."""
    decode = msgspec.json.Decoder().decode
    for number, line in enumerate(lines):
        record = decode(line)
        note = record["object"]
        yield Item(
            number, Kind.POST, f"outbox.json#/orderedItems/{number}", line, record, note, note["id"], ALICE,
            Visibility.PUBLIC, NOW,
        )  # fmt: skip


def spent(work: Callable[[], object]) -> float:
    """CPU seconds of the better of two runs."""
    best = float("inf")
    for _ in range(2):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def show(name: str, seconds: float, posts: int, floor: float) -> None:
    print(f"{name:52} {seconds / posts * 1e6:9.2f} µs/post {posts / seconds:12,.0f} posts/s {seconds / floor:9.2f} ×")


def lists(chance: random.Random, words: list[str]) -> tuple[list[Pattern], list[str]]:
    """Patterns, of which a few in a hundred posts hold one, and hosts."""
    rare = [word for word in words[800:] if len(word) > 4]
    phrases = [" ".join(chance.choices(rare, k=chance.choice([1, 2, 2, 3]))) for _ in range(PHRASES)]
    patterns = [
        rf"{chance.choice(rare)}[0-9]{{2,4}}\s?(?:{chance.choice(rare)}|{chance.choice(rare)})" for _ in range(PATTERNS)
    ]
    made = [Pattern(text) for text in phrases] + [Pattern(text, literal=False) for text in patterns]
    return made, [f"{chance.choice(words)}{number}.example" for number in range(DOMAINS - 1)] + ["site7.example"]


def plain_loop(patterns: Sequence[Pattern], bodies: Sequence[str]) -> float:
    """Seconds a post of the obvious program: every pattern by ``re``, one after the other (a sample, extrapolated)."""
    compiled = [
        re.compile(rf"\b{re.escape(one.text)}\b" if one.literal else one.text, re.IGNORECASE) for one in patterns
    ]
    sample = bodies[:60]
    start = time.process_time()
    for body in sample:
        for pattern in compiled:
            pattern.search(body)
    return (time.process_time() - start) / len(sample)


def main() -> None:
    """Print every figure of one run."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--posts", type=int, default=20_000)
    wanted.add_argument("--engine", default="")
    chosen = wanted.parse_args()
    chance = random.Random(7)
    words = vocabulary(chance)
    encode = msgspec.json.encode
    lines = [encode(post(chance, words, number)) for number in range(chosen.posts)]
    bodies = [reading(msgspec.json.decode(line)["object"]["content"]).text for line in lines]
    sizes = sum(map(len, lines)) / len(lines), sum(len(body.encode()) for body in bodies) / len(bodies)
    print(f"{len(lines):,} posts, {sizes[0]:.0f} bytes of JSON and {sizes[1]:.0f} bytes of text each; CPU time")
    patterns, hosts = lists(chance, words)
    start = time.process_time()
    automaton = Automaton(patterns, chosen.engine)
    print(f"compiled {PHRASES:,} phrases and {PATTERNS} patterns in {time.process_time() - start:.2f} s "
          f"({automaton.engine})")  # fmt: skip
    run(lines, bodies, patterns, hosts, chosen.engine)
    disguises()
    alarms()


def disguises() -> None:
    """How many disguises of one harmless phrase the default views catch."""
    caught = {
        name: hits([Pattern(PHRASE)], Text(Field("", source, html))) for name, (source, html, _) in DISGUISES.items()
    }
    split = Text(Field("/summary", "buy")), Text(Field("/content", "moonrocks now"))
    caught["warning and body"] = hits([Pattern(PHRASE)], *split)
    print(f"disguises of {PHRASE!r} caught: {sum(map(bool, caught.values()))} of {len(caught)}")
    for name, found in caught.items():
        print(f"    {name:28} {found[0].view if found else 'MISSED'}")


def alarms() -> None:
    """How many innocent texts the default views hold, beside the plain and folded views alone."""
    root = Path(os.environ.get("SAFECONDUCT_FIXTURES", "../shared/fixtures")) / "text"
    if not root.exists():
        print("false alarms: not measured, SAFECONDUCT_FIXTURES does not lead to texts by others")
        return
    with (root / "sms-spam/spam.csv").open(encoding="latin-1", newline="") as file:
        ham = [row[1] for row in csv.reader(file) if row and row[0] == "ham"]
    awkward = msgspec.json.decode((root / "blns/blns.json").read_bytes(), type=list[str])
    for name, texts in (("ham of sms-spam", ham), ("blns", awkward)):
        read = [[Text(Field("", one))] for one in texts]
        simple = Automaton([Pattern(one, views=("plain", "folded")) for one in SPAM]).scan(read)
        every = Automaton([Pattern(one) for one in SPAM]).scan(read)
        counts = [len({hit.item for _, hit in found}) for found in (simple, every)]
        print(f"{name}: {len(texts):,} texts, {len(SPAM)} phrases of spam: plain and folded views hit {counts[0]} "
              f"({counts[0] / len(texts):.2%}), all views {counts[1]} ({counts[1] / len(texts):.2%})")  # fmt: skip


def run(lines: list[bytes], bodies: list[str], patterns: list[Pattern], hosts: list[str], engine: str) -> None:
    count = len(lines)
    typed = msgspec.json.Decoder(Create).decode
    floor = spent(lambda: sum(typed(line) is not None for line in lines))
    show("parse only, typed (msgspec): the floor", floor, count, floor)
    read = list(items(lines))
    # In a real run only one batch is alive; here all are, and the collector must not walk them again and again.
    gc.collect()
    gc.freeze()
    show("parse, untyped, and make items", spent(lambda: sum(one is not None for one in items(lines))), count, floor)
    contents = [item.object["content"] for item in read]
    show("HTML to text", spent(lambda: [reading(text) for text in contents]), count, floor)
    show("fold", spent(lambda: [fold(body) for body in bodies]), count, floor)
    show("gather fields", spent(lambda: [fields(item) for item in read]), count, floor)
    for name, criteria in parts(patterns, hosts).items():
        screen = Screen(criteria, as_of=NOW, owner=ALICE, engine=engine)
        show(f"screen: {name}", spent(lambda screen=screen: whole(screen, read)), count, floor)  # type: ignore[misc]
    everything = Screen(parts(patterns, hosts)["everything"], as_of=NOW, owner=ALICE, engine=engine)
    with tempfile.TemporaryDirectory() as folder:
        show("screen: everything, and the census", spent(lambda: whole(everything, read, Path(folder))), count, floor)
    show("plain re loop (60 posts, extrapolated)", plain_loop(patterns, bodies) * count, count, floor)


def parts(patterns: list[Pattern], hosts: list[str]) -> dict[str, list[Criterion]]:
    """What to time apart."""
    literals, expressions = patterns[:PHRASES], patterns[PHRASES:]
    simple = [Pattern(one.text, views=("plain", "folded")) for one in literals]
    made: dict[str, list[Any]] = {
        "texts only (fields, HTML, fold)": [Texts()],
        "5,000 phrases, folded only": [Phrases(simple)],
        "5,000 phrases, all views": [Phrases(literals)],
        "500 patterns": [Phrases(expressions)],
        "60,000 domains": [Domains(hosts)],
        "everything": [Phrases(patterns), Domains(hosts)],
    }
    return made


class Texts:
    """Asks for every text and finds nothing."""

    name: ClassVar[str] = "texts"

    def inspect(self, batch: Batch) -> Iterator[Finding]:
        yield from ()


def whole(screen: Screen, read: Sequence[Item], folder: Path | None = None) -> int:
    census = CensusWriter(folder) if folder is not None else None
    found = 0
    for batch in screen.batches(read):
        found += len(screen.findings(batch))
        if census is not None:
            census.add(batch)
    if census is not None:
        census.close((), ALICE, NOW)
    return found


if __name__ == "__main__":
    main()
