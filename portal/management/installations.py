"""What `portal` and `demo` have in common: a folder, a port, a migrated database, two processes."""

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection

from portal.management import processes
from portal.management.processes import Supervisor

DATABASE_PATIENCE = 60.0


@dataclass
class Installation:
    """A running installation: hold it while it runs, close it at the end."""

    host: str
    port: int
    listener: socket.socket
    lock: IO[str]
    supervisor: Supervisor

    def start(self, *, environment: dict[str, str] | None = None) -> bool:
        """Start web server and worker; True once a page answers."""
        manage = Path(settings.BASE_DIR) / "manage.py"
        given = {"PORT": str(self.port), "PUBLIC_URL": settings.BASE_URL} | (environment or {})
        self.supervisor.add(processes.web(self.listener, environment=given))
        self.supervisor.add(processes.worker(manage, environment=given))
        return self.supervisor.wait(60, until=lambda: processes.answers(self.host, self.port))

    def close(self) -> None:
        """Stop what was started and let go of port and folder."""
        self.supervisor.stop()
        self.listener.close()
        self.lock.close()


def prepare(*, host: str, port: int, supervisor: Supervisor) -> Installation:
    """Take the folder and the port first, then bring the database up to date."""
    house = occupy(host=host, port=port, supervisor=supervisor)
    migrate()
    return house


def occupy(*, host: str, port: int, supervisor: Supervisor) -> Installation:
    """Take the folder and the port; the caller migrates."""
    lock = processes.hold(Path(settings.DATA_DIR))
    listener = processes.listen(host, port)
    os.chdir(settings.BASE_DIR)
    return Installation(host, port, listener, lock, supervisor)


def migrate() -> None:
    """Apply the migrations; a database that is still starting is waited for."""
    deadline = time.monotonic() + DATABASE_PATIENCE
    while True:
        try:
            connection.ensure_connection()
            break
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
    call_command("migrate", interactive=False, verbosity=0)
    connection.close()
