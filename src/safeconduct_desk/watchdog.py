"""Workers say every few seconds that they live; the work of one that has gone silent is handed on.

DBOS in its open form resumes only what its own executor began, so a worker that never comes back would keep its
arrivals for ever (measured).  A worker that was only slow and wakes up again cannot write: each receiving account has a
lease with a fencing token, and every delivery is an intent first.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from dbos import DBOS
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from safeconduct_desk.models import Worker

BEAT = 5.0  # seconds
SILENT = timedelta(seconds=30)
log = logging.getLogger("safeconduct.desk")
_stopped = threading.Event()


def begin(name: str) -> threading.Thread:
    """Beat, and look for silent ones, until ``end``."""
    _stopped.clear()
    thread = threading.Thread(target=_run, args=(name,), name="watchdog", daemon=True)
    thread.start()
    return thread


def end() -> None:
    _stopped.set()


def _run(name: str) -> None:
    while not _stopped.is_set():
        try:
            beat(name)
            hand_on(name)
            _run_due()
        except DatabaseError as error:  # the database is being restarted: the next beat may find it again
            log.warning("watchdog: %s", type(error).__name__)
        finally:
            close_old_connections()
        _stopped.wait(BEAT)


def _run_due() -> None:
    """What was asked for by one person, and whose delay is over."""
    from safeconduct_desk import approvals  # it starts jobs, and they start this

    approvals.run_due()


def beat(name: str) -> None:
    """Say that this worker lives."""
    Worker.objects.update_or_create(name=name, defaults={"beat": timezone.now()})


def hand_on(name: str) -> list[str]:
    """Put what silent workers were doing back into the queue; returns the ids of those workflows."""
    alive = set(Worker.objects.filter(beat__gt=timezone.now() - SILENT).values_list("name", flat=True)) | {name}
    running = DBOS.list_workflows(status="PENDING", load_input=False)
    left = [flow.workflow_id for flow in running if flow.executor_id not in alive]
    for workflow in left:
        DBOS.resume_workflow(workflow)
    return left
