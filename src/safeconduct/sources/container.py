"""A FEP-6fcd container: our own with digests, counts and signature, and those that other tools write.

Layout (FEP-6fcd, draft of 2024-07-11): an uncompressed tar with ``manifest.yml`` at its root (its reference writer
says ``manifest.yaml``), ``activitypub/actor.json``, ``activitypub/outbox.json``, tables named as Mastodon or as the
FEP names them, media under ``activitypub/attachments/`` or ``media/``.

Ours has a key ``safeconduct`` in the manifest with the SHA-256 and size of every file.  They are checked before
anything is read: a changed, missing or added file is a ``CustodyError`` that names it, because nobody can say which
of its records are still the person's.  Private keys under ``key/`` are never read, whoever packed them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, ClassVar

import base58

from safeconduct.activitystreams import names, proofs
from safeconduct.archives.opening import glance, open_archive
from safeconduct.errors import CustodyError, SafeconductError, SourceError
from safeconduct.model import About, Confidence, Item, Json, Object, Unreadable
from safeconduct.sources._manifest import MANIFESTS, manifest
from safeconduct.sources._opened import Door, Opened
from safeconduct.sources._reading import Reading

FOLDER = "activitypub/"
OURS = "safeconduct/"
_PIECE = 1 << 20


class Container:
    """Reads a portable container (FEP-6fcd); one that we wrote is checked byte for byte first."""

    name: ClassVar[str] = "container"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._door = Door(lambda: open_archive(path))
        self._about: About | None = None

    @classmethod
    def recognise(cls, path: Path) -> Confidence | None:
        """A manifest beside ``activitypub/`` is certain; a manifest alone may belong to another tool."""
        with suppress(SafeconductError, OSError):
            names = glance(path)
            if any(name in names for name in MANIFESTS):
                return Confidence.HIGH if any(name.startswith(FOLDER) for name in names) else Confidence.LOW
        return None

    def read(self) -> Iterator[Item | Unreadable]:
        """Protection first, then people, profile, posts, what was kept, and the files.  Raises ``CustodyError``."""
        archive = self._door.open()
        said = manifest(archive)
        notes = [*_checked(archive, said), *_keys(archive)]
        reading = Reading(archive, FOLDER, hidden=_hidden)
        found = 0
        for item in reading.items():
            found += 1
            yield item
        if not found:
            raise SourceError(f"{self._path.name} is empty: there is no record in it.  Ask for a new export.")
        self._about = self._described(reading, archive, notes)

    def open(self, member: str) -> BinaryIO:
        """The bytes of one medium; never those of a private key."""
        if _secret(member):
            raise SourceError(f"{member} is a private key.  It is never read; keep it where only you can reach it.")
        return self._door.open().open(member)

    def about(self) -> About:
        """What the container is; its totals and notes once it was read to its end."""
        if self._about is not None:
            return self._about
        archive = self._door.open()
        return self._described(Reading(archive, FOLDER), archive, [])

    def close(self) -> None:
        """Let go of the file.  Reading opens it again."""
        self._door.close()

    def _described(self, reading: Reading, archive: Opened, notes: list[str]) -> About:
        whose = reading.whose()
        return About(
            format=self.name,
            actor=whose.id,
            acct=whose.acct,
            sha256=archive.sha256,
            totals=tuple(reading.totals),
            notes=(*archive.notes, *notes, *reading.notes),
        )


# --- is it as it was written? --------------------------------------------------------------------------


def _checked(archive: Opened, said: Object) -> Iterator[str]:
    """What can be said for the container's custody.  Raises ``CustodyError`` naming what was changed."""
    ours = said.get("safeconduct")
    files = ours.get("files") if isinstance(ours, Mapping) else None
    if not isinstance(ours, Mapping) or not isinstance(files, Mapping):
        yield "This container has no digests, so nobody can tell whether it was changed on its way."
        return
    _sealed(said, ours)
    for name, claim in files.items():
        _same(archive, str(name), claim)
    for name in archive.members:
        if name not in files and name not in MANIFESTS:
            raise CustodyError(
                f"{name} is not in the container's manifest: it was added after the container was written."
            )
    yield f"All {len(files)} files are as the manifest says." + _signed(said)


def _sealed(said: Object, ours: Object) -> None:
    """The manifest's own digest (without itself and the proof): accidents show even where nobody signed."""
    seal = ours.get("seal")
    if seal is None:
        return
    bare = {key: value for key, value in said.items() if key != "proof"}
    bare["safeconduct"] = {key: value for key, value in ours.items() if key != "seal"}
    if _digest({"digestMultibase": seal}) != hashlib.sha256(proofs.canonical(bare)).digest():
        raise CustodyError("The container's manifest was changed after it was written.  Ask for the container again.")


def _same(archive: Opened, name: str, claim: Json) -> None:
    wanted = _digest(claim) if isinstance(claim, Mapping) else None
    if wanted is None:
        raise CustodyError(
            f"The manifest gives no digest for {name} that can be checked.  Ask for the container again."
        )
    if name not in archive.members:
        raise CustodyError(f"{name} is in the container's manifest but not in the container: it was taken out.")
    digest = hashlib.sha256()
    with archive.open(name) as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    if digest.digest() != wanted:
        raise CustodyError(f"{name} was changed after the container was written.  Ask for the container again.")


def _digest(claim: Mapping[str, Json]) -> bytes | None:
    """A SHA-256 as hex, or as ``digestMultibase`` (base58btc multihash, as in FEP-ef61)."""
    with suppress(ValueError):
        if text := names.text(claim.get("sha256")):
            return bytes.fromhex(text)
        text = names.text(claim.get("digestMultibase"))
        if text.startswith("z") and len(text) < 64 and (data := base58.b58decode(text[1:])).startswith(b"\x12\x20"):
            return bytes(data[2:])
    return None


def _signed(said: Object) -> str:
    """The signer, if there is a proof; the proof covers the digests, and they cover everything else."""
    proof = said.get("proof")
    if proof is None:
        return "  The manifest is not signed."
    method = names.text(proof.get("verificationMethod")) if isinstance(proof, Mapping) else ""
    if not method.startswith("did:key:"):
        return "  Its signature was not checked: the signer's key is not in the manifest."
    if problem := proofs.problem(said, proofs.from_did_key(method)):
        raise CustodyError(f"The signature over the container's manifest does not hold: {problem}")
    return f"  The manifest was signed by {method.partition('#')[0]}."


# --- what is not for us --------------------------------------------------------------------------------


def _keys(archive: Opened) -> Iterator[str]:
    if count := sum(map(_secret, archive.members)):
        yield f"{count} private keys are in this container.  They were not read; do not hand it to anybody."


def _hidden(member: str) -> bool:
    return member in MANIFESTS or member.startswith(OURS) or _secret(member)


def _secret(member: str) -> bool:
    path, _, name = member.lower().rpartition("/")
    return "key" in path.split("/") or name == "keys.asc" or name.endswith((".pem", ".key"))
