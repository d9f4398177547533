"""The plan file: a header, one line for each record of the source, a footer with the sum.

JSON Lines.  The footer holds the SHA-256 of every byte before it; the file is written once, made read-only, and checked
whenever it is opened.  What is not in the plan is not copied, and what is in it is copied exactly so (law 1).  That is
why a plan is sealed with the key of the home that made it: anybody can compute a digest, and an edited plan could
publish what nobody was to read (law 5).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from safeconduct.errors import PlanError
from safeconduct.model import Abilities, Choices, Fate, Json, Kind, Shaped, Visibility

FORMAT = 1


class Header(Struct, frozen=True):
    """What was planned, from which source, for which destination as it was when probed."""

    plan: int
    created: datetime
    source: str
    source_sha256: str
    format: str
    actor: str
    acct: str
    destination: str
    abilities: Abilities
    choices: Choices
    policies: tuple[str, ...]
    digests: tuple[str, ...]
    as_of: datetime
    questions: tuple[str, ...] = ()


class Line(Struct, frozen=True, omit_defaults=True):
    """One record and its fate.  ``item`` names it across archives: its id, or a digest where it has none.

    ``url`` is the address people saw, where that is not its id.  ``shape`` is present exactly where the record is
    delivered by itself.
    """

    n: int
    origin: str
    kind: str
    fate: Fate
    item: str = ""
    digest: str = ""
    visibility: int = 0
    action: str = "accept"
    code: str = ""
    reason: str = ""
    criteria: tuple[str, ...] = ()
    rule: str = ""
    own: bool = False
    url: str = ""
    shape: Shaped | None = None


class Footer(Struct, frozen=True):
    """The sum: ``fates`` add up to ``records`` minus ``unreadable``.  ``seal`` is a keyed digest of all the rest."""

    records: int
    unreadable: int
    fates: Mapping[str, int]
    summary: Mapping[str, Json]
    sha256: str
    seal: str = ""


Seal = Callable[[str], str]


class PlanWriter:
    """Writes beside the final path and renames at the end, so that half a plan is never taken for one."""

    def __init__(self, path: Path, header: Header, seal: Seal = lambda text: "") -> None:
        self._path, self._seal = path, seal
        self._part = path.with_name(path.name + ".part")
        self._file = os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self._hash = hashlib.sha256()
        self._encode = msgspec.json.Encoder().encode
        self.fates: Counter[str] = Counter()
        self.records = 0
        self.unreadable = 0
        self._write(self._encode(header))

    def add(self, line: Line) -> None:
        """One line; call in ascending order of ``n``."""
        self.records += 1
        self.fates[line.fate] += 1
        self._write(self._encode(line))

    def skip(self) -> None:
        """An unreadable record: counted, reported elsewhere."""
        self.records += 1
        self.unreadable += 1

    def close(self, summary: Mapping[str, Json]) -> None:
        """Write the footer, make the file read-only, put it in its place."""
        footer = Footer(self.records, self.unreadable, dict(self.fates), summary, self._hash.hexdigest())
        footer = msgspec.structs.replace(footer, seal=self._seal(_sealed(footer)))
        self._file.write(self._encode(footer) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.chmod(0o400)
        self._part.replace(self._path)

    def _write(self, data: bytes) -> None:
        self._hash.update(data + b"\n")
        self._file.write(data + b"\n")


class Plan:
    """A plan file that was checked.  ``header`` and ``footer`` at once, ``lines`` as often as needed."""

    def __init__(self, path: Path) -> None:
        """Raises ``PlanError`` if the file is not a whole, unchanged plan."""
        self.path = path
        try:
            self.header, self.footer = _check(path)
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            raise PlanError(f"{path} is not a plan this version can read ({error}). Make a new one.") from error
        self.digest = self.footer.sha256

    def made_with(self, seal: Seal) -> bool:
        """Is this, unchanged, what was written with this seal?"""
        return hmac.compare_digest(self.footer.seal, seal(_sealed(self.footer)))

    def lines(self) -> Iterator[Line]:
        """Every line in order of ``n``."""
        decode = msgspec.json.Decoder(Line).decode
        with self.path.open("rb") as file:
            file.readline()
            previous = file.readline()
            for data in file:
                yield decode(previous)
                previous = data


def _check(path: Path) -> tuple[Header, Footer]:
    digest = hashlib.sha256()
    count = 0
    with path.open("rb") as file:
        first = previous = file.readline()
        for count, data in enumerate(file):  # noqa: B007 (neither header nor footer is counted)
            digest.update(previous)
            previous = data
    header = msgspec.json.decode(first, type=Header)
    footer = msgspec.json.decode(previous, type=Footer)
    if header.plan != FORMAT:
        raise PlanError(f"{path} is a plan of another version. Make a new one.")
    if digest.hexdigest() != footer.sha256:
        raise PlanError(f"{path} was changed after it was made. Make a new one: a plan is never edited.")
    if not sum(footer.fates.values()) == footer.records - footer.unreadable == count:
        raise PlanError(f"{path} does not account for every record. Make a new one.")
    return header, footer


def _sealed(footer: Footer) -> str:
    return msgspec.json.encode(msgspec.structs.replace(footer, seal="")).decode()


def own_post(line: Line) -> bool:
    """Does this line count for coverage: the person's own post that more than named people may read?"""
    return line.own and line.kind in (Kind.POST, Kind.POLL) and line.visibility >= Visibility.FOLLOWERS
