"""Where the time of ``inspect`` goes, stage by stage: ``python -m bench stages``.

The same archive and policy as ``bench.inspect``, in one process, every stage run apart over each batch, so that what
one stage leaves ready for the next is paid for by the first.  CPU microseconds a post; the best of a few runs.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench import made
from safeconduct import flow
from safeconduct.model import Finding
from safeconduct.policy import read_policy
from safeconduct.screening.batch import BROKEN, Screen
from safeconduct.screening.census import CensusWriter
from safeconduct.steps import inspect as step
from safeconduct.steps.spool import Spool
from safeconduct.steps.tally import Tally

RUNS = 3


class Clock:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside as ``name``."""
        begun = time.process_time()
        yield
        self.spent[name] += time.process_time() - begun


def once(path: Path, policy: Path, kept: Path, folder: Path) -> Mapping[str, float]:
    """One inspection in stages."""
    clock, tally = Clock(), Tally()
    with clock.stage("0 start"):
        policies = [read_policy(policy)]
        source = flow.open_source(str(path))
        about = source.about()
        criteria = [*step.asked(policies), *step._default(policies, ("language",))]
        screen = Screen(criteria, as_of=made.NOW, owner=about.actor, acct=about.acct, kept=kept)
        spool, writer = Spool(folder / "findings"), CensusWriter(folder / "census")
    batches = screen.batches(source.read())
    while True:
        with clock.stage("1 read"):
            batch = next(batches, None)
        if batch is None:
            break
        with clock.stage("2 texts"):
            _ = batch.texts
        with clock.stage("3 links"):
            for index in range(len(batch.items)):
                batch.links(index)
        with clock.stage("4 hits"):
            batch.hits(criteria[0])
        found: list[Finding] = []
        for criterion in criteria:
            if hasattr(criterion, "inspect"):
                with clock.stage(f"5 {criterion.name}"):
                    found += screen.asked(criterion, batch)[0]
        with clock.stage("6 tally"):
            tally.saw(batch, found)
        with clock.stage("6 spool"):
            spool.add(one for one in found if one.question or one.criterion == BROKEN)
        with clock.stage("7 census"):
            writer.add(batch)
        with clock.stage("9 freeing"):
            batch = None
            found = []
    with clock.stage("8 conclude"):
        census = writer.close(source.about().totals, about.actor, made.NOW)
        for one in screen.conclude(census):
            tally.concluded(one)
            spool.add([one] if one.question else [])
    with clock.stage("8 decide"):
        inspection = step.Inspection(about, census, spool, tally, policies)
        step.settle(inspection)
    inspection.close()
    return clock.spent


def main(posts: int = 20_000) -> None:
    """Print the table."""
    path, policy, kept = made.archive(posts), made.policy(), made.folder() / "home"
    best: Mapping[str, float] = {}
    with step._seldom_collecting():
        for _ in range(RUNS):
            gc.collect()
            with tempfile.TemporaryDirectory() as folder:
                one = once(path, policy, kept, Path(folder))
            best = {name: min(best.get(name, spent), spent) for name, spent in one.items()}
    for name, spent in sorted(best.items()):
        if spent / posts * 1e6 >= 0.05:
            print(f"{name:24} {spent / posts * 1e6:7.2f} us a post")
    print(f"{'sum':24} {sum(best.values()) / posts * 1e6:7.2f} us a post")


if __name__ == "__main__":
    main()
