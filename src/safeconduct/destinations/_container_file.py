"""Writing a container as one deterministic tar, reading it back into a working folder, and checking every byte."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec
import yaml
from msgspec import Struct

from safeconduct.activitystreams import proofs
from safeconduct.destinations import _container_layout as layout
from safeconduct.destinations._ledger import PIECE, clear, keep, ledger, sync
from safeconduct.errors import DeliveryError, SafeconductError
from safeconduct.model import Json

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, number INT, kind TEXT, visibility INT, file TEXT, raw BLOB);
CREATE TABLE IF NOT EXISTS shows (key TEXT, name TEXT, PRIMARY KEY (key, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS media (name TEXT PRIMARY KEY, sha256 TEXT, size INT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_file ON records (file, number, key);
CREATE INDEX IF NOT EXISTS by_name ON shows (name);
"""
BLOCK = 512
LARGEST_MANIFEST = 256 << 20
SOFTWARE = {"name": "Safeconduct"}


class Piece(Struct, frozen=True):
    """One file on its way into the tar."""

    name: str
    path: Path
    size: int
    sha256: bytes
    items: int = 0


# --- writing -------------------------------------------------------------------------------------------


def write(path: Path, work: sqlite3.Connection, folder: Path, key: bytes) -> None:
    """The whole container beside its place, then renamed into it."""
    pieces = folder / "pieces"
    clear(pieces)
    pieces.mkdir(mode=0o700)
    files = sorted([*_collections(work, pieces), *_media(work, folder / "media")], key=lambda piece: piece.name)
    manifest = layout.to_yaml(_manifest(work, files, key))
    part = folder / "whole.tar"
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        _entry(out, layout.MANIFEST, len(manifest), [manifest])
        for piece in files:
            with piece.path.open("rb") as data:
                _entry(out, piece.name, piece.size, iter(lambda data=data: data.read(PIECE), b""))  # type: ignore[misc]
        out.write(bytes(2 * BLOCK))
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
    sync(path.parent)


def _entry(out: BinaryIO, name: str, size: int, data: Iterable[bytes]) -> None:
    out.write(layout.header(name, size))
    for piece in data:
        out.write(piece)
    out.write(bytes(-size % BLOCK))


def _collections(work: sqlite3.Connection, pieces: Path) -> Iterator[Piece]:
    """Every collection and table, and the list of records that says where in them each one lies."""
    names = [name for (name,) in work.execute("SELECT DISTINCT file FROM records WHERE file != '' ORDER BY file")]
    with (pieces / "records").open("wb") as index:
        listed = _Writer(index)
        for number, name in enumerate(names):
            with (pieces / str(number)).open("wb") as out:
                writer = _Writer(out)
                count = _collection(work, name, writer, listed)
            yield writer.piece(name, pieces / str(number), count)
        media_only = "SELECT key, number, kind, visibility FROM records WHERE file = '' ORDER BY key"
        for key, *facts in work.execute(media_only):
            _list(work, listed, key, (*facts, "", 0, 0))
        total = work.execute("SELECT count(*) FROM records").fetchone()[0]
    yield listed.piece(layout.RECORDS, pieces / "records", total)


def _collection(work: sqlite3.Connection, name: str, writer: _Writer, listed: _Writer) -> int:
    count: int = work.execute("SELECT count(*) FROM records WHERE file = ?", (name,)).fetchone()[0]
    frame = layout.frame(name, count)
    writer.add(frame.before)
    select = "SELECT key, number, kind, visibility, raw FROM records WHERE file = ? ORDER BY number, key"
    for place, (key, *facts, raw) in enumerate(work.execute(select, (name,))):
        writer.add(frame.between if place else b"")
        _list(work, listed, key, (*facts, name, writer.size, len(raw)))
        writer.add(raw)
    writer.add(frame.after)
    return count


def _list(work: sqlite3.Connection, listed: _Writer, key: str, about: tuple[Json, ...]) -> None:
    row = dict(zip(("number", "kind", "visibility", "file", "at", "size"), about, strict=True))
    shown = [name for (name,) in work.execute("SELECT name FROM shows WHERE key = ? ORDER BY name", (key,))]
    listed.add(msgspec.json.encode({"key": key, **row, **({"media": shown} if shown else {})}) + b"\n")


class _Writer:
    """Counts and digests what passes through to a file."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self._digest, self.size = out, hashlib.sha256(), 0

    def add(self, data: bytes) -> None:
        self._digest.update(data)
        self.size += self._out.write(data)

    def piece(self, name: str, path: Path, items: int) -> Piece:
        return Piece(name, path, self.size, self._digest.digest(), items)


def _media(work: sqlite3.Connection, folder: Path) -> Iterator[Piece]:
    """Media that a record still shows; the rest stays behind with the working folder."""
    rows = work.execute("SELECT name, sha256, size FROM media WHERE name IN (SELECT name FROM shows)")
    for name, digest, size in rows:
        yield Piece(name, folder / digest, size, bytes.fromhex(digest))


def _manifest(work: sqlite3.Connection, files: list[Piece], key: bytes) -> dict[str, Json]:
    facts = dict(work.execute("SELECT name, value FROM facts").fetchall())
    created, actor = facts["created"], facts.get("actor")
    described: dict[str, Json] = {
        piece.name: {"digestMultibase": layout.multibase(piece.sha256), "bytes": piece.size}
        | ({"items": piece.items} if piece.items else {})
        for piece in files
    }
    kinds = work.execute("SELECT kind, count(*) FROM records GROUP BY kind ORDER BY kind")
    by: dict[str, Json] = {"client": SOFTWARE} | ({"controller": actor} if actor else {})
    manifest: dict[str, Json] = {
        "ubc-version": 0.1,
        "meta": {"created": created, "createdBy": by},
        "contents": layout.contents(described),
        "safeconduct": {
            "version": layout.VERSION,
            "title": facts.get("title", ""),
            "totals": dict(kinds.fetchall()),
            "files": described,
        },
    }
    manifest["safeconduct"]["seal"] = layout.seal(manifest)
    if not key:
        return manifest
    return proofs.sign(manifest, key, proofs.did_key(proofs.public_key(key)), created)


# --- reading back --------------------------------------------------------------------------------------


def manifest(path: Path) -> Mapping[str, Json]:
    """The manifest of a container that we wrote.  Raises ``DeliveryError`` for any other file."""
    try:
        with tarfile.open(path, "r:") as archive:
            entry = archive.next()
            data = archive.extractfile(entry) if entry and entry.name == layout.MANIFEST else None
            if entry and data and entry.size <= LARGEST_MANIFEST:
                found = layout.from_yaml(data.read())
                if isinstance(found, dict) and isinstance(found.get("safeconduct"), dict):
                    return found
    except (OSError, tarfile.TarError, yaml.YAMLError, ValueError, RecursionError):
        pass
    raise DeliveryError(f"{path} is there already and is not a container we wrote. Choose another name.")


def records(path: Path) -> Iterator[dict[str, Json]]:
    """The list of records of a finished container."""
    manifest(path)
    with tarfile.open(path, "r:") as archive:
        data = archive.extractfile(layout.RECORDS)
        for line in data or ():
            yield msgspec.json.decode(line)


def restore(path: Path, folder: Path) -> None:
    """Lay a finished container out as a working folder again, so that records can be added or taken out."""
    trouble = check(path)
    if trouble:
        raise DeliveryError(f"{path} was changed since it was written, so nothing is changed in it: {trouble[0]}")
    fresh = folder.with_name(folder.name + ".new")
    clear(fresh)
    work = ledger(fresh, SCHEMA)
    work.executemany("INSERT INTO facts VALUES (?,?)", _facts(manifest(path)))
    with tarfile.open(path, "r:") as archive:
        _restore_media(work, archive, fresh / "media")
        _restore_records(work, archive)
    work.close()
    clear(folder)
    fresh.replace(folder)


def _facts(found: Mapping[str, Json]) -> list[tuple[str, str]]:
    actor = found["meta"]["createdBy"].get("controller", "")
    facts = {"created": found["meta"]["created"], "actor": actor, "title": found["safeconduct"]["title"]}
    return [(name, value) for name, value in facts.items() if value]


def _restore_media(work: sqlite3.Connection, archive: tarfile.TarFile, folder: Path) -> None:
    for entry in archive:
        data = archive.extractfile(entry) if entry.name.startswith(layout.ATTACHMENTS) else None
        if data:
            work.execute("INSERT INTO media VALUES (?,?,?)", (entry.name, *keep(data, folder)))


def _restore_records(work: sqlite3.Connection, archive: tarfile.TarFile) -> None:
    open_files: dict[str, BinaryIO] = {}
    work.execute("BEGIN")
    for line in archive.extractfile(layout.RECORDS) or ():
        row = msgspec.json.decode(line)
        raw = b""
        if row["file"]:
            if row["file"] not in open_files:
                open_files[row["file"]] = archive.extractfile(row["file"])  # type: ignore[assignment]
            open_files[row["file"]].seek(row["at"])
            raw = open_files[row["file"]].read(row["size"])
        values = (row["key"], row["number"], row["kind"], row["visibility"], row["file"], raw)
        work.execute("INSERT INTO records VALUES (?,?,?,?,?,?)", values)
        work.executemany("INSERT INTO shows VALUES (?,?)", [(row["key"], name) for name in row.get("media", ())])
    work.execute("COMMIT")


# --- checking ------------------------------------------------------------------------------------------


def check(path: Path) -> list[str]:
    """Every difference from what was written, as sentences: headers, padding and the very end included."""
    try:
        found = manifest(path)
        return [*_manifest_trouble(path, found), *_file_trouble(path, found)]
    except DeliveryError:
        return [f"{path} is not a container with Safeconduct's digests, so there is nothing to check it against."]
    except (OSError, SafeconductError, KeyError, TypeError, ValueError, AttributeError, tarfile.TarError) as error:
        return [f"The manifest of {path} is damaged: {error}"]


def _manifest_trouble(path: Path, found: Mapping[str, Json]) -> Iterator[str]:
    if found["safeconduct"].get("seal") != layout.seal(found):
        yield "The manifest was changed after it was written."
    if "proof" in found:
        public = proofs.from_did_key(found["proof"]["verificationMethod"])
        if problem := proofs.problem(found, public):
            yield f"The signature over the manifest: {problem}"
    totals, items = found["safeconduct"]["totals"], found["safeconduct"]["files"][layout.RECORDS].get("items")
    if sum(totals.values()) != items:
        yield "The totals of the manifest do not add up to the records listed."
    counted: dict[str, int] = {}
    for row in records(path):
        counted[row["kind"]] = counted.get(row["kind"], 0) + 1
    if counted != totals:
        yield "The container does not hold as many records of each kind as its manifest says."


def _file_trouble(path: Path, found: Mapping[str, Json]) -> Iterator[str]:
    data = layout.to_yaml(found)
    files = found["safeconduct"]["files"]
    with path.open("rb") as stream:
        yield from _compare(stream, layout.MANIFEST, len(data), layout.multibase(hashlib.sha256(data).digest()))
        for name in sorted(files):
            yield from _compare(stream, name, files[name]["bytes"], files[name]["digestMultibase"])
        if stream.read(2 * BLOCK + 1) != bytes(2 * BLOCK):
            yield "Something was added or lost at the end of the file."


def _compare(stream: BinaryIO, name: str, size: int, wanted: str) -> Iterator[str]:
    expected = layout.header(name, size)
    if stream.read(len(expected)) != expected:
        yield f"{name}: its entry (name, size or date) was changed."
    digest, left = hashlib.sha256(), size
    while left and (piece := stream.read(min(left, PIECE))):
        digest.update(piece)
        left -= len(piece)
    if layout.multibase(digest.digest()) != wanted:
        yield f"{name}: its content was changed or cut short."
    if any(stream.read(-size % BLOCK)):
        yield f"{name}: something was hidden behind its end."
