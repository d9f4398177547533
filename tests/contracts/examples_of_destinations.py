"""For every destination in the folder: a place to run the laws against.  A new destination adds its own here.

A destination that writes to a file needs nothing: it gets a path in an empty folder.  One that speaks to a server
gets a stand-in on loopback.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from PIL import Image

from safeconduct.contracts import Destination, Terms
from safeconduct.discover import plugins
from safeconduct.errors import SourceError
from safeconduct.model import About, Choices, Confidence, Item, Kind, Medium, Reply, Unreadable, Visibility
from tests.journeys.stand_in import TOKEN, StandIn

ALICE = "https://social.example/users/alice"
DAY = datetime(2019, 5, 1, 10, tzinfo=UTC)
BOLD = Choices(followers=True, federating=True, boosts="link")


@dataclass
class Example:
    """``make`` gives a fresh instance at the same place, as after a restart.

    ``state`` is everything the place holds, to compare; ``keeps`` is false for a place that keeps nothing.
    """

    make: Callable[[], Destination]
    state: Callable[[], Any]
    secret: str = ""
    keeps: bool = True


def png(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (16, 12), colour).save(data, "PNG")
    return data.getvalue()


class Drawer:
    """A source with two pictures and no records of its own."""

    name: ClassVar[str] = "drawer"
    members: ClassVar[Mapping[str, bytes]] = {"media/1.png": png("red"), "media/2.png": png("blue")}

    @classmethod
    def recognise(cls, path: Path) -> Confidence | None:
        return None

    def read(self) -> Iterator[Item | Unreadable]:
        return iter(ITEMS)

    def open(self, member: str) -> BinaryIO:
        if member not in self.members:
            raise SourceError(f"{member} is not here")
        return io.BytesIO(self.members[member])

    def about(self) -> About:
        return About("drawer", ALICE, "alice@social.example", "0" * 64)


def item(number: int, kind: Kind, thing: dict[str, Any], **over: Any) -> Item:
    return Item(number, kind, f"outbox.json#/orderedItems/{number}", b"{}", thing, thing, **{"actor": ALICE, **over})


def post(number: int, words: str, **over: Any) -> Item:
    name = f"{ALICE}/statuses/{number}"
    thing = {"id": name, "type": "Note", "attributedTo": ALICE, "content": f"<p>{words}</p>", **over.pop("thing", {})}
    standing = {"id": name, "visibility": Visibility.PUBLIC, "published": DAY.replace(minute=number)}
    return item(number, over.pop("kind", Kind.POST), thing, **{**standing, **over})


PICTURE = Medium("/attachment/0", "media/1.png", "image/png", "1.png", "A red field", (0.5, -0.25))
ITEMS = (
    post(0, "The first morning."),
    post(1, "And the second.", reply=Reply(f"{ALICE}/statuses/0", mine=True)),
    post(2, "A picture.", media=(PICTURE,), visibility=Visibility.UNLISTED),
    post(3, "For friends.", visibility=Visibility.FOLLOWERS, thing={"summary": "quiet"}),
    post(4, "To Dave alone.", visibility=Visibility.NAMED),
    post(5, "Tea?", kind=Kind.POLL, thing={"oneOf": [{"type": "Note", "name": "yes"}], "votersCount": 2}),
    item(6, Kind.MUTE, {"type": "Mute", "acct": "bob@{host}"}),
    item(7, Kind.FOLLOW, {"type": "Follow", "acct": "bob@{host}"}),
    item(8, Kind.HASHTAG, {"type": "Hashtag", "name": "#tea"}),
    item(9, Kind.FILTER, {"title": "No tea", "context": ["home"], "keywords_attributes": [{"keyword": "tea"}]}),
    item(10, Kind.DOMAIN_BLOCK, {"type": "DomainBlock", "domain": "rude.example"}),
    item(11, Kind.LIKE, {"type": "Like", "object": "https://other.example/1"}),
    item(
        12,
        Kind.PROFILE,
        {"type": "Person", "name": "Alice", "summary": "<p>Hello</p>", "attachment": [{"name": "web", "value": "e"}]},
        media=(Medium("/icon", "media/2.png", "image/png"),),
    ),
    item(13, Kind.BLOCK, {"type": "Block", "acct": "bob@{host}"}),
    item(14, Kind.OTHER, {"type": "Unheard"}),
)


def items(host: str = "there.example") -> list[Item]:
    """The sample, with Bob on the receiving server."""
    return [
        item(i.number, i.kind, {**i.object, "acct": f"bob@{host}"}, visibility=i.visibility)
        if "acct" in i.object
        else i
        for i in ITEMS
    ]


@contextmanager
def _file(name: str, folder: Path) -> Iterator[Example]:
    terms = Terms(choices=BOLD, actor=ALICE, acct="alice@social.example", title="Alice moves")
    made: list[Destination] = []

    def make() -> Destination:
        made.append(plugins("destinations")[name](str(folder / "place"), terms))
        return made[-1]

    yield Example(make, lambda: _files(folder))
    for destination in made:  # files are closed by ``finish``
        destination.finish()


def _files(folder: Path) -> list[str]:
    """Without SQLite's own working files, which come and go with every reader."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(name for name in found if not name.endswith(("-shm", "-wal")))


@contextmanager
def _nowhere(folder: Path) -> Iterator[Example]:
    make = plugins("destinations")["nowhere"]
    yield Example(lambda: make("", Terms()), lambda: None, keeps=False)


@contextmanager
def _server(name: str, software: str) -> Iterator[Example]:
    make = plugins("destinations")[name]
    with StandIn(software=software, version="4.5.0" if software == "mastodon" else "0.20.0") as place:
        terms = Terms(choices=BOLD, actor=ALICE, acct="alice@social.example", token=TOKEN, loopback=True)
        yield Example(lambda: make(place.url, terms), lambda: _held(place), secret=TOKEN)


def _held(place: StandIn) -> Any:
    states = {key: frozenset(value) for key, value in place.relations.items() if value}
    profile = (
        place.alice.display_name,
        place.alice.note,
        tuple(map(str, place.alice.fields)),
        dict(place.alice.pictures),
    )
    return sorted(place.statuses), states, set(place.tags), set(place.domains), sorted(place.filters), profile


SPECIAL: Mapping[str, Callable[[Path], AbstractContextManager[Example]]] = {
    "nowhere": _nowhere,
    "gotosocial": lambda folder: _server("gotosocial", "gotosocial"),
    "mastodon": lambda folder: _server("mastodon", "mastodon"),
}


def example(name: str, folder: Path) -> AbstractContextManager[Example]:
    special = SPECIAL.get(name)
    return special(folder) if special is not None else _file(name, folder)
