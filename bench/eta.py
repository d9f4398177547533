"""How right the time left is that the desk shows while a stand-in takes posts back: ``python -m bench eta``.

The stand-in for GoToSocial hides nothing: each post is deleted with a request of its own, and it allows so many of
them in five minutes (60 here; 300 is usual).  It lets the delivery pass unmetered.  What the desk forecasts before
anybody presses, and what it shows at the start and after a tenth, are set against what it then took.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import made
from tests.desk.prove_desk import Desk
from tests.journeys.stand_in import TOKEN, StandIn

ALLOWED = 60  # requests in five minutes
OFF = 0.2  # of the truth
PATIENCE = 3600.0


class Metered(StandIn):
    """Says its limit always, and holds to it from ``begin`` on."""

    held = False

    def meter(self) -> dict[str, str]:
        if self.held:
            return super().meter()
        return {"X-RateLimit-Limit": str(self.requests), "X-RateLimit-Remaining": str(self.requests - 1)}

    def begin(self) -> None:
        """From now on."""
        self._window, self.held = (time.time(), 0), True


def main(posts: int = 150) -> None:
    """Print the forecasts beside the truth; exit 1 where one is more than a fifth off."""
    place = Metered(requests=ALLOWED)
    with tempfile.TemporaryDirectory() as name, place:
        desk = Desk(Path(name) / "desk")
        desk.make(made.archive(posts), f"gotosocial:{place.url}", TOKEN)
        desk.start("apply")
        desk.worker("one")
        try:
            desk.until("applied", PATIENCE)
            place.begin()
            desk.start("undo")
            seen, took = _watched(desk, place)
        finally:
            desk.end()
        left = len(place.posts())
    print(f"{posts} posts taken back in {took:.0f} s at {ALLOWED} requests in 5 minutes; left there: {left}")
    worst = 0.0
    for what, (at, said) in seen.items():
        truth = took - at
        worst = max(worst, abs(said - truth) / truth)
        print(f"{what}: {said:.0f} s left were shown, {truth:.0f} s it took ({said / truth - 1:+.0%})")
    if left or worst > OFF:
        raise SystemExit(f"{left} posts left; at worst {worst:.0%} off, more than {OFF:.0%}")


def _watched(desk: Desk, place: Metered) -> tuple[dict[str, tuple[float, float]], float]:
    """What was shown when (seconds since the start), and the seconds it took in all."""
    began, seen, count = time.monotonic(), dict[str, tuple[float, float]](), len(place.posts())
    while (now := desk.arrival())["state"] != "undone":
        at, progress = time.monotonic() - began, now["progress"]
        if at > PATIENCE or now["state"] == "broken":
            raise SystemExit(f"{now}\n{desk.logs()}")
        if progress.get("step") == "undo" and progress.get("of"):
            gone = 1 - len(place.posts()) / count
            for what, share in (("at the start", 0.0), ("after a tenth", 0.1), ("half-way", 0.5)):
                if gone >= share:
                    seen.setdefault(what, (at, _left(progress)))
        time.sleep(0.2)
    return seen, time.monotonic() - began


def _left(progress: dict[str, Any]) -> float:
    """As the page shows it: what was said, less the time since."""
    since = datetime.now(UTC) - datetime.fromisoformat(progress["at"])
    return max(0.0, float(progress["seconds"]) - since.total_seconds())


if __name__ == "__main__":
    main()
