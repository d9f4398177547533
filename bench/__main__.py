"""``python -m bench [name ...] [--posts N]``: every measurement, or those named."""

from __future__ import annotations

import argparse
import importlib
import os
import platform

NAMES = (
    "reading",
    "screening",
    "stages",
    "inspect",
    "memory",
    "coverage",
    "evasion",
    "screen_api",
    "backtest",
    "large",
    "eta",
)


def main() -> None:
    """Run them one after the other; each in its own words."""
    wanted = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    wanted.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="name", help=", ".join(NAMES))
    wanted.add_argument("--posts", type=int, help="how many posts, instead of each measurement's own number")
    chosen = wanted.parse_args()
    sized = {} if chosen.posts is None else {"posts": chosen.posts}
    for name in chosen.names or NAMES:
        load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
        print(f"\n== {name}   ({platform.machine()}, {os.cpu_count()} processors, load {load})", flush=True)
        importlib.import_module(f"bench.{name}").main(**sized)


if __name__ == "__main__":
    main()
