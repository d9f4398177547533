"""A draft tried on ten stored imports: ``python -m bench backtest [--posts N]`` (N posts in each of ten, 20,000).

Each archive is read once for both policies.  The difference is checked against two full runs of each import; those are
not in the time.  The archives differ in how many posts they have, so that no two are the same file.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy

from bench import made

IMPORTS = 10
RULE = """
[[rule]]
id = "{id}"
when = "{when}"
then = "quarantine"
breaker = 1.0
because = "For the measurement."
{given}
"""
PICTURES = RULE.format(id="pictures", when="image", given="")
LINKS = RULE.format(id="links", when="many-links", given="with = { more_than = 0 }")
LIVE = f'name = "live"\nbase = "careful"\n{PICTURES}'
DRAFT = f'name = "draft"\nbase = "careful"\nwithout = ["copies", "burst"]\n{LINKS}'


def main(posts: int = 20_000) -> None:
    """Time it, then check it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("SAFECONDUCT_DESK", folder)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safeconduct_desk.settings")
        import django

        django.setup()
        _measured(posts, Path(folder))


def _measured(posts: int, folder: Path) -> None:
    from safeconduct.flow import inspected, open_source
    from safeconduct.home import Home
    from safeconduct.policy import parse_policy
    from safeconduct_desk.backtest import compare, difference

    live, draft = parse_policy(LIVE), parse_policy(DRAFT)
    paths = [made.archive(posts + n) for n in range(IMPORTS)]
    with Home(folder / "home") as opened:
        begun = time.perf_counter()
        pairs = [compare(opened, open_source(str(path)), live, draft, made.NOW) for path in paths]
        took = time.perf_counter() - begun
        found = [difference(*pair) for pair in pairs]
        releases, holds = sum(len(one.releases) for one in found), sum(len(one.holds) for one in found)
        print(f"{IMPORTS} imports of {posts:,} posts: {took:.1f} s, {IMPORTS * posts / took:,.0f} posts/s")
        print(f"releases {releases:,}, newly holds {holds:,}")
        begun, wrong = time.perf_counter(), 0
        for path, pair in zip(paths, pairs, strict=True):
            for policy, outcome in zip((live, draft), pair, strict=True):
                with inspected(opened, open_source(str(path)), [policy], as_of=made.NOW) as inspection:
                    wrong += int(numpy.count_nonzero(inspection.census.column("action") != outcome.actions))
        print(f"two full runs of each: {time.perf_counter() - begun:.1f} s, {wrong} items decided otherwise")
        if wrong:
            raise SystemExit("the difference is not that of two full runs")
