"""personal-data: addresses, numbers and places that lead to a person."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

import phonenumbers

from safeconduct.contracts import Batch
from safeconduct.criteria._candidates import CANDIDATES, NATIONAL
from safeconduct.criteria._links import linked
from safeconduct.criteria._numbers import card, iban
from safeconduct.criteria._posts import WRITTEN, counted, matched
from safeconduct.model import Basis, Confidence, Evidence, Finding, Hit, Item, Pattern

KINDS = ("e-mail", "phone", "place", "street", "bank account", "payment card")
_NOUNS = {
    "e-mail": "e-mail address",
    "phone": "phone number",
    "place": "exact place",
    "street": "street address",
    "bank account": "bank account number",
    "payment card": "payment card number",
}
_SURE = {
    "e-mail": Confidence.HIGH,
    "phone": Confidence.MEDIUM,
    "place": Confidence.MEDIUM,
    "street": Confidence.LOW,
    "bank account": Confidence.HIGH,
    "payment card": Confidence.HIGH,
}
_TAG = re.compile(r"<[^>]*>")
_BEFORE = re.compile(r"^[^+(\d]*")
_FIRST = "tTmMgG"  # how ``tel:``, ``mailto:`` and ``geo:`` begin
_FIGURE = re.compile(r"-?\d{1,3}\.\d+")


class PersonalData:
    """E-mail and street addresses, phone, bank account and card numbers, and exact places, in any text of an item.

    The finding names the kind and never the value.

    ``kinds``: which of them to look for.  ``regions``: countries, as ``DE``, whose phone numbers are known without
    a leading ``+``.

    **Why** Old posts hold numbers and addresses that were meant for a few, or that belong to somebody else; a move
    makes them new again.

    **Mind** A ticket number may have the form of a phone number; a street may be in a story.  Streets are found
    with low confidence.  An address of an office or a shelter is no secret.  Handles (``@alice@social.example``)
    are not e-mail addresses; written without the first ``@`` they look the same.
    """

    name: ClassVar[str] = "personal-data"

    def __init__(self, kinds: Sequence[str] = KINDS, regions: Sequence[str] = ()) -> None:
        self._kinds = tuple(kind for kind in KINDS if kind in kinds)
        self._regions = tuple(regions)
        self._checks: dict[str, Callable[[str], bool]] = {
            "e-mail": lambda text: True,
            "phone": self._phone,
            "place": _place,
            "street": _street,
            "bank account": iban,
            "payment card": card,
        }
        texts = [(kind, text) for kind in self._kinds for text in CANDIDATES[kind]]
        if self._regions and "phone" in self._kinds:
            texts.append(("phone", NATIONAL))
        self._patterns = [Pattern(text, False, False, ("plain",), kind) for kind, text in texts]

    def patterns(self) -> Sequence[Pattern]:
        return self._patterns

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        seen: dict[int, dict[str, set[tuple[str, int, int]]]] = {}
        for hit in matched(batch, self):
            if self._holds(hit, batch.acct):
                places = seen.setdefault(hit.item, {}).setdefault(hit.pattern.label, set())
                places.add((hit.field.pointer, hit.start, hit.end))
        for index, _, links in linked(batch).items:
            for link in links:
                if link.href[:1] in _FIRST and (kind := _scheme(link.href)):
                    seen.setdefault(index, {}).setdefault(kind, set()).add((link.pointer, 0, 0))
        for index, item in enumerate(batch.items):
            if "location" in item.object and _located(item.object["location"]):
                seen.setdefault(index, {}).setdefault("place", set()).add(("/location", 0, 0))
        for index in sorted(seen):
            if batch.items[index].kind in WRITTEN:
                yield from self._findings(batch.items[index], seen[index])

    def _findings(self, item: Item, found: dict[str, set[tuple[str, int, int]]]) -> Iterable[Finding]:
        for kind in self._kinds:
            places = _apart(found.get(kind, set()))
            if places:
                reason = f"Has {counted(len(places), _NOUNS[kind], _NOUNS[kind] + ('es' if kind[0] in 'es' else 's'))}"
                basis = Basis.STATISTICAL if kind in ("street", "phone") else Basis.EXACT
                where = tuple(
                    Evidence(pointer, start, end, "plain" if end else "") for pointer, start, end in places[:20]
                )
                yield Finding(item.number, self.name, _SURE[kind], basis, reason, where, kind)

    def _holds(self, hit: Hit, acct: str) -> bool:
        text = hit.field.text
        value = text[hit.start : hit.end]
        if hit.field.html:
            value = html.unescape(_TAG.sub("", value))
        if hit.pattern.label == "e-mail":
            # a handle begins with "@", which Mastodon's markup sets apart from the name by a tag
            address = value[:1] != "@" and text[max(0, hit.start - 1) : hit.start] not in ("@", "/", ":")
            return address and value.lower() != acct
        return self._checks[hit.pattern.label](value)

    def _phone(self, text: str) -> bool:
        digits = _BEFORE.sub("", text)
        digits = "+" + digits[2:] if digits.startswith("00") else digits
        cued = text[:1].isalpha()
        regions: Iterable[str | None] = (None,) if digits.startswith("+") else self._regions
        return any(_valid(digits, region) for region in regions) or (cued and 7 <= sum(map(str.isdigit, digits)) <= 15)


def _valid(text: str, region: str | None) -> bool:
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(text, region)))
    except phonenumbers.NumberParseException:
        return False


def _place(text: str) -> bool:
    if "°" in text and not _FIGURE.match(text):
        return True
    figures = [abs(float(each)) for each in _FIGURE.findall(text)]
    return len(figures) == 2 and figures[0] <= 90 and figures[1] <= 180


def _street(text: str) -> bool:
    """Names begin with a capital where there are capitals: "3 good old road" is a song."""
    letters = [word[0] for word in re.findall(r"[^\W\d]+", text)]
    return any(each.isupper() or not each.islower() for each in letters)


def _scheme(address: str) -> str:
    scheme = address[:7].lower()
    if scheme.startswith("tel:"):
        return "phone"
    return "e-mail" if scheme == "mailto:" else "place" if scheme.startswith("geo:") else ""


def _located(thing: object) -> bool:
    return isinstance(thing, Mapping) and all(
        isinstance(thing.get(key), int | float) for key in ("latitude", "longitude")
    )


def _apart(places: Iterable[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Without places that lie inside another: several candidates may see the same number."""
    kept: list[tuple[str, int, int]] = []
    for pointer, start, end in sorted(places, key=lambda place: (place[0], place[1], -place[2])):
        if not (kept and kept[-1][0] == pointer and start < kept[-1][2]):
            kept.append((pointer, start, end))
    return kept
