"""Screening for servers that have their own importer: lines in, decisions out, in order.

The live policy's patterns are compiled once for each process and policy, and lent batch by batch, so that many streams
take turns.  Whatever goes wrong, the stream ends with a line that says so, or with no such line at all: whoever
does not see ``"complete": true`` takes nothing over.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec
from django.conf import settings
from msgspec import Struct

from safeconduct.model import Action, Finding, Json
from safeconduct.policy import Policy
from safeconduct.screening.batch import Screen
from safeconduct.steps.screen import WAITS, Answer, Line, Stream, screen_for
from safeconduct_desk.custody import home
from safeconduct_desk.metrics import CUT, SCREENED
from safeconduct_desk.models import PolicyVersion
from safeconduct_desk.screening import policies
from safeconduct_desk.tombstones import remembered

BATCH = 250  # lines: answers begin to flow after so many
LINE = 1 << 20  # bytes of one line; nobody writes a post of a megabyte
TOO_LONG = f"it is longer than {LINE >> 20} MiB"
CHUNK = 1 << 16
KEPT = 2  # policies whose patterns are kept ready: the live one, and the one before it for streams that began with it
_encode = msgspec.json.Encoder().encode


class Readable(Protocol):
    """What a request gives its body by."""

    def read(self, size: int = ..., /) -> bytes: ...


class Warm(Struct):
    """A policy, and its questions compiled: used by one thread at a time."""

    policies: list[Policy]
    screen: Screen


class Pool:
    """What is compiled and free, by policy.  At most ``width`` are in use; others wait for their turn."""

    def __init__(self, width: int) -> None:
        self._turns = threading.BoundedSemaphore(width)
        self._lock = threading.Lock()
        self._free: dict[str, list[Warm]] = {}

    @contextmanager
    def lent(self, version: PolicyVersion) -> Iterator[Warm]:
        """Ready for this policy; compiled now if none is."""
        with self._turns:
            with self._lock:
                free = self._free.pop(version.digest, [])
                self._free[version.digest] = free  # the one used last stands last
                for digest in list(self._free)[:-KEPT]:
                    del self._free[digest]
                warm = free.pop() if free else None
            warm = warm or made(version)
            yield warm  # after a fault it is not put back: nobody knows what state it is in
            with self._lock:
                if version.digest in self._free:
                    self._free[version.digest].append(warm)


def made(version: PolicyVersion) -> Warm:
    """Read and compile a policy; compiled patterns are kept in the community's home."""
    chosen = [*policies(version), remembered()]  # compiled once: what came before is asked anew each time
    _seldom_collecting()
    return Warm(chosen, screen_for(chosen, datetime.now(UTC), Path(settings.FOLDER) / "home" / "compiled"))


def _seldom_collecting() -> None:
    """What is here by now stays: looking through it for circles after every 700 objects takes a third of the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


POOL = Pool(min(4, os.cpu_count() or 1))


def lines(body: Readable) -> Iterator[Line]:
    """The lines of a body, however it is cut; one that is too long is passed over and said so."""
    rest, skipping = b"", False
    while chunk := body.read(CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        for raw in whole:
            yield Line(b"", TOO_LONG) if skipping or len(raw) > LINE else Line(raw.strip(b" \t\r"))
            skipping = False
        if len(rest) > LINE:
            rest, skipping = b"", True
    if rest or skipping:
        yield Line(b"", TOO_LONG) if skipping or len(rest) > LINE else Line(rest.strip(b" \t\r"))


def batches(body: Readable) -> Iterator[list[Line]]:
    """Some hundred lines at a time."""
    some: list[Line] = []
    for line in lines(body):
        some.append(line)
        if len(some) == BATCH:
            yield some
            some = []
    if some:
        yield some


def answered(body: Readable, version: PolicyVersion, actor: str, findings: bool = False) -> Generator[bytes]:
    """NDJSON: one answer for each line, then the lines of which the whole import says something else, then the summary.

    A body that breaks off raises nothing: the summary says that it is not complete.
    """
    complete = False
    stream: Stream | None = None
    try:
        with home() as opened, opened.work() as folder:
            with POOL.lent(version) as warm:
                stream = Stream(warm.policies, folder, datetime.now(UTC), actor)
            try:
                for some in batches(body):
                    with POOL.lent(version) as warm:
                        answers = stream.batch(warm.screen, some)
                    yield b"".join(written(answer, findings) for answer in answers)
                with POOL.lent(version) as warm, (folder / "revised").open("w+b") as later:
                    for answer in stream.finish(warm.screen):
                        later.write(written(answer, findings, revised=True))
                yield from _read(folder / "revised")  # whoever reads slowly does not keep others waiting
                complete = stream.whole
            finally:
                stream.close()
    except Exception as error:  # law 8: nothing may look as if it had been judged
        yield _encode({"problem": f"Something broke ({type(error).__name__}). {WAITS}"}) + b"\n"
    except GeneratorExit:  # whoever asked has gone; for them the summary is missing
        CUT.inc()
        raise
    yield _encode({"summary": summary(stream, version, complete)}) + b"\n"


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def written(answer: Answer, findings: bool, revised: bool = False) -> bytes:
    """One answer as a line."""
    decision = answer.decision
    said: dict[str, Json] = {"line": answer.number + 1}
    if revised:
        said["revised"] = True
    else:
        said["id"] = answer.id
        SCREENED[decision.action].inc()
    said["decision"] = decision.action.name.lower()
    if decision.action is not Action.ACCEPT:
        said["filters"] = sorted(decision.filters)
        said["pending"] = decision.pending
        said["reasons"] = decision.reasons
    if findings:
        said["findings"] = [plain(one) for one in answer.findings]
    return _encode(said) + b"\n"


def plain(finding: Finding) -> dict[str, Json]:
    """A finding for programs: where it is, not what stands there."""
    return {
        "criterion": finding.criterion, "confidence": finding.confidence.name.lower(), "basis": finding.basis,
        "reason": finding.reason, "value": finding.value, "evidence": finding.evidence[:20],
    }  # fmt: skip


def summary(stream: Stream | None, version: PolicyVersion, complete: bool) -> dict[str, Json]:
    """The last line: after it nothing comes, and without ``complete`` nothing may be taken over."""
    counted = stream.counted if stream else {}
    return {
        "complete": complete,
        "lines": sum(counted.values()),
        **{action.name.lower(): counted.get(action, 0) for action in Action},
        "unreadable": stream.unreadable if stream else 0,
        "revised": stream.revised if stream else 0,
        "questions": stream.questions if stream else (),
        "policy": {"name": version.name, "digest": version.digest},
    }  # fmt: skip
