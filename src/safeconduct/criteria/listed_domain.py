"""listed-domain: a link, a mention or a file on a server that a list names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._links import listed
from safeconduct.criteria._posts import places
from safeconduct.model import Basis, Confidence, Finding
from safeconduct.screening.domains import DomainSet

ROLES = ("link", "mention", "media", "reply", "quote", "boost", "profile")
_WORDS = {
    "link": "Links to",
    "mention": "Mentions somebody on",
    "media": "Shows a file from",
    "reply": "Answers somebody on",
    "quote": "Quotes somebody on",
    "boost": "Boosts somebody on",
    "profile": "Is about an account on",
}


class ListedDomain:
    """A link, a mention, a reply, a boost, a file or an account on a server that a list names, or below it.

    ``hosts``: the listed names; ``bad.example`` also covers ``www.bad.example``. ``roles``: which kinds of address
    count.

    **Why** What a community does not federate with should not come in through an old archive.

    **Mind** People link to bad places to warn of them, and old posts speak to servers that were listed years later.
    A list is as good as whoever keeps it.
    """

    name: ClassVar[str] = "listed-domain"

    def __init__(self, hosts: Sequence[str] = (), roles: Sequence[str] = ROLES) -> None:
        self._hosts = DomainSet(hosts)
        self._asked = bool(hosts)
        self._roles = frozenset(roles)

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        if not self._asked:
            return
        for index, found in listed(batch, self._hosts, self._roles).items():
            number = batch.items[index].number
            for (host, role), links in found.items():
                reason = f"{_WORDS.get(role, 'Has an address on')} {host}, which is listed"
                yield Finding(number, self.name, Confidence.HIGH, Basis.EXACT, reason, places(links), host)
