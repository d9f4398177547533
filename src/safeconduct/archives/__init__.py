"""Safe opening of containers and media: hostile bytes stop here."""

from safeconduct.archives.archive import Archive, Member
from safeconduct.archives.json_stream import Collection, Document, Record, load
from safeconduct.archives.limits import LIMITS, Limits
from safeconduct.archives.opening import glance, open_archive

__all__ = [
    "LIMITS",
    "Archive",
    "Collection",
    "Document",
    "Limits",
    "Member",
    "Record",
    "glance",
    "load",
    "open_archive",
]
