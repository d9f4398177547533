"""From an offer to a file that is here: bytes are taken in pieces, in order, and survive restarts of everything.

What counts is what lies on the disk: ``Arrival.got`` only repeats it.  A piece is written under a lock, with its digest
checked before it is kept; a piece that was cut short is cut off again.  The last byte puts the arrival in line
(``budgets``), and what is in line is read when it is its turn.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from safeconduct.archives.trouble import shown
from safeconduct.errors import SafeconductError
from safeconduct.model import Choices, Json
from safeconduct_desk import budgets
from safeconduct_desk.custody import act
from safeconduct_desk.models import Arrival, Community
from safeconduct_desk.store import files

if TYPE_CHECKING:
    from hashlib import _Hash

FILE = "archive"  # no suffix: the core recognises what it is by what is in it
INCOMING = "incoming"  # a form's file, until it is known that its form came from here
PIECE = 8 * 2**20  # bytes a browser sends at once
LARGEST_PIECE = 16 * 2**20
FORM = 8 * 2**30  # bytes of a form's file; larger ones come in pieces
LATE = timedelta(minutes=1)  # whoever sent the last byte has certainly been answered, or died
STATES = 64  # uploads whose digest is carried on in memory; others are read again at the end
State = Arrival.State
AGAIN_IS_FINE = (State.OFFERED, State.BROKEN, State.UNDONE, State.WITHDRAWN)


class NotTaken(SafeconductError):
    """It is not taken: why, and what to do.  Nothing of it is kept."""


class Twice(NotTaken):
    """The same person gave the same file before; ``arrival`` is that one."""

    def __init__(self, arrival: Arrival) -> None:
        super().__init__(
            _("You gave this same file on %(day)s. It is not needed twice: see what became of it.")
            % {"day": arrival.created.date().isoformat()}
        )
        self.arrival = arrival


class WrongOffset(SafeconductError):
    """The next byte belongs at ``offset``."""

    def __init__(self, offset: int) -> None:
        super().__init__(
            ngettext("%(n)s byte is here. Go on from there.", "%(n)s bytes are here. Go on from there.", offset)
            % {"n": offset}
        )
        self.offset = offset


class WrongBytes(SafeconductError):
    """What arrived is not what was sent; ``offset`` is where to go on."""

    def __init__(self, offset: int) -> None:
        super().__init__(_("Something was changed on the way. Send it again from where it was right."))
        self.offset = offset


class AtWork(SafeconductError):
    """Another piece of the same file is being written."""


def offered(
    person: User, filename: str, size: int, consent: Mapping[str, Json], choices: Mapping[str, Json] | Choices
) -> Arrival:
    """A new offer; its bytes may come.

    ``size`` in bytes, 0 if it is not known yet (``announced`` says it later).  ``consent``: what was shown and agreed
    to (``statements.consent``); its ``"origin"`` is the server the person says they come from.  ``choices``: those of
    ``model.Choices`` that are not the quiet defaults.  ``NotTaken`` if a budget is used up or intake is closed.
    """
    known = chosen(choices)
    origin = budgets.origin_of(person, str(consent.get("origin", "")))
    with transaction.atomic():
        community = Community.objects.select_for_update().first()  # offers one after the other: budgets are exact
        why = budgets.refusal(community, person, size, origin) if community else _("This desk is not set up yet.")
        if why:
            raise NotTaken(why)
        arrival = Arrival.objects.create(
            person=person, filename=name_of(filename), size=size, origin=origin, consent=dict(consent), choices=known
        )
    act(getattr(person, "member", None), "offered", arrival, size=size)
    return arrival


def announced(arrival: Arrival, filename: str, size: int) -> None:
    """How large the file will be, said once and before its first byte.  ``NotTaken`` if that is too large."""
    if arrival.size and arrival.size != size:
        raise NotTaken(_("This is another file than the one you began with. Choose the same file, or begin anew."))
    _fits(size)
    if size <= 0:
        raise NotTaken(_("The file is empty. Download your archive again, and look whether it opens."))
    Arrival.objects.filter(pk=arrival.pk, state=State.OFFERED).update(size=size, filename=name_of(filename))
    arrival.size, arrival.filename = size, name_of(filename)


def offset(arrival: Arrival) -> int:
    """How many bytes are here for good."""
    if arrival.state != State.OFFERED:
        return arrival.got
    path = files().path(arrival, FILE)
    return min(path.stat().st_size, arrival.got) if path.exists() else 0


def chunk(arrival: Arrival, offset: int, data: bytes, *, digest: bytes = b"", whole: str = "") -> int:
    """Append ``data`` at ``offset``; returns the new offset.  With the last byte the arrival stands in line.

    ``digest``: SHA-256 of ``data``; ``whole``: hex SHA-256 of the whole file, checked at its end.  Raises
    ``WrongOffset`` (with the right one), ``WrongBytes``, ``AtWork``, ``Twice``, ``NotTaken``.
    """
    _open(arrival)
    if digest and hashlib.sha256(data).digest() != digest:
        raise WrongBytes(_here(arrival))
    with _writing(arrival) as file:
        _still_open(arrival)
        now = _here(arrival, file)
        if offset != now:
            raise WrongOffset(now)
        if not arrival.size or now + len(data) > arrival.size:
            raise NotTaken(_("More bytes came than were announced. Choose the file again, and begin anew."))
        file.truncate(now)  # what a cut-off attempt left behind
        file.seek(now)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        _carry_on(arrival, now, data)
        Arrival.objects.filter(pk=arrival.pk).update(got=now + len(data), changed=timezone.now())
        arrival.got = now + len(data)
        if arrival.got < arrival.size:
            return arrival.got
        found = _digest(arrival, file)
        if whole and whole.lower() != found:
            _start_again(arrival, file)
            raise WrongBytes(0)
    received(arrival, found)
    return arrival.got


def whole(arrival: Arrival, path: Path, filename: str, sha256: str) -> None:
    """A file that came in one piece, at ``path`` in the arrival's folder: keep it and put the arrival in line."""
    _open(arrival)
    size = path.stat().st_size
    _fits(size)
    if not size:
        raise NotTaken(_("The file is empty. Download your archive again, and look whether it opens."))
    with _writing(arrival):
        _still_open(arrival)
        path.replace(files().path(arrival, FILE))
    Arrival.objects.filter(pk=arrival.pk).update(size=size, got=size, filename=name_of(filename))
    arrival.size = arrival.got = size
    received(arrival, sha256)


def overlooked() -> int:
    """Uploads whose last byte is here, though nobody was there to say so any more: they go on; returns how many."""
    whole_ones = Arrival.objects.filter(
        state=State.OFFERED, size__gt=0, got=F("size"), changed__lt=timezone.now() - LATE
    )
    count = 0
    for arrival in whole_ones:
        with suppress(SafeconductError, OSError):
            chunk(arrival, arrival.size, b"")
            count += 1
    return count


def received(arrival: Arrival, sha256: str) -> None:
    """All of it is here: it stands in line, and is read at once if it is its turn.  ``Twice`` if it was here before."""
    before = (
        Arrival.objects.filter(person_id=arrival.person_id, sha256=sha256, forgotten_at=None)
        .exclude(pk=arrival.pk).exclude(state__in=AGAIN_IS_FINE).order_by("-created").first()
    )  # fmt: skip
    if before is not None:
        drop(arrival, str(Twice(before)))
        raise Twice(before)
    files().keep(arrival, FILE)
    _states.pop(arrival.name, None)
    taken = Arrival.objects.filter(pk=arrival.pk, state=State.OFFERED).update(
        state=State.RECEIVED, sha256=sha256, received_at=timezone.now()
    )
    if taken:
        act(getattr(arrival.person, "member", None), "received", arrival, size=arrival.size)
        budgets.let_in()
    arrival.refresh_from_db()


def drop(arrival: Arrival, why: str) -> None:
    """Nothing of this upload is kept; the row says why."""
    files().forget(arrival)
    _states.pop(arrival.name, None)
    now = timezone.now()
    Arrival.objects.filter(pk=arrival.pk).update(
        state=State.WITHDRAWN, problem=why, got=0, sha256="", ended_at=now, forgotten_at=now
    )
    arrival.refresh_from_db()


def chosen(given: Mapping[str, Json] | Choices) -> dict[str, Json]:
    """Only what differs from the quiet defaults, and only what there is to choose.  ``NotTaken`` for anything else."""
    usual = {name: getattr(Choices(), name) for name in Choices.__struct_fields__}
    asked = {name: getattr(given, name) for name in usual} if isinstance(given, Choices) else dict(given)
    for name, value in asked.items():
        allowed = CHOICES.get(name)
        if allowed is None or value not in allowed or isinstance(value, bool) != isinstance(allowed[0], bool):
            raise NotTaken(_("There is no such choice: %(name)s.") % {"name": shown(f"{name} = {value}")})
    return {name: value for name, value in asked.items() if value != usual[name]}


CHOICES: dict[str, tuple[Json, ...]] = {
    "mentions": ("defuse", "leave"), "replies": ("own-words", "leave"), "polls": ("text", "leave"),
    "boosts": ("leave", "link"), "followers": (False, True), "linked": (False, True), "federating": (False, True),
    "profile": (True, False), "media": (True, False),
}  # fmt: skip


def name_of(filename: str) -> str:
    """A file's own name as it may be shown; it is never a path here."""
    own = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in own if letter.isprintable())[:200]


def spool() -> Path:
    """Where what a form sends waits until all of it is here.  The files there have no names: a crash leaves none."""
    place = Path(settings.FOLDER) / "spool"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def _community() -> Community:
    community = Community.here()
    if community is None:
        raise NotTaken(_("This desk is not set up yet."))
    return community


def _fits(size: int) -> None:
    why = budgets.no_room(_community(), size)
    if why:
        raise NotTaken(why)


def _open(arrival: Arrival) -> None:
    """Is it still waiting for its file?  Asked of the database: it may have been withdrawn a moment ago."""
    state = Arrival.objects.values_list("state", flat=True).get(pk=arrival.pk)
    if state != State.OFFERED:
        raise NotTaken(_("This import does not wait for a file any more. Its page says what became of it."))


def _still_open(arrival: Arrival) -> None:
    """It may have been withdrawn between the question and the lock; then nothing of it may lie here."""
    try:
        _open(arrival)
    except NotTaken:
        if Arrival.objects.filter(pk=arrival.pk, state=State.WITHDRAWN).exists():
            files().forget(arrival)
        raise


@contextmanager
def _writing(arrival: Arrival) -> Iterator[BinaryIO]:
    path = files().path(arrival, FILE)
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AtWork(_("Another piece of this file is just being written. Try again in a moment.")) from None
        yield file


def _here(arrival: Arrival, file: BinaryIO | None = None) -> int:
    got = Arrival.objects.values_list("got", flat=True).get(pk=arrival.pk)
    if file is not None:
        return min(os.fstat(file.fileno()).st_size, got)
    path = files().path(arrival, FILE)
    return min(path.stat().st_size, got) if path.exists() else 0


def _start_again(arrival: Arrival, file: BinaryIO) -> None:
    """Somewhere it is wrong, and nobody knows where."""
    file.truncate(0)
    _states.pop(arrival.name, None)
    Arrival.objects.filter(pk=arrival.pk).update(got=0)
    arrival.got = 0


_states: OrderedDict[str, tuple[int, _Hash]] = OrderedDict()


def _carry_on(arrival: Arrival, at: int, data: bytes) -> None:
    """The digest of what is here, carried on from piece to piece as long as this process saw all of them."""
    known, state = _states.pop(arrival.name, (0, None))
    if state is None or known != at:
        if at:
            return
        state = hashlib.sha256()
    state.update(data)
    _states[arrival.name] = (at + len(data), state)
    while len(_states) > STATES:
        _states.popitem(last=False)


def _digest(arrival: Arrival, file: BinaryIO) -> str:
    known, state = _states.pop(arrival.name, (0, None))
    if state is not None and known == arrival.size:
        return state.hexdigest()
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # a buffered file has readinto
