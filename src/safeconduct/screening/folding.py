"""The ``folded`` view of many texts at once, for the price of a few.

Texts are joined and folded as bytes: what is ASCII is folded in place, and of the rest each short run (an emoji, a
dash, an accented letter) is folded once and remembered.  That is only done with a run of which it is certain that it
does nothing to the letters beside it; a text with any other goes through ``views.fold`` alone.  A property test holds
the two to the same text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy

from safeconduct.screening.views import fold

LONG = 1000  # characters; longer texts are folded one at a time, so that a batch of them is not copied at once
_TOGETHER = 200  # texts; more do not fit into the processor's nearest memory (measured: a third slower)
_TAME_BYTES = 16  # four letters of any script: longer runs are words, which seldom come again
_REMEMBERED = 4096  # runs; memory must not grow with an import
_ODD = b"\1"  # stands for a run that needs the whole text around it, and for a control character
_tame: dict[bytes, bytes] = {}


def folds(texts: Sequence[str]) -> list[str]:
    """``[fold(text) for text in texts]``.  Any strings at all."""
    return [one for first in range(0, len(texts), _TOGETHER) for one in _folds(texts[first : first + _TOGETHER])]


def _folds(texts: Sequence[str]) -> list[str]:
    short = [text if len(text) <= LONG else "\1" for text in texts]
    joined = "\0".join(short).encode("utf-8", "surrogatepass").lower()
    letters = numpy.frombuffer(joined, dtype=numpy.uint8)
    if numpy.count_nonzero(letters == 0) != len(texts) - 1:
        return [fold(text) for text in texts]
    high = numpy.flatnonzero(letters > 127)
    joined = _without_runs(joined, high) if len(high) else joined
    made = _settled(joined.replace(b"\n", b" "), len(texts) - 1)
    folded = [one.decode().strip(" ") for one in made.split(b"\0")]
    if _ODD in made:
        return [fold(text) if "\1" in one else one for text, one in zip(texts, folded, strict=True)]
    return folded


# Every control character is odd but the one between the texts.
_CONTROLS = bytes(byte if byte == 0 or 32 <= byte != 127 else 1 for byte in range(256))


def _settled(joined: bytes, ends: int) -> bytes:
    """With one blank for several, and control characters odd, but not the ``ends`` between the texts."""
    letters = numpy.frombuffer(joined, dtype=numpy.uint8)
    blank = letters == 32
    doubled = blank[1:] & blank[:-1]
    if doubled.any():
        joined = letters[numpy.concatenate(([True], ~doubled))].tobytes()
    if numpy.count_nonzero(letters < 32) > ends or (letters == 127).any():
        joined = joined.translate(_CONTROLS)
    return joined


def _without_runs(joined: bytes, high: numpy.ndarray[tuple[int], numpy.dtype[numpy.int64]]) -> bytes:
    """The joined texts with each run that is not ASCII (``high``: its bytes) folded, or odd."""
    breaks = numpy.flatnonzero(numpy.diff(high) > 1)
    starts = high[numpy.concatenate(([0], breaks + 1))].tolist()
    ends = (high[numpy.concatenate((breaks, [len(high) - 1]))] + 1).tolist()
    parts: list[bytes] = []
    last = 0
    for start, end in zip(starts, ends, strict=True):
        run = joined[start:end]
        put = _tame.get(run)
        parts += (joined[last:start], put if put is not None else _learn(run))
        last = end
    parts.append(joined[last:])
    return b"".join(parts)


def _learn(run: bytes) -> bytes:
    if len(run) > _TAME_BYTES:
        return _ODD
    if len(_tame) >= _REMEMBERED:
        _tame.clear()
    put = _tame[run] = _folded_run(run)
    return put


def _folded_run(run: bytes) -> bytes:
    """What the run is folded to wherever it stands between ASCII, or ``_ODD``."""
    try:
        text = run.decode()
    except UnicodeDecodeError:
        return _ODD  # a lone surrogate
    bare = text.replace("\ufe0f", "").replace("\u200d", "")
    normal = unicodedata.normalize("NFKC", bare).casefold()
    folded = unicodedata.normalize("NFKC", normal)
    alone = folded.isprintable() and not _is_attached(bare) and not _is_attached(normal)
    return folded.encode() if alone and fold(f"a{text}a") == f"a{folded}a" else _ODD


def _is_attached(text: str) -> bool:
    """Whether it joins the letter before: only what begins with a mark does that to ASCII (Unicode, D117)."""
    return unicodedata.combining(unicodedata.normalize("NFKD", text)[:1] or "a") != 0
