"""The file comes: as a form's file, or in pieces that go on where they stopped.

A form's file is streamed to the disk while it is counted and its digest is taken; nothing of it is ever in memory.  In
pieces it is the ``core``, ``creation-defer-length`` and ``checksum`` parts of tus 1.0: ``HEAD`` says how much is here,
``PATCH`` appends at ``Upload-Offset``.  Beyond tus, the last piece may carry the digest of the whole file in
``Repr-Digest`` (RFC 9530).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from safeconduct.errors import SafeconductError
from safeconduct_desk import budgets, intake
from safeconduct_desk.doors import arrival_for, door
from safeconduct_desk.models import Arrival, Community, Role
from safeconduct_desk.store import files

if TYPE_CHECKING:
    _File = UploadedFile[bytes]
else:
    _File = UploadedFile

AROUND = 1 << 20  # bytes of a form beside its file
BLOCK = 1 << 20
WRONG_SUM = 460  # of tus
STATUS = {intake.WrongOffset: 409, intake.WrongBytes: WRONG_SUM, intake.AtWork: 423, intake.Twice: 409}


class Came(_File):
    """A file that was written to the disk while it came: where it is, and its digest."""

    def __init__(self, name: str, size: int, place: Path, sha256: str) -> None:
        super().__init__(None, name, "application/octet-stream", size)
        self.place, self.sha256 = place, sha256


class Streamed(FileUploadHandler):
    """Writes the form's file to ``place`` as it comes; stops at ``most`` bytes."""

    chunk_size = BLOCK

    def __init__(self, request: HttpRequest, place: Path, most: int) -> None:
        super().__init__(request)
        self._place, self._most, self._digest = place, most, hashlib.sha256()
        self.too_much = False

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Only one file is taken; a second begins the first anew, as browsers never send two."""
        super().new_file(*args, **kwargs)
        self._digest = hashlib.sha256()
        self._file = self._place.open("wb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) > self._most:
            self.too_much = True
            raise StopUpload(connection_reset=True)
        self._file.write(raw_data)
        self._digest.update(raw_data)

    def file_complete(self, file_size: int) -> Came:
        self._file.close()
        return Came(self.file_name or "", file_size, self._place, self._digest.hexdigest())

    def upload_interrupted(self) -> None:
        if getattr(self, "_file", None):
            self._file.close()


@door(Role.PERSON)
@csrf_exempt  # asked for inside: the handler must be in place before anything reads the form
@require_http_methods(["GET", "POST"])
def view(request: HttpRequest, name: str) -> HttpResponse:
    """The page with the form; and the form's file."""
    arrival = own(request, name)
    if arrival.state != Arrival.State.OFFERED:
        return redirect("my-arrival", name)
    most = _most()
    if request.method != "POST":
        return _page(request, arrival)
    if int(request.META.get("CONTENT_LENGTH") or 0) > most + AROUND:
        return _page(request, arrival, budgets.too_large(most), 413)
    place = files().path(arrival, f"{intake.INCOMING}-{secrets.token_hex(8)}")
    handler = Streamed(request, place, most)
    request.upload_handlers = [handler]
    try:
        return _posted(request, arrival, handler)
    finally:
        handler.upload_interrupted()
        place.unlink(missing_ok=True)


@csrf_protect
def _posted(request: HttpRequest, arrival: Arrival, handler: Streamed) -> HttpResponse:
    came = request.FILES.get("file")
    if handler.too_much:
        return _page(request, arrival, budgets.too_large(_most()), 413)
    if not isinstance(came, Came):
        return _page(
            request, arrival, _("Choose the file first. It is the archive that your old server gave you."), 400
        )
    try:
        intake.whole(arrival, came.place, came.name or "", came.sha256)
    except intake.Twice as twice:
        messages.info(request, str(twice))
        return redirect("my-arrival", twice.arrival.name)
    except intake.NotTaken as no:
        return _page(request, arrival, str(no), 400)
    return redirect("my-arrival", arrival.name)


@door(Role.PERSON)
@require_http_methods(["HEAD", "PATCH"])
def pieces(request: HttpRequest, name: str) -> HttpResponse:
    """How much is here; or the next piece."""
    arrival = own(request, name)
    if request.method == "HEAD":
        return _state(HttpResponse(), arrival)
    try:
        _announce(request, arrival)
        intake.chunk(
            arrival, _number(request, "Upload-Offset"), _body(request), digest=_sum(request), whole=_whole(request)
        )
    except SafeconductError as no:
        return _refused(no, arrival)
    response = HttpResponse(status=204)
    if arrival.state != Arrival.State.OFFERED:
        response["Location"] = reverse("my-arrival", args=[name])
    return _state(response, arrival)


def own(request: HttpRequest, name: str) -> Arrival:
    """One's own arrival; whoever only works here is not its owner."""
    arrival = arrival_for(request, name)
    if arrival.person_id != request.user.pk:
        raise Http404
    return arrival


def _refused(no: SafeconductError, arrival: Arrival) -> HttpResponse:
    status = next((code for kind, code in STATUS.items() if isinstance(no, kind)), 400)
    said: dict[str, object] = {"title": str(no), "status": status}
    if isinstance(no, intake.Twice):
        said["next"] = reverse("my-arrival", args=[no.arrival.name])
    response = JsonResponse(said, status=status, content_type="application/problem+json")
    at = no.offset if isinstance(no, intake.WrongOffset | intake.WrongBytes) else None
    return _state(response, arrival, at)


def _state(response: HttpResponse, arrival: Arrival, at: int | None = None) -> HttpResponse:
    response["Tus-Resumable"] = "1.0.0"
    response["Upload-Offset"] = str(intake.offset(arrival) if at is None else at)
    if arrival.size:
        response["Upload-Length"] = str(arrival.size)
    else:
        response["Upload-Defer-Length"] = "1"
    response["Cache-Control"] = "no-store"
    return response


def _announce(request: HttpRequest, arrival: Arrival) -> None:
    if "Upload-Length" in request.headers:
        intake.announced(arrival, unquote(request.headers.get("Upload-Name", "")), _number(request, "Upload-Length"))


def _most() -> int:
    """Of a form; in pieces more may come, if the community takes more."""
    return min(Community.objects.get().most_bytes, intake.FORM)


def _number(request: HttpRequest, name: str) -> int:
    given = request.headers.get(name, "")
    if not re.fullmatch(r"[0-9]{1,18}", given):
        raise intake.NotTaken(_("The request needs a number in %(name)s.") % {"name": name})
    return int(given)


def _body(request: HttpRequest) -> bytes:
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > intake.LARGEST_PIECE:
        raise intake.NotTaken(_("This piece is too large. Send at most %(n)s bytes at once.") % {
            "n": intake.LARGEST_PIECE
        })  # fmt: skip
    data = request.read(length) if length else b""
    if len(data) != length:
        raise intake.NotTaken(_("The piece was cut off. Ask how much is here, and go on from there."))
    return data


def _sum(request: HttpRequest) -> bytes:
    """``Upload-Checksum: sha256 <base64>``."""
    kind, _blank, value = request.headers.get("Upload-Checksum", "").partition(" ")
    if not kind:
        return b""
    if kind != "sha256":
        raise intake.NotTaken(_("Only sha256 is known here as a checksum."))
    return _decoded(value)


def _whole(request: HttpRequest) -> str:
    """``Repr-Digest: sha-256=:<base64>:``."""
    found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", request.headers.get("Repr-Digest", ""))
    return _decoded(found[1]).hex() if found else ""


def _decoded(value: str) -> bytes:
    try:
        found = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != hashlib.sha256().digest_size:
        raise intake.NotTaken(_("The checksum is not one of SHA-256 in base64."))
    return found


def _page(request: HttpRequest, arrival: Arrival, error: str = "", status: int = 200) -> HttpResponse:
    given = {
        "arrival": arrival, "error": error, "here": intake.offset(arrival), "piece": intake.PIECE,
        "most": Community.objects.get().most_bytes, "in_one": _most(),
    }  # fmt: skip
    return render(request, "desk/upload.html", given, status=status)


urls = [
    path("mine/<slug:name>/file/", view, name="upload"),
    path("mine/<slug:name>/bytes/", pieces, name="upload-bytes"),
]
