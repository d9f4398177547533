"""Letters that look like the letters a-z: for comparing only, never for display.

Our own compact table of the Cyrillic, Greek, Armenian, Cherokee and extended Latin letters met in evasions, after
compatibility normalisation and case folding (so full-width and mathematical letters are already plain).  Because case
is folded first, letters whose *capital* looks Latin are here too (``В`` as ``в``).  It follows the idea of Unicode
TR39 skeletons and copies no data file; a test compares it with Unicode's table where that is at hand.
"""

from __future__ import annotations

import re

_ROWS = {
    "a": "аɑαⱥӑӓᴀ",
    "b": "вƅьʙƀɓβᏼ",
    "c": "сϲƈȼᴄꮯ",
    "d": "ԁɗđɖժᴅꭰ",
    "e": "еҽєεɛɇᴇꭼ",
    "f": "ƒғẝꞙϝ",
    "g": "ɡցǥɠԍɢᏻ",
    "h": "һհнħɦʜꮋ",
    "i": "іιıɩɨӏɪꭵ",
    "j": "јϳɉʝյᴊꭻ",
    "k": "кκƙқҟᴋꮶ",
    "l": "łƚɫɭʟꮮ",
    "m": "мɱᴍꮇ",
    "n": "пոƞɲŋηиɴ",
    "o": "оοօøσɵᴏⲟ",
    "p": "рρƥᴘꮲ",
    "q": "ԛզɋʠ",
    "r": "гɼɽɍгᴦʀꮁ",
    "s": "ѕʂƽꜱꮪ",
    "t": "тτƭŧţᴛꭲ",
    "u": "υսʋᴜц",
    "v": "ѵνᴠꮩ",
    "w": "шωԝѡɯᴡꮃ",
    "x": "хχҳ×",
    "y": "уүγƴɏʏ",
    "z": "ƶʐᴢꮓ",
}
TABLE: dict[int, str] = {ord(other): latin for latin, others in _ROWS.items() for other in others}

# Marks that belong to no script of their own; marks of Indic, Arabic, Hebrew and others are letters of theirs.
MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")
