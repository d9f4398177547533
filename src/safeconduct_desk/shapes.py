"""The shape of an import: when, what, in which languages, with which links, to whom.  Numbers only, no content."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from safeconduct.contracts import Source
from safeconduct.model import Item, Json
from safeconduct.screening.batch import Screen

TOP = 40


def of(source: Source) -> dict[str, Json]:
    """Counts for the charts: ``months``, ``kinds``, ``languages``, ``hosts``, ``mentions``, ``media``, ``fields``."""
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
            months[item.published.strftime("%Y-%m")] += 1
        languages.update(_languages(item))
        for medium in item.media:
            media[medium.type.partition("/")[0] or "unknown"] += 1
        for link in seen.links(index):
            if link.role == "mention":
                mentions[link.href] += 1
            elif link.role == "link" and link.host:
                hosts[link.host] += 1
        if len(mentions) > 50_000 or len(hosts) > 50_000:
            mentions, hosts = Counter(dict(mentions.most_common(10_000))), Counter(dict(hosts.most_common(10_000)))
    return {
        "months": dict(sorted(months.items())), "languages": dict(languages.most_common(TOP)), "media": dict(media),
        "hosts": dict(hosts.most_common(TOP)), "host_count": len(hosts),
        "mentions": dict(mentions.most_common(TOP)), "mention_count": len(mentions),
    }  # fmt: skip


def _languages(item: Item) -> list[str]:
    """What the post itself says (``contentMap``): a claim."""
    said = item.object.get("contentMap")
    return [key[:12] for key in said if isinstance(key, str)] if isinstance(said, dict) else []
