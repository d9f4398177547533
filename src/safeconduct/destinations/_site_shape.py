"""An item as the site will show it: pure, so that ``plan`` can show it.

``Shaped.body`` of a post: ``html`` (reduced), ``lang``, ``warning``, ``sensitive``, ``address`` (only if the person
links the accounts), ``answers`` (somebody else's post), ``quotes``, ``poll``; of a boost: ``shared``; of a profile:
``name``, ``html``, ``fields``, ``address``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from safeconduct.activitystreams import names
from safeconduct.contracts import Terms
from safeconduct.destinations import _site_text as text
from safeconduct.destinations._post import by_choice, held
from safeconduct.model import Action, Decision, Filter, Item, Json, Kind, Left, Object, Shaped, Visibility

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
AUDIENCES = {
    Visibility.NOBODY: "It does not say who may read it",
    Visibility.NAMED: "Only the people it names may read it",
    Visibility.FOLLOWERS: "Only followers may read it",
}
BY_ITSELF = {
    Kind.MEDIA: "A file by itself has no place on the site; files travel with the post that shows them.",
    Kind.PIN: "The site shows posts in order of time; pinned posts have no place of their own.",
}
MENTIONED = "It mentions somebody, and you chose to leave such posts."


def shape(item: Item, decision: Decision, terms: Terms) -> Shaped | Left:
    """The item on the site, or why it is not there."""
    left = held(item, decision) or _place(item) or _audience(item, decision) or _choice(item, terms)
    if left is not None:
        return left
    filters = decision.filters if decision.action is Action.LIMIT else frozenset[Filter]()
    if item.kind is Kind.PROFILE:
        return _profile(item, terms, filters)
    if item.kind is Kind.BOOST:
        return _boost(item)
    return _post(item, decision, terms, filters)


# --- may it be there at all ------------------------------------------------------------------------------


def _place(item: Item) -> Left | None:
    if item.kind in (Kind.POST, Kind.POLL, Kind.BOOST, Kind.PROFILE):
        return None
    why = BY_ITSELF.get(item.kind, "A website has no place for this; a container keeps it.")
    return Left(item.number, "no-place", why)


def _audience(item: Item, decision: Decision) -> Left | None:
    if item.kind is Kind.PROFILE:
        return None
    if Filter.FOLLOWERS_ONLY in decision.filters:
        why = "It may be shown to followers only, and a website shows everything to everybody."
        return Left(item.number, "audience", why)
    if item.visibility >= Visibility.UNLISTED:
        return None
    why = f"{AUDIENCES[item.visibility]}, and a website shows everything to everybody. A container keeps it."
    return Left(item.number, "audience", why)


def _choice(item: Item, terms: Terms) -> Left | None:
    choices = terms.choices
    if item.kind is Kind.PROFILE and not choices.profile:
        return by_choice(item, "profile", "You chose to leave your profile.")
    if item.kind is Kind.BOOST and choices.boosts == "leave":
        return by_choice(item, "boost", "It shares somebody else's post, and you chose to leave those.")
    if item.kind is Kind.POLL and choices.polls == "leave":
        return by_choice(item, "poll", "You chose to leave polls.")
    if item.reply and not item.reply.mine and choices.replies == "leave":
        return by_choice(item, "reply", "It answers somebody else, and you chose to leave such posts.")
    if choices.mentions == "leave" and _mentions(item.object) - {terms.actor}:
        return by_choice(item, "mention", MENTIONED)
    return None


# --- a post ------------------------------------------------------------------------------------------------


def _post(item: Item, decision: Decision, terms: Terms, filters: frozenset[Filter]) -> Shaped | Left:
    thing, adapted, limited = item.object, list[str](), list[str]()
    content, tongue = _content(thing)
    body: dict[str, Json] = {"html": text.reduced(content, _rules(thing, terms, filters)), "lang": tongue}
    if gone := text.lost(content):
        adapted.append(f"Formatting that the site does not show was left out ({', '.join(gone)[:80]}).")
    body |= _warning(thing, decision, filters, limited) | _context(item, terms, adapted) | _poll(item, adapted)
    if limited or adapted or filters:
        limited += _limits(content, thing, filters)
    media = () if Filter.NO_MEDIA in filters or not terms.choices.media else item.media
    _media_notes(item, terms, filters, adapted, limited)
    if not (text.plain(body["html"]) or media or "poll" in body or "quotes" in body):
        return Left(item.number, "nothing-left", "Nothing of it is left that the site could show.")
    return Shaped(
        number=item.number,
        kind=item.kind,
        id=item.id,
        visibility=min(item.visibility, Visibility.UNLISTED) if Filter.UNLISTED in filters else item.visibility,
        body=body,
        published=item.published,
        media=media,
        parent=item.reply.to if item.reply and item.reply.mine and item.reply.arrives else "",
        adapted=tuple(adapted),
        limited=tuple(limited),
    )


def _content(thing: Object) -> tuple[str, str]:
    """The HTML and its language ("" if it says none or nothing that is a language tag)."""
    content, by_language = thing.get("content"), thing.get("contentMap")
    spoken = {tag: words for tag, words in by_language.items() if isinstance(words, str)} if (
        isinstance(by_language, Mapping)
    ) else {}  # fmt: skip
    if not isinstance(content, str):
        content = next(iter(spoken.values()), "")
    tag = next((tag for tag, words in spoken.items() if words == content), "")
    title = names.text(thing.get("name"))
    if title.strip() and thing.get("type") not in ("Note", "Question"):
        content = f"<p><strong>{html.escape(title)}</strong></p>{content}"
    return content, tag if LANGUAGE.fullmatch(tag) else ""


def _rules(thing: Object, terms: Terms, filters: frozenset[Filter]) -> text.Rules:
    tags = [tag for tag in names.parts(thing.get("tag")) if isinstance(tag, Mapping)]
    hashtags = (names.href(tag) for tag in tags if tag.get("type") == "Hashtag")
    return text.Rules(
        no_links=Filter.NO_LINKS in filters,
        no_mentions=Filter.NO_MENTIONS in filters,
        own=() if terms.choices.linked else _own(terms),
        hashtags=frozenset(hashtags),
        mentions=frozenset(_mentions(thing)),
    )


def _own(terms: Terms) -> tuple[str, ...]:
    """The author's old addresses: the actor's id, and the page Mastodon and others have for it."""
    user, _, server = terms.acct.partition("@")
    return tuple(one for one in (terms.actor, f"https://{server}/@{user}" if server else "") if one)


def _mentions(thing: Object) -> set[str]:
    tags = names.parts(thing.get("tag"))
    return {names.href(tag) for tag in tags if isinstance(tag, Mapping) and tag.get("type") == "Mention"} - {""}


def _warning(thing: Object, decision: Decision, filters: frozenset[Filter], limited: list[str]) -> dict[str, Json]:
    warning = text.plain(html.escape(names.text(thing.get("summary"))))
    if Filter.CONTENT_WARNING in filters and not warning:
        warning = decision.reasons[0].sentence if decision.reasons else "Content warning"
        limited.append(f"It is shown behind a warning: {warning}")
    sensitive = thing.get("sensitive") is True
    if Filter.SENSITIVE in filters and not sensitive:
        sensitive = True
        limited.append("Its pictures stay closed until somebody opens them.")
    return {"warning": warning, "sensitive": sensitive}


def _context(item: Item, terms: Terms, adapted: list[str]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    if terms.choices.linked and item.id.startswith(("https://", "http://")):
        found["address"] = names.href(item.object.get("url")) or item.id
    if item.reply and not item.reply.mine:
        found["answers"] = item.reply.to
        adapted.append("It answers somebody else's post; it is shown by itself with a link to that post.")
    elif item.reply and not item.reply.arrives:
        found["orphan"] = True
        adapted.append("It answers an earlier post of yours that is not on the site.")
    if quoted := names.quoted(item.object):
        found["quotes"] = quoted
    return found


def _poll(item: Item, adapted: list[str]) -> dict[str, Json]:
    if item.kind is not Kind.POLL:
        return {}
    thing = item.object
    choices = [one for one in names.parts(thing.get("oneOf") or thing.get("anyOf")) if isinstance(one, Mapping)]
    adapted.append("The poll is shown as a list with its counts; nobody can vote any more.")
    options = [[text.plain(html.escape(names.text(one.get("name")))), _votes(one.get("replies"))] for one in choices]
    return {"poll": {"options": options, "voters": _count(thing.get("votersCount"))}}


def _votes(replies: Json) -> int | None:
    return _count(replies.get("totalItems")) if isinstance(replies, Mapping) else None


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _limits(content: str, thing: Object, filters: frozenset[Filter]) -> list[str]:
    said = []
    if Filter.NO_LINKS in filters and "://" in content:
        said.append("Its links were taken out.")
    if Filter.NO_MENTIONS in filters and _mentions(thing):
        said.append("The names of people it mentions were taken out.")
    if Filter.UNLISTED in filters:
        said.append("It is not on the first page and not in the search.")
    return said


def _media_notes(item: Item, terms: Terms, filters: frozenset[Filter], adapted: list[str], limited: list[str]) -> None:
    if item.media and Filter.NO_MEDIA in filters:
        limited.append("Its pictures and files were left out.")
    elif item.media and not terms.choices.media:
        adapted.append("You chose to leave pictures and files.")
    elif any(medium.member is None for medium in item.media):
        adapted.append("The archive does not have all of its files; their descriptions are shown.")


# --- what is not a post --------------------------------------------------------------------------------------


def _boost(item: Item) -> Shaped | Left:
    shared = names.link(item.record.get("object")) or names.link(item.object)
    if not text.link(shared):
        return Left(item.number, "no-address", "It shares a post that gives no address to link to.")
    said = ("It is shown as a link to somebody else's post; that post's words are not copied.",)
    return Shaped(item.number, item.kind, item.id, item.visibility, {"shared": shared}, item.published, adapted=said)


def _profile(item: Item, terms: Terms, filters: frozenset[Filter]) -> Shaped:
    thing = item.object
    rules = _rules(thing, terms, filters)
    fields = [
        [text.plain(html.escape(names.text(one.get("name")))), text.reduced(names.text(one.get("value")), rules)]
        for one in names.parts(thing.get("attachment"))
        if isinstance(one, Mapping) and one.get("type") == "PropertyValue"
    ]
    body: dict[str, Json] = {
        "name": text.plain(html.escape(names.text(thing.get("name")) or names.text(thing.get("preferredUsername")))),
        "html": text.reduced(names.text(thing.get("summary")), rules),
        "fields": fields,
    }
    if terms.choices.linked:
        body |= {"address": names.href(thing.get("url")) or item.id, "acct": terms.acct}
    media = item.media if terms.choices.media and Filter.NO_MEDIA not in filters else ()
    return Shaped(item.number, item.kind, item.id, Visibility.PUBLIC, body, media=media)
