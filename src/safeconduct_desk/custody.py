"""The desk's hold on the core: one home for the whole community, secrets sealed with its key."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from safeconduct.flow import open_source
from safeconduct.home import Home
from safeconduct.model import Item, Json
from safeconduct_desk.models import Act, Arrival, LegalHold, Member
from safeconduct_desk.store import files


@contextmanager
def home() -> Iterator[Home]:
    """The community's home.  Open it for one piece of work; it belongs to the thread that opened it."""
    with Home(Path(settings.FOLDER) / "home", database()) as opened:
        yield opened


def database() -> str:
    """Where the core keeps its tables: beside the desk's own on PostgreSQL; "" for a file in the home's folder."""
    if connection.vendor != "postgresql":
        return ""
    from psycopg.conninfo import make_conninfo

    given = connection.settings_dict
    known = {"dbname": given["NAME"], "user": given["USER"], "password": given["PASSWORD"], "host": given["HOST"],
             "port": given["PORT"]}  # fmt: skip
    wanted = {"host", "sslmode", "sslrootcert", "sslcert", "sslkey", "service", "passfile"}
    more = {name: value for name, value in given.get("OPTIONS", {}).items() if name in wanted}
    return make_conninfo(**{name: str(value) for name, value in (known | more).items() if value})


def sealed(value: Json) -> bytes:
    """A secret (a token) that may lie in the database: whoever has only the database cannot read it."""
    with home() as opened:
        return opened.seal(json.dumps(value).encode())


def unsealed(data: bytes | memoryview[int]) -> Json:
    """What ``sealed`` closed; "" for nothing."""
    if not data:
        return ""
    with home() as opened:
        return json.loads(opened.unseal(bytes(data)))


def act(member: Member | None, verb: str, arrival: Arrival | None = None, **detail: Json) -> Act:
    """Write down what a person did at the desk; where it is about an arrival, the journal has it too."""
    entry = Act.objects.create(member=member, arrival=arrival, verb=verb, detail=detail)
    if arrival is not None and arrival.transfer:
        with home() as opened:
            by = opened.mark(f"member:{member.pk}")[:32] if member else ""
            opened.journal(arrival.transfer).record(f"desk:{verb}", {**detail, "by": by})
    return entry


def arrivals_of(transfers: Iterable[str]) -> dict[str, Arrival]:
    """The arrival of each transfer that this desk made; an arrival has another after an appeal or a limit."""
    wanted = set(transfers)
    found = {one.transfer: one for one in Arrival.objects.filter(transfer__in=wanted)}
    if missing := wanted - set(found):
        for one in Arrival.objects.exclude(transfer="").iterator():
            found |= dict.fromkeys(missing & set(one.outcome.get("transfers") or []), one)
    return found


# --- what a law wants kept --------------------------------------------------------------------------------------------


def hold_by_law(arrival: Arrival, numbers: Iterable[int], because: str, by: Member, second: Member | None) -> LegalHold:
    """Seal a copy of these items; it survives rollback and forgetting, and nobody can look at it without a trace."""
    wanted = sorted(set(numbers))
    hold = LegalHold.objects.create(arrival=arrival, numbers=wanted, because=because, by=by, second_by=second)
    records = [
        {"n": item.number, "origin": item.origin, "raw": base64.b64encode(item.raw).decode("ascii")}
        for item in open_source(str(files().fetch(arrival, "archive"))).read()
        if isinstance(item, Item) and item.number in set(wanted)
    ]
    name = f"hold-{hold.pk}"
    with home() as opened:
        path = files().path(arrival, name)
        path.write_bytes(opened.seal(json.dumps(records).encode()))
        path.chmod(0o600)
    files().keep(arrival, name)
    act(by, "legal hold", arrival, hold=hold.pk, items=len(records))
    return hold


def opened_by_law(hold: LegalHold, member: Member, why: str) -> list[dict[str, Json]]:
    """The sealed records (``n``, ``origin``, ``raw`` in base64).  Written down before anything is opened."""
    act(member, "legal hold opened", hold.arrival, hold=hold.pk, why=why)
    with home() as opened:
        records: list[dict[str, Json]] = json.loads(
            opened.unseal(files().fetch(hold.arrival, f"hold-{hold.pk}").read_bytes())
        )
    return records
