"""One annotator's process in the claim race: `python -m tests.journeys.claimers ID safe|naive`.

Says "ready", waits for a line on standard input, works until there is nothing left, and prints how
much it did. `naive` claims as one would without locks, to show that the checker can fail.
"""

import os
import sys
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "labelportal.settings")
django.setup()

from django.utils import timezone  # noqa: E402

from portal.models import Annotator, Assignment, Task  # noqa: E402
from portal.services import annotations, assignments  # noqa: E402


def work_safely(annotator: Annotator) -> int:
    """Claim and caption until nothing is left; what a twin process finished first is no loss."""
    done = 0
    while (lease := assignments.claim(annotator=annotator)) is not None:
        try:
            annotations.submit(
                task=lease.task, annotator=annotator, text=f"by {annotator}", token=lease.token
            )
            done += 1
        except annotations.PortalError:
            continue
    return done


def work_naively(annotator: Annotator) -> int:
    """Read, then write: what a claim is without its locks and constraints."""
    done = 0
    for task in Task.objects.open_for(annotator.pk, annotator.project_id):
        if Assignment.objects.filter(task=task).count() < task.n_wanted:
            Assignment.objects.create(
                task=task,
                annotator=annotator,
                slot=Assignment.objects.filter(task=task).count(),
                cap=task.n_wanted,
                expires_at=timezone.now() + timedelta(hours=1),
            )
            done += 1
    return done


if __name__ == "__main__":
    person = Annotator.objects.select_related("project").get(pk=int(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    print(work_safely(person) if sys.argv[2] == "safe" else work_naively(person), flush=True)
