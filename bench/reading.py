"""How fast an archive is read, as ratios measured in one run: ``python -m bench reading``.

Compares, over the same generated Mastodon-style zip: our whole reading (unzip, split, decode everything, notice
what is odd), a streaming pass that decodes only a few typed fields, and zipfile with json.load.
The archive is made once and kept in the system's temporary folder.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from safeconduct.archives import LIMITS, Collection, open_archive
from safeconduct.archives.json_window import Seams, Window

WORDS = (
    "harbour",
    "lantern",
    "quiet",
    "morning",
    "bread",
    "river",
    "letter",
    "window",
    "train",
    "garden",
    "winter",
    "signal",
    "copper",
)


class Note(Struct):
    """The few fields of the typed pass."""

    id: str = ""
    content: str = ""
    published: str = ""


class Create(Struct):
    """A post as the typed pass sees it; boosts have an address for an object."""

    id: str
    type: str
    object: Note | str = ""


def post(number: int) -> dict[str, object]:
    """One invented post in the shape and size of a real one (about 2.4 KB)."""
    home = "https://old.example/users/alice"
    identity = f"{home}/statuses/{108000000000000000 + number * 7919}"
    words = " ".join(WORDS[(number * 31 + i * i * 7) % len(WORDS)] for i in range(20 + number % 40))
    text = f'<p>{words} <a href="https://news.example/{number}">news.example/{number}</a> é ü 雨</p>'
    date = f"20{10 + number % 14}-{1 + number % 12:02}-{1 + number % 28:02}T08:00:00Z"
    public, followers = ["https://www.w3.org/ns/activitystreams#Public"], [f"{home}/followers"]
    pages = f"{identity}/replies?only_other_accounts=true&page=true"
    replies = {"type": "CollectionPage", "next": pages, "partOf": f"{identity}/replies", "items": []}
    note = {
        "id": identity,
        "type": "Note",
        "summary": None,
        "inReplyTo": None,
        "published": date,
        "url": f"https://old.example/@alice/{number}",
        "attributedTo": home,
        "to": public,
        "cc": followers,
        "sensitive": False,
        "atomUri": identity,
        "inReplyToAtomUri": None,
        "conversation": f"tag:old.example,2022-11-10:objectId={number}:objectType=Conversation",
        "content": text,
        "contentMap": {"en": text},
        "attachment": [],
        "tag": [{"type": "Hashtag", "href": f"https://old.example/tags/{WORDS[number % 13]}", "name": "#x"}],
        "replies": {"id": f"{identity}/replies", "type": "Collection", "first": replies},
    }
    head = {"id": f"{identity}/activity", "type": "Create", "actor": home, "published": date}
    return {**head, "to": public, "cc": followers, "object": note}


def archive(posts: int) -> Path:
    """The zip to read; made once."""
    folder = Path(tempfile.gettempdir()) / "safeconduct-bench"
    folder.mkdir(exist_ok=True)
    path = folder / f"reading-{posts}-1.zip"
    if not path.exists():
        half = path.with_suffix(".part")
        with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as made, made.open("outbox.json", "w") as file:
            file.write(b'{"id":"outbox.json","type":"OrderedCollection","totalItems":%d,"orderedItems":[' % posts)
            for number in range(posts):
                file.write((b"," if number else b"") + msgspec.json.encode(post(number)))
            file.write(b"]}")
        half.rename(path)
    return path


def ours(path: Path) -> int:
    """Everything: unzip, split, decode, notice."""
    with open_archive(path) as opened, opened.open("outbox.json") as file:
        return sum(not record.problem for record in Collection(file))


def unzip(path: Path) -> int:
    """Only the bytes."""
    with open_archive(path) as opened, opened.open("outbox.json") as file:
        while file.read(1 << 18):
            pass
        return opened.members["outbox.json"].size


def typed(path: Path) -> int:
    """A streaming pass that decodes three typed fields of every post."""
    decode = msgspec.json.Decoder(Create).decode
    found = 0
    with open_archive(path) as opened, opened.open("outbox.json") as file:
        window, seams = Window(file, LIMITS), Seams(LIMITS)
        window.fill()
        window.at = window.data.index(b'"orderedItems":[') + 16
        while window.peek() != b"]":
            for raw in seams.cut(window):
                found += bool(decode(raw).id)
            before = window.value().raw
            found += bool(decode(before).id)
            if window.peek() == b",":
                window.at += 1
                seams.learn(before, b",", window)
    return found


def plain(path: Path) -> int:
    """The standard library."""
    with zipfile.ZipFile(path) as opened, opened.open("outbox.json") as file:
        return len(json.load(file)["orderedItems"])


def clock(work: Callable[[Path], int], path: Path) -> float:
    """CPU seconds, the best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work(path)
        best = min(best, time.process_time() - start)
    return best


def main(posts: int = 50_000) -> None:
    """Print the table."""
    path = archive(posts)
    size = zipfile.ZipFile(path).getinfo("outbox.json").file_size
    print(f"{posts:,} posts, {size / 1e6:.0f} MB of JSON, {path.stat().st_size / 1e6:.0f} MB zipped")
    if ours(path) != posts or typed(path) != posts:
        raise SystemExit("a pass lost posts")
    floor = clock(typed, path)
    for name, work in (("typed few fields", typed), ("unzip alone", unzip), ("ours, everything", ours)):
        took = clock(work, path)
        print(f"{name:18} {took:6.2f} s  {posts / took:9,.0f} posts/s  {took / floor:5.2f} x typed")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = clock(plain, path)
    print(f"{'zipfile, json.load':18} {took:6.2f} s  {posts / took:9,.0f} posts/s  {took / floor:5.2f} x typed")
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory: ours {peak:.0f} MB, json.load {whole:.0f} MB")


if __name__ == "__main__":
    main()
