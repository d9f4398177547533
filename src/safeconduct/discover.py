"""A folder is a registry: a plug-in is found because its file is there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType


@cache
def plugins(folder: str) -> Mapping[str, type]:
    """The plug-ins of ``safeconduct.<folder>`` by name (``many_links.py`` is ``many-links``).

    A plug-in is the one public class defined in the file that has a ``name``.  Others may add theirs through
    an entry point in the group ``safeconduct.<folder>``; a name that is already taken is an error.
    """
    found: dict[str, type] = {}
    package = importlib.import_module(f"safeconduct.{folder}")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("_") or module.ispkg:
            continue
        plugin = _plugin(importlib.import_module(f"{package.__name__}.{module.name}"))
        found[_name(plugin)] = plugin
    for entry in entry_points(group=f"safeconduct.{folder}"):
        if entry.name in found:
            raise ImportError(f"two plug-ins in {folder} are called {entry.name!r}")
        found[entry.name] = entry.load()
    return dict(sorted(found.items()))


def _plugin(module: ModuleType) -> type:
    own = [
        thing
        for name, thing in vars(module).items()
        if isinstance(thing, type)
        and thing.__module__ == module.__name__
        and not name.startswith("_")
        and isinstance(getattr(thing, "name", None), str)
    ]
    if len(own) != 1:
        raise ImportError(f"{module.__name__} must define exactly one public class with a name, found {len(own)}")
    expected = module.__name__.rsplit(".", 1)[1].replace("_", "-")
    if _name(own[0]) != expected:
        raise ImportError(f"{module.__name__}: the file says {expected!r}, the class says {_name(own[0])!r}")
    return own[0]


def _name(plugin: type) -> str:
    return str(vars(plugin).get("name", ""))
