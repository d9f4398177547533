"""The one Django app."""

from __future__ import annotations

from django.apps import AppConfig


class Desk(AppConfig):
    """The desk."""

    name = "safeconduct_desk"
    label = "desk"
    verbose_name = "Arrivals desk"
    default_auto_field = "django.db.models.BigAutoField"
