"""The log: one JSON object a line on standard error, for whoever runs the desk; never anything of what people wrote.

Addresses can hold secrets (a link that works once), and the message of an exception can hold a post.  So of a request
the log names the *pattern* of its address, and of an exception its type and the places it came through.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

DEPTH = 12  # places of an exception, the innermost
OURS = "safeconduct"


class Line(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said: dict[str, object] = {"at": when, "level": record.levelname.lower(), "log": record.name}
        said["message"] = record.getMessage() if record.name.startswith(OURS) else _of_others(record)
        request = getattr(record, "request", None)
        if request is not None:
            said |= {"method": getattr(request, "method", ""), "route": _route(request)}
        if (status := getattr(record, "status_code", None)) is not None:
            said["status"] = status
        if record.exc_info and record.exc_info[0] is not None:
            said["exception"] = record.exc_info[0].__name__
            said["places"] = _places(record.exc_info[2])
        return json.dumps(said, ensure_ascii=False)


def _of_others(record: logging.LogRecord) -> str:
    """What another library says, without what it fills in: that may be anything."""
    if record.name == "django.request" and isinstance(record.args, tuple) and record.args:
        return str(record.args[0])  # "Not Found"; behind it comes the address
    text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    return text if record.args else text.partition(":")[0][:80]


def _route(request: object) -> str:
    match = getattr(request, "resolver_match", None)
    return str(match.route) if match is not None else ""


def _places(at: TracebackType | None) -> list[str]:
    found = []
    while at is not None:
        found.append(f"{Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}")
        at = at.tb_next
    return found[-DEPTH:]
