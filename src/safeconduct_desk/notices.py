"""Reports about what was delivered: from the form, from servers, from programs; each is matched by trace.

Many reports about one import are one sentence and one action, not many decisions.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import Counter
from collections.abc import Iterator, Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from msgspec import Struct

from safeconduct.errors import LockedOut, SafeconductError
from safeconduct.model import Json
from safeconduct.net import Client, Refused
from safeconduct.steps.trace import Query, Traced, trace
from safeconduct_desk import approvals, jobs
from safeconduct_desk.custody import act, arrivals_of, home, unsealed
from safeconduct_desk.models import Approval, Arrival, Community, Held, Member, Notice

LONGEST = {"thing": 1000, "said": 5000, "outside": 200}
PAGE = 100
PAGES = 50
SCOPES = {
    "these": gettext_lazy("the reported items"),
    "group": gettext_lazy("their whole groups"),
    "import": gettext_lazy("the whole import"),
    "person": gettext_lazy("everything of this person"),
    "origin": gettext_lazy("everything from this server"),
}
DONE = {
    "hold": gettext_lazy("Held. Nothing more of it arrives."),
    "show": gettext_lazy("It is shown again."),
    "limit": gettext_lazy("Asked for. It is taken back and comes again with a warning, not announced."),
    "undo": gettext_lazy("Asked for. It is taken back once it is agreed to."),
}
REACH = {Arrival.State.APPLYING, Arrival.State.APPLIED, Arrival.State.UNDOING}  # where something is outside


class Flagged(Struct):
    """Open reports about one import: how many items, of how many that were reported of this person."""

    arrival: Arrival
    items: tuple[int, ...]
    reports: int
    of_person: int
    sentence: str


def received(thing: str, said: str = "", channel: str = "api", outside: str = "") -> Notice:
    """One report about one thing (an address, an id).  The same report again is the same notice."""
    given = {"thing": thing.strip(), "said": said, "outside": outside}
    cut = {name: value.replace("\0", "")[: LONGEST[name]] for name, value in given.items()}
    with transaction.atomic():
        if outside:
            known = Notice.objects.filter(channel=channel, outside=cut["outside"], thing=cut["thing"]).first()
            if known is not None:
                return known
        arrival, number = match(cut["thing"])
        return Notice.objects.create(channel=channel, arrival=arrival, n=number, **cut)


def match(thing: str) -> tuple[Arrival | None, int | None]:
    """The import and the item that this is about; what is there now counts before what was taken back."""
    if not thing:
        return None, None
    with home() as opened:
        found = list(_first(trace(opened, Query(thing=thing)), 200))
    found.sort(key=lambda one: (one.state != "delivered", not one.state), reverse=False)
    arrivals = arrivals_of({one.transfer for one in found})
    mine = [one for one in found if one.transfer in arrivals]
    if not mine:
        return None, None
    one = mine[0]
    whole = len({row.number for row in mine if row.transfer == one.transfer}) > 1  # a name, an archive: no single item
    return arrivals[one.transfer], None if whole else one.number


def _first(rows: Iterator[Traced], most: int) -> Iterator[Traced]:
    for row, _count in zip(rows, range(most), strict=False):
        yield row


# --- from servers -----------------------------------------------------------------------------------------------------


def poll() -> int:
    """Fetch the open reports of a GoToSocial server (``GET /api/v1/admin/reports``); returns how many are new.

    The token must belong to an admin or moderator there; without, nothing is fetched and nothing goes wrong.
    """
    community = Community.here()
    kind, _colon, place = community.destination.partition(":") if community else ("", "", "")
    token = str(unsealed(community.token)) if community else ""
    if community is None or kind != "gotosocial" or not token:
        return 0
    before = Notice.objects.count()
    client = Client(place, token, loopback=community.loopback)
    try:
        for report in _reports(client):
            reported(report, "gotosocial")
    except (Refused, LockedOut):
        return 0
    finally:
        client.close()
    return Notice.objects.count() - before


def _reports(client: Client) -> Iterator[Mapping[str, Json]]:
    """Newest first, page by page, until one page brings nothing new."""
    params = {"resolved": "false", "limit": str(PAGE)}
    for _page in range(PAGES):
        page = client.call("GET", "/api/v1/admin/reports", params=params).json()
        rows = [row for row in page if isinstance(row, dict) and row.get("id")] if isinstance(page, list) else []
        known = set(
            Notice.objects.filter(channel="gotosocial", outside__in=[str(row["id"]) for row in rows]).values_list(
                "outside", flat=True
            )
        )
        fresh = [row for row in rows if str(row["id"]) not in known]
        yield from fresh
        if len(rows) < PAGE or not fresh:
            return
        params["max_id"] = str(rows[-1]["id"])


def reported(report: Mapping[str, Json], channel: str) -> list[Notice]:
    """One report as Mastodon and GoToSocial describe it (``Admin::Report``): a notice for each status it names."""
    things = [_address(status) for status in _listed(report.get("statuses"))]
    target = report.get("target_account")
    account = target.get("account", target) if isinstance(target, dict) else {}
    if not any(things) and isinstance(account, dict):
        things = [str(account.get("url") or account.get("acct") or "")]
    said, outside = str(report.get("comment") or ""), str(report.get("id") or "")
    return [received(thing, said, channel, outside) for thing in things if thing]


def _listed(value: Json) -> list[Mapping[str, Json]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _address(status: Mapping[str, Json]) -> str:
    return str(status.get("url") or status.get("uri") or status.get("id") or "")


def signed(body: bytes, signature: str) -> bool:
    """Is this webhook from our Mastodon server?  ``X-Hub-Signature: sha256=<HMAC of the body with its secret>``.

    The secret is the one that server shows for the webhook: ``SAFECONDUCT_DESK_REPORTS_SECRET``.
    """
    secret = os.environ.get("SAFECONDUCT_DESK_REPORTS_SECRET", "")
    wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace"))


# --- what many reports say together -----------------------------------------------------------------------------------


def flagged(arrival: Arrival | None = None) -> list[Flagged]:
    """Open reports by import, most items first."""
    waiting = Notice.objects.filter(closed_at=None).exclude(arrival=None)
    if arrival is not None:  # its person's reports are counted too, whatever import they are about
        if not waiting.filter(arrival=arrival).exists():
            return []
        waiting = waiting.filter(arrival__person=arrival.person_id)
    rows = list(waiting.select_related("arrival__person"))
    of_person = Counter(
        person for person, _pk, _n in {(row.arrival.person_id, row.arrival_id, row.n) for row in rows if row.arrival}
    )
    found = []
    for one in {row.arrival_id: row.arrival for row in rows if row.arrival}.values():
        if arrival is not None and one.pk != arrival.pk:
            continue
        mine = [row for row in rows if row.arrival_id == one.pk]
        items = tuple(sorted({row.n for row in mine if row.n is not None}))
        count = len({row.n for row in mine})
        total = of_person[one.person_id]
        found.append(Flagged(one, items, len(mine), total, _sentence(one, count, total)))
    return sorted(found, key=lambda one: -len(one.items))


def _sentence(arrival: Arrival, count: int, total: int) -> str:
    whose = ngettext("%(n)d item of this person is reported", "%(n)d items of this person are reported", total)
    said = whose % {"n": total}
    if count == total:
        return ngettext("%(said)s, from this import.", "%(said)s, all from this import.", total) % {"said": said}
    return _("%(said)s, %(n)d of them from this import.") % {"said": said, "n": count}


def targets(arrival: Arrival, scope: str) -> list[tuple[Arrival, list[int] | None]]:
    """What a scope means: imports, each with the numbers of its items or ``None`` for all of them."""
    if scope in ("these", "group"):
        chosen = sorted(
            {n for n in arrival.notices.filter(closed_at=None).values_list("n", flat=True) if n is not None}
        )
        if scope == "group":
            groups = Held.objects.filter(group__arrival=arrival, n__in=chosen).values_list("group", flat=True)
            together = Held.objects.filter(group__in=set(groups)).values_list("n", flat=True)
            chosen = sorted({*chosen, *together})
        return [(arrival, chosen)] if chosen else []
    reach = Arrival.objects.filter(state__in=REACH)
    if scope == "person":
        return [(one, None) for one in reach.filter(person_id=arrival.person_id)]
    if scope == "origin":
        return [(one, None) for one in reach.filter(origin=arrival.origin)] if arrival.origin else []
    return [(arrival, None)] if scope == "import" else []


def do(member: Member, arrival: Arrival, verb: str, scope: str) -> str:
    """Hold, show, limit or take back what the scope names; returns what to tell.  ``SafeconductError`` says why not."""
    found = targets(arrival, scope)
    if verb not in DONE or not found:
        raise SafeconductError(_("There is nothing outside that this would change."))
    if verb in ("hold", "show"):  # can be turned round at once: one person is enough
        for one, numbers in found:
            jobs.start(verb, one, *([numbers] if numbers is not None else []))
            act(member, verb, one, scope=scope, items=len(numbers) if numbers is not None else one.items)
    else:
        detail: dict[str, Json] = {"scope": scope, "targets": [[one.pk, numbers] for one, numbers in found]}
        approvals.ask(member, arrival, f"{verb}-reported", detail)
    return str(DONE[verb])


def close(member: Member, arrival: Arrival, outcome: str) -> int:
    """The open reports about an import are answered."""
    count = arrival.notices.filter(closed_at=None).update(
        closed_at=timezone.now(), closed_by=member, outcome=outcome[:40]
    )
    act(member, "closed reports", arrival, reports=count, outcome=outcome[:40])
    return count


def _begin(verb: str, approval: Approval) -> None:
    for pk, numbers in approval.detail["targets"]:
        jobs.start(verb, Arrival.objects.get(pk=pk), *([numbers] if numbers is not None else []))


approvals.ACTS["undo-reported"] = lambda approval: _begin("undo", approval)
approvals.ACTS["limit-reported"] = lambda approval: _begin("limit", approval)
approvals.WORDS["undo-reported"] = gettext_lazy("take back what was reported of")  # type: ignore[assignment]
approvals.WORDS["limit-reported"] = gettext_lazy("limit what was reported of")  # type: ignore[assignment]
