"""The app: when Django is ready, the switchboard is plugged in."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class PortalConfig(AppConfig):
    """Label Portal's one app."""

    name = "portal"
    verbose_name = "Label Portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect every hook and guard; imported here because they need the models."""
        from portal import hooks
        from portal.models import guards

        hooks.connect()
        pre_migrate.connect(guards.take_down, sender=self)
        post_migrate.connect(guards.put_up, sender=self)
