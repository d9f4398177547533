"""Tiny exports made on the spot, each with the one quirk a test is about."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
ALICE = "https://old.example/users/alice"
ACTOR: dict[str, Any] = {
    "id": ALICE,
    "type": "Person",
    "preferredUsername": "alice",
    "name": "Alice",
    "url": "https://old.example/@alice",
    "followers": f"{ALICE}/followers",
    "published": "2019-02-03T00:00:00Z",
    "icon": {"type": "Image", "mediaType": "image/png", "url": "avatar.png"},
    "x:kept": "an unknown field",
}

Files = dict[str, Any]


def note(number: int = 1, **more: Any) -> dict[str, Any]:
    """A public note by Alice."""
    plain = {
        "id": f"{ALICE}/statuses/{number}",
        "type": "Note",
        "attributedTo": ALICE,
        "published": "2022-11-10T06:29:44Z",
        "to": [PUBLIC],
        "cc": [f"{ALICE}/followers"],
        "content": f"<p>post {number}</p>",
        "x:kept": {"unknown": [number]},
    }
    return plain | more


def create(number: int = 1, **more: Any) -> dict[str, Any]:
    """A Create with its note; ``more`` goes to the note."""
    thing = note(number, **more)
    activity = {"id": f"{thing['id']}/activity", "type": "Create", "actor": ALICE, "published": thing["published"]}
    return activity | {"to": thing["to"], "cc": thing["cc"], "object": thing, "x:kept": number}


def collection(items: list[Any], **more: Any) -> dict[str, Any]:
    return {"type": "OrderedCollection", "totalItems": len(items), "orderedItems": items} | more


def export(*activities: Any, **files: Any) -> Files:
    """The files of an export: an actor, an outbox, and what is given."""
    return {"actor.json": ACTOR, "outbox.json": collection(list(activities)), **files}


def in_bytes(content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    return content.encode() if isinstance(content, str) else json.dumps(content, ensure_ascii=False).encode()


def as_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, in_bytes(content))
    return path


def as_tar(path: Path, files: Files) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in files.items():
            data = in_bytes(content)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def as_folder(path: Path, files: Files) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(in_bytes(content))
    return path
