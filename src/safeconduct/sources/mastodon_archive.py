"""A Mastodon export: the zip or tar.gz from Settings → Export, of all ages, or only its ``outbox.json``.

Formats as Mastodon 3 to 4.6 write them (``app/services/backup_service.rb``, ``app/models/export.rb``) and as glitch,
Pleroma, Akkoma, Mitra and snac imitate them.  The tables that Mastodon gives out one by one
(``following_accounts.csv`` …) are read inside the archive and beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, ClassVar

from safeconduct.archives.opening import glance, open_archive
from safeconduct.errors import SafeconductError, SourceError
from safeconduct.model import About, Confidence, Item, Unreadable
from safeconduct.sources._loose import Loose
from safeconduct.sources._opened import Door, Opened
from safeconduct.sources._reading import Reading, tables_beside


class MastodonArchive:
    """Reads a Mastodon export, zip or tar.gz, old or new, with the tables that lie in or beside it."""

    name: ClassVar[str] = "mastodon-archive"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._door = Door(lambda: _open(path))
        self._about: About | None = None

    @classmethod
    def recognise(cls, path: Path) -> Confidence | None:
        """``outbox.json`` and ``actor.json`` at the top are certain; ``outbox.json`` alone is likely."""
        with suppress(SafeconductError, OSError):
            if _alone(path):
                return _likely(path)
            names = glance(path)
            if "outbox.json" in names:
                return Confidence.HIGH if "actor.json" in names else Confidence.MEDIUM
        return None

    def read(self) -> Iterator[Item | Unreadable]:
        """Protection first, then people, profile, posts, what was kept, and the files themselves."""
        archive = self._door.open()
        if not {"outbox.json", "actor.json"} & set(archive.members):
            raise SourceError(
                f"{self._path.name} holds neither outbox.json nor actor.json, so it is no Mastodon export.  "
                "Ask for one under Settings → Import and export → Data export, and give the file as it was downloaded."
            )
        reading = Reading(archive, beside={} if self._path.is_dir() else tables_beside(self._path))
        found = reading.items()
        first = next(found, None)
        if first is None:
            raise SourceError(
                f"{self._path.name} is empty: there is no record in it.  Ask your server for a new export."
            )
        yield first
        yield from found
        self._about = self._described(reading, archive)

    def open(self, member: str) -> BinaryIO:
        """The bytes of one medium."""
        return self._door.open().open(member)

    def about(self) -> About:
        """What the archive is; its totals and notes once it was read to its end."""
        if self._about is not None:
            return self._about
        archive = self._door.open()
        return self._described(Reading(archive), archive)

    def close(self) -> None:
        """Let go of the file.  Reading opens it again."""
        self._door.close()

    def _described(self, reading: Reading, archive: Opened) -> About:
        whose = reading.whose()
        return About(
            format=self.name,
            actor=whose.id,
            acct=whose.acct,
            sha256=archive.sha256,
            totals=tuple(reading.totals),
            notes=(*archive.notes, *reading.notes),
        )


def _open(path: Path) -> Opened:
    return Loose(path) if _alone(path) else open_archive(path)


def _alone(path: Path) -> bool:
    """An outbox on its own.  What came over a network is kept without a suffix, and begins as JSON does."""
    if path.suffix not in {".json", ""} or not path.is_file():
        return False
    with path.open("rb") as file:
        return bool(path.suffix) or file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _likely(path: Path) -> Confidence | None:
    """A collection that calls itself an outbox, or is called so; other collections look alike inside."""
    with path.open("rb") as file:
        head = file.read(4096)
    if b'"OrderedCollection"' not in head:
        return None
    return Confidence.MEDIUM if path.name.startswith("outbox") or b'"outbox.json"' in head else None
