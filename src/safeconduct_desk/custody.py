"""The desk's hold on the core: one home for the whole community, secrets sealed with its key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from safeconduct.home import Home
from safeconduct.model import Json
from safeconduct_desk.models import Act, Arrival, Member


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
