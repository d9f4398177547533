"""Where Safeconduct keeps its own things: keys, transfers, the journal, the sealed map."""

from safeconduct.home.custody import Custody, Delivery
from safeconduct.home.folder import Home
from safeconduct.home.lease import Lease

__all__ = ["Custody", "Delivery", "Home", "Lease"]
