"""The portal as its tests run it: its own data folder, failing hooks made loud, cheap hashes."""

import atexit
import os
import shutil
import tempfile

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="portal-tests-")
atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)

from labelportal.settings import *  # noqa: E402, F403
from labelportal.settings import DATABASES  # noqa: E402

ANNOUNCE_RERAISE = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
SWEEP_SECONDS = 1

_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    # The tests kill processes, not machines: what the operating system holds is safe enough.
    _database["OPTIONS"]["init_command"] = _database["OPTIONS"]["init_command"].replace(
        "synchronous=FULL", "synchronous=OFF"
    )
else:
    # Several people test against one server: each run has a database of its own.
    _database["TEST"] = {"NAME": f"test_portal_{os.getpid()}"}
