"""The manifest of a FEP-6fcd container, as plain data."""

from __future__ import annotations

import yaml

from safeconduct.errors import ArchiveError
from safeconduct.model import Object
from safeconduct.sources._opened import Opened

MANIFESTS = ("manifest.yml", "manifest.yaml")  # the FEP's name, and the one its reference writer uses
LARGEST = 64 << 20  # bytes; one with digests of 200,000 files is 25 MB
ALIASES = 16  # a few repeat an address; many unfold without end


def manifest(archive: Opened) -> Object:
    """What the manifest says.  Raises ``ArchiveError`` if it is missing, too long, or no plain YAML."""
    name = next((name for name in MANIFESTS if name in archive.members), "")
    if not name:
        raise ArchiveError("missing", MANIFESTS[0], "There is no manifest.yml in it, so it is no portable container.")
    with archive.open(name) as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ArchiveError("too-big", name, f"{name} is longer than {LARGEST >> 20} MB.  No honest manifest is.")
    try:
        _refuse_aliases(data, name)
        said = yaml.load(data, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ArchiveError("broken", name, f"{name} cannot be read: {error}  Ask for the container again.") from error
    if not isinstance(said, dict):
        raise ArchiveError("broken", name, f"{name} says nothing.  Ask for the container again.")
    return said


def _refuse_aliases(data: bytes, name: str) -> None:
    if data.count(b"*") <= ALIASES:  # an alias is written with one
        return
    seen = 0
    for event in yaml.parse(data, Loader=yaml.CSafeLoader):
        seen += isinstance(event, yaml.AliasEvent)
        if seen > ALIASES:
            raise ArchiveError("bomb", name, f"{name} repeats itself by reference more than {ALIASES} times.")
