"""The app: when Django is ready, the switchboard is plugged in."""

from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Label Portal's one app."""

    name = "portal"
    verbose_name = "Label Portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect every hook; imported here because hooks need the models."""
        if find_spec("portal.hooks"):
            import_module("portal.hooks").connect()
