"""What the measurements work on: an archive of any size, lists of words, patterns and hosts; all of it invented.

A post is about 260 bytes of text inside about 2.4 KB of JSON, with the keys that Mastodon 4.5 writes into its
exports.  Dates and ids rise as in a real account; one post in five has a picture, one in two a link, one in three a
mention, one in nine answers another.
"""

from __future__ import annotations

import random
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from safeconduct.model import Item, Kind, Pattern, Visibility

NOW = datetime(2025, 3, 1, tzinfo=UTC)
PHRASES, PATTERNS, DOMAINS = 5000, 500, 60_000
ALICE = "https://old.example/users/alice"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
FIRST, YEARS = 1491386400, int(7.8 * 31_556_952)  # seconds: since when, and for how long, Alice has written
EDITION = 4  # of the archives in the temporary folder; another generator writes others


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


def post(chance: random.Random, words: list[str], number: int, of: int = 100_000) -> dict[str, Any]:
    """One Create/Note."""
    ident, date = ident_of(number, of), moment(number, of)
    body = content(chance, words, number)
    first = {"type": "CollectionPage", "next": f"{ident}/replies?page=true", "partOf": f"{ident}/replies", "items": []}
    note: dict[str, Any] = {
        "id": ident, "type": "Note", "summary": "weather" if number % 20 == 0 else None,
        "inReplyTo": ident_of(number - 1, of) if number % 9 == 8 else None,
        "published": date, "url": f"https://old.example/@alice/{number}", "attributedTo": ALICE,
        "to": [PUBLIC], "cc": [f"{ALICE}/followers"], "sensitive": False, "atomUri": ident, "inReplyToAtomUri": None,
        "conversation": f"tag:old.example,2023-04-05:objectId={number}:objectType=Conversation",
        "context": f"https://old.example/contexts/{number}", "content": body, "contentMap": {"en": body},
        "interactionPolicy": {"canQuote": {"automaticApproval": [PUBLIC]}}, "attachment": [], "tag": [],
        "replies": {"id": f"{ident}/replies", "type": "Collection", "first": first},
        "likes": {"id": f"{ident}/likes", "type": "Collection", "totalItems": 2},
        "shares": {"id": f"{ident}/shares", "type": "Collection", "totalItems": 0},
    }  # fmt: skip
    if number % 5 == 0:
        note["attachment"] = [
            {"type": "Document", "mediaType": "image/jpeg", "url": f"/media/{number}.jpg", "name": "A grey morning"}
        ]
    if number % 4 == 0:
        note["tag"] = [{"type": "Hashtag", "href": "https://old.example/tags/moon", "name": "#moon"}]
    if number % 3 == 1:
        host = f"host{number % 97}.example"
        note["tag"] += [{"type": "Mention", "href": f"https://{host}/@bob", "name": f"@bob@{host}"}]
    activity = {"id": f"{ident}/activity", "type": "Create", "actor": ALICE}
    return activity | {"published": date, "to": note["to"], "cc": note["cc"], "object": note}


def seconds(number: int, of: int) -> int:
    """When the post was written: evenly over the years, minutes apart."""
    return FIRST + number * YEARS // max(of, 1)


def moment(number: int, of: int) -> str:
    """The same as an archive writes it."""
    return datetime.fromtimestamp(seconds(number, of), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ident_of(number: int, of: int) -> str:
    """Mastodon's ids: milliseconds, then 16 bits."""
    return f"{ALICE}/statuses/{(seconds(number, of) * 1000 << 16) + number % 65536}"


ACTOR = {
    "@context": "https://www.w3.org/ns/activitystreams", "id": ALICE, "type": "Person",
    "preferredUsername": "alice", "name": "Alice",
    "summary": "<p>Bread and trains</p>", "followers": f"{ALICE}/followers",
    "url": "https://old.example/@alice",
}  # fmt: skip


def folder() -> Path:
    """Where archives are kept between runs."""
    place = Path(tempfile.gettempdir()) / "safeconduct-bench"
    place.mkdir(exist_ok=True)
    return place


def archive(posts: int) -> Path:
    """A Mastodon export of so many posts; made once."""
    path = folder() / f"posts-{posts}-{EDITION}.zip"
    if not path.exists():
        half = path.with_suffix(".part")
        chance, encode = random.Random(7), msgspec.json.Encoder().encode
        words = vocabulary(chance)
        with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr("actor.json", encode(ACTOR))
            with made.open("outbox.json", "w", force_zip64=posts > 400_000) as file:
                file.write(b'{"id":"outbox.json","type":"OrderedCollection","totalItems":%d,"orderedItems":[' % posts)
                for number in range(posts):
                    file.write((b"," if number else b"") + encode(post(chance, words, number, posts)))
                file.write(b"]}")
        half.rename(path)
    return path


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


def lists(chance: random.Random, words: list[str]) -> tuple[list[Pattern], list[str]]:
    """Patterns, of which one in twenty posts holds one, and hosts."""
    rare = [word for word in words[800:] if len(word) > 4]
    phrases = [" ".join(chance.choices(rare, k=chance.choice([1, *[2] * 5, *[3] * 6]))) for _ in range(PHRASES)]
    patterns = [
        rf"{chance.choice(rare)}[0-9]{{2,4}}\s?(?:{chance.choice(rare)}|{chance.choice(rare)})" for _ in range(PATTERNS)
    ]
    made = [Pattern(text) for text in phrases] + [Pattern(text, literal=False) for text in patterns]
    return made, [f"{chance.choice(words)}{number}.example" for number in range(DOMAINS - 1)] + ["site7.example"]


RULE = """
[[rule]]
id = "expressions"
when = "phrase"
with = { patterns = "expressions", label = "a listed pattern" }
then = "quarantine"
because = "A person looks at this first."
"""
LANGUAGE = """
[[rule]]
id = "language"
when = "language"
with = { allowed = ["en", "de"] }
then = "accept"
because = "It is in another language."
"""


def policy(language: bool = False) -> Path:
    """The preset *careful* and, above it, a community with long lists of its own."""
    chance = random.Random(8)
    patterns, hosts = lists(chance, vocabulary(random.Random(7)))
    place = folder() / f"policy-{EDITION}"
    place.mkdir(exist_ok=True)
    entries = {
        "phrases": [one.text for one in patterns if one.literal],
        "expressions": [one.text for one in patterns if not one.literal],
        "hosts": hosts,
    }
    for name, lines in entries.items():
        (place / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = 'name = "bench"\nbase = "careful"\n\n[lists]\n'
    text += "".join(f'{name} = {{ file = "{name}.txt" }}\n' for name in entries)
    text += RULE  # the base asks for the phrases and the hosts
    path = place / ("language.toml" if language else "policy.toml")
    path.write_text(text + (LANGUAGE if language else ""), encoding="utf-8")
    return path
