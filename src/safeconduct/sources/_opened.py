"""An archive that is opened when it is needed, and closed at the latest with the source that needed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, Protocol
from weakref import finalize


class Member(Protocol):
    """A file in an archive; ``size`` is declared, in bytes."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...


class Opened(Protocol):
    """What is needed of an archive; ``archives.archive.Archive`` is one."""

    @property
    def members(self) -> Mapping[str, Member]: ...

    @property
    def notes(self) -> Sequence[str]: ...

    @property
    def sha256(self) -> str: ...

    def open(self, name: str) -> BinaryIO: ...

    def close(self) -> None: ...


class Door:
    """Opens on the first knock and stays open: media are asked for one by one, long after the reading."""

    def __init__(self, unlock: Callable[[], Opened]) -> None:
        self._unlock = unlock
        self._inside: Opened | None = None
        self._shut: Callable[[], object] = lambda: None

    def open(self) -> Opened:
        """The archive."""
        if self._inside is None:
            self._inside = self._unlock()
            self._shut = finalize(self, self._inside.close)
        return self._inside

    def close(self) -> None:
        """Let go of the file; it can be opened again."""
        self._shut()
        self._inside = None
