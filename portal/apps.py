"""The app: when Django is ready, the switchboard is plugged in."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Label Portal's one app."""

    name = "portal"
    verbose_name = "Label Portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect every hook; imported here because hooks need the models."""
        from portal import hooks

        hooks.connect()
