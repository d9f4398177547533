"""Offers: an import is announced, agreed to, and its file comes in pieces that can be gone on with."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from safeconduct_desk import intake, published
from safeconduct_desk.api._ground import Problem, needs, person
from safeconduct_desk.api.arrivals import Import, Name, shown
from safeconduct_desk.doors import arrival_for
from safeconduct_desk.models import Arrival, Community

router = Router()
OFFER = needs("arrivals:offer")
AT_ONCE = f"{intake.LARGEST_PIECE >> 20} MiB"
SENDING = f"""
The next bytes of the file, as they are (`application/octet-stream`, at most {AT_ONCE} at once).

With `Content-Digest: sha-256=:…:` (RFC 9530) they are checked before they are kept. A piece that does not fit on is a
409 whose `offset` says where to go on.
"""
BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


class Offer(Schema):
    """An import that is offered. ``agreed``: for each section of the published promise, the digest of what was read.

    ``choices`` are the person's, as ``/.well-known/safeconduct.json`` and the page *Offer an import* name them.
    """

    filename: str = Field(max_length=300)
    size: int = Field(gt=0, le=1 << 50, description="Bytes of the whole file.")
    origin: str = Field("", max_length=300, description="The server the person comes from.")
    agreed: dict[str, str] = Field(description="Keys of sections, each with its digest.")
    choices: dict[str, bool | str] = Field({})


class Upload(Schema):
    """How much of the file is here."""

    offset: int
    size: int
    state: str


class Piece(Schema):
    """Where these bytes belong; ``sha256`` of the whole file is checked with its last byte."""

    offset: int = Field(ge=0, le=1 << 50)
    sha256: str = Field("", pattern="^([0-9a-fA-F]{64})?$")


@router.post("offers", auth=OFFER, response={201: Import}, operation_id="offer_import")
def offer(request: HttpRequest, offer: Offer) -> Status[Any]:
    """Offer an import of one's own; then send its file. Nothing is taken before everything was agreed to."""
    community = Community.objects.get()
    missing = [one for one in published.sections(community) if offer.agreed.get(one.key) != one.digest]
    if missing:
        wanted = [{"key": one.key, "title": one.title, "digest": one.digest} for one in missing]
        raise Problem(409, "The person has to read and agree to everything that is published first.", agree=wanted)
    now = timezone.now().isoformat()
    consent = published.consent(community, dict.fromkeys(offer.agreed, now), origin=offer.origin)
    arrival = intake.offered(person(request), offer.filename, offer.size, consent, offer.choices)
    return Status(201, shown(arrival))


@router.get("arrivals/{name}/file", auth=OFFER, response=Upload, operation_id="read_upload")
def upload(request: HttpRequest, name: Name) -> dict[str, Any]:
    """Where to go on after an upload was cut off."""
    arrival = _own(request, name)
    return {"offset": intake.offset(arrival), "size": arrival.size, "state": arrival.state}


@router.patch(
    "arrivals/{name}/file", auth=OFFER, response=Upload, operation_id="send_piece",
    openapi_extra={"requestBody": {"required": True, "content": BYTES}}, description=SENDING,
)  # fmt: skip
def send(request: HttpRequest, name: Name, piece: Query[Piece]) -> dict[str, Any]:
    """The next bytes of the file."""
    arrival = _own(request, name)
    if int(request.headers.get("Content-Length") or 0) > intake.LARGEST_PIECE:
        raise Problem(413, f"Send at most {AT_ONCE} at once.")
    data = request.read(intake.LARGEST_PIECE)
    digest = _digest(request.headers.get("Content-Digest", ""))
    offset = intake.chunk(arrival, piece.offset, data, digest=digest, whole=piece.sha256)
    arrival.refresh_from_db()
    return {"offset": offset, "size": arrival.size, "state": arrival.state}


def _own(request: HttpRequest, name: str) -> Arrival:
    """Files are sent by whose import it is, and by nobody else."""
    arrival = arrival_for(request, name)
    if arrival.person_id != request.user.pk:
        raise Problem(403, "Only the person who offered this import can send its file.")
    return arrival


def _digest(header: str) -> bytes:
    """The SHA-256 that a ``Content-Digest`` names; nothing if it names none."""
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "sha-256":
            try:
                return base64.b64decode(value.strip(":"), validate=True)
            except binascii.Error:
                raise Problem(400, "This Content-Digest is none. It looks like sha-256=:…: (RFC 9530).") from None
    return b""
