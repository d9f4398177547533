"""An ``outbox.json`` on its own, for an archive too large to hand over: the same face as an archive."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from safeconduct.errors import SourceError


class Piece(Struct, frozen=True):
    """One file that lies there; ``size`` in bytes."""

    name: str
    size: int


class Loose:
    """The outbox, and the profile if it lies beside it.  Nothing else in that folder is looked at."""

    def __init__(self, path: Path) -> None:
        beside = {"outbox.json": path, "actor.json": path.with_name("actor.json")}
        self._paths = {name: file for name, file in beside.items() if file.is_file() and not file.is_symlink()}
        if not self._paths:
            raise SourceError(f"There is no file {path}.  Check the name, or give the whole archive.")
        self.path = path
        self.members = {name: Piece(name, file.stat().st_size) for name, file in self._paths.items()}
        self.notes = ("Only the outbox was given: media, follows and blocks are not in it.",)

    @cached_property
    def sha256(self) -> str:
        """Of the outbox, as hex."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def open(self, name: str) -> BinaryIO:
        """The bytes of one of the two."""
        if name not in self._paths:
            raise SourceError(
                f"{name} is not at hand, only the outbox was given.  Give the whole archive to include it."
            )
        return self._paths[name].open("rb")

    def close(self) -> None:
        """Nothing is held open."""
