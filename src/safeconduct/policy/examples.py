"""A rule's own examples, run when it is read: what it must match, and what it must spare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from safeconduct.activitystreams.names import PUBLIC, href, link, parts, text
from safeconduct.activitystreams.visibility import audience
from safeconduct.contracts import Criterion
from safeconduct.model import Finding, Item, Json, Kind, Medium, Reply, Visibility
from safeconduct.policy.rules import BROKEN, Rule
from safeconduct.policy.table import Table, kind
from safeconduct.screening.batch import Screen

OWNER = "https://social.example/users/alice"
"""Whose posts examples are, unless they say otherwise."""

AS_OF = datetime(2024, 6, 1, 12, tzinfo=UTC)
"""The moment at which examples are read: a rule about age must not change its mind on a birthday."""

_KINDS = {"Question": Kind.POLL, "Announce": Kind.BOOST, "Person": Kind.PROFILE, "Service": Kind.PROFILE}


def check_examples(table: Table, rule: Rule, criterion: Criterion) -> None:
    """Raise ``PolicyError`` for the first example that is not as the rule says; its share of an import is not asked."""
    for key, wanted in (("matches", True), ("spares", False)):
        examples = table.array(key)
        if examples and (rule.where.whole or not hasattr(criterion, "inspect")):
            table.wrong("A rule about a whole import cannot have single posts as examples.", key, f"no “{key}” here")
        items = [_item(table, key, number, example) for number, example in enumerate(examples)]
        found = _found(criterion, items)
        for item, example in zip(items, examples, strict=True):
            seen = [finding for finding in found if finding.item == item.number]
            problem = _problem(rule, item, seen, wanted)
            if problem:
                message = f"The rule {problem} number {item.number + 1} of its own “{key}”: {_short(example)}"
                table.wrong(message, key, "a rule that fits its examples, or examples that fit the rule")


def _problem(rule: Rule, item: Item, found: Sequence[Finding], wanted: bool) -> str:
    broken = next((finding for finding in found if finding.criterion == BROKEN), None)
    if broken is not None:
        return f"breaks ({broken.reason}) at"
    if any(rule.minds(item, finding, AS_OF) for finding in found) is wanted:
        return ""
    return "does not match" if wanted else "matches"


def _found(criterion: Criterion, items: Sequence[Item]) -> list[Finding]:
    if not items:
        return []
    screen = Screen([criterion], as_of=AS_OF, owner=OWNER, acct="alice@social.example")
    return [finding for batch in screen.batches(items) for finding in screen.findings(batch)]


def _item(table: Table, key: str, number: int, example: Json) -> Item:
    """A text is the body of a public post by the owner of the account; a table is an ActivityStreams object."""
    if isinstance(example, str):
        example = {"content": example}
    if not isinstance(example, dict):
        table.wrong(f"An example is a text or an object, not {kind(example)}.", key, f'{key} = ["the text of a post"]')
    usual = {"type": "Note", "attributedTo": OWNER, "published": "2024-05-01T12:00:00Z"}
    thing: Mapping[str, Json] = usual | ({} if "to" in example or "cc" in example else {"to": [min(PUBLIC)]}) | example
    parent = link(thing.get("inReplyTo"))
    return Item(
        number=number,
        kind=_KINDS.get(str(thing["type"]), Kind.POST),
        origin=f"{key}[{number}]",
        raw=msgspec.json.encode(thing),
        record=thing,
        object=thing,
        id=link(thing.get("id")),
        actor=link(thing.get("attributedTo")) or OWNER,
        visibility=_visibility(thing),
        published=_date(thing.get("published")),
        media=_media(thing),
        reply=Reply(parent, parent.startswith(OWNER)) if parent else None,
    )


def _visibility(thing: Mapping[str, Json]) -> Visibility:
    return audience(thing, (f"{OWNER}/followers",))


def _media(thing: Mapping[str, Json]) -> tuple[Medium, ...]:
    """What is attached, by its own claims: an example has no bytes."""
    return tuple(
        Medium(
            f"/attachment/{n}", None, text(each.get("mediaType")), href(each).rpartition("/")[2], text(each.get("name"))
        )
        for n, each in enumerate(parts(thing.get("attachment")))
        if isinstance(each, Mapping)
    )


def _date(value: Json) -> datetime | None:
    """TOML has dates of its own; AS2 has texts."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _short(example: Json) -> str:
    written = example if isinstance(example, str) else msgspec.json.encode(example).decode()
    return f"“{written[:80]}{'…' if len(written) > 80 else ''}”"
