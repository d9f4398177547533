"""What may be somebody's data: found in one pass over all texts, and each checked afterwards by its own arithmetic.

The regular expressions are RE2's; they stay small on purpose, since a wide one would slow the automaton for everybody.
"""

from __future__ import annotations

_N = r"[^\s\d,;.:!?<>()\"]"  # a letter of a name, in any script
_CUES = (
    "[Tt]el|TEL|[Pp]hone|PHONE|[Cc]all|[Ff]ax|[Mm]obile?|[Hh]andy|[Ww]hats[Aa]pp|[Tt]éléphone|[Tt]eléfono|[Tt]elefon"
    "|тел|Тел|電話|电话|전화|هاتف"
)
_AT = r"[\[({] ?(?:at|AT|arroba|chez) ?[\])}]"
_DOT = r"(?:\.| ?[\[({] ?(?:dot|DOT|punkt|point) ?[\])}] ?)"
_MINUTES = r" ?° ?[0-9]{1,2} ?['′’] ?(?:[0-9.]{1,8} ?[\"″”] ?)?"
_ENGLISH = "Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Boulevard|Blvd|Court|Crescent|Terrace"
_GERMANIC = "straße|strasse|str\\.|gasse|allee|straat|laan|gracht|kade|gatan|vägen|gata|veien|gade|katu"
_FRENCH = "rue|avenue|boulevard|place|chemin|impasse|allée|quai"
_ROMANCE = (
    r"[Cc]alle|[Aa]venida|[Aa]vda\.|[Pp]laza|[Pp]aseo|[Vv]ia|[Vv]iale|[Pp]iazza|[Cc]orso|[Rr]ua|[Tt]ravessa|[Pp]raça"
    r"|[Uu]l\.|[Uu]lica|[Aa]l\."
)
_EAST_SLAVIC = r"ул\.|улица|просп\.|проспект|вул\.|вулиця|пер\."
_TURKISH = r"Sokak|Sok\.|Sokağı|Caddesi|Cad\."

CANDIDATES = {
    "e-mail": (
        r"@?[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}",
        rf"[A-Za-z0-9._+-]{{1,64}} ?{_AT} ?[A-Za-z0-9-]{{1,63}}{_DOT}[A-Za-z]{{2,24}}",
    ),
    "phone": (
        r"(?:\+|\b00)[1-9][0-9 ().\-/]{6,20}[0-9]",
        rf"(?:{_CUES})[.:： ]{{0,3}}\(?[0-9][0-9 ().\-/]{{5,18}}[0-9]",
    ),
    "place": (
        r"-?[0-9]{1,2}\.[0-9]{4,}°? ?[NSns]?[,;] ?-?[0-9]{1,3}\.[0-9]{4,}",
        rf"[0-9]{{1,2}}{_MINUTES}[NS][, ]{{1,3}}[0-9]{{1,3}}{_MINUTES}[EWO]",
    ),
    "street": (
        rf"\b[0-9]{{1,5}}[A-Za-z]? (?:{_N}{{2,20}} ){{1,3}}(?:{_ENGLISH})\b",
        rf"{_N}{{2,30}}(?:{_GERMANIC}) [0-9]{{1,4}}",
        rf"\b[0-9]{{1,4}}(?: ?bis| ?ter)?,? (?:{_FRENCH}) (?:{_N}{{1,20}} ?){{1,4}}",
        rf"\b(?:{_ROMANCE}) (?:{_N}{{2,20}} ?){{1,4}},? ?(?:n[º°o]\.? ?)?[0-9]{{1,4}}",
        rf"(?:{_EAST_SLAVIC}) ?(?:{_N}{{2,20}} ?){{1,3}},? ?(?:д\. ?)?[0-9]{{1,4}}",
        rf"{_N}{{2,20}} (?:{_TURKISH}),? No[:.]? ?[0-9]{{1,4}}",
        r"(?:都|道|府|県)[^\s0-9]{1,10}(?:市|区|町|村)[^\s0-9]{0,12}[0-9０-９]{1,3}(?:丁目|-|－|ー)[0-9０-９]{1,3}",
        r"(?:区|區|市)[^\s0-9]{1,8}(?:路|街|大道)[0-9]{1,5}[号號]",
    ),
    "bank account": (r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",),
    "payment card": (r"\b[0-9](?:[ -]?[0-9]){12,18}\b",),
}
NATIONAL = r"\b[0-9(][0-9 ().\-/]{5,18}[0-9]\b"
