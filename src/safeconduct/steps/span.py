"""From when to when an import says it is: dates that cannot be true are counted apart, or two of them tell a lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy

from safeconduct.contracts import Census
from safeconduct.model import Json

FIRST = datetime(1970, 1, 2, tzinfo=UTC)  # the day before is what computers write when they do not know
GRACE = timedelta(minutes=10)  # another server's clock; the same as ``future-dated`` allows


def believable(census: Census) -> dict[str, Json]:
    """``first`` and ``last`` of the dates that can be true (ISO 8601, ``None`` if there is none), and how many cannot.

    Dates are claims, and "can be true" is all that is meant: after the first of January 1970, not still to come.
    """
    said = census.column("published")
    said = said[~numpy.isnan(said)]
    latest = (census.as_of if census.as_of.tzinfo else census.as_of.replace(tzinfo=UTC)).timestamp() + GRACE.seconds
    can = said[(said >= FIRST.timestamp()) & (said <= latest)]
    ends = (can.min(), can.max()) if len(can) else (None, None)
    first, last = (None if end is None else datetime.fromtimestamp(float(end), UTC).isoformat() for end in ends)
    return {"first": first, "last": last, "impossible": len(said) - len(can)}
