"""Other programs are told that an import has come to another state: signed, in order, and again until they have it.

What is told lies in a table (``Call``), so that it survives restarts; each webhook gets its oldest call first.  Which
state is known outside stands on the arrival, so nothing is lost whoever changed the state.  A call names an import, its
state and numbers, never content; whoever wants more asks the API with a token.

Signed as HTTP message signatures say (RFC 9421, ``hmac-sha256``) over method, address, content type and the digest of
the body (RFC 9530); ``created`` says when, so that an old call cannot be used again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
import threading
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import DatabaseError, close_old_connections, transaction
from django.db.models import F
from django.utils import timezone
from msgspec import Struct

from safeconduct import net
from safeconduct.errors import SafeconductError
from safeconduct_desk.custody import act, sealed, unsealed
from safeconduct_desk.models import Arrival, Call, Community, Member, Webhook

EVERY = 5.0  # seconds
LEASE = timedelta(minutes=5)  # no answer takes longer; after it another worker may try
FIRST, LONGEST = timedelta(seconds=30), timedelta(hours=6)  # pauses between tries: each twice the one before
TRIES = 14  # of one call: more than a day
FAILURES = 20  # in a row: nobody is there any more, and a person has to look
EVENTS = tuple(f"arrival.{state}" for state in Arrival.State.values)
KIND = "application/json"
log = logging.getLogger("safeconduct.desk")
_stopped = threading.Event()


class Signed(Struct, frozen=True):
    """The headers of RFC 9421 for one message."""

    input: str
    signature: str


def make(member: Member, url: str, events: Iterable[str] = ()) -> tuple[Webhook, str]:
    """A new webhook and its secret (base64), which is shown once.  ``NetworkRefused`` for an address never called."""
    net.origin_of(url, _loopback())
    secret = secrets.token_bytes(32)
    shown = base64.b64encode(secret).decode()
    wanted = " ".join(sorted(set(events) & set(EVENTS)))
    webhook = Webhook.objects.create(url=url, secret=sealed(shown), events=wanted)
    act(member, "made a webhook", webhook=webhook.pk)
    return webhook, shown


def resume(member: Member, webhook: Webhook) -> None:
    """Try again what waits for a webhook that was paused."""
    Webhook.objects.filter(pk=webhook.pk).update(paused=False, failures=0)
    webhook.calls.update(due=timezone.now(), tries=0)
    act(member, "resumed a webhook", webhook=webhook.pk)


def remove(member: Member, webhook: Webhook) -> None:
    """Nothing more is told there."""
    act(member, "removed a webhook", webhook=webhook.pk)
    webhook.delete()


# --- what is told -------------------------------------------------------------------------------------------


def gather() -> int:
    """Write down a call for every import whose state is not known outside yet; returns how many imports."""
    found = 0
    for arrival in Arrival.objects.exclude(state=F("told")).order_by("pk")[:500]:
        with transaction.atomic():  # both or neither; of two workers one
            known = Arrival.objects.filter(pk=arrival.pk, told=arrival.told).update(told=arrival.state)
            if known:
                tell(f"arrival.{arrival.state}", {"arrival": arrival.name, "state": arrival.state,
                                                  "items": arrival.items, "held": arrival.held})  # fmt: skip
                found += 1
    return found


def tell(event: str, about: Mapping[str, str | int]) -> None:
    """Have every webhook that wants it called; numbers and names of ours only."""
    body = {"id": str(uuid.uuid4()), "event": event, "at": timezone.now().isoformat(timespec="seconds"), **about}
    said = json.dumps(body, separators=(",", ":"))
    wanting = [one for one in Webhook.objects.all() if not one.events or event in one.events.split()]
    Call.objects.bulk_create([Call(webhook=one, event=event, body=said) for one in wanting])


# --- telling ------------------------------------------------------------------------------------------------


def run_due() -> int:
    """One call for every webhook that has one due; returns how many were taken.  Safe in several workers at once."""
    gather()
    taken = 0
    for webhook in Webhook.objects.filter(paused=False, calls__isnull=False).distinct():
        while (call := _claimed(webhook)) is not None:
            if not _made(webhook, call):
                break
            taken += 1
    return taken


def _claimed(webhook: Webhook) -> Call | None:
    """The oldest call, if it is due and no other worker is at it."""
    call = webhook.calls.order_by("pk").first()
    now = timezone.now()
    if call is None or call.due > now:
        return None
    mine = Call.objects.filter(pk=call.pk, due=call.due).update(due=now + LEASE, tries=F("tries") + 1)
    call.tries += 1
    return call if mine else None


def _made(webhook: Webhook, call: Call) -> bool:
    """Make the call; afterwards it is gone, or due later."""
    try:
        secret = base64.b64decode(str(unsealed(webhook.secret)))
        body = call.body.encode()
        headers = signed(webhook.url, body, secret, f"desk-{webhook.pk}", timezone.now())
        net.post(webhook.url, body, headers, loopback=_loopback())
    except SafeconductError as error:
        _failed(webhook, call, error)
        return False
    Call.objects.filter(pk=call.pk).delete()
    Webhook.objects.filter(pk=webhook.pk).update(failures=0)
    return True


def _failed(webhook: Webhook, call: Call, error: SafeconductError) -> None:
    log.warning("webhook %s: %s", webhook.pk, type(error).__name__)
    asked = timedelta(seconds=min(float(getattr(error, "after", 0.0)), LONGEST.total_seconds()))
    pause = max(asked, min(FIRST * 2 ** min(call.tries - 1, 20), LONGEST))
    if call.tries >= TRIES:
        Call.objects.filter(pk=call.pk).delete()
    else:
        Call.objects.filter(pk=call.pk).update(due=timezone.now() + pause, said=str(error)[:300])
    Webhook.objects.filter(pk=webhook.pk).update(failures=F("failures") + 1)
    if Webhook.objects.filter(pk=webhook.pk, failures__gte=FAILURES, paused=False).update(paused=True):
        act(None, "webhook paused", webhook=webhook.pk)


def _loopback() -> bool:
    community = Community.here()
    return community is not None and community.loopback


# --- signing ------------------------------------------------------------------------------------------------


def signed(url: str, body: bytes, secret: bytes, key: str, now: datetime) -> dict[str, str]:
    """The headers of one call."""
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    parts = {"@method": "POST", "@target-uri": url, "content-type": KIND, "content-digest": digest}
    made = signature(parts, secret, key, int(now.timestamp()))
    return {"Content-Type": KIND, "Content-Digest": digest, "Signature-Input": f"desk={made.input}",
            "Signature": f"desk=:{made.signature}:"}  # fmt: skip


def signature(parts: Mapping[str, str], secret: bytes, key: str, created: int, alg: str = "hmac-sha256") -> Signed:
    """RFC 9421, section 2.5: the base is a line for each part and one for the parameters."""
    named = " ".join(f'"{name}"' for name in parts)
    given = f'({named});created={created};keyid="{key}"' + (f';alg="{alg}"' if alg else "")
    base = "".join(f'"{name}": {value}\n' for name, value in parts.items()) + f'"@signature-params": {given}'
    return Signed(given, base64.b64encode(hmac.digest(secret, base.encode(), "sha256")).decode())


# --- in a worker --------------------------------------------------------------------------------------------


def begin() -> threading.Thread:
    """Tell what is due, every few seconds, until ``end``: apart from the watchdog, whose beat must not wait."""
    _stopped.clear()
    thread = threading.Thread(target=_run, name="webhooks", daemon=True)
    thread.start()
    return thread


def end() -> None:
    _stopped.set()


def _run() -> None:
    while not _stopped.wait(EVERY):
        try:
            run_due()
        except (DatabaseError, OSError) as error:  # it comes back, or the log says so again
            log.warning("webhooks: %s", type(error).__name__)
        finally:
            close_old_connections()
