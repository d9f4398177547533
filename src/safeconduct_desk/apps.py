"""The one Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.management import call_command
from django.db.models.signals import post_migrate


class Desk(AppConfig):
    """The desk."""

    name = "safeconduct_desk"
    label = "desk"
    verbose_name = "Arrivals desk"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_cache_table, sender=self)


def _cache_table(using: str, **_: object) -> None:
    """The table of the cache, which no migration makes; nothing happens if it is there."""
    call_command("createcachetable", database=using, verbosity=0)
