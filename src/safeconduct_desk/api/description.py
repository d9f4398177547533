"""The API as a whole: every resource found because its file is there, and its description."""

from __future__ import annotations

import importlib
import pkgutil

from ninja import Router

from safeconduct import __version__
from safeconduct_desk import api as folder
from safeconduct_desk.api._ground import DeskAPI, guarded

DESCRIPTION = """
Everything that the pages of this desk do, for programs, and `POST /screen` for servers with an importer of their own.

Send `Authorization: Bearer <token>`; a member makes tokens on the page *Programs*. A token may do what its scopes say,
and never more than its member may. Every error is a problem (RFC 9457).
"""


def made() -> DeskAPI:
    """The API with every resource."""
    desk = DeskAPI(
        title="Arrivals desk", version=__version__, description=DESCRIPTION, urls_namespace="api", docs_url=None
    )
    for module in pkgutil.iter_modules(folder.__path__):
        if not module.name.startswith("_") and module.name != "description":
            router = importlib.import_module(f"{folder.__name__}.{module.name}").router
            assert isinstance(router, Router)
            desk.add_router("", router, tags=[module.name])
    return desk


desk = made()
urls = guarded(desk.urls[0])
