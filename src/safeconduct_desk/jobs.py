"""What takes long, as durable workflows: read an import, deliver it, take it back.

One workflow = one arrival and one verb; one step = one piece that may be done again.  A step that was cut short is
done again from its beginning, and each of them is safe to repeat: reading writes the same groups, ``copy`` and ``undo``
of the core go on where they stopped and never do a thing twice.  DBOS keeps which steps are done (its own tables, in
the desk's database or beside it); ``watchdog`` hands on what a dead worker left.

A step that has to wait (for tomorrow's portion, for a worker that delivers to the same account, for a server that is
away) holds no thread and no place in the queue meanwhile: what remains is put back into the queue with a delay.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSClient, DBOSConfig, SetWorkflowID
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from safeconduct.errors import Busy, SafeconductError, TryAgain
from safeconduct.home.database import Away
from safeconduct_desk import delivering, oauth, screening, watchdog, webhooks
from safeconduct_desk.models import Arrival

Work = Callable[..., float | None]
# A delivery mostly waits for its server; none may block a rollback.
QUEUES = {
    "screen": 2,
    "apply": 8,
    "undo": 8,
    "hold": 4,
    "show": 4,
    "limit": 4,
}
SHAPE = "1"  # of these workflows: what began under another one is not gone on with
SOON = 5.0  # seconds until another try
TRIES = 100  # with ever longer pauses: about a day
LONGEST = 900.0
log = logging.getLogger("safeconduct.desk")
_running: set[str] = set()
VERBS: dict[str, tuple[tuple[str, Work], ...]] = {
    "screen": (
        ("read", screening.read), ("shape", screening.shape), ("prove", oauth.prove), ("ready", screening.ready),
    ),
    "apply": (("plan", delivering.plan), ("deliver", delivering.deliver), ("settle", delivering.settle)),
    "undo": (("hide", delivering.hide), ("take back", delivering.take_back)),
    "hold": (("hold", delivering.hold),),
    "show": (("show", delivering.show),),
    "limit": (
        ("hide", delivering.hide), ("take back", delivering.take_back), ("limit", delivering.limit),
        ("plan", lambda arrival, *_: delivering.plan(arrival)),
        ("deliver", lambda arrival, *_: delivering.deliver(arrival)),
        ("settle", lambda arrival, *_: delivering.settle(arrival)),
    ),
}  # fmt: skip


def start(verb: str, arrival: Arrival, *given: Any) -> None:
    """Have ``verb`` done for this arrival by some worker.  Asking again while it waits or runs changes nothing."""
    if settings.WORK_AT_ONCE:
        for _name, work in VERBS[verb]:
            if _done(work, arrival.pk, *given) is not None:
                return  # the rest is for later
        return
    _enqueue(verb, 0, 0, arrival.pk, given, same=f"{verb} {arrival.name} {_digest(given)}")


def _enqueue(verb: str, first: int, tried: int, pk: int, given: tuple[Any, ...], **how: Any) -> None:
    options: dict[str, Any] = {"workflow_name": verb, "queue_name": verb}
    if "same" in how:
        options |= {"deduplication_id": how["same"], "duplication_policy": "return-existing"}
    else:
        options |= {"workflow_id": how["name"], "delay_seconds": how["delay"]}
    client = DBOSClient(system_database_url=system_database(), dbos_system_schema="dbos")
    try:
        client.enqueue(options, first, tried, pk, *given)  # type: ignore[arg-type]
    finally:
        client.destroy()


def _digest(given: tuple[Any, ...]) -> str:
    return hashlib.sha256(json.dumps(given).encode()).hexdigest()[:16]


def system_database() -> str:
    """Where DBOS keeps its tables."""
    chosen = os.environ.get("SAFECONDUCT_DESK_DATABASE", "")
    return chosen or f"sqlite:///{Path(settings.FOLDER) / 'work.db'}"


def prepare() -> None:
    """Make DBOS's tables: pages can ask for work before the first worker has ever started."""
    DBOS.migrate(system_database(), schema="dbos")


def launch(name: str = "") -> str:
    """Make this process a worker; returns its name.  ``stop`` ends it."""
    name = name or f"{socket.gethostname()}-{os.getpid()}"
    worker = watchdog.named(name)
    config = DBOSConfig(
        name="safeconduct-desk",
        system_database_url=system_database(),
        dbos_system_schema="dbos",
        executor_id=worker,
        application_version=SHAPE,
        log_level="WARNING",
    )
    DBOS(config=config)
    DBOS.launch()
    for verb, most in QUEUES.items():
        DBOS.register_queue(verb, worker_concurrency=most, polling_interval_sec=0.5)
    watchdog.begin(worker, lambda: set(_running))
    webhooks.begin()
    return name


def stop() -> None:
    """Finish nothing more; what is running is gone on with at the next start."""
    webhooks.end()
    watchdog.end()
    DBOS.destroy()


def _done(work: Work, pk: int, *given: Any) -> float | None:
    """One step.  What the core calls an error is a sentence on the arrival, and it waits for a person (law 8)."""
    if not connection.in_atomic_block:  # done at once, inside somebody's transaction, it is not ours to close
        close_old_connections()
    try:
        arrival = Arrival.objects.get(pk=pk)
        if arrival.state == Arrival.State.WITHDRAWN:
            return math.inf  # the person took it back meanwhile: there is nothing to go on with
        return work(arrival, *given)
    except (Busy, TryAgain, Away, sqlite3.OperationalError, DatabaseError):
        raise  # nothing is wrong with the arrival: it is tried again
    except (SafeconductError, OSError) as error:
        log.warning("arrival %s: %s", pk, type(error).__name__)
        broken(pk, error)
        raise
    finally:
        if threading.current_thread() is not threading.main_thread():
            close_old_connections()


def broken(pk: int, error: BaseException) -> None:
    """It waits for a person, and says why."""
    there = Arrival.objects.filter(pk=pk).exclude(state=Arrival.State.WITHDRAWN)
    there.update(state=Arrival.State.BROKEN, problem=str(error), progress={})


def _attempt(work: Work, tried: int, pk: int, *given: Any) -> tuple[float, int] | None:
    """One step, in a worker: what was only in the way for now is met again after a pause that grows.

    Returns the pause and how often it has been tried by then; ``None`` if the step is done.
    """
    try:
        wait = _done(work, pk, *given)
        return None if wait is None else (wait, 0)
    except (Busy, TryAgain, Away, sqlite3.OperationalError, DatabaseError) as error:
        log.info("arrival %s waits: %s", pk, type(error).__name__)
        if isinstance(error, Busy):
            return SOON, tried  # the other one may need days, and will come to an end
        if tried < TRIES:
            return max(float(getattr(error, "after", 0.0)), min(LONGEST, SOON * 1.3**tried)), tried + 1
        with suppress(DatabaseError):
            broken(pk, error)
        raise


def _workflow(verb: str) -> Callable[..., None]:
    steps = [DBOS.step(name=f"{verb}: {name}")(_step(work)) for name, work in VERBS[verb]]
    later = DBOS.step(name=f"{verb}: later")(_later)

    @DBOS.workflow(name=verb)
    def workflow(first: int, tried: int, pk: int, *given: Any) -> None:
        name = str(DBOS.workflow_id)
        _running.add(name)
        try:
            for number, step in enumerate(steps[first:], first):
                again = step(tried if number == first else 0, pk, *given)
                if again is not None:
                    wait, times = again
                    if not math.isinf(wait):
                        later(verb, number, times, pk, given, name, wait)
                    return
        finally:
            _running.discard(name)

    return workflow


def _later(verb: str, first: int, tried: int, pk: int, given: tuple[Any, ...], name: str, delay: float) -> None:
    """The rest of this workflow, as another one; its name follows from ours, so that done twice it is one."""
    base, _plus, number = name.partition("+")
    _enqueue(verb, first, tried, pk, tuple(given), name=f"{base}+{int(number or 0) + 1}", delay=delay)


def _step(work: Work) -> Callable[..., tuple[float, int] | None]:
    def step(tried: int, pk: int, *given: Any) -> tuple[float, int] | None:
        return _attempt(work, tried, pk, *given)

    return step


WORKFLOWS = {verb: _workflow(verb) for verb in VERBS}
__all__ = ["WORKFLOWS", "SetWorkflowID", "launch", "start", "stop", "system_database"]
