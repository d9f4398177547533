"""Peak memory of the whole of ``inspect`` at 1k, 10k, 100k and 500k posts: ``python -m bench memory``.

Each size in a process of its own; the peak is the largest resident size the system saw, everything included.
"""

from __future__ import annotations

from bench import made
from bench.inspect import measured

SIZES = (1_000, 10_000, 100_000, 500_000)
FROM, TO, ROOM = 10_000, 500_000, 32


def main(posts: int = TO) -> None:
    """Print the table, up to so many posts."""
    peaks: dict[int, float] = {}
    print(f"{'posts':>10} {'peak MB':>9} {'CPU s':>8} {'wall s':>8}")
    for size in [size for size in SIZES if size <= posts]:
        one = measured("whole", made.archive(size))
        peaks[size] = one["peak"]
        print(f"{size:10,} {one['peak']:9.1f} {one['cpu']:8.1f} {one['wall']:8.1f}", flush=True)
    if FROM in peaks and TO in peaks:
        grown = peaks[TO] - peaks[FROM]
        print(f"from {FROM:,} to {TO:,} posts the peak grows by {grown:.1f} MB (less than {ROOM} is the aim)")
