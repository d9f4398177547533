"""The shape of an import: when, what, in which languages, with which links, to whom.  Numbers, and few names.

Accounts that the person follows, blocks or mutes are kept as keyed digests only: enough to say how many of them are
here, useless to whoever has only the database.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime

from safeconduct.contracts import Source
from safeconduct.home import Home
from safeconduct.model import Item, Json, Kind
from safeconduct.screening.batch import Screen
from safeconduct.steps.plan import item_name

TOP = 40
MOST = 50_000  # of one counter; then only its largest are counted on
RELATIONS = {Kind.FOLLOW: "follows", Kind.BLOCK: "blocks", Kind.MUTE: "mutes", Kind.DOMAIN_BLOCK: "domains"}


def of(source: Source) -> dict[str, Json]:
    """Counts for the charts: ``months``, ``languages``, ``hosts``, ``mentions``, ``media``, ``alone`` (no media)."""
    months: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    hosts: Counter[str] = Counter()
    mentions: Counter[str] = Counter()
    media: Counter[str] = Counter()
    screen = Screen((), as_of=datetime.now(UTC))
    places = ((batch, index) for batch in screen.batches(source.read()) for index in range(len(batch.items)))
    for seen, index in places:
        item = seen.items[index]
        if item.published is not None:
            months[f"{item.published:%Y-%m}".zfill(7)] += 1
        languages.update(_languages(item))
        if item.kind != Kind.MEDIA:
            media.update(medium.type.partition("/")[0] or "unknown" for medium in item.media)
        for link in seen.links(index):
            if link.role == "mention":
                mentions[link.href] += 1
            elif link.role == "link" and link.host:
                hosts[link.host] += 1
        if len(mentions) > MOST or len(hosts) > MOST:
            mentions, hosts = _largest(mentions), _largest(hosts)
    return {
        "months": dict(sorted(months.items())), "languages": dict(languages.most_common(TOP)), "media": dict(media),
        "hosts": dict(hosts.most_common(TOP)), "host_count": len(hosts),
        "mentions": dict(mentions.most_common(TOP)), "mention_count": len(mentions),
    }  # fmt: skip


def overlap(home: Home, source: Source) -> dict[str, int]:
    """How many items of this archive other transfers of this home had too: by transfer."""
    if not home.transfers():
        return {}
    found: Counter[str] = Counter()
    for item in source.read():
        if isinstance(item, Item):
            digest = hashlib.sha256(item.raw).hexdigest()
            rows = home.connection.execute(
                "SELECT transfer FROM items WHERE item_key = ? UNION SELECT transfer FROM items WHERE digest_key = ?",
                (home.mark(item_name(item)), home.mark(digest)),
            )
            found.update(transfer for (transfer,) in rows)
    return dict(found.most_common(TOP))


def relations(home: Home, source: Source) -> dict[str, Json]:
    """Whom the person follows, blocks and mutes: marks of accounts, and how many of each host's."""
    marks: dict[str, list[str]] = {name: [] for name in RELATIONS.values()}
    hosts: dict[str, Counter[str]] = {name: Counter() for name in RELATIONS.values()}
    for item in source.read():
        if isinstance(item, Item) and item.kind in RELATIONS:
            name, acct = RELATIONS[item.kind], _account(item)
            if acct and len(marks[name]) < MOST:
                marks[name].append(account_mark(home, acct))
                hosts[name][acct.rpartition("@")[2]] += 1
    return {"marks": marks, "hosts": {name: dict(counts.most_common(TOP * 5)) for name, counts in hosts.items()}}


def account_mark(home: Home, acct: str) -> str:
    """``user@host`` as a keyed digest; short, since there may be many."""
    return home.mark(f"relation:{acct.lower().lstrip('@')}")[:24]


def _account(item: Item) -> str:
    for name in ("acct", "domain"):
        said = item.object.get(name)
        if isinstance(said, str) and 0 < len(said) < 300:
            return said.lower().lstrip("@")
    return ""


def _languages(item: Item) -> list[str]:
    """What the post itself says (``contentMap``): a claim."""
    said = item.object.get("contentMap")
    return [key[:12] for key in said if isinstance(key, str)] if isinstance(said, dict) else []


def _largest(counts: Counter[str]) -> Counter[str]:
    return Counter(dict(counts.most_common(MOST // 5)))
