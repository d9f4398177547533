"""The profile's texts and pictures: replaced, with everything kept that an undo needs to put the old ones back.

A profile written twice keeps its first memory only if the caller keeps the first receipt: the planner delivers a
profile once.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from safeconduct.errors import DeliveryError, NetworkRefused
from safeconduct.model import Json, Shaped
from safeconduct.net import Client, Refused, fetch

UPDATE = "/api/v1/accounts/update_credentials"
KEPT = 1024 * 1024  # bytes of an old picture that a receipt may carry
SLOTS = {"/icon": "avatar", "/image": "header"}

Picture = tuple[str, bytes, str]


def update(client: Client, shaped: Shaped, pictures: Mapping[str, Picture], me: Mapping[str, Json]) -> dict[str, Json]:
    """Write the new profile; answers what was there before."""
    files = {slot: picture for pointer, picture in pictures.items() for slot in [_slot(pointer)] if slot}
    source = me.get("source")
    before = _texts(source if isinstance(source, Mapping) else {}, str(me.get("display_name") or ""))
    before["pictures"] = {slot: _old(client, str(me.get(slot) or "")) for slot in files}
    wanted = {
        "display_name": shaped.body["display_name"],
        "note": shaped.body["note"],
        "fields": shaped.body["fields_attributes"],
    }
    _write(client, wanted, len(before["fields"]), files)
    return before


def restore(client: Client, before: Mapping[str, Json]) -> str:
    """Put the old profile back; answers what could not be."""
    lost, files = [], {}
    for slot, old in before.get("pictures", {}).items():
        if old is None:
            lost.append(f"The old {slot} picture could not be kept and has to be set again by hand.")
        elif old:
            files[slot] = ("file", base64.b64decode(old["data"]), str(old["type"]))
        else:
            _clear(client, slot)
    _write(client, before, 6, files)
    return " ".join(lost)


def _texts(source: Mapping[str, Json], name: str) -> dict[str, Any]:
    fields = [{"name": f.get("name", ""), "value": f.get("value", "")} for f in source.get("fields") or []]
    return {"display_name": name, "note": source.get("note") or "", "fields": fields}


def _write(client: Client, texts: Mapping[str, Json], previous: int, files: Mapping[str, Picture]) -> None:
    """One request for all of it.  Emptied fields are sent as empty: a shorter list would leave the rest standing."""
    fields = list(texts["fields"])
    fields += [{"name": "", "value": ""}] * (previous - len(fields))
    named = {"display_name": str(texts["display_name"]), "note": str(texts["note"])}
    if not files:
        client.call("PATCH", UPDATE, data={**named, "fields_attributes": {str(n): f for n, f in enumerate(fields)}})
        return
    form = named | {
        f"fields_attributes[{n}][{part}]": str(f[part]) for n, f in enumerate(fields) for part in ("name", "value")
    }
    client.call("PATCH", UPDATE, form=form, files=files)


def _clear(client: Client, slot: str) -> None:
    try:
        client.call("DELETE", f"/api/v1/profile/{slot}")
    except Refused as no:
        if no.status not in (404, 410, 422):
            raise


def _old(client: Client, url: str) -> dict[str, str] | None:
    """The picture that is there now: ``{}`` if it is only the server's default, ``None`` if it cannot be had."""
    if not url or "/assets/" in url or url.endswith("/missing.png"):
        return {}
    try:
        found = fetch(url, loopback=client.origin.startswith("http:"), cap=KEPT, accept="image/*")
    except (DeliveryError, NetworkRefused):
        return None
    return {"type": found.headers.get("content-type", ""), "data": base64.b64encode(found.body).decode()}


def _slot(pointer: str) -> str:
    return next((slot for start, slot in SLOTS.items() if pointer.startswith(start)), "")
