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

_NOBODY, _NAMED, _FOLLOWERS, _UNLISTED, _PUBLIC = Visibility  # looking one up in its enumeration costs time
_ADDRESS = ("https://", "http://", "did:", "ap://", "acct:")


def effective(record: Object, thing: Object, followers: Collection[str] = ()) -> Visibility:
    """The narrower of the wrapper's audience and the object's; pass the record twice where there is no wrapper.

    ``followers`` are the addresses of the account's own followers collection.  Anybody else's collection counts as
    one named address: those people are not this person's to address again.  Never raises.
    """
    to, cc = thing.get("to"), thing.get("cc")
    seen = _spelt(to, cc, followers)
    if thing is not record and (record.get("to") != to or record.get("cc") != cc):
        seen = min(seen, audience(record, followers))
    if ("directMessage" in record or "directMessage" in thing) and (_claims(record) or _claims(thing)):
        return min(seen, _NAMED)
    return seen


def audience(part: Object, followers: Collection[str] = ()) -> Visibility:
    """The audience that one ``to`` and ``cc`` spell; unknown shapes spell nobody."""
    return _spelt(part.get("to"), part.get("cc"), followers)


def _spelt(to: Json, cc: Json, followers: Collection[str]) -> Visibility:
    first = _scope(to, _PUBLIC, followers)
    return first if first is _PUBLIC else max(first, _scope(cc, _UNLISTED, followers))


def _scope(addresses: Json, public: Visibility, followers: Collection[str]) -> Visibility:
    if not isinstance(addresses, list):
        addresses = [addresses]
    widest = _NOBODY
    for address in addresses:
        if not isinstance(address, str):
            continue
        if address in PUBLIC:
            return public
        if address in followers:
            widest = _FOLLOWERS
        elif widest is _NOBODY and address.startswith(_ADDRESS):
            widest = _NAMED
    return widest


def _claims(part: Object) -> bool:
    flag = part.get("directMessage")
    return flag is not None and flag is not False
