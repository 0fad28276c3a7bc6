"""A portal for benchmarks: a data folder and a database of its own, migrated, gone afterwards."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def fresh(**environment: str) -> Iterator[str]:
    """Set Django up on an empty database and return the vendor; DATABASE_URL chooses PostgreSQL.

    The URL's own database must be empty: it is migrated, and left as it is at the end.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "labelportal.settings"}
        os.environ |= {"LOG_LEVEL": "ERROR"} | environment
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        try:
            yield connections["default"].vendor
        finally:
            connections.close_all()


def worker() -> "subprocess.Popen[bytes]":
    """Start a worker of the installation; whoever starts it ends it."""
    return subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=dict(os.environ))
