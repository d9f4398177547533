"""What is wrong with an archive, said to a person: what happened, to which member, what to do next."""

from __future__ import annotations

from safeconduct.errors import ArchiveError

HOSTILE = "No service writes archives like this: do not use it, and ask for a fresh export."
BROKEN = "Download it again, or ask for a new export."
REPACK = "Unpack it with a tool you trust and give the folder instead."


def trouble(code: str, member: str, what: str, then: str = HOSTILE) -> ArchiveError:
    """An ``ArchiveError`` whose message names the member (when there is one) and says what to do next."""
    subject = f"the member {shown(member)} " if member else ""
    sentence = subject + what
    return ArchiveError(code, member, f"{sentence[:1].upper()}{sentence[1:]}. {then}")


def shown(name: str) -> str:
    """A name safe to print: control, bidi and unassigned characters as escapes, cut in the middle when long."""
    if len(name) > 120:
        name = f"{name[:60]}…{name[-50:]}"
    return "“" + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name) + "”"
