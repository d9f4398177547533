"""Names of members: read, checked, compared.  A name is only ever a key, never a path on disk."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from safeconduct.archives.limits import Limits
from safeconduct.archives.trouble import REPACK, shown, trouble

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def clean(name: str, limits: Limits) -> str:
    """The key of a member: NFC, without ``./`` and doubled slashes; "" for the top folder itself.

    Raises ``ArchiveError`` (``name``, ``backslash``, ``absolute``, ``drive``, ``escape``, ``long-name``,
    ``deep-path``).
    """
    if _CONTROL.search(name):
        raise trouble("name", name, "has a control character (such as NUL) in its name")
    if "\\" in name:
        raise trouble("backslash", name, "has a backslash in its name, which some systems take for a folder", REPACK)
    if name.startswith("/"):
        raise trouble("absolute", name, "has an absolute path for a name")
    if _DRIVE.match(name):
        raise trouble("drive", name, "begins with a drive letter")
    if len(name.encode("utf-8", "surrogatepass")) > limits.path_bytes:
        raise trouble("long-name", name, f"has a name of more than {limits.path_bytes} bytes")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise trouble("escape", name, "has a name that leads out of the archive (..)")
    if len(parts) > limits.path_depth:
        raise trouble("deep-path", name, f"lies more than {limits.path_depth} folders deep")
    return unicodedata.normalize("NFC", "/".join(parts))


def decode(raw: bytes, fallback: str) -> tuple[str, bool]:
    """The name as text and whether it was certain: UTF-8, or else the old code page of the container."""
    try:
        return raw.decode("utf-8"), True
    except UnicodeDecodeError:
        return raw.decode(fallback), False


def junk(name: str) -> bool:
    """Bookkeeping of macOS: ``__MACOSX/``, ``.DS_Store`` and AppleDouble files (``._name``)."""
    if name.startswith("__MACOSX/"):
        return True
    last = name.rpartition("/")[2]
    return last == ".DS_Store" or last.startswith("._")


def refuse_collisions(names: Sequence[str]) -> None:
    """Raise if two names are the same, or would be on another computer, or one is both a file and a folder.

    Codes ``duplicate`` and ``collision``.  With the slash sorted before every allowed character (control
    characters are refused), everything below a folder follows it at once, so neighbours are enough.
    """
    order = sorted((_folded(name), name) for name in names)
    for (key, name), (following, other) in pairwise(order):
        if name == other:
            raise trouble("duplicate", name, "is in the archive twice, and which one counts depends on the reader")
        if key == following:
            raise trouble("collision", other, f"has the same name as another, {shown(name)}, on some computers", REPACK)
        if following.startswith(key + "\x01"):
            raise trouble("collision", name, "is a file and a folder at once")


def _folded(name: str) -> str:
    if name.isascii():
        return name.lower().replace("/", "\x01")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return folded.replace("/", "\x01")


def unwrapped(names: Sequence[str]) -> list[str]:
    """The names without bookkeeping and without the one folder that everything lies in."""
    kept = [name for name in names if not junk(name)]
    top = wrapper(kept)
    return [name[len(top) + 1 :] for name in kept] if top else kept


def wrapper(names: Sequence[str]) -> str:
    """The one folder that everything lies in, or "" if there is none."""
    top, slash, _ = names[0].partition("/") if names else ("", "", "")
    return top if slash and all(name.startswith(top + "/") for name in names) else ""
