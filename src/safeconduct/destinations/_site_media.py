"""Media for the site: pictures cleaned of what is not the picture, films without a place in them, the rest zipped.

The file's name is the digest of its bytes and its ending comes from the bytes, never from what somebody called it.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from safeconduct.archives.media import Measurer
from safeconduct.contracts import Source
from safeconduct.destinations._ledger import PIECE, place
from safeconduct.errors import DeliveryError, SourceError
from safeconduct.model import MediaFacts, Medium

PICTURES = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}
FILMS = {
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/quicktime": "mov",
    "video/ogg": "ogv",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/mp4": "m4a",
    "audio/flac": "flac",
    "audio/wav": "wav",
    "audio/webm": "weba",
    "audio/aac": "aac",
}
ENDINGS = {
    **PICTURES, **FILMS, "image/svg+xml": "svg", "application/pdf": "pdf", "text/plain": "txt", "text/html": "html",
    "image/avif": "avif", "image/heic": "heic", "image/tiff": "tiff", "application/zip": "zip",
}  # fmt: skip
NOT_HERE = "The archive does not have this file."
NOT_CLEAN = "This picture is left out: hidden details in it, such as a place, could not be taken out safely."
PLACED = "This file is left out: it says where it was made, and that cannot be taken out of it here."
UNREAD = "This file is left out, because it could not be read safely"
NOBODY_CHECKED = "In a zip, so that nothing in it starts by itself. Nobody has checked it."


class Published(Struct, frozen=True):
    """One medium on the site.  ``show``: ``image``, ``video``, ``audio``, ``file``, or "" (only words).

    ``source`` and ``placed``: the SHA-256 of its bytes in the archive and of those on the site.
    """

    show: str
    file: str = ""
    type: str = ""
    size: int = 0
    width: int = 0
    height: int = 0
    note: str = ""
    source: str = ""
    placed: str = ""


class Publisher:
    """Puts media of one source into ``folder``; ``close`` ends the process that opens pictures."""

    def __init__(self, source: Source, folder: Path) -> None:
        self.source = source
        self._folder = folder
        self._measurer = Measurer(source.open)

    def close(self) -> None:
        """End the child process.  Safe to call again."""
        self._measurer.close()

    def publish(self, medium: Medium) -> Published:
        """Raises ``DeliveryError`` if the source should have the bytes and does not give them."""
        facts = self._measurer.measure(medium)
        if facts is None or medium.member is None:
            return Published("", note=NOT_HERE)
        if facts.size == 0:
            return Published("", note="This file is empty in the archive.")
        self._folder.mkdir(exist_ok=True)
        if facts.type in PICTURES:
            return self._picture(medium.member, facts)
        if facts.problem:
            return Published("", note=f"{UNREAD}: {facts.problem}.")
        if facts.location:
            return Published("", note=PLACED)
        if facts.type in FILMS:
            return self._film(medium.member, facts.type, facts.sha256, facts.width, facts.height)
        return self._zipped(medium.member, facts.type, facts.sha256)

    def _picture(self, member: str, facts: MediaFacts) -> Published:
        clean = self._measurer.cleaned(self._bytes(member), facts.type)
        if clean is None:
            return Published("", note=NOT_CLEAN)
        placed = hashlib.sha256(clean).hexdigest()
        file = f"{placed[:32]}.{PICTURES[facts.type]}"
        place(self._folder / file, clean)
        return Published("image", file, facts.type, len(clean), facts.width, facts.height, "", facts.sha256, placed)

    def _film(self, member: str, type: str, sha256: str, width: int, height: int) -> Published:
        file = f"{sha256[:32]}.{FILMS[type]}"
        part = self._folder / f".{file}.part"
        size = 0
        with _opened(self.source, member) as stream, part.open("wb") as out:
            while piece := stream.read(PIECE):
                size += out.write(piece)
        part.replace(self._folder / file)
        return Published(type.partition("/")[0], file, type, size, width, height, "", sha256, sha256)

    def _zipped(self, member: str, type: str, sha256: str) -> Published:
        """What a browser might run when opened (SVG, HTML) lies in a zip."""
        inner = zipfile.ZipInfo(f"{sha256[:32]}.{ENDINGS.get(type, 'bin')}")
        inner.compress_type, inner.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        file = f"{sha256[:32]}.zip"
        part = self._folder / f".{file}.part"
        with _opened(self.source, member) as stream, zipfile.ZipFile(part, "w") as box, box.open(inner, "w") as out:
            while piece := stream.read(PIECE):
                out.write(piece)
        size = part.stat().st_size
        with part.open("rb") as whole:
            placed = hashlib.file_digest(whole, "sha256").hexdigest()
        part.replace(self._folder / file)
        return Published("file", file, type, size, note=NOBODY_CHECKED, source=sha256, placed=placed)

    def _bytes(self, member: str) -> bytes:
        with _opened(self.source, member) as stream:
            return stream.read()


def _opened(source: Source, member: str) -> BinaryIO:
    try:
        return source.open(member)
    except SourceError as error:
        raise DeliveryError(f"The file {member} could not be read from the archive: {error}") from error
