"""Opening an archive, whatever it is packed in."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from safeconduct.archives.archive import Archive, Body
from safeconduct.archives.expanding import compression
from safeconduct.archives.folders import Folder
from safeconduct.archives.limits import LIMITS, Limits
from safeconduct.archives.names import unwrapped
from safeconduct.archives.tars import BLOCK, Tar, first_names, is_header
from safeconduct.archives.trouble import BROKEN, shown, trouble
from safeconduct.archives.zips import Zip, has_end

_ASK = "Give the .zip or .tar.gz as it was downloaded, or the folder it was unpacked into."
_RIGHTS = "Check who may read it."


def open_archive(path: Path, limits: Limits = LIMITS, folder: Path | None = None) -> Archive:
    """A zip, a tar (plain, gzip, bzip2, xz, zstd) or an unpacked folder, with every member's entry checked first.

    Nothing is written, except that a compressed tar is unpacked once into a nameless temporary file in ``folder``
    (default: the system's).  An archive *inside* an archive is an ordinary file and is never opened.
    Raises ``ArchiveError``; its ``code`` is one of: ``absolute``, ``ambiguous``, ``backslash``, ``broken``,
    ``checksum``, ``collision``, ``count``, ``deep-path``, ``device``, ``drive``, ``duplicate``, ``empty``,
    ``encrypted``, ``escape``, ``link``, ``long-name``, ``memory``, ``method``, ``mismatch``, ``missing``, ``name``,
    ``nested``, ``no-room``, ``overlap``, ``ratio``, ``size``, ``sparse``, ``too-big``, ``truncated``, ``unknown``,
    ``unreadable``.
    """
    body = _body(path, limits, folder)
    try:
        found, notes = body.listing(limits)
        return Archive(path, body, found, notes, limits)
    except BaseException:
        body.close()
        raise


def glance(path: Path, limits: Limits = LIMITS) -> frozenset[str]:
    """Names to recognise an archive by, cheaply: all of a zip, tar or folder, the first of a compressed tar.

    A compressed tar is read no further than 16 MiB of what it unpacks to.  Raises ``ArchiveError`` as opening does.
    """
    with suppress(OSError), path.open("rb", buffering=0) as file:
        if compression(file.read(8)):
            file.seek(0)
            return frozenset(unwrapped(first_names(file, limits)))
    with open_archive(path, limits) as archive:
        return frozenset(archive.members)


def _body(path: Path, limits: Limits, folder: Path | None) -> Body:
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise trouble("missing", "", f"there is no file {path}", "Check the name.")
    if not path.is_file():
        raise trouble("unknown", "", "this is neither a file nor a folder", _ASK)
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise trouble("unreadable", "", f"the file cannot be opened ({error.strerror})", _RIGHTS) from error
    try:
        return _recognised(path, file, limits, folder)
    except BaseException:
        file.close()
        raise


def _recognised(path: Path, file: BinaryIO, limits: Limits, folder: Path | None) -> Body:
    """By what the file begins with; only then by an end record, which a tar could carry in its last member."""
    head = file.read(BLOCK)
    file.seek(0)
    if not head:
        raise trouble("empty", "", f"the file {shown(path.name)} is empty", BROKEN)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06")):
        return Zip(file)
    if compression(head) or is_header(head):
        return Tar(file, limits, folder)
    if has_end(file):
        return Zip(file)
    raise trouble("unknown", "", f"{shown(path.name)} is neither a zip nor a tar file", _ASK)
