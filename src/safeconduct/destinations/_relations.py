"""Profile, blocks, mutes, follows, lists, filters and the rest, in the shape a Mastodon-API server takes.  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from msgspec.structs import replace

from safeconduct.activitystreams import names
from safeconduct.destinations._shaping import visible
from safeconduct.model import (
    Abilities,
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

CONTEXTS = ("home", "notifications", "public", "thread", "account")
# An @ that GoToSocial, Mastodon and Pleroma would read as a mention: not inside a word, followed by a name.
MENTION = re.compile(r"(?<![\w@])@(?=[\w.-])")

Shape = Callable[[Item, Abilities, Choices], Shaped | Left]


def shape_relation(item: Item, decision: Decision, abilities: Abilities, choices: Choices) -> Shaped | Left:
    """Everything that is not a post: shaped, or left with the reason."""
    if item.kind not in abilities.carries and item.kind in UNCARRIED:
        code, reason = UNCARRIED[item.kind]
        return Left(item.number, code, reason)
    shaped = SHAPES.get(item.kind, _other)(item, abilities, choices)
    if isinstance(shaped, Shaped) and item.kind not in abilities.carries:
        return Left(item.number, "not-carried", f"{abilities.software} has no place for a {item.kind.value}.")
    if isinstance(shaped, Shaped) and Filter.NO_MEDIA in decision.filters and shaped.media:
        return replace(shaped, media=(), limited=("Without its pictures, as this community asks.",))
    return shaped


UNCARRIED: Mapping[Kind, tuple[str, str]] = {
    Kind.LIKE: ("likes", "A like notifies the author of a post from years ago, so likes stay with you."),
    Kind.BOOKMARK: ("bookmarks", "Each bookmark would make this server fetch a whole conversation from elsewhere."),
    Kind.FOLLOWER: ("followers", "Followers decide for themselves; a Move from the old account invites them."),
    Kind.DOMAIN_BLOCK: ("domain-blocks", "This server has no blocking of whole servers by single people."),
    Kind.PIN: ("pins", "Pins are not carried; pin the posts you want on top once they have arrived."),
    Kind.OTHER: ("unknown-kind", "Nobody has taught us what this is, so it stays with you."),
    Kind.MEDIA: ("with-its-post", "A file travels with the post or profile that shows it."),
}


def _waits(item: Item, reason: str) -> Left:
    return Left(item.number, "waits-for-yes", reason, Fate.LEFT_BY_PERSON)


def _made(item: Item, body: Mapping[str, Json], *adapted: str, media: tuple[Medium, ...] = ()) -> Shaped:
    return Shaped(item.number, item.kind, item.id, Visibility.NOBODY, body, media=media, adapted=adapted)


def account_of(thing: Object) -> str:
    """Whom a relation is about: ``user@host``, else a profile's address, else ""."""
    acct = names.text(thing.get("acct"))
    if acct:
        return acct
    target = names.text(thing.get("href")) or names.link(thing.get("object")) or names.href(thing.get("url"))
    return names.acct(target) or target


def _other(item: Item, abilities: Abilities, choices: Choices) -> Left:
    del choices
    code, reason = UNCARRIED.get(item.kind, ("not-carried", f"{abilities.software} has no place for it."))
    return Left(item.number, code, reason)


def _nobody(item: Item) -> Left:
    return Left(item.number, "no-account", "It does not say which account it is about.")


def _block(item: Item, abilities: Abilities, choices: Choices) -> Shaped | Left:
    del abilities
    who = account_of(item.object)
    if not who:
        return _nobody(item)
    if choices.federating:
        return _made(item, {"act": "block", "account": who})
    sentence = f"{who} is muted, not blocked, until you say yes, because a block is visible to their server."
    return _made(item, {"act": "mute", "account": who, "notifications": True}, sentence)


def _mute(item: Item, abilities: Abilities, choices: Choices) -> Shaped | Left:
    del abilities, choices
    who = account_of(item.object)
    hide = item.object.get("hideNotifications", True) is not False
    return _made(item, {"act": "mute", "account": who, "notifications": hide}) if who else _nobody(item)


def _follow(item: Item, abilities: Abilities, choices: Choices) -> Shaped | Left:
    del abilities
    who = account_of(item.object)
    if not who:
        return _nobody(item)
    if not choices.federating:
        return _waits(item, f"Following {who} tells them so; it waits until you say yes.")
    thing = item.object
    body: dict[str, Json] = {"act": "follow", "account": who, "reblogs": thing.get("showBoosts", True) is not False}
    body["notify"] = thing.get("notify") is True
    languages = thing.get("languages")
    if isinstance(languages, list) and languages:
        body["languages"] = [str(code) for code in languages]
    return _made(item, body)


def _list(item: Item, abilities: Abilities, choices: Choices) -> Shaped | Left:
    del abilities
    title, who = names.text(item.object.get("title")) or names.text(item.object.get("name")), account_of(item.object)
    if not title or not who:
        return Left(item.number, "no-account", "It does not say which list, or who is in it.")
    if not choices.federating:
        return _waits(item, f"Only people you follow can be in a list; {who} waits until you say yes to follows.")
    return _made(item, {"act": "list", "title": title, "account": who})


def _domain(item: Item, abilities: Abilities, choices: Choices) -> Shaped | Left:
    del abilities, choices
    domain = names.text(item.object.get("domain"))
    return _made(item, {"act": "domain", "domain": domain}) if domain else _nobody(item)


def _filter(item: Item, abilities: Abilities, choices: Choices) -> Shaped | Left:
    """``custom_filters.json`` (Mastodon 4.6, #39085) to ``POST /api/v2/filters``."""
    del choices
    thing = item.object
    ends = _date(thing.get("expires_at"))
    if ends is not None and ends <= abilities.probed:
        return Left(item.number, "expired", "This filter ran out before the move.")
    contexts = [c for c in names.parts(thing.get("context")) if c in CONTEXTS]
    words = [_keyword(word) for word in names.parts(thing.get("keywords_attributes") or thing.get("keywords"))]
    title = names.text(thing.get("title")) or names.text(thing.get("phrase"))
    kept = [word for word in words if word["keyword"]]
    if not title or not contexts or not kept:
        return Left(item.number, "empty-filter", "This filter has no words, or says nowhere to use them.")
    hides = thing.get("action", thing.get("filter_action")) in ("hide", 1)
    body: dict[str, Json] = {"act": "filter", "title": title, "context": contexts, "keywords_attributes": kept}
    body["filter_action"] = "hide" if hides else "warn"
    if ends is not None:
        body["expires_at"] = ends.isoformat()
    lost = ("The single posts it hides are not there, so only its words come along.",) if thing.get("statuses") else ()
    return _made(item, body, *lost)


def _keyword(word: Json) -> dict[str, Json]:
    if not isinstance(word, Mapping):
        return {"keyword": word if isinstance(word, str) else "", "whole_word": False}
    return {"keyword": names.text(word.get("keyword")), "whole_word": word.get("whole_word") is True}


def _date(value: Json) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bookmark(item: Item, abilities: Abilities, choices: Choices) -> Shaped | Left:
    del abilities, choices
    url = names.link(item.object.get("object")) or item.id
    if not url.startswith(("https://", "http://")):
        return Left(item.number, "no-address", "This bookmark has no web address.")
    return _made(item, {"act": "bookmark", "url": url})


def _hashtag(item: Item, abilities: Abilities, choices: Choices) -> Shaped | Left:
    del abilities, choices
    tag = names.text(item.object.get("name")).lstrip("#＃")
    if not re.fullmatch(r"\w+", tag):
        return Left(item.number, "no-hashtag", "This is not a hashtag.")
    return _made(item, {"act": "tag", "tag": tag})


def _profile(item: Item, abilities: Abilities, choices: Choices) -> Shaped | Left:
    if not choices.profile:
        return Left(item.number, "profile", "You chose to keep the profile that is there.", Fate.LEFT_BY_PERSON)
    adapted: list[str] = []
    room = abilities.limits.get("fields", 4)
    fields = [_pair(entry) for entry in names.parts(item.object.get("attachment")) if isinstance(entry, Mapping)]
    fields = [pair for pair in fields if pair["name"]]
    if len(fields) > room:
        adapted.append(
            f"Only {room} profile fields fit there; left out: {', '.join(f['name'] for f in fields[room:])}."
        )
    body: dict[str, Json] = {
        "act": "profile",
        "display_name": names.text(item.object.get("name")),
        "note": visible(names.text(item.object.get("summary"))),
        "fields_attributes": fields[:room],
    }
    quiet = {key: _unmention(value) for key, value in body.items() if isinstance(value, str)}
    if quiet != {key: body[key] for key in quiet}:
        adapted.append("Names of others in the biography are written with ＠, so that nobody is looked up.")
    pictures = tuple(m for m in item.media if m.member is not None and m.pointer.startswith(("/icon", "/image")))
    if len(pictures) < len(item.media):
        adapted.append("A picture of the profile is not in the archive.")
    if not choices.media and pictures:
        adapted.append("Without its pictures, as you chose.")
        pictures = ()
    return _made(item, body | quiet, *adapted, media=pictures)


def _pair(entry: Object) -> dict[str, str]:
    return {
        "name": names.text(entry.get("name")).strip(),
        "value": _unmention(visible(names.text(entry.get("value")))),
    }


def _unmention(text: str) -> str:
    return MENTION.sub("＠", text)


SHAPES: Mapping[Kind, Shape] = {
    Kind.PROFILE: _profile,
    Kind.BLOCK: _block,
    Kind.MUTE: _mute,
    Kind.FOLLOW: _follow,
    Kind.LIST: _list,
    Kind.DOMAIN_BLOCK: _domain,
    Kind.FILTER: _filter,
    Kind.BOOKMARK: _bookmark,
    Kind.HASHTAG: _hashtag,
}
