"""A job that other processes can watch and hold up, through files."""

import time
from pathlib import Path

from django_tasks import task


@task()
def wait_for(folder: str) -> int:
    """Note that it began, then last until the file `go` appears."""
    place = Path(folder)
    with (place / "begun").open("a") as notes:
        notes.write("x")
    deadline = time.monotonic() + 30
    while not (place / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return 7
