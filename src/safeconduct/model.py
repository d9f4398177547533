"""The nouns: everything that is passed from one part of Safeconduct to another.

Read this first, ``contracts.py`` second.  Everything here is frozen data without
behaviour that could surprise: no file, no clock, no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from msgspec import Struct

Json = Any
Object = Mapping[str, Json]


class Kind(StrEnum):
    """What an item is, in the words a person would use."""

    POST = "post"
    BOOST = "boost"
    POLL = "poll"
    MEDIA = "media"
    PROFILE = "profile"
    FOLLOW = "follow"
    FOLLOWER = "follower"
    LIST = "list"
    BLOCK = "block"
    MUTE = "mute"
    DOMAIN_BLOCK = "domain-block"
    FILTER = "filter"
    LIKE = "like"
    BOOKMARK = "bookmark"
    PIN = "pin"
    HASHTAG = "hashtag"
    OTHER = "other"


class Visibility(IntEnum):
    """Who may read an item: our own scale, narrowest first (law 5).

    Mastodon's ``private`` is our ``FOLLOWERS``; its ``direct`` is ``NAMED``.
    """

    NOBODY = 0
    NAMED = 1
    FOLLOWERS = 2
    UNLISTED = 3
    PUBLIC = 4


class Medium(Struct, frozen=True):
    """One file that an item shows: an attachment, an avatar, a header.

    ``pointer`` is the JSON Pointer of the reference inside ``Item.object``.
    ``member`` is the member of the source that holds the bytes, or ``None`` when the
    source does not have them.  ``type`` is the *declared* media type, a claim.
    ``empty``: the source has it, but without a single byte.
    """

    pointer: str
    member: str | None
    type: str = ""
    name: str = ""
    alt: str = ""
    focus: tuple[float, float] | None = None
    empty: bool = False


class Reply(Struct, frozen=True):
    """What an item answers: ``mine`` if the parent was written by the same actor.

    ``arrives`` is set by the planner: whether that own parent is going to be at the destination.
    """

    to: str
    mine: bool
    arrives: bool = True


class Item(Struct, frozen=True, eq=False):
    """One ActivityStreams object exactly as it left, and where it was found.

    ``raw`` holds the original bytes; ``record`` is the whole record decoded (the ``Create``),
    ``object`` what it is about (the ``Note``; the same mapping as ``record`` where there is no wrapper).
    ``number`` is its place in the source, from 0, the same on every reading.
    ``origin`` is the file and JSON Pointer (``outbox.json#/orderedItems/7``) or file and line (``follows.csv#L3``).
    ``published`` is a *claim*; ``None`` when it is absent or no date at all.
    """

    number: int
    kind: Kind
    origin: str
    raw: bytes
    record: Object
    object: Object
    id: str = ""
    actor: str = ""
    visibility: Visibility = Visibility.NOBODY
    published: datetime | None = None
    media: tuple[Medium, ...] = ()
    reply: Reply | None = None
    notes: tuple[str, ...] = ()


class Unreadable(Struct, frozen=True):
    """A place in the source that gave no item: reported, never skipped."""

    number: int
    origin: str
    reason: str


class Total(Struct, frozen=True):
    """How many records a file of the source says it has, and how many were found."""

    file: str
    declared: int | None
    found: int


class About(Struct, frozen=True):
    """What a source is, known for certain after one whole reading.

    ``actor`` is the id of the account the archive claims to be of; ``acct`` is ``user@host`` in lower case, or "".
    ``sha256`` is the digest of the file as it lies on disk.  ``notes`` are sentences for the report:
    everything odd in the source that is not one item's fault.
    """

    format: str
    actor: str
    acct: str
    sha256: str
    totals: tuple[Total, ...] = ()
    notes: tuple[str, ...] = ()


# --- what was seen -----------------------------------------------------------------------------------


class Confidence(IntEnum):
    """How sure a criterion is; never how bad it is."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Basis(StrEnum):
    """On what a finding rests.  Only ``EXACT`` findings may lead to a rejection (law 9)."""

    EXACT = "exact"
    PERCEPTUAL = "perceptual"
    STATISTICAL = "statistical"
    THIRD_PARTY = "third-party"


class Evidence(Struct, frozen=True):
    """Where it was seen: JSON Pointer into ``Item.object``, character offsets in that original string, which view."""

    pointer: str
    start: int = 0
    end: int = 0
    view: str = ""


WHOLE = -1  # Finding.item of a finding about the whole import


class Finding(Struct, frozen=True):
    """What one criterion saw in one item, or (``item == WHOLE``) in the whole import.

    ``question`` tells apart several uses of one criterion with different parameters; the policy sets it.
    ``value`` is a short machine-readable detail to group by (a host, a listed word's list, a kind), never a secret.
    """

    item: int
    criterion: str
    confidence: Confidence
    basis: Basis
    reason: str
    evidence: tuple[Evidence, ...] = ()
    value: str = ""
    question: str = ""


class Pattern(Struct, frozen=True):
    """Something to look for in every text field at once.

    ``literal``: ``text`` is plain words, matched without regard to case in the normalised text; otherwise it is
    a regular expression (RE2 syntax, no back-references, no look-around).  ``whole``: only as whole words,
    where "word" also works for scripts without spaces.  ``views``: which readings of the text may match.
    """

    text: str
    literal: bool = True
    whole: bool = True
    views: tuple[str, ...] = ("plain", "folded", "skeleton", "leet", "joined", "squeezed", "across")
    label: str = ""


class Field(Struct, frozen=True):
    """One text of an item: where (JSON Pointer into ``Item.object``), the original string, and whether it is HTML."""

    pointer: str
    text: str
    html: bool = False


class Link(Struct, frozen=True):
    """One address in an item.  ``host`` is lower case, without port, IDNA-encoded; "" if it has none.

    ``role`` is ``link``, ``mention``, ``hashtag``, ``media``, ``reply``, ``quote``, ``boost`` or ``profile``.
    """

    pointer: str
    href: str
    host: str
    role: str = "link"


class Hit(Struct, frozen=True):
    """One match of one pattern: offsets are in the *original* string of the field."""

    item: int  # index within the batch, not Item.number
    pattern: Pattern
    field: Field
    view: str
    start: int
    end: int


class MediaFacts(Struct, frozen=True):
    """What was measured of one medium, by a limited child process.

    ``size`` counts bytes really produced.  ``type`` is sniffed ("" if unknown).  ``pdq`` are eight 256-bit hashes
    as hex (identity, three rotations, their mirrors), empty if none.  ``quality`` 0-100.
    ``location`` names the carriers of a place ("EXIF GPS", "XMP", ...).  ``ai`` names AI or provenance labels.
    ``odd`` says what is in it that does not belong there ("a web page inside", ...).
    ``problem`` is a sentence when it could not be measured: that holds the item (law 8).
    """

    sha256: str
    size: int
    type: str = ""
    width: int = 0
    height: int = 0
    frames: int = 1
    seconds: float = 0.0
    pdq: tuple[str, ...] = ()
    quality: int = 0
    location: tuple[str, ...] = ()
    ai: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    problem: str = ""


# --- what this community says ------------------------------------------------------------------------


class Action(IntEnum):
    """The four actions, in order: a decision is a maximum (law 3)."""

    ACCEPT = 0
    LIMIT = 1
    QUARANTINE = 2
    REJECT = 3


class Filter(StrEnum):
    """A named limit.  ``CONTENT_WARNING`` adds one that says the reason, if there is none yet."""

    CONTENT_WARNING = "content-warning"
    SENSITIVE = "sensitive"
    UNLISTED = "unlisted"
    FOLLOWERS_ONLY = "followers-only"
    NO_MEDIA = "no-media"
    NO_LINKS = "no-links"
    NO_MENTIONS = "no-mentions"


class Reason(Struct, frozen=True):
    """Why: the rule, what was found, and the sentence the person moving will read.  Never empty."""

    rule: str
    criterion: str
    sentence: str


class Decision(Struct, frozen=True):
    """What this community says of one item.

    ``author`` is ``policy:<digest>``, ``person:<name>`` or ``fault``.  ``pending`` marks a question that a
    person still has to answer (a fault, a rule over its breaker): outside, that is never shown as a refusal.
    """

    action: Action
    filters: frozenset[Filter] = frozenset()
    reasons: tuple[Reason, ...] = ()
    author: str = "policy"
    pending: bool = False


class Fate(StrEnum):
    """What happens to an item: exactly one each, always explained (law 4)."""

    ARRIVES = "arrives"
    ADAPTED = "adapted"
    HELD = "held"
    REFUSED = "refused"
    LEFT_BY_PERSON = "left by the person"
    LEFT_BY_DESTINATION = "left by the destination"


# --- where it goes -----------------------------------------------------------------------------------


class Choices(Struct, frozen=True):
    """What the person moving chose.  The defaults are the quiet and careful ones (laws 5, 6, 7).

    ``mentions``: ``defuse`` (name and link, nobody is told) or ``leave``.  ``replies`` to others: ``own-words``
    (with a link to what was answered) or ``leave``.  ``polls``: ``text`` or ``leave``.
    ``boosts``: ``leave`` or ``link``.
    ``followers``: the person agreed that the followers there are new people, so followers-only posts may travel.
    ``linked``: the person links both accounts, so original addresses may be shown.
    ``federating``: blocks and follows that another server will see may be made.
    ``profile``: the profile's texts and pictures are replaced.  ``media``: carry pictures and other files.
    """

    mentions: str = "defuse"
    replies: str = "own-words"
    polls: str = "text"
    boosts: str = "leave"
    followers: bool = False
    linked: bool = False
    federating: bool = False
    profile: bool = True
    media: bool = True


class Abilities(Struct, frozen=True):
    """What a destination is and allows, as probed at a certain time; ``plan`` works from this offline.

    ``carries``: the kinds it takes at all.  ``backdates``: posts can keep their old date without waking anybody.
    ``hides``, ``deletes``: law 10.  ``limits``: the server's own numbers (``characters``, ``attachments``,
    ``image_bytes``, ``requests``, ``seconds`` …).  ``seen_by_others``: kinds whose delivery another server will see.
    ``account`` is the address of the receiving account; "" where there is none.  ``policy`` is the text of the
    intake policy the community publishes at ``/.well-known/safeconduct`` ("" if it publishes none).
    """

    destination: str
    software: str
    version: str
    probed: datetime
    carries: frozenset[Kind]
    audience: Visibility = Visibility.PUBLIC
    backdates: bool = True
    hides: bool = False
    deletes: bool = True
    account: str = ""
    limits: Mapping[str, int] = {}
    types: tuple[str, ...] = ()
    seen_by_others: frozenset[Kind] = frozenset()
    notes: tuple[str, ...] = ()
    policy: str = ""


class Shaped(Struct, frozen=True):
    """One item in the shape it will have at the destination: all of it is in the plan (plain JSON in ``body``).

    ``parent`` is the ``Item.id`` of the own post it answers there.  ``adapted`` says in sentences what was changed
    to fit the destination; ``limited`` what the community's filters changed.  Empty both: it arrives as it is.
    """

    number: int
    kind: Kind
    id: str
    visibility: Visibility
    body: Mapping[str, Json]
    published: datetime | None = None
    media: tuple[Medium, ...] = ()
    parent: str = ""
    adapted: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()


class Left(Struct, frozen=True):
    """An item that does not go there: a short reason code, the sentence, and by whose choice."""

    number: int
    code: str
    reason: str
    fate: Fate = Fate.LEFT_BY_DESTINATION


class Placed(Struct, frozen=True):
    """One file of a delivery: the SHA-256 (hex) of its bytes in the source and of the bytes as they were placed.

    They differ where hidden details were taken out of a picture, or where a file lies in a zip.
    """

    member: str
    source: str
    placed: str


class Receipt(Struct, frozen=True):
    """Proof of one delivery and the handle that undoes it: plain data that survives a restart.

    ``new_id`` and ``url`` are the destination's.  ``before`` is what undo needs to put things back.
    ``notes``: what of the item could not be delivered after all, in sentences (a picture that could not be cleaned).
    ``media``: the files that are there with it; ``None`` says that every file of the shape is there as it left.
    """

    number: int
    kind: Kind
    destination: str
    new_id: str
    url: str = ""
    at: datetime | None = None
    before: Mapping[str, Json] = {}
    notes: tuple[str, ...] = ()
    media: tuple[Placed, ...] | None = None


class Undone(Struct, frozen=True):
    """What one undo did; ``leftover`` says in plain words what it could not take back ("" if nothing)."""

    number: int
    leftover: str = ""


class Signal(Struct, frozen=True):
    """Something another community published: domain advice, a label, a hash."""

    kind: str
    key: str
    publisher: str
    published: datetime
    advice: str
    reason: str = ""
    expires: datetime | None = None
    retracted: bool = False


class Testimony(Struct, frozen=True):
    """What one witness can say about one item: proved, matched, changed, gone, claimed, not-asked."""

    item: int
    witness: str
    says: str
    detail: str = ""
