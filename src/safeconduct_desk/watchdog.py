"""Workers say every few seconds that they live; the work of one that has gone silent is handed on.

DBOS in its open form resumes only what its own executor began, so a worker that never comes back would keep its
arrivals for ever (measured).  A worker that was only slow and wakes up again cannot write: each receiving account has a
lease with a fencing token, and every delivery is an intent first.

A worker of this very machine need not go silent first: its process is there or it is not (``kill -9`` costs seconds).

One worker, the first by name of those that live, hands on and does the chores; times are the database's, because
clocks of machines differ.
"""

from __future__ import annotations

import importlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import timedelta

from dbos import DBOS
from django.db import DatabaseError, close_old_connections
from django.db.models.functions import Now

from safeconduct.errors import SafeconductError
from safeconduct.home import lease
from safeconduct_desk.models import Worker

BEAT = 4.0  # seconds
SILENT = timedelta(seconds=20)
FORGOTTEN = timedelta(days=1)
# What has to be done now and then, and how often (seconds).  They start jobs, and jobs start this: so by name.
CHORES = {
    "approvals.run_due": 5, "budgets.let_in": 5, "notices.poll": 60, "retention.forget_due": 300,
}  # fmt: skip
log = logging.getLogger("safeconduct.desk")
_stopped = threading.Event()
_lost: set[str] = set()


def named(name: str) -> str:
    """A worker's whole name: what people call it, and which process of which machine it is."""
    return f"{name[:60]} {lease.HERE}-{os.getpid()}"


def begin(name: str, running: Callable[[], Collection[str]] = tuple) -> None:
    """Beat, and look for silent ones, until ``end``.  ``running``: ids of the workflows this process is at."""
    _stopped.clear()
    threading.Thread(target=_run, args=(name, running), name="watchdog", daemon=True).start()
    threading.Thread(target=_chores, args=(name,), name="chores", daemon=True).start()


def end() -> None:
    _stopped.set()


def _run(name: str, running: Callable[[], Collection[str]]) -> None:
    while not _stopped.is_set():
        try:
            beat(name)
            mine(name, running)
            if first(name):
                hand_on(name)
        except Exception as error:  # whatever it is (the database is being restarted): the next beat may go well
            log.warning("watchdog: %s", type(error).__name__)
        finally:
            close_old_connections()
        _stopped.wait(BEAT)


def beat(name: str) -> None:
    """Say that this worker lives."""
    Worker.objects.update_or_create(name=name, defaults={"beat": Now()})


def alive() -> list[str]:
    """The workers that live, by name."""
    heard = Worker.objects.filter(beat__gt=Now() - SILENT).order_by("name").values_list("name", flat=True)
    return [name for name in heard if not _gone(name)]


def _gone(name: str) -> bool:
    """Is this a process of this machine that has ended?  Of other machines only silence tells."""
    return not lease.alive(name.rpartition(" ")[2])


def first(name: str) -> bool:
    """Is it this worker who looks after the others?"""
    return next(iter(alive()), name) == name


def hand_on(name: str) -> list[str]:
    """Put what silent workers were doing back into the queue; returns the ids of those workflows."""
    living = {*alive(), name}
    running = DBOS.list_workflows(status="PENDING", load_input=False)
    left = [flow.workflow_id for flow in running if flow.executor_id not in living]
    for workflow in left:
        DBOS.resume_workflow(workflow)
    Worker.objects.filter(beat__lt=Now() - FORGOTTEN).delete()
    ended = [one for one in Worker.objects.values_list("name", flat=True) if _gone(one)]
    Worker.objects.filter(name__in=ended).delete()
    return left


def mine(name: str, running: Callable[[], Collection[str]]) -> list[str]:
    """What is said to run in this very process, and does not: the database was away just as it ended or began.

    Only what was missing at two looks: between the two the rest of it may have been written down.
    """
    flows = DBOS.list_workflows(status="PENDING", executor_id=name, load_input=False)
    missing = {flow.workflow_id for flow in flows} - set(running())
    again = sorted(missing & _lost)
    _lost.clear()
    _lost.update(missing)
    for workflow in again:
        DBOS.resume_workflow(workflow)
    return again


def _chores(name: str) -> None:
    due = dict.fromkeys(CHORES, 0.0)
    while not _stopped.is_set():
        try:
            if first(name):
                _do(due)
        except Exception as error:
            log.warning("chores: %s", type(error).__name__)
        finally:
            close_old_connections()
        _stopped.wait(BEAT)


def _do(due: dict[str, float]) -> None:
    for chore, seconds in CHORES.items():
        if time.monotonic() >= due[chore]:
            due[chore] = time.monotonic() + seconds
            module, _dot, function = chore.rpartition(".")
            with suppress(SafeconductError, OSError, DatabaseError, sqlite3.Error):  # each says itself what is wrong
                getattr(importlib.import_module(f"safeconduct_desk.{module}"), function)()
