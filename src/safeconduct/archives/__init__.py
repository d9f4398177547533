"""Safe opening of containers and media: hostile bytes stop here."""

from safeconduct.archives.archive import Archive, Member
from safeconduct.archives.limits import LIMITS, Limits
from safeconduct.archives.opening import open_archive

__all__ = ["LIMITS", "Archive", "Limits", "Member", "open_archive"]
