"""What takes long, as durable workflows: read an import, deliver it, take it back.

One workflow = one arrival and one verb; one step = one piece that may be done again.  A step that was cut short is
done again from its beginning, and each of them is safe to repeat: reading writes the same groups, ``copy`` and ``undo``
of the core go on where they stopped and never do a thing twice.  DBOS keeps which steps are done (its own tables, in
the desk's database or beside it); ``watchdog`` hands on what a dead worker left.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSClient, DBOSConfig, SetWorkflowID
from django.conf import settings
from django.db import close_old_connections, connection

from safeconduct import __version__
from safeconduct.errors import SafeconductError
from safeconduct_desk import delivering, oauth, screening, watchdog, webhooks
from safeconduct_desk.models import Arrival

QUEUE = "desk"
log = logging.getLogger("safeconduct.desk")
VERBS: dict[str, tuple[tuple[str, Callable[..., None]], ...]] = {
    "screen": (
        ("read", screening.read), ("shape", screening.shape), ("prove", oauth.prove), ("ready", screening.ready),
    ),
    "apply": (("plan", delivering.plan), ("deliver", delivering.deliver), ("settle", delivering.settle)),
    "undo": (("hide", delivering.hide), ("take back", delivering.take_back)),
}  # fmt: skip


def start(verb: str, arrival: Arrival, *given: Any) -> None:
    """Have ``verb`` done for this arrival by some worker.  Asking again while it waits or runs changes nothing."""
    if settings.WORK_AT_ONCE:
        for _, work in VERBS[verb]:
            _done(work, arrival.pk, *given)
        return
    client = DBOSClient(system_database_url=system_database(), dbos_system_schema="dbos")
    try:
        client.enqueue(
            {
                "workflow_name": verb,
                "queue_name": QUEUE,
                "deduplication_id": f"{arrival.name}",
                "duplication_policy": "return-existing",
            },
            arrival.pk,
            *given,
        )
    finally:
        client.destroy()


def system_database() -> str:
    """Where DBOS keeps its tables."""
    chosen = os.environ.get("SAFECONDUCT_DESK_DATABASE", "")
    return chosen or f"sqlite:///{Path(settings.FOLDER) / 'work.db'}"


def launch(name: str = "") -> str:
    """Make this process a worker; returns its name.  ``stop`` ends it."""
    name = name or f"{socket.gethostname()}-{os.getpid()}"
    config = DBOSConfig(
        name="safeconduct-desk",
        system_database_url=system_database(),
        dbos_system_schema="dbos",
        executor_id=name,
        application_version=__version__,
        log_level="WARNING",
    )
    DBOS(config=config)
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=2, polling_interval_sec=0.5)
    watchdog.begin(name)
    webhooks.begin()
    return name


def stop() -> None:
    """Finish nothing more; what is running is gone on with at the next start."""
    watchdog.end()
    webhooks.end()
    DBOS.destroy()


def _done(work: Callable[..., None], pk: int, *given: Any) -> None:
    """One step.  What the core calls an error is a sentence on the arrival, and it waits for a person (law 8)."""
    if not connection.in_atomic_block:  # done at once, inside somebody's transaction, it is not ours to close
        close_old_connections()
    try:
        work(Arrival.objects.get(pk=pk), *given)
    except (SafeconductError, OSError) as error:
        log.warning("arrival %s: %s", pk, type(error).__name__)
        Arrival.objects.filter(pk=pk).update(state=Arrival.State.BROKEN, problem=str(error), progress={})
        raise
    finally:
        if threading.current_thread() is not threading.main_thread():
            close_old_connections()


def _workflow(verb: str) -> Callable[..., None]:
    steps = [(name, DBOS.step(name=f"{verb}: {name}")(_step(work))) for name, work in VERBS[verb]]

    @DBOS.workflow(name=verb)
    def workflow(pk: int, *given: Any) -> None:
        for _, step in steps:
            step(pk, *given)

    return workflow


def _step(work: Callable[..., None]) -> Callable[..., None]:
    def step(pk: int, *given: Any) -> None:
        _done(work, pk, *given)

    step.__qualname__ = step.__name__ = f"{work.__module__}.{work.__name__}"
    return step


WORKFLOWS = {verb: _workflow(verb) for verb in VERBS}
__all__ = ["WORKFLOWS", "SetWorkflowID", "launch", "start", "stop", "system_database"]
