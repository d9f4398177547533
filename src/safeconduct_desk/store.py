"""The files of an arrival (the archive, the plan, the remainder): on disk, or in an S3-compatible store.

A worker on another machine asks for a file by name and gets a path on its own disk; what it makes it hands back.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from django.conf import settings

from safeconduct_desk.models import Arrival

# What outlives everything else of an arrival: a legal hold; the plan, without which nothing could be taken back.
KEPT = ("hold-", "plan-")
MARK = ".tag"


class Files(Protocol):
    """Laws: what was kept is fetched unchanged, also on another machine; what was dropped or forgotten is gone there
    too; what ``KEPT`` names stays when the rest is forgotten; a name that was kept again gives the new bytes.
    """

    def path(self, arrival: Arrival, name: str) -> Path:
        """Where this file lies on this machine (it need not be there yet)."""

    def fetch(self, arrival: Arrival, name: str) -> Path:
        """The file, on this machine.  ``FileNotFoundError`` if there is none."""

    def keep(self, arrival: Arrival, name: str) -> None:
        """The file at ``path`` is complete: other machines may have it."""

    def drop(self, arrival: Arrival, name: str) -> None:
        """This file is not wanted any more, on any machine."""

    def forget(self, arrival: Arrival) -> None:
        """Remove every file of this arrival, except what ``KEPT`` names."""


class Folder:
    """Files in the desk's folder, readable by its owner only."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def path(self, arrival: Arrival, name: str) -> Path:
        folder = self._place / arrival.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / name

    def fetch(self, arrival: Arrival, name: str) -> Path:
        path = self.path(arrival, name)
        if not path.exists():
            raise FileNotFoundError(path)
        return path

    def keep(self, arrival: Arrival, name: str) -> None:
        self.fetch(arrival, name)

    def drop(self, arrival: Arrival, name: str) -> None:
        self.path(arrival, name).unlink(missing_ok=True)

    def forget(self, arrival: Arrival) -> None:
        folder = self._place / arrival.name
        for path in list(folder.iterdir()) if folder.exists() else []:
            if path.name.startswith(KEPT):
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


class Bucket:
    """The same in an S3-compatible store, with a copy on this machine's disk of what it works on.

    Keys come from ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``, another server than Amazon's from
    ``AWS_ENDPOINT_URL``.  A copy is used as long as its ETag is the store's.
    """

    def __init__(self, address: str, place: Path) -> None:
        import obstore  # only where it is asked for
        from obstore.store import S3Store

        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        self._obstore = obstore
        near = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")  # a store on this machine
        self._store = S3Store(bucket, prefix=prefix or None, client_options={"allow_http": near})
        self._near = Folder(place)

    def path(self, arrival: Arrival, name: str) -> Path:
        return self._near.path(arrival, name)

    def fetch(self, arrival: Arrival, name: str) -> Path:
        path, tag = self.path(arrival, name), self._tag(arrival, name)
        try:
            known = self._obstore.head(self._store, _key(arrival, name))["e_tag"] or ""
            if not (path.exists() and tag.exists() and tag.read_text() == known):
                self._download(path, _key(arrival, name))
                tag.write_text(known)
        except FileNotFoundError:
            raise FileNotFoundError(path) from None
        return path

    def _download(self, path: Path, key: str) -> None:
        part = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            with part.open("xb") as out:
                part.chmod(0o600)
                for piece in self._obstore.get(self._store, key).stream(min_chunk_size=1 << 20):
                    out.write(piece)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def keep(self, arrival: Arrival, name: str) -> None:
        path = self._near.fetch(arrival, name)
        done = self._obstore.put(self._store, _key(arrival, name), path)
        self._tag(arrival, name).write_text(done["e_tag"] or "")

    def drop(self, arrival: Arrival, name: str) -> None:
        self._near.drop(arrival, name)
        self._tag(arrival, name).unlink(missing_ok=True)
        self._delete([_key(arrival, name)])

    def forget(self, arrival: Arrival) -> None:
        self._near.forget(arrival)
        for listed in self._obstore.list(self._store, prefix=f"{arrival.name}/"):
            self._delete([one["path"] for one in listed if not one["path"].rpartition("/")[2].startswith(KEPT)])

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            with suppress(FileNotFoundError):  # already gone is gone
                self._obstore.delete(self._store, key)

    def _tag(self, arrival: Arrival, name: str) -> Path:
        return self.path(arrival, f"{name}{MARK}")


def _key(arrival: Arrival, name: str) -> str:
    return f"{arrival.name}/{name}"


def files() -> Files:
    """The store that the settings name."""
    near = Path(settings.FOLDER) / "arrivals"
    return Bucket(settings.STORE, near) if settings.STORE else Folder(near)
