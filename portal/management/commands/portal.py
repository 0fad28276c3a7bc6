"""`manage.py portal`: an installation of one's own, empty, with everything it needs running."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.errors import PortalError
from portal.management import installations
from portal.management.processes import Supervisor
from portal.services import members


class Command(BaseCommand):
    """Migrate, start web server and worker, and keep them running until Ctrl-C."""

    help = "Run the portal: web server and worker, until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen; everything else is in the environment."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        """Start, say where, tend, stop."""
        supervisor = Supervisor(self.say)
        try:
            house = installations.prepare(host=host, port=port, supervisor=supervisor)
        except PortalError as refusal:
            raise CommandError(refusal.detail) from refusal
        try:
            if house.start():
                self.welcome()
                supervisor.wait()
            elif not supervisor.stopping:
                raise CommandError("The web server did not answer in a minute: its log is above.")
        finally:
            self.say("Stopping: work in hand is finished first.")
            house.close()

    def welcome(self) -> None:
        """Say where the portal is and, before anybody owns it, how to make it one's own."""
        self.say(f"Label Portal runs at {settings.BASE_URL} – Ctrl-C stops it.")
        link = members.setup_link(base_url=settings.BASE_URL)
        if link:
            self.say(f"Nobody owns it yet. Make your account with this link, once:\n  {link}")

    def say(self, line: str) -> None:
        """Print at once: whoever started us may be reading a pipe."""
        self.stdout.write(line)
        self.stdout.flush()
