"""``python -m safeconduct.sample OUT.zip [--posts N] [--seed N]``: writes the invented archive."""

from __future__ import annotations

import argparse
from pathlib import Path

from safeconduct.sample import build


def main() -> None:
    """Read the arguments and write the archive."""
    parser = argparse.ArgumentParser(
        prog="python -m safeconduct.sample", description="Write an invented Mastodon export."
    )
    parser.add_argument("out", type=Path, help="where to write it, for example alice.zip")
    parser.add_argument("--posts", type=int, default=600, help="entries in the outbox (default 600, at least 120)")
    parser.add_argument("--seed", type=int, default=1, help="another number makes another archive (default 1)")
    chosen = parser.parse_args()
    build(chosen.out, chosen.posts, chosen.seed)


if __name__ == "__main__":
    main()
