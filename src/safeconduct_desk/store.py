"""The files of an arrival (the archive, the plan, the remainder): on disk, or in an S3-compatible store.

A worker on another machine asks for a file by name and gets a path on its own disk; what it makes it hands back.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings

from safeconduct_desk.models import Arrival


class Folder:
    """Files in the desk's folder, readable by its owner only."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def path(self, arrival: Arrival, name: str) -> Path:
        """Where this file lies on this machine (it need not be there yet)."""
        folder = self._place / arrival.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / name

    def fetch(self, arrival: Arrival, name: str) -> Path:
        """The file, on this machine.  ``FileNotFoundError`` if there is none."""
        path = self.path(arrival, name)
        if not path.exists():
            raise FileNotFoundError(path)
        return path

    def keep(self, arrival: Arrival, name: str) -> None:
        """The file at ``path`` is complete: other machines may have it."""

    def forget(self, arrival: Arrival) -> None:
        """Remove every file of this arrival."""
        shutil.rmtree(self._place / arrival.name, ignore_errors=True)


def files() -> Folder:
    """The store that the settings name."""
    return Folder(Path(settings.FOLDER) / "arrivals")
