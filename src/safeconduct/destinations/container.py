"""A container of one's own: the FEP-6fcd archive with digests, counts and a signature; reads back as a source.

It is the person's own copy on their own disk (mode 0600), so it takes every kind and every audience.  Each record
stands in it byte for byte as it left.  Private keys never travel.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import sqlite3
from array import array
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy

from safeconduct.activitystreams.names import parts
from safeconduct.contracts import Source, Terms
from safeconduct.destinations import _container_file as tar
from safeconduct.destinations._container_layout import COLLECTIONS, OTHER, OUTBOX, TABLES, Table, attachment, secret
from safeconduct.destinations._ledger import clear, keep, ledger, look, rest, transaction
from safeconduct.destinations._post import held
from safeconduct.errors import DeliveryError, SourceError
from safeconduct.model import (
    Abilities,
    Decision,
    Item,
    Json,
    Kind,
    Left,
    Object,
    Placed,
    Receipt,
    Shaped,
    Undone,
)

KEY_TAKEN_OUT = "The private key was taken out: it never travels."
PEM = "PRIVATE KEY-----"


class Container:
    """One tar file (FEP-6fcd): all kinds, all audiences, original bytes, sealed and, with a key, signed."""

    name: ClassVar[str] = "container"

    def __init__(self, place: str, terms: Terms) -> None:
        self._path = Path(place)
        self._work = self._path.with_name(self._path.name + ".part")
        self._hidden = self._path.with_name(f".{self._path.name}.hidden")
        self._terms = terms
        self._open: sqlite3.Connection | None = None
        self._attached: dict[str, str] = {}
        self._written: numpy.ndarray[tuple[int], numpy.dtype[numpy.uint64]] | None = None

    def probe(self) -> Abilities:
        """Offline.  Raises ``DeliveryError`` if the place is a folder or a file that is not ours."""
        if self._path.is_dir():
            raise DeliveryError(f"{self._path} is a folder. Give the name of a file, such as {self._path}/mine.tar.")
        if self._path.exists() and not self._work.exists():
            tar.manifest(self._path)
        return Abilities(
            destination=self.name,
            software="safeconduct-container",
            version="1",
            probed=datetime.now(UTC),
            carries=frozenset(Kind),
            hides=True,
            notes=("Everything stays on this computer, in one file that only this user can read.",),
        )

    def shape(self, item: Item, decision: Decision, abilities: Abilities) -> Shaped | Left:
        """The original record and the file it goes to.  A community's filters do not bind one's own copy."""
        if (left := held(item, decision)) is not None:
            return left
        adapted: list[str] = []
        body = _body(item, adapted)
        media = tuple(medium for medium in item.media if not secret(medium.member or ""))
        if len(media) < len(item.media):
            adapted.append("A file that holds a private key was left out: private keys never travel.")
        if item.kind is Kind.MEDIA and not any(medium.member for medium in media):
            return Left(item.number, "no-file", "The source does not have the bytes of this file.")
        return Shaped(
            number=item.number,
            kind=item.kind,
            id=item.id,
            visibility=item.visibility,
            body=body,
            published=item.published,
            media=media,
            adapted=tuple(adapted),
        )

    def deliver(self, shaped: Shaped, source: Source, parent: Receipt | None) -> Receipt:
        """Keep the record in the working folder; ``finish`` writes the file.  Safe to repeat, also after a crash."""
        del parent
        work, key = self._ledger(), _key(shaped)
        media: tuple[Placed, ...] | None = None
        if not work.execute("SELECT 1 FROM records WHERE key = ?", (key,)).fetchone():
            files = [medium.member for medium in shaped.media if medium.member]
            members = [self._attach(work, member, source) for member in files]
            digests = [work.execute("SELECT sha256 FROM media WHERE name = ?", (one,)).fetchone()[0] for one in members]
            media = tuple(Placed(file, digest, digest) for file, digest in zip(files, digests, strict=True))
            row = (key, shaped.number, shaped.kind, shaped.visibility, shaped.body["file"], _raw(shaped.body))
            with transaction(work):
                work.execute("INSERT INTO records VALUES (?,?,?,?,?,?)", row)
                work.executemany("INSERT OR IGNORE INTO shows VALUES (?,?)", [(key, member) for member in members])
        return self._receipt(shaped, key, media)

    def find(self, shaped: Shaped) -> Receipt | None:
        """Is the record there, in the working folder or in the finished file?"""
        key = _key(shaped)
        return self._receipt(shaped, key) if self._has(key) else None

    def undo(self, receipt: Receipt) -> Undone:
        """Take the record out again; the file follows when ``finish`` is called, or at once if nothing is left."""
        if not self._work.exists() and not self._kept.exists():
            return Undone(receipt.number)
        work = self._ledger()
        with transaction(work):
            work.execute("DELETE FROM records WHERE key = ?", (receipt.new_id,))
            work.execute("DELETE FROM shows WHERE key = ?", (receipt.new_id,))
        if not work.execute("SELECT 1 FROM records LIMIT 1").fetchone():
            self._remove()
        return Undone(receipt.number)

    def hide(self, receipts: Iterable[Receipt]) -> int:
        """The whole file goes out of sight: it is private, so nobody but its owner can miss the rest."""
        count = sum(1 for _ in receipts)
        if count and self._path.exists():
            self._path.replace(self._hidden)
        return count

    def show(self, receipts: Iterable[Receipt]) -> int:
        """The file lies again where it lay."""
        count = sum(1 for _ in receipts)
        if self._hidden.exists() and not self._path.exists():
            self._hidden.replace(self._path)
        return count

    def finish(self) -> None:
        """Write the file whole, then remove the working folder."""
        if not self._work.exists():
            return
        work = self._ledger()
        if not work.execute("SELECT 1 FROM records LIMIT 1").fetchone():
            self._remove()
            return
        try:
            tar.write(self._path, work, self._work, self._terms.key)
        finally:
            self._close()
        self._hidden.unlink(missing_ok=True)
        clear(self._work)

    # --- the working folder ----------------------------------------------------------------------------

    @property
    def _kept(self) -> Path:
        """Where the finished file lies now."""
        return self._hidden if self._hidden.exists() and not self._path.exists() else self._path

    def _ledger(self) -> sqlite3.Connection:
        if self._open is None:
            if self._kept.exists() and not (self._work / "ledger.sqlite").exists():
                tar.restore(self._kept, self._work)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._open = ledger(self._work, tar.SCHEMA)
            facts = {"created": _now(), "actor": self._terms.actor, "title": self._terms.title}
            known = [(name, value) for name, value in facts.items() if value]
            self._open.executemany("INSERT OR IGNORE INTO facts VALUES (?,?)", known)
        return self._open

    def _has(self, key: str) -> bool:
        known = "SELECT 1 FROM records WHERE key = ?"
        if self._open is not None:
            return bool(self._open.execute(known, (key,)).fetchone())
        if (self._work / "ledger.sqlite").exists():
            with contextlib.closing(look(self._work)) as work:
                return bool(work.execute(known, (key,)).fetchone())
        if not self._kept.exists():
            return False
        if self._written is None:
            # Eight bytes a record, sorted: half a million records must not cost a set of strings.
            keys = array("Q", (int(row["key"][:16], 16) for row in tar.records(self._kept)))
            self._written = numpy.sort(numpy.frombuffer(keys, dtype=numpy.uint64))
        wanted = numpy.uint64(int(key[:16], 16))
        at = int(numpy.searchsorted(self._written, wanted))
        return at < len(self._written) and bool(self._written[at] == wanted)

    def _attach(self, work: sqlite3.Connection, member: str, source: Source) -> str:
        if member in self._attached:
            return self._attached[member]
        try:
            with source.open(member) as stream:
                digest, size = keep(stream, self._work / "media")
        except SourceError as error:
            raise DeliveryError(f"The file {member} could not be read from the archive: {error}") from error
        name = attachment(member)
        known = work.execute("SELECT sha256 FROM media WHERE name = ?", (name,)).fetchone()
        if known and known[0] != digest:
            name = attachment(f"{digest[:16]}/{member}")
        work.execute("INSERT OR IGNORE INTO media VALUES (?,?,?)", (name, digest, size))
        self._attached[member] = name
        return name

    def _receipt(self, shaped: Shaped, key: str, media: tuple[Placed, ...] | None = None) -> Receipt:
        url = str(shaped.body["file"])
        return Receipt(shaped.number, shaped.kind, self.name, key, url=url, at=datetime.now(UTC), media=media)

    def _close(self) -> None:
        if self._open is not None:
            rest(self._open)
        self._open = self._written = None
        self._attached.clear()

    def _remove(self) -> None:
        self._close()
        self._path.unlink(missing_ok=True)
        self._hidden.unlink(missing_ok=True)
        clear(self._work)


def check(path: Path) -> list[str]:
    """Everything that is wrong with a container, as sentences; empty if each byte is as it was written."""
    return tar.check(path)


# --- the record ----------------------------------------------------------------------------------------


def _body(item: Item, adapted: list[str]) -> dict[str, Json]:
    if item.kind is Kind.MEDIA:
        return {"file": "", "raw": ""}
    table = TABLES.get(item.kind)
    if table and "columns" in item.object:
        return {"file": table.file, "raw": _row(item, table, adapted)}
    raw, file = _record(item, adapted), COLLECTIONS.get(item.kind, OTHER)
    if item.kind is Kind.OTHER and item.origin.partition("#")[0].endswith("outbox.json"):
        file = OUTBOX
    try:
        return {"file": file, "raw": raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {"file": file, "raw64": base64.b64encode(raw).decode("ascii")}


def _row(item: Item, table: Table, adapted: list[str]) -> str:
    """The line itself where our header explains it; written anew where its own header ordered it otherwise."""
    columns = {str(name): str(cell) for name, cell in item.object["columns"].items()}
    line = item.raw.decode("utf-8", "replace")
    with contextlib.suppress(csv.Error):
        cells = [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True, strict=True), [])]
        if dict(zip(table.columns, cells, strict=False)) == columns and len(cells) <= len(table.columns):
            return line
    adapted.append("The line was written anew with the columns Mastodon uses.")
    return ",".join(_cell(columns.get(name, "")) for name in table.columns).rstrip(",")


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n\r') else text


def _record(item: Item, adapted: list[str]) -> bytes:
    """The original bytes if they are this very ActivityStreams record, else the record; never a private key."""
    if item.kind is Kind.PROFILE or b'"privateKey' in item.raw:
        clean = _without_keys(item.record)
        if clean != item.record:
            adapted.append(KEY_TAKEN_OUT)
            return msgspec.json.encode(clean)
    try:
        found = msgspec.json.decode(item.raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        found = None
    if isinstance(found, str) or (isinstance(found, dict) and found.get("type") == item.record.get("type")):
        return item.raw
    adapted.append("It was written as ActivityStreams; the original record had another form.")
    return msgspec.json.encode(item.record)


def _without_keys(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {name: _without_keys(part) for name, part in value.items() if not _is_key(name, part)}
    if isinstance(value, list):
        return [_without_keys(part) for part in value if not (isinstance(part, str) and PEM in part)]
    return value


def _is_key(name: str, part: Json) -> bool:
    return name.lower().startswith("privatekey") or any(isinstance(one, str) and PEM in one for one in parts(part))


def _raw(body: Object) -> bytes:
    return base64.b64decode(body["raw64"]) if "raw64" in body else str(body["raw"]).encode()


def _key(shaped: Shaped) -> str:
    """The same record at the same place is the same delivery."""
    files = sorted(medium.member or "" for medium in shaped.media)
    known = msgspec.json.encode([shaped.number, shaped.kind, shaped.id, shaped.body, files], order="sorted")
    return hashlib.sha256(known).hexdigest()[:32]


def _now() -> str:
    return datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
