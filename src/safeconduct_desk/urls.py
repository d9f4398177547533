"""Every page and every resource is found because its file is there."""

from __future__ import annotations

import importlib
import pkgutil

from django.urls import URLPattern, URLResolver, include, path

from safeconduct_desk import api, pages


def _of(package: str, places: object) -> list[URLPattern | URLResolver]:
    found: list[URLPattern | URLResolver] = []
    for module in pkgutil.iter_modules(places):  # type: ignore[arg-type]
        if not module.name.startswith("_"):
            found += getattr(importlib.import_module(f"{package}.{module.name}"), "urls", [])
    return found


urlpatterns = [
    *_of("safeconduct_desk.pages", pages.__path__),
    # A name of a resource is no name of a page: "upload" is both.
    path("api/v1/", include((_of("safeconduct_desk.api", api.__path__), "api"))),
]
