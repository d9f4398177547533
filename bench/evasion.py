"""Disguises of one harmless phrase: how many the default views see through, and what that costs in false alarms.

False alarms are counted on texts by others, where SAFECONDUCT_FIXTURES leads to them: the ham of *sms-spam*, searched
for plain words of spam (a hard test: many of them are ordinary words), and the *Big List of Naughty Strings*.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import msgspec

from safeconduct.model import Field, Pattern
from safeconduct.screening.automaton import Automaton
from safeconduct.screening.texts import Text
from tests.screening.made import DISGUISES, PHRASE, SPAM, hits


def main(posts: int = 0) -> None:
    """Print both."""
    del posts
    disguises()
    alarms()


def disguises() -> None:
    """How many disguises of one harmless phrase the default views catch."""
    caught = {
        name: hits([Pattern(PHRASE)], Text(Field("", source, html))) for name, (source, html, _) in DISGUISES.items()
    }
    split = Text(Field("/summary", "buy")), Text(Field("/content", "moonrocks now"))
    caught["warning and body"] = hits([Pattern(PHRASE)], *split)
    print(f"disguises of {PHRASE!r} caught: {sum(map(bool, caught.values()))} of {len(caught)}")
    for name, found in caught.items():
        print(f"    {name:28} {found[0].view if found else 'MISSED'}")


def alarms() -> None:
    """How many innocent texts the default views hold, beside the plain and folded views alone."""
    root = Path(os.environ.get("SAFECONDUCT_FIXTURES", "../shared/fixtures")) / "text"
    if not root.exists():
        print("false alarms: not measured, SAFECONDUCT_FIXTURES does not lead to texts by others")
        return
    with (root / "sms-spam/spam.csv").open(encoding="latin-1", newline="") as file:
        ham = [row[1] for row in csv.reader(file) if row and row[0] == "ham"]
    awkward = msgspec.json.decode((root / "blns/blns.json").read_bytes(), type=list[str])
    print(f"{'innocent texts':20} {'of':>7} {'phrases':>8} {'plain and folded views':>24} {'all views':>18}")
    for words, title in (([PHRASE], "the phrase"), (SPAM, "words of spam")):
        for name, texts in (("ham of sms-spam", ham), ("blns", awkward)):
            read = [[Text(Field("", one))] for one in texts]
            simple = Automaton([Pattern(one, views=("plain", "folded")) for one in words]).scan(read)
            every = Automaton([Pattern(one) for one in words]).scan(read)
            plain, whole = (len({hit.item for _, hit in found}) for found in (simple, every))
            print(f"{name:20} {len(texts):7,} {len(words):8} {plain:15,} ({plain / len(texts):6.2%}) "
                  f"{whole:9,} ({whole / len(texts):6.2%})   {title}")  # fmt: skip


if __name__ == "__main__":
    main()
