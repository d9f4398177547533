"""Sentences in many languages, ready to be filled."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from random import Random

from msgspec import Struct


class Tongue(Struct, frozen=True):
    """One language Alice writes in."""

    code: str
    sentences: tuple[str, ...]
    tags: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]

    def say(self, random: Random, count: int) -> list[str]:
        """So many different sentences, as far as there are, their slots filled."""
        slots = {name: words[int(random.random() * len(words))] for name, words in self.slots.items()}
        length = len(self.sentences)
        at, step = int(random.random() * length), 1 + int(random.random() * (length - 1))
        chosen = dict.fromkeys((at + step * turn) % length for turn in range(count))
        return [self.sentences[place].format(n=2 + int(random.random() * 38), **slots) for place in chosen]


def tongues() -> tuple[Tongue, ...]:
    """All languages, English first: a third of what Alice writes is English."""
    read = tomllib.loads((files("safeconduct.sample") / "sentences.toml").read_text("utf-8"))
    made = []
    for code, part in read.items():
        slots = {name: tuple(words) for name, words in part.items() if name not in ("sentences", "tags")}
        made.append(Tongue(code, tuple(part["sentences"]), tuple(part["tags"]), slots))
    return tuple(made)
