"""An item in words: its texts as a reader saw them, what was found marked in them, and its story as sentences.

Everything from an archive stays text.  Letters that are there to deceive (without width, turning the line round) are
shown by their number, so that nobody overlooks them and they cannot turn our own page round.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safeconduct.discover import plugins
from safeconduct.home import Home
from safeconduct.model import Basis, Item, Json, Kind
from safeconduct.policy.rules import BROKEN, NOT_ASSESSED
from safeconduct.screening.fields import fields
from safeconduct.screening.links import links_of
from safeconduct.screening.texts import Text
from safeconduct_desk.grouping import WHOLE
from safeconduct_desk.models import Arrival
from safeconduct_desk.tombstones import RULES, Before

LONGEST = 20_000  # letters of one field that are shown
_DECEIVING = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e0fff]")
_MIND = re.compile(r"\*\*Mind\*\*\s*(.*?)(?:\n\s*\n|\Z)", re.DOTALL)
CONFIDENCE = {1: gettext_lazy("perhaps"), 2: gettext_lazy("probably"), 3: gettext_lazy("surely")}
GUESSED = {**CONFIDENCE, 3: gettext_lazy("very probably")}  # nothing that is guessed is sure
BASES = {
    "exact": gettext_lazy("exactly what was looked for stands there"),
    "perceptual": gettext_lazy("it looks like a picture on the list"),
    "statistical": gettext_lazy("a guess from patterns and numbers"),
    "third-party": gettext_lazy("others say so; nobody here checked it"),
}
_LIST, _COUNTED = gettext_lazy("the server’s name is on the list"), gettext_lazy("counted")
_SEEN, _SAID = gettext_lazy("seen in the file itself"), gettext_lazy("its own record says so")
EXACTLY = {
    "known-media": gettext_lazy("the file is on the list, byte for byte"),
    "refused-before": gettext_lazy("the same bytes, or the same address"),
    "taken-back-before": gettext_lazy("the same bytes, or the same address"),
    "listed-domain": _LIST, "shortener": _LIST,
    "phrase": gettext_lazy("the words stand there; what they mean there, only a reader knows"),
    "personal-data": gettext_lazy("what has this form stands there"),
    "duplicate": gettext_lazy("the same stands earlier in this archive"),
    "many-links": _COUNTED, "many-mentions": _COUNTED, "burst": _COUNTED, "totals-mismatch": _COUNTED,
    "old": gettext_lazy("reckoned from the date it says"),
    "future-dated": gettext_lazy("reckoned from the date it says"),
    "image": _SEEN, "video": _SEEN, "audio": _SEEN, "large-media": _SEEN, "location-in-media": _SEEN,
    "other-file": _SEEN, "unreadable-media": gettext_lazy("it was tried, and failed"),
    "direct": _SAID, "followers-only": _SAID, "edited": _SAID, "poll": _SAID, "not-the-author": _SAID,
    "others-words": _SAID, "impossible-date": _SAID, "no-alt-text": _SAID,
    "orphan-reply": gettext_lazy("looked for in this archive"),
    "missing-media": gettext_lazy("looked for in this archive"),
}  # fmt: skip
VIEWS = {
    "plain": gettext_lazy("as written"),
    "folded": gettext_lazy("without regard to capitals and signs"),
    "skeleton": gettext_lazy("with look-alike letters read as Latin"),
    "leet": gettext_lazy("with digits and signs read as letters"),
    "joined": gettext_lazy("with letters set apart put together"),
    "squeezed": gettext_lazy("with repeated letters once"),
    "across": gettext_lazy("warning and text read as one"),
}
PLACES = {
    "/content": gettext_lazy("text"), "/summary": gettext_lazy("warning"), "/name": gettext_lazy("name"),
    "/contentMap": gettext_lazy("text"), "/attachment": gettext_lazy("description of a file"),
    "/tag": gettext_lazy("hashtag or mention"), "/oneOf": gettext_lazy("choice of the poll"),
    "/anyOf": gettext_lazy("choice of the poll"),
}  # fmt: skip
EVENTS = {
    "intended": gettext_lazy("Its delivery began."),
    "delivered": gettext_lazy("It was delivered."),
    "failed": gettext_lazy("The destination did not take it."),
    "undoing": gettext_lazy("Taking it back began."),
    "undone": gettext_lazy("It was taken back."),
    "decided": gettext_lazy("A person decided about it."),
}
FATES = {
    "arrives": gettext_lazy("The plan: it arrives."),
    "adapted": gettext_lazy("The plan: it arrives, adapted to the destination."),
    "held": gettext_lazy("The plan: it is held."),
    "refused": gettext_lazy("The plan: it is refused."),
    "left by the person": gettext_lazy("The plan: the person left it behind."),
    "left by the destination": gettext_lazy("The plan: the destination does not take it."),
}


@dataclass(frozen=True)
class Piece:
    """A stretch of text; ``marked`` if something was found in it."""

    text: str
    marked: bool


@dataclass(frozen=True)
class Passage:
    """One text of an item: where it stands, in pieces; ``views`` say how what is marked was read."""

    place: str
    pieces: Sequence[Piece]
    views: Sequence[str] = ()
    cut: bool = False


def passages(item: Item, findings: Sequence[Mapping[str, Json]]) -> list[Passage]:
    """Every text of the item, what was found marked in the text as it was written."""
    made: list[Passage] = []
    shown = (
        {name for one in item.media for name in (one.member, one.name) if name} if item.kind == Kind.MEDIA else set()
    )
    for field in fields(item)[:60]:
        text = Text(field)
        spots = _spots(field.pointer, findings)
        if not text.plain.strip() or (text.plain in shown and not spots):
            continue  # the same words again, as a server writes them into ``contentMap``
        shown.add(text.plain)
        views = dict.fromkeys(str(VIEWS.get(view, view)) for _, _, view in spots if view)
        pieces = _pieces(text, [(start, end) for start, end, _ in spots])
        made.append(Passage(_place(field.pointer), pieces, tuple(views), len(text.plain) > LONGEST))
    return made


def _spots(pointer: str, findings: Sequence[Mapping[str, Json]]) -> list[tuple[int, int, str]]:
    return [
        (int(start), int(end), str(view))
        for finding in findings
        for where, start, end, view in finding["evidence"]
        if where == pointer and end > start
    ]


def _pieces(text: Text, spots: Sequence[tuple[int, int]]) -> list[Piece]:
    """The visible text, cut where marks begin and end.  Offsets of evidence are those of the original string."""
    plain = text.plain[:LONGEST]
    if not spots:
        return [Piece(_plainly(plain), False)]
    made: list[Piece] = []
    begun, marked = 0, False
    for place in range(len(plain) + 1):
        here = place < len(plain) and _within(text.original(place, place + 1), spots)
        if (here != marked or place == len(plain)) and place > begun:
            made.append(Piece(_plainly(plain[begun:place]), marked))
            begun = place
        marked = here
    return made


def _within(span: tuple[int, int], spots: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in spots)


def _plainly(text: str) -> str:
    return _DECEIVING.sub(lambda match: f"⟦{ord(match[0]):04X}⟧", text)


def _place(pointer: str) -> str:
    known = next((label for start, label in PLACES.items() if pointer.startswith(start)), None)
    return str(known) if known is not None else pointer or str(_("name of a file"))


def addresses(item: Item) -> list[tuple[str, str]]:
    """(host, address) of each link, without mentions and hashtags."""
    found = links_of(item, [Text(field) for field in fields(item)[:60]])
    return list(dict.fromkeys((link.host, link.href[:300]) for link in found if link.role == "link"))[:40]


def said(findings: Sequence[Mapping[str, Json]]) -> list[dict[str, str]]:
    """Findings in words."""
    return [
        {
            "criterion": str(one["criterion"]),
            "reason": _plainly(str(one["reason"])),
            "sure": sure(one),
            "views": ", ".join(
                dict.fromkeys(str(VIEWS.get(view, view)) for *_, view in one["evidence"] if view)
            ),
        }
        for one in findings
    ]  # fmt: skip


def sure(finding: Mapping[str, Json]) -> str:
    """How sure this is and on what it rests, as a half sentence: "probably: a guess from patterns and numbers"."""
    criterion, basis = str(finding["criterion"]), str(finding["basis"])
    if criterion == BROKEN:
        return str(_("not known: the check broke"))
    if finding["value"] == NOT_ASSESSED:
        return str(_("not known: it could not be looked at"))
    exact = basis == Basis.EXACT
    degree = (CONFIDENCE if exact else GUESSED).get(int(finding["confidence"]), "")
    ground = EXACTLY.get(criterion) if exact else None
    return f"{degree}: {BASES.get(basis, basis) if ground is None else ground}"


def mind(criterion: str) -> str:
    """What this criterion gets wrong, in its own words ("" if it does not say)."""
    if criterion == WHOLE:
        return str(_("This is about the import as a whole. Look at how it came to be before you answer."))
    plugin = Before if criterion in RULES.values() else plugins("criteria").get(criterion)
    found = _MIND.search(inspect.getdoc(plugin) or "") if plugin is not None else None
    return " ".join(found[1].split()).replace("``", "") if found else ""


# --- the story --------------------------------------------------------------------------------------------------------


def story(opened: Home, arrival: Arrival, number: int) -> list[tuple[str, str]]:
    """(when, sentence) of everything that the journal and the index know of one item of this arrival."""
    if not arrival.transfer:
        return []
    row = opened.connection.execute(
        "SELECT fate, reason FROM items WHERE transfer = ? AND n = ?", (arrival.transfer, number)
    ).fetchone()
    told = [("", f"{FATES.get(row[0], row[0])} {row[1]}".strip())] if row else []
    events = opened.connection.execute(
        "SELECT at, event FROM entries WHERE transfer = ? AND json_extract(detail, '$.n') = ? ORDER BY seq",
        (arrival.transfer, number),
    )
    return told + [(at, str(EVENTS.get(event, event))) for at, event in events]


def medium_of(item: Item) -> list[dict[str, object]]:
    """Each file of an item: its place in the list, what kind it says it is, its description, whether it is here."""
    return [
        {
            "i": place, "kind": (one.type.partition("/")[0] or "file"), "alt": _plainly(one.alt),
            "here": one.member is not None and not one.empty,
            "picture": one.type.startswith("image/") and one.type != "image/svg+xml",
        }
        for place, one in enumerate(item.media)
    ]  # fmt: skip


KINDS = {
    Kind.POST: gettext_lazy("posts"), Kind.BOOST: gettext_lazy("boosts"), Kind.POLL: gettext_lazy("polls"),
    Kind.MEDIA: gettext_lazy("files"), Kind.PROFILE: gettext_lazy("profile"), Kind.FOLLOW: gettext_lazy("follows"),
    Kind.FOLLOWER: gettext_lazy("followers"), Kind.LIST: gettext_lazy("lists"), Kind.BLOCK: gettext_lazy("blocks"),
    Kind.MUTE: gettext_lazy("mutes"), Kind.DOMAIN_BLOCK: gettext_lazy("blocked servers"),
    Kind.FILTER: gettext_lazy("filters"), Kind.LIKE: gettext_lazy("likes"),
    Kind.BOOKMARK: gettext_lazy("bookmarks"), Kind.PIN: gettext_lazy("pins"),
    Kind.HASHTAG: gettext_lazy("followed hashtags"), Kind.OTHER: gettext_lazy("other things"),
}  # fmt: skip
ONE = {
    Kind.POST: gettext_lazy("a post"), Kind.BOOST: gettext_lazy("a boost"), Kind.POLL: gettext_lazy("a poll"),
    Kind.MEDIA: gettext_lazy("a file"), Kind.PROFILE: gettext_lazy("the profile"),
}  # fmt: skip
AUDIENCES = {
    "nobody": gettext_lazy("nobody"), "named": gettext_lazy("those who are named"),
    "followers": gettext_lazy("followers"), "unlisted": gettext_lazy("everybody, unlisted"),
    "public": gettext_lazy("everybody"),
}  # fmt: skip
