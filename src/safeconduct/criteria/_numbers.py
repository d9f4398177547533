"""Bank and card numbers: the arithmetic that tells them from other long numbers."""

from __future__ import annotations

import re

# Lengths by country, from the SWIFT registry of IBANs (ISO 13616), as "country followed by length".
_REGISTRY = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32
LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24
RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
"""
_LENGTHS = {each[:2]: int(each[2:]) for each in _REGISTRY.split()}
# First digits and lengths of payment cards (ISO/IEC 7812):
# Visa, Mastercard, Amex, Diners, Discover, JCB, UnionPay, Mir.
_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}|220[0-4]\d{12}"
)


def iban(text: str) -> bool:
    """Is it an IBAN, spaces allowed: known country, its length, and remainder 1 when divided by 97?"""
    compact = re.sub(r"\s", "", text).upper()
    if len(compact) != _LENGTHS.get(compact[:2], 0) or not (compact.isascii() and compact.isalnum()):
        return False
    return int("".join(str(int(each, 36)) for each in compact[4:] + compact[:4])) % 97 == 1


def card(text: str) -> bool:
    """Is it a payment card number: the form of a known issuer, and Luhn's sum divisible by ten?"""
    digits = re.sub(r"[ -]", "", text)
    if not digits.isascii() or not _CARDS.fullmatch(digits):
        return False
    doubled = [int(each) * (1 + at % 2) for at, each in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0
