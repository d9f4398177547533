"""How fast posts are screened, beside a parse-only pass and a plain ``re`` loop: ``python -m bench screening``.

The floor is decoding the same records into typed fields; nothing is unzipped here.
"""

from __future__ import annotations

import gc
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from bench.made import ALICE, NOW, PATTERNS, PHRASES, items, lists, post, vocabulary
from safeconduct.contracts import Criterion
from safeconduct.model import Basis, Confidence, Evidence, Finding, Item, Pattern
from safeconduct.screening.automaton import Automaton
from safeconduct.screening.batch import Batch, Screen
from safeconduct.screening.census import CensusWriter
from safeconduct.screening.domains import DomainSet
from safeconduct.screening.fields import fields
from safeconduct.screening.html import reading
from safeconduct.screening.views import fold


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


def main(posts: int = 20_000, engine: str = "") -> None:
    """Print every figure of one run; ``engine``: hyperscan, portable or "" for the best at hand."""
    chance = random.Random(7)
    words = vocabulary(chance)
    encode = msgspec.json.encode
    lines = [encode(post(chance, words, number, posts)) for number in range(posts)]
    bodies = [reading(msgspec.json.decode(line)["object"]["content"]).text for line in lines]
    sizes = sum(map(len, lines)) / len(lines), sum(len(body.encode()) for body in bodies) / len(bodies)
    print(f"{len(lines):,} posts, {sizes[0]:.0f} bytes of JSON and {sizes[1]:.0f} bytes of text each; CPU time")
    patterns, hosts = lists(chance, words)
    start = time.process_time()
    automaton = Automaton(patterns, engine)
    print(f"compiled {PHRASES:,} phrases and {PATTERNS} patterns in {time.process_time() - start:.2f} s "
          f"({automaton.engine})")  # fmt: skip
    run(lines, bodies, patterns, hosts, engine)


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
    portable = Screen(parts(patterns, hosts)["everything"], as_of=NOW, owner=ALICE, engine="portable")
    show("screen: everything, on machines without Hyperscan", spent(lambda: whole(portable, read)), count, floor)
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
