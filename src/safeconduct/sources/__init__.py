"""One file = one format or protocol we read."""

from safeconduct.sources._activities import Ids, Owner, activity, owner
from safeconduct.sources._media import Files

__all__ = ["Files", "Ids", "Owner", "activity", "owner"]
