"""Alice's posts as Mastodon 4 exports them: every key a real ``Note`` has, about 2.7 KB each.

The shares follow a replay of a date-keeping mover's rules on an archive of 10,000: 22 % boosts, 17 % replies to
others, 10.5 % not public, 3 % mentions, 2 % polls, and own threads of which a third hangs on something not carried.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from random import Random

from safeconduct.model import Json
from safeconduct.sample._people import ALICE, FOLLOWERS, FRIENDS, HOME, PUBLIC
from safeconduct.sample._words import Tongue, tongues

Person = tuple[str, str, str]  # name, acct, actor id

_EMOJI: Json = {
    "id": f"{HOME}/emojis/7",
    "type": "Emoji",
    "name": ":sprout:",
    "updated": "2019-05-01T10:00:00Z",
    "icon": {"type": "Image", "mediaType": "image/png", "url": f"{HOME}/custom_emojis/sprout.png"},
}
_LINKS = (
    "https://gardens.example/guides/slugs-and-how-to-live-with-them",
    "https://rails.example/timetables/night/2024?from=york&to=inverness",
    "https://levain.example/notes/flat-bread-is-still-bread",
    "https://code.example/alice/seed-calendar/releases",
)
_WARNINGS = ("food", "long post about compost", "mild politics", "spiders")
_POLLS = (("rye", "sourdough", "focaccia"), ("window seat", "aisle"), ("tea", "coffee", "kettle broken", "water"))


class Author:
    """Writes one activity after another; ``at`` is seconds since 1970 and must not go back."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"author {seed}")  # noqa: S311 invented posts, no secret
        self._tongues = tongues()
        self._said: deque[tuple[str, str]] = deque(maxlen=12)  # (id, conversation) of own recent posts
        self._last = 0

    def ordinary(self, at: float, camera: Callable[[], list[Json]] = list) -> dict[str, Json]:
        """Whatever Alice does next.  ``camera`` gives the attachments of a post that has some."""
        lot = self.random.random()
        if lot >= 0.60:
            return self._plain(at, camera() if lot < 0.73 else ())
        if lot < 0.224:
            return self.boost(at)
        if lot < 0.395:
            return self._answer(at)
        if lot < 0.501:
            return self._quiet(at, lot < 0.467)
        if lot < 0.53:
            person = self._friend()
            return self.post(at, self._paragraph(self._tongue(), [person]), people=[person])
        return self.poll(at) if lot < 0.547 else self._thread(at)

    def post(
        self,
        at: float,
        content: str,
        *,
        to: Sequence[str] = (PUBLIC,),
        cc: Sequence[str] = (FOLLOWERS,),
        people: Sequence[Person] = (),
        language: str = "en",
        answers: str | None = None,
        conversation: str = "",
        warning: str | None = None,
        tags: Sequence[str] = (),
        attachments: Sequence[Json] = (),
        more: dict[str, Json] | None = None,
        published: str = "",
    ) -> dict[str, Json]:
        """A Create with its Note; ``more`` is added to the Note last."""
        number = self._number(at)
        address = f"{ALICE}/statuses/{number}"
        date = published or _date(at)
        conversation = conversation or f"tag:old.example,{date[:10]}:objectId={number >> 20}:objectType=Conversation"
        copied = [*cc, *(person[2] for person in people if person[2] not in to)]
        tag: list[Json] = [{"type": "Mention", "href": person[2], "name": "@" + person[1]} for person in people]
        tag += [{"type": "Hashtag", "href": f"{HOME}/tags/{word.lower()}", "name": "#" + word} for word in tags]
        note: dict[str, Json] = {
            "id": address,
            "type": "Note",
            "summary": warning,
            "inReplyTo": answers,
            "published": date,
            "url": f"{HOME}/@alice/{number}",
            "attributedTo": ALICE,
            "to": list(to),
            "cc": copied,
            "sensitive": warning is not None,
            "atomUri": address,
            "inReplyToAtomUri": answers,
            "conversation": conversation,
            "context": f"{HOME}/contexts/{number >> 20}",
            "content": content,
            "contentMap": {language: content},
            "interactionPolicy": {"canQuote": {"automaticApproval": [PUBLIC if PUBLIC in to else ALICE]}},
            "attachment": list(attachments),
            "tag": [*tag, _EMOJI] if ":sprout:" in content else tag,
            "replies": _replies(address),
            "likes": {"id": f"{address}/likes", "type": "Collection", "totalItems": number % 9},
            "shares": {"id": f"{address}/shares", "type": "Collection", "totalItems": number % 4},
        }
        note.update(more or {})
        self._said.append((address, conversation))
        return _wrapped(address, date, note)

    def boost(self, at: float, thing: Json = None) -> dict[str, Json]:
        """An Announce of somebody's post, rarely of an own one, or of what is given."""
        number = self._number(at)
        author = f"{self._friend()[2]}/statuses/{number - (1 << 30)}"
        own = self._said and self.random.random() < 0.04
        return {
            "id": f"{ALICE}/statuses/{number}/activity",
            "type": "Announce",
            "actor": ALICE,
            "published": _date(at),
            "to": [PUBLIC],
            "cc": [FRIENDS[number % len(FRIENDS)][2], FOLLOWERS],
            "object": thing or (self._said[0][0] if own else author),
        }

    def poll(self, at: float) -> dict[str, Json]:
        """A question with one or several answers allowed."""
        options = [
            {"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": 1 + len(name)}}
            for name in self.random.choice(_POLLS)
        ]
        ends = _date(at + 86400)
        more = {
            "type": "Question",
            self.random.choice(("oneOf", "anyOf")): options,
            "endTime": ends,
            "closed": ends,
            "votersCount": 11,
        }
        tongue = self._tongue()
        return self.post(at, self._paragraph(tongue), language=tongue.code, more=more)

    def _plain(self, at: float, attachments: Sequence[Json]) -> dict[str, Json]:
        random = self.random
        tongue = self._tongue()
        tags = [random.choice(tongue.tags)] if random.random() < 0.35 else []
        extra = link(_LINKS[int(random.random() * len(_LINKS))]) if random.random() < 0.12 else ""
        to, cc = ([FOLLOWERS], [PUBLIC]) if random.random() < 0.14 else ([PUBLIC], [FOLLOWERS])
        return self.post(
            at,
            self._paragraph(tongue, tags=tags, extra=extra),
            to=to,
            cc=cc,
            language=tongue.code,
            tags=tags,
            warning=random.choice(_WARNINGS) if random.random() < 0.05 else None,
            attachments=attachments,
            more={"updated": _date(at + 600)} if random.random() < 0.05 else None,
        )

    def _answer(self, at: float) -> dict[str, Json]:
        person, tongue = self._friend(), self._tongue()
        parent = f"{person[2]}/statuses/{self._last - (1 << 28)}"
        talk = f"tag:{person[1].split('@')[1]},2024-01-01:objectId={self._last >> 24}:objectType=Conversation"
        content = self._paragraph(tongue, [person])
        return self.post(at, content, people=[person], language=tongue.code, answers=parent, conversation=talk)

    def _quiet(self, at: float, followers: bool) -> dict[str, Json]:
        tongue = self._tongue()
        if followers:
            return self.post(at, self._paragraph(tongue), to=[FOLLOWERS], cc=[], language=tongue.code)
        person = self._friend()
        content = self._paragraph(tongue, [person])
        return self.post(at, content, to=[person[2]], cc=[], people=[person], language=tongue.code)

    def _thread(self, at: float) -> dict[str, Json]:
        tongue = self._tongue()
        parent, talk = self._said[int(self.random.random() * len(self._said))] if self._said else (None, "")
        content = self._paragraph(tongue)
        return self.post(at, content, language=tongue.code, answers=parent, conversation=talk)

    def _paragraph(
        self, tongue: Tongue, people: Sequence[Person] = (), tags: Sequence[str] = (), extra: str = ""
    ) -> str:
        random = self.random
        words = [mention(person) for person in people]
        said = [escape(sentence) for sentence in tongue.say(random, 2 + int(random.random() * 4))]
        words.append("</p><p>".join((" ".join(said[:2]), " ".join(said[2:]))) if said[2:] else " ".join(said))
        if random.random() < 0.04:
            words.append(":sprout:")
        if extra:
            words.append(extra)
        words += [hashtag(word) for word in tags]
        return f"<p>{' '.join(words)}</p>"

    def _tongue(self) -> Tongue:
        lot = int(self.random.random() * 1.5 * len(self._tongues))
        return self._tongues[lot if lot < len(self._tongues) else 0]

    def _friend(self) -> Person:
        return FRIENDS[int(self.random.random() * len(FRIENDS))]

    def _number(self, at: float) -> int:
        """Mastodon's ids: milliseconds since 1970 and 16 bits of luck, always rising."""
        self._last = max(self._last + 1, (int(at * 1000) << 16) + int(self.random.random() * 65536))
        return self._last


def mention(person: Person) -> str:
    """A person as Mastodon writes them into a post."""
    name, acct, _ = person
    return (
        f'<span class="h-card" translate="no"><a href="https://{acct.split("@")[1]}/@{name}" class="u-url mention">'
        f"@<span>{name}</span></a></span>"
    )


def hashtag(word: str) -> str:
    """A hashtag as Mastodon writes it into a post."""
    address = f"{HOME}/tags/{escape(word.lower())}"
    return f'<a href="{address}" class="mention hashtag" rel="tag">#<span>{escape(word)}</span></a>'


def link(address: str) -> str:
    shown, rest = address[8:38], address[38:]
    return (
        f'<a href="{escape(address)}" target="_blank" rel="nofollow noopener noreferrer" translate="no">'
        f'<span class="invisible">https://</span><span class="ellipsis">{escape(shown)}</span>'
        f'<span class="invisible">{escape(rest)}</span></a>'
    )


def _replies(address: str) -> Json:
    page = f"{address}/replies?only_other_accounts=true&page=true"
    first = {"type": "CollectionPage", "next": page, "partOf": f"{address}/replies", "items": []}
    return {"id": f"{address}/replies", "type": "Collection", "first": first}


def _wrapped(address: str, date: str, note: dict[str, Json]) -> dict[str, Json]:
    return {
        "id": f"{address}/activity",
        "type": "Create",
        "actor": ALICE,
        "published": date,
        "to": note["to"],
        "cc": note["cc"],
        "object": note,
    }


def _date(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
