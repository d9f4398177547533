"""Everything that can go wrong with a whole run, as a tree.

::

    SafeconductError
    ├── SourceError        the whole source is unusable
    │   └── ArchiveError   … because the container is broken or hostile; names the member
    ├── PolicyError        the policy file is wrong (file, line, what to write instead)
    ├── PlanError          the plan does not fit the source, the server or itself
    ├── DeliveryError      the destination said no
    │   ├── TryAgain       … but might say yes later (after= seconds)
    │   └── Uncertain      … or nobody knows whether it said yes: reconcile before trying again
    ├── LockedOut          the receiving account does not open: no token, or not any more
    ├── NetworkRefused     an address we never connect to
    ├── CustodyError       the journal or the store does not match its own digests
    └── Busy               another worker holds the lease of this destination account

A bad *item* is not in this tree: it is data (``model.Unreadable``).  A judgement is a ``model.Decision``.
Messages are for the person or the moderator: what happened, to which item, what to do next.
"""

from __future__ import annotations


class SafeconductError(Exception):
    """The root: catching this catches everything Safeconduct raises on purpose."""


class SourceError(SafeconductError):
    """The whole source is unusable."""


class ArchiveError(SourceError):
    """The container is broken or hostile.  ``member`` names the part, ``code`` the kind of trouble."""

    def __init__(self, code: str, member: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.member = member


class PolicyError(SafeconductError):
    """The policy file is wrong: where, and what to write instead."""

    def __init__(self, message: str, file: str = "", line: int = 0, instead: str = "") -> None:
        place = f"{file}:{line}: " if file else ""
        super().__init__(place + message + (f"  Write instead: {instead}" if instead else ""))
        self.file, self.line, self.instead = file, line, instead


class PlanError(SafeconductError):
    """The plan does not fit the source, the server or itself."""


class DeliveryError(SafeconductError):
    """The destination said no."""


class TryAgain(DeliveryError):
    """The destination said no, but might say yes after so many seconds."""

    def __init__(self, message: str, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


class Uncertain(DeliveryError):
    """The answer was lost: the delivery may or may not have happened."""


class LockedOut(SafeconductError):
    """The receiving account does not open: no token, or not any more.  Nothing can go on, so nothing is tried."""


class NetworkRefused(SafeconductError):
    """An address we never connect to (private, not https, redirected elsewhere)."""


class CustodyError(SafeconductError):
    """The journal or the store does not match its own digests."""


class Busy(SafeconductError):
    """Another worker holds the lease of this destination account."""
