"""Who may read it: derived from ``to`` and ``cc``, never from a claim (law 5: an audience never widens).

Mastodon's conventions, which all Fediverse software follows: public addresses in ``to``; *unlisted* moves the
public collection to ``cc``; *followers-only* names only the actor's followers collection; *direct* names only actors.
The key ``directMessage`` was absent from all real archives we measured, so it can narrow but is never needed.
Servers were seen to put a private note inside a public activity: the narrower of wrapper and object counts.
"""

from __future__ import annotations

from collections.abc import Collection

from safeconduct.activitystreams.names import PUBLIC
from safeconduct.model import Json, Object, Visibility

_ADDRESS = ("https://", "http://", "did:", "ap://", "acct:")


def effective(record: Object, thing: Object, followers: Collection[str] = ()) -> Visibility:
    """The narrower of the wrapper's audience and the object's; pass the record twice where there is no wrapper.

    ``followers`` are the addresses of the account's own followers collection.  Anybody else's collection counts as
    one named address: those people are not this person's to address again.  Never raises.
    """
    seen = audience(thing, followers)
    if thing is not record and not _same(record, thing):
        seen = min(seen, audience(record, followers))
    if seen > Visibility.NAMED and (_claims(record.get("directMessage")) or _claims(thing.get("directMessage"))):
        return Visibility.NAMED
    return seen


def audience(part: Object, followers: Collection[str] = ()) -> Visibility:
    """The audience that one ``to`` and ``cc`` spell; unknown shapes spell nobody."""
    first = _scope(part.get("to"), Visibility.PUBLIC, followers)
    if first == Visibility.PUBLIC:
        return first
    return max(first, _scope(part.get("cc"), Visibility.UNLISTED, followers))


def _scope(addresses: Json, public: Visibility, followers: Collection[str]) -> Visibility:
    if isinstance(addresses, str):
        addresses = [addresses]
    elif not isinstance(addresses, list):
        return Visibility.NOBODY
    widest = Visibility.NOBODY
    for address in addresses:
        if not isinstance(address, str):
            continue
        if address in PUBLIC:
            return public
        if address in followers:
            widest = Visibility.FOLLOWERS
        elif widest is Visibility.NOBODY and address.startswith(_ADDRESS):
            widest = Visibility.NAMED
    return widest


def _same(record: Object, thing: Object) -> bool:
    return bool(record.get("to") == thing.get("to") and record.get("cc") == thing.get("cc"))


def _claims(flag: Json) -> bool:
    return flag is not None and flag is not False
