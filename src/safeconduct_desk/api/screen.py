"""Screen: posts of an import that another server's importer is about to take over, decided line by line."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator

from django.conf import settings
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from safeconduct_desk.api._ground import Problem, needs
from safeconduct_desk.models import PolicyVersion
from safeconduct_desk.screener import answered

NDJSON = "application/x-ndjson"
TAKEN = (NDJSON, "application/jsonl", "application/octet-stream", "application/activity+json")
router = Router()
_slots = threading.BoundedSemaphore(settings.SCREENS_AT_ONCE)

LINES = {"schema": {"type": "string", "description": "One JSON object a line."}}


class Slot:
    """A stream, and its place among those that run at once: pages must stay quick while servers import."""

    def __init__(self, chunks: Generator[bytes]) -> None:
        if not _slots.acquire(blocking=False):
            raise Problem(503, "As many imports as this desk does at once are being looked at. Try again in a second.")
        self._chunks, self._taken = chunks, True

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        finally:
            self.close()

    def close(self) -> None:
        """The stream has ended, or nobody reads it any more."""
        self._chunks.close()
        if self._taken:
            self._taken = False
            _slots.release()


class About(Schema):
    """Whose posts these are."""

    actor: str = Field("", max_length=500, description="The id of the account that moves, as its posts carry it.")
    findings: bool = Field(False, description="Say also what every criterion saw, and where.")


@router.post(
    "screen", auth=needs("screen"), operation_id="screen",
    openapi_extra={
        "requestBody": {"required": True, "content": {NDJSON: LINES}},
        "responses": {"200": {"description": "One decision a line, then the summary.", "content": {NDJSON: LINES}}},
    },
)  # fmt: skip
def screen(request: HttpRequest, about: Query[About]) -> StreamingHttpResponse:
    """Decide about posts before they are taken over: one ActivityStreams object a line in, one decision a line out.

    Answers come in the order of the lines. After them come those lines of which the whole import says something else
    (`"revised": true`; the later word counts), and last `{"summary": …}`. **Without a summary that says
    `"complete": true` take nothing over.** What cannot be read or breaks is quarantined, never accepted.
    """
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Problem(415, "Send the lines as they are, not compressed.")
    if request.content_type and request.content_type not in TAKEN:
        raise Problem(415, f"Send lines of JSON, as {NDJSON}.")
    version = PolicyVersion.live()
    if version is None:
        raise Problem(409, "No policy is live here, so nothing can be said. Take nothing over.")
    return StreamingHttpResponse(
        Slot(answered(request, version, about.actor, about.findings)), content_type=NDJSON,
        headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
    )  # fmt: skip
