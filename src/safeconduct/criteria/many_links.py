"""many-links: a post that is mostly links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._links import linked
from safeconduct.criteria._posts import WRITTEN, counted, places
from safeconduct.model import Basis, Confidence, Finding, Link


class ManyLinks:
    """A post, poll or profile with more different links than usual; mentions and hashtags are not counted.

    ``more_than``: how many different addresses are still usual.

    **Why** Imported spam is often a few words around many links.

    **Mind** Link round-ups, reading lists and bibliographies look the same.  The same address twice counts once.
    """

    name: ClassVar[str] = "many-links"

    def __init__(self, more_than: int = 5) -> None:
        self._most = more_than

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for _, item, links in linked(batch).items:
            if len(links) <= self._most or item.kind not in WRITTEN:
                continue
            different: dict[str, Link] = {link.href: link for link in links if link.role == "link"}
            if len(different) > self._most:
                reason = f"{counted(len(different), 'different link')} in one {item.kind}"
                yield Finding(item.number, self.name, Confidence.HIGH, Basis.EXACT, reason, places(different.values()))
