"""language: a post in a language that this community does not read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._posts import POSTS, counted, listed, present
from safeconduct.model import Basis, Confidence, Finding, Item

_SAMPLE = 400  # characters looked at: more makes it slower, hardly surer
_WIDE = "\u2e80"  # from here on one letter is about a word


class Language:
    """A post written in a language that this community does not read, or one whose language could not be told.

    ``allowed``: languages that are read here, as ``en`` or ``pt``; nothing is asked while it is empty.
    ``unwanted``: languages to find; with it, ``allowed`` is not used.  ``letters``: fewer are not assessed.
    ``sure``: how sure the guess must be, from 0 to 1.

    **Why** Moderators cannot answer for what they cannot read.

    **Mind** The language is guessed from the text, in this process, by a small model that knows 140 languages.  It
    is weak on short posts, on dialects and on posts in two languages; when it is unsure the finding has low
    confidence and the value ``not assessed``, and so has any post whose own statement of its language contradicts
    the guess.
    """

    name: ClassVar[str] = "language"

    def __init__(
        self, allowed: Sequence[str] = (), unwanted: Sequence[str] = (), letters: int = 20, sure: float = 0.8
    ) -> None:
        self._allowed = frozenset(map(_primary, allowed))
        self._unwanted = frozenset(map(_primary, unwanted))
        self._letters, self._sure = letters, sure

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        if not (self._allowed or self._unwanted):
            return
        for index, item in enumerate(batch.items):
            if item.kind in POSTS and (text := batch.text(index)):
                finding = self._assess(item, text[:_SAMPLE])
                if finding:
                    yield finding

    def _assess(self, item: Item, text: str) -> Finding | None:
        text = " ".join(word for word in text.split() if not word.startswith(("http://", "https://", "@", "#")))
        letters = sum(2 if letter >= _WIDE else 1 for letter in text if letter.isalpha())
        if not letters:
            return None
        if letters < self._letters:
            return self._unsure(item, f"only {counted(letters, 'letter')}")
        guess, certainty = _model().classify(text)
        if certainty < self._sure:
            return self._unsure(item, f"the best guess is {guess}, and it is not sure enough")
        said = _declared(item)
        if said and guess not in said:
            return self._unsure(item, f"it says {listed(sorted(said))} but reads like {guess}")
        return self._minded(item, guess)

    def _minded(self, item: Item, guess: str) -> Finding | None:
        if guess in self._unwanted or (not self._unwanted and guess not in self._allowed):
            reason = f"Written in a language not read here ({guess})"
            where = present(item, "content", "contentMap")
            return Finding(item.number, self.name, Confidence.MEDIUM, Basis.STATISTICAL, reason, where, guess)
        return None

    def _unsure(self, item: Item, why: str) -> Finding:
        reason = f"Language not assessed: {why}"
        where = present(item, "content", "contentMap")
        return Finding(item.number, self.name, Confidence.LOW, Basis.STATISTICAL, reason, where, "not assessed")


def _declared(item: Item) -> frozenset[str]:
    texts = item.object.get("contentMap")
    if not isinstance(texts, Mapping):
        return frozenset()
    return frozenset(_primary(key) for key in texts if isinstance(key, str)) - {"", "und", "mul", "zxx"}


def _primary(tag: str) -> str:
    return tag.replace("_", "-").split("-")[0].lower()


@cache
def _model() -> Any:
    """Loaded at the first question only: it takes about a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
