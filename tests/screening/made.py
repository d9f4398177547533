"""Invented items and texts for the tests of screening."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from safeconduct.model import Field, Hit, Item, Kind, Medium, Pattern, Reply, Visibility
from safeconduct.screening.automaton import Automaton
from safeconduct.screening.texts import Text

ALICE = "https://old.example/users/alice"
NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)

# The phrase every disguise hides, and its disguises: what it is, the text, whether it is HTML, the view that finds it.
PHRASE = "buy moonrocks now"
DISGUISES: dict[str, tuple[str, bool, str]] = {
    "mixed case": ("BuY MoOnRoCkS nOw", False, "plain"),
    "HTML split": ("buy moon<b>ro</b>cks now", True, "plain"),
    "entities": ("buy m&#111;&#x6f;nrocks now", True, "plain"),
    "split by a line": ("buy<br>moonrocks<br />now", True, "folded"),
    "zero width": ("buy mo\u200bon\u200drocks no\u2060w", False, "folded"),
    "soft hyphen": ("buy moon\u00adrocks now", False, "folded"),
    "full width": ("ｂｕｙ ｍｏｏｎｒｏｃｋｓ ｎｏｗ", False, "folded"),
    "mathematical bold": ("𝐛𝐮𝐲 𝐦𝐨𝐨𝐧𝐫𝐨𝐜𝐤𝐬 𝐧𝐨𝐰", False, "folded"),
    "right-to-left override": ("\u202ewon skcornoom yub\u202c", False, "folded"),
    "stray combining marks": ("b̶u̶y̶ m̶o̶o̶n̶r̶o̶c̶k̶s̶ n̶o̶w̶", False, "folded"),
    "accents": ("büy móònröcks ñow", False, "skeleton"),
    "look-alikes": ("buу mооnrоcks nоw", False, "skeleton"),
    "Cyrillic с for c": ("buy moonroсks now", False, "skeleton"),
    "leet": ("8uy m00nr0ck5 n0w", False, "leet"),
    "spaced letters": ("b u y m o o n r o c k s n o w", False, "joined"),
    "dotted letters": ("b.u.y m.o.o.n.r.o.c.k.s n.o.w", False, "joined"),
    "emoji for blanks": ("buy🚀moonrocks🚀now", False, "joined"),
    "emoji inside words": ("b🚀uy moon🚀rocks n🚀ow", False, "joined"),
    "repeated letters": ("buyyyy mooonrocksss nowwww", False, "squeezed"),
}

# Words of spam as every corpus has them, deliberately short and plain: the harder test for false alarms.
SPAM = [
    "act now", "apply now", "bitcoin giveaway", "buy direct", "buy followers", "call free", "cash bonus", "cash prize",
    "casino", "cheap meds", "claim now", "click below", "click here", "congratulations you", "credit check", "crypto",
    "double your money", "earn money", "exclusive deal", "extra income", "fast cash", "free access", "free entry",
    "free gift", "free membership", "free ringtone", "free trial", "guaranteed", "hot singles", "investment",
    "limited time", "lottery", "lowest price", "make money", "million dollars", "no obligation", "onlyfans",
    "order now", "passive income", "pills", "porn", "prize draw", "risk free", "special promotion", "subscribe now",
    "urgent", "viagra", "weight loss", "winner", "work from home",
]  # fmt: skip


def note(content: str = "", **more: Any) -> dict[str, Any]:
    """A Note."""
    return {"type": "Note", "id": f"{ALICE}/statuses/1", "content": content} | more


def item(
    thing: Mapping[str, Any],
    number: int = 0,
    kind: Kind = Kind.POST,
    media: Sequence[Medium] = (),
    reply: Reply | None = None,
    published: datetime | None = NOW,
    ident: str = "",
) -> Item:
    """An item of Alice's."""
    where = f"outbox.json#/orderedItems/{number}"
    ident = ident or f"{ALICE}/statuses/{1000 + number}"
    return Item(
        number, kind, where, b"{}", thing, thing, ident, ALICE, Visibility.PUBLIC, published, tuple(media), reply
    )


def text(source: str, html: bool = False, pointer: str = "/content") -> Text:
    """One text of an item."""
    return Text(Field(pointer, source, html))


@lru_cache(maxsize=64)
def automaton(patterns: tuple[Pattern, ...], engine: str) -> Automaton:
    """Compiled once for all examples of a property."""
    return Automaton(patterns, engine)


def hits(patterns: Sequence[Pattern], *texts: Text, engine: str = "") -> list[Hit]:
    """What the patterns find in one item with these texts."""
    return [hit for _, hit in automaton(tuple(patterns), engine).scan([texts])]
