"""A post, poll or boost in the shape a back-dating Mastodon-API server takes: pure, so that ``plan`` can show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from msgspec import Struct, field
from msgspec.structs import replace

from safeconduct.activitystreams import names
from safeconduct.destinations._shaping import WEB, Rules, Words, body_of, names_of, visible, words
from safeconduct.model import (
    Abilities,
    Action,
    Choices,
    Decision,
    Fate,
    Filter,
    Item,
    Json,
    Kind,
    Left,
    Medium,
    Object,
    Shaped,
    Visibility,
)

SCOPES = {Visibility.PUBLIC: "public", Visibility.UNLISTED: "unlisted", Visibility.FOLLOWERS: "private"}
FIRST_DAY = datetime(1971, 1, 1, tzinfo=UTC)  # GoToSocial answers 406 up to 1970; the first year is never a real date
# ISO 639-1, and the three-letter ones Mastodon offers (``app/helpers/languages_helper.rb``).
LANGUAGES = frozenset(
    re.findall(
        r"\w+",
        "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz"
        " ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik"
        " io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml"
        " mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd"
        " se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi"
        " vo wa wo xh yi yo za zh zu"
        " ast chr ckb cnr csb gsw jbo kab ldn lfn moh nan nds pdc sco sma smj szl tok vai xal yue zba zgh",
    )
)


class _Draft(Struct):
    """One post while it is being shaped."""

    item: Item
    thing: Object
    filters: frozenset[Filter]
    visibility: Visibility
    adapted: list[str] = field(default_factory=list)
    limited: list[str] = field(default_factory=list)


def held(item: Item, decision: Decision) -> Left | None:
    """Law of every destination: what is not accept or limit does not go."""
    if decision.action < Action.QUARANTINE:
        return None
    why = "; ".join(reason.sentence for reason in decision.reasons) or "A person has to look at this first."
    if decision.action is Action.REJECT:
        return Left(item.number, "refused", why, Fate.REFUSED)
    return Left(item.number, "held", why, Fate.HELD)


def by_choice(item: Item, code: str, reason: str) -> Left:
    return Left(item.number, code, reason, Fate.LEFT_BY_PERSON)


def shape_post(item: Item, decision: Decision, abilities: Abilities, choices: Choices) -> Shaped | Left:
    """A post as it will be there, or why it stays."""
    left = _audience(item, abilities, choices) or _date(item, abilities) or _unwanted(item, choices)
    if left is not None:
        return left
    filters = decision.filters if decision.action is Action.LIMIT else frozenset[Filter]()
    draft = _Draft(item, item.object, filters, min(item.visibility, abilities.audience))
    _narrow(draft)
    written = _text(draft, choices, abilities)
    if isinstance(written, Left):
        return written
    media = _media(draft, abilities, choices)
    warning = _warning(draft, decision)
    room = abilities.limits.get("characters", 0)
    if room and len(written.text) + len(warning) > room:
        return Left(item.number, "too-long", f"It has more than the {room} characters this server takes in one post.")
    if not written.text.strip() and not media:
        return Left(item.number, "nothing-left", "Nothing of it is left that this server could show.")
    return _shaped(draft, written, warning, media)


def _shaped(draft: _Draft, written: Words, warning: str, media: tuple[Medium, ...]) -> Shaped:
    item = draft.item
    moment = (item.published or FIRST_DAY).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {
        "status": written.text,
        "content_type": "text/markdown" if written.markdown else "text/plain",
        "visibility": SCOPES[draft.visibility],
        "spoiler_text": warning,
        "sensitive": _sensitive(draft),
        "scheduled_at": moment,
        # Left out, it would be the account's default language: a claim nobody made.  "und" is accepted (measured).
        "language": language(body_of(draft.thing)[1]) or "und",
    }
    return Shaped(
        number=item.number,
        kind=item.kind,
        id=item.id,
        visibility=draft.visibility,
        body=body,
        published=item.published,
        media=media,
        parent=item.reply.to if item.reply and item.reply.mine and item.reply.arrives else "",
        adapted=tuple(draft.adapted),
        limited=tuple(draft.limited),
    )


# --- may it travel at all -------------------------------------------------------------------------


def _audience(item: Item, abilities: Abilities, choices: Choices) -> Left | None:
    if item.visibility <= Visibility.NAMED:
        return Left(item.number, "direct", "It was written to certain people only, so it stays with you.")
    if item.visibility is Visibility.FOLLOWERS and not choices.followers:
        reason = "It was for your followers there. The followers here are other people, so it stays until you agree."
        return by_choice(item, "followers-only", reason)
    if abilities.audience < Visibility.FOLLOWERS:
        return Left(item.number, "audience", "Nobody could read a post there.")
    return None


def _date(item: Item, abilities: Abilities) -> Left | None:
    if not abilities.backdates:
        reason = "This server does not let posts keep their old date; posted now, it would land in front of everybody."
        return Left(item.number, "no-backdating", reason)
    if item.published is None:
        return Left(item.number, "no-date", "It has no readable date, and without one it would be posted as new.")
    if item.published < FIRST_DAY:
        return Left(item.number, "impossible-date", f"Its date, {item.published:%Y-%m-%d}, is before any server.")
    if item.published >= abilities.probed:
        reason = f"Its date, {item.published:%Y-%m-%d %H:%M}, lies in the future; the server would post it as new."
        return Left(item.number, "future-date", reason)
    return None


def _unwanted(item: Item, choices: Choices) -> Left | None:
    others = [name for name in names_of(item.object.get("tag")) if name != item.actor]
    if item.kind is Kind.BOOST and choices.boosts != "link":
        return by_choice(item, "boosts", "It is a post by somebody else that you boosted; you chose to leave boosts.")
    if item.kind is Kind.POLL and choices.polls == "leave":
        return by_choice(item, "polls", "It is a poll; you chose to leave polls.")
    if item.reply and not item.reply.mine and choices.replies == "leave":
        return by_choice(item, "replies", "It answers somebody else; you chose to leave such replies.")
    if others and choices.mentions == "leave":
        return by_choice(item, "mentions", "It mentions others; you chose to leave such posts.")
    return None


# --- text ------------------------------------------------------------------------------------------


def _text(draft: _Draft, choices: Choices, abilities: Abilities) -> Words | Left:
    if draft.item.kind is Kind.BOOST:
        return _boost(draft, choices)
    rules = Rules(
        names_of(draft.thing.get("tag")), Filter.NO_LINKS in draft.filters, Filter.NO_MENTIONS in draft.filters
    )
    content = body_of(draft.thing)[0]
    extras = [*_poll(draft), *_answered(draft, choices), *_quoted(draft, content)]
    written = words(content, rules, extras)
    if written.mentions:
        who = "A person it mentions is" if written.mentions == 1 else f"{written.mentions} people it mentions are"
        draft.adapted.append(f"{who} named with a link instead, so that nobody is notified.")
    if names.edited(draft.thing):
        draft.adapted.append("It arrives as last edited; the mark that it was edited does not.")
    if written.links:
        draft.limited.append(f"{_many(written.links, 'link')} taken out, as this community asks.")
    if written.people:
        draft.limited.append(f"{_many(written.people, 'name')} of others taken out, as this community asks.")
    return written


def _boost(draft: _Draft, choices: Choices) -> Words | Left:
    boosted = draft.item.record.get("object", draft.thing.get("object", draft.thing))
    url = boosted.get("url") or boosted.get("id") if isinstance(boosted, Mapping) else boosted
    if not isinstance(url, str) or not WEB.fullmatch(url):
        return Left(draft.item.number, "boosts", "The post it boosts has no address that could be linked.")
    own = isinstance(boosted, Mapping) and boosted.get("attributedTo") == draft.item.actor
    if own and not choices.linked:
        return by_choice(draft.item, "boosts", "It boosts a post of your old account, which you did not link.")
    if Filter.NO_LINKS in draft.filters:
        return Left(draft.item.number, "nothing-left", "It is only a link, and this community takes none from here.")
    draft.adapted.append("The boost arrives as a link to the boosted post; its author is not notified.")
    return words("", Rules(), [f"Boosted: {url}"])


def _poll(draft: _Draft) -> Iterator[str]:
    options = draft.thing.get("oneOf") or draft.thing.get("anyOf")
    if not isinstance(options, list) or not options:
        return
    draft.adapted.append("The poll arrives as text, with its options and the votes counted so far.")
    lines = []
    for option in options:
        if isinstance(option, Mapping):
            votes = _count(option.get("replies"))
            lines.append(f"• {option.get('name') or ''}" + (f" ({votes})" if votes is not None else ""))
    voters = draft.thing.get("votersCount")
    if isinstance(voters, int) and not isinstance(voters, bool):
        lines.append(f"{voters} voted")
    yield "\n".join(lines)


def _count(replies: Json) -> int | None:
    total = replies.get("totalItems") if isinstance(replies, Mapping) else None
    return total if isinstance(total, int) and not isinstance(total, bool) else None


def _answered(draft: _Draft, choices: Choices) -> Iterator[str]:
    reply = draft.item.reply
    if reply is None or (reply.mine and reply.arrives):
        return
    if reply.mine and not choices.linked:
        draft.adapted.append("It answers a post of yours that does not come along, so it stands on its own.")
    elif Filter.NO_LINKS in draft.filters or not WEB.fullmatch(reply.to):
        draft.adapted.append("It stands on its own; what it answers is not shown.")
    else:
        whose = "a post of yours that stays behind" if reply.mine else "somebody else's post"
        draft.adapted.append(f"It answers {whose}: it arrives as your own words with a link to that post.")
        yield f"In reply to: {reply.to}"


def _quoted(draft: _Draft, content: str) -> Iterator[str]:
    url = names.quoted(draft.thing)
    if not WEB.fullmatch(url):
        return
    draft.adapted.append("The quoted post arrives as a link; its author is not notified.")
    if url not in content and Filter.NO_LINKS not in draft.filters:
        yield f"Quoting: {url}"


# --- warning, audience, language, media ----------------------------------------------------------------


def _narrow(draft: _Draft) -> None:
    for wanted, level, sentence in (
        (Filter.UNLISTED, Visibility.UNLISTED, "Unlisted"),
        (Filter.FOLLOWERS_ONLY, Visibility.FOLLOWERS, "For followers only"),
    ):
        if wanted in draft.filters and draft.visibility > level:
            draft.visibility = level
            draft.limited.append(f"{sentence}, as this community asks.")


def _warning(draft: _Draft, decision: Decision) -> str:
    summary = draft.thing.get("summary")
    warning = visible(summary) if isinstance(summary, str) else ""
    if Filter.CONTENT_WARNING in draft.filters and not warning:
        warning = decision.reasons[0].sentence if decision.reasons else "Sensitive"
        draft.limited.append(f"Behind the warning “{warning}”, as this community asks.")
    return " ".join(warning.split())


def _sensitive(draft: _Draft) -> bool:
    already = draft.thing.get("sensitive") is True
    if Filter.SENSITIVE in draft.filters and not already:
        draft.limited.append("Marked as sensitive, as this community asks.")
        return True
    return already


def language(tag: str) -> str:
    """A language tag a server will understand, or "" (an unknown one is an error there, not a default)."""
    parts = re.fullmatch(r"([a-zA-Z]{2,3})(?:[-_]([a-zA-Z]{4}))?(?:[-_]([a-zA-Z]{2}|[0-9]{3}))?.*", tag)
    if parts is None or parts[1].lower() not in LANGUAGES:
        return ""
    return "-".join(
        part
        for part in (parts[1].lower(), (parts[2] or "").title(), (parts[3] or "").upper() if parts[3] else "")
        if part
    )


def _media(draft: _Draft, abilities: Abilities, choices: Choices) -> tuple[Medium, ...]:
    media = draft.item.media
    if not media:
        return ()
    if Filter.NO_MEDIA in draft.filters:
        draft.limited.append(f"Without its {_many(len(media), 'file')}, as this community asks.")
        return ()
    if not choices.media:
        draft.adapted.append(f"Without its {_many(len(media), 'file')}, as you chose.")
        return ()
    kept = []
    for place, medium in enumerate(media, 1):
        trouble = _trouble(medium, abilities)
        if trouble:
            draft.adapted.append(f"File {place} of {len(media)} stays behind: {trouble}.")
        else:
            kept.append(_described(draft, place, medium, abilities))
    most = abilities.limits.get("attachments", 0) or len(kept)
    if len(kept) > most:
        draft.adapted.append(f"Only {most} files fit into a post there; {len(kept) - most} stay in the remainder.")
    return tuple(kept[:most])


def _trouble(medium: Medium, abilities: Abilities) -> str:
    if medium.member is None:
        return "the archive does not contain it"
    if medium.empty:
        return "it is empty in the archive (a known fault of exports from object storage)"
    if medium.type and abilities.types and medium.type.lower() not in abilities.types:
        return f"this server does not take {medium.type}"
    return ""


def _described(draft: _Draft, place: int, medium: Medium, abilities: Abilities) -> Medium:
    room = abilities.limits.get("description", 0)
    if not room or len(medium.alt) <= room:
        return medium
    draft.adapted.append(f"The description of file {place} is cut from {len(medium.alt)} to {room} characters.")
    return replace(medium, alt=medium.alt[: room - 1] + "…")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
