"""Wait as long as a server says, or longer each time; then give up with its own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from safeconduct.errors import DeliveryError, TryAgain

TRIES = 6
Sleep = Callable[[float], None]
T = TypeVar("T")


def patiently(ask: Callable[[], T], sleep: Sleep) -> T:
    """The answer of ``ask``, tried up to six times while it raises ``TryAgain``."""
    last: DeliveryError = DeliveryError("never asked")
    for attempt in range(TRIES):
        try:
            return ask()
        except TryAgain as error:
            last = error
            sleep(error.after or min(60.0, 2.0**attempt))
    raise last
