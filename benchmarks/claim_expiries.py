"""Submit at the very moment when the lease ends: one winner, and the loser keeps every word.

`python -m benchmarks.claim_expiries HOLDER RIVAL N` contests the slots of N tasks on the database
that DATABASE_URL names and prints one JSON line. The holder submits around the end of their lease;
the rival expires what is over and asks for the very task until somebody has it.
"""

import argparse
import json
import os
import random
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "labelportal.settings")
    django.setup()

from django.db import connection

from portal.errors import AlreadyAnswered, LeaseExpired, PortalError, TaskClosed
from portal.models import Annotation, Annotator, Assignment, Task
from portal.services import annotations, assignments

# Seconds until the lease ends, and within which the holder comes: a submit takes some of them too.
ENDS_AFTER, COMES_WITHIN = 0.03, 0.03


def contest(holder: Annotator, rival: Annotator, task: Task) -> str:
    """Contest one task with one slot; returns who won, or what went wrong."""
    lease = assignments.claim(annotator=holder, task=task)
    if lease is None:
        return "no lease"
    wait = random.uniform(0, COMES_WITHIN)
    ends = Assignment.objects.clock() + timedelta(seconds=ENDS_AFTER)
    Assignment.objects.filter(pk=lease.pk).update(expires_at=ends)
    gun = threading.Barrier(2)
    said: dict[str, Any] = {}
    text = f"a dog runs over the grass of {task.pk}"
    works = (
        lambda: said.update(holder=_hold(holder, task, text, lease.token, gun, wait)),
        lambda: said.update(rival=_rival(rival, task, gun)),
    )
    threads = [threading.Thread(target=_closing, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _verdict(task, lease.pk, text, said)


def _closing(work: Any) -> None:
    try:
        work()
    finally:
        connection.close()


def _hold(
    holder: Annotator, task: Task, text: str, token: Any, gun: threading.Barrier, wait: float
) -> str:
    gun.wait()
    time.sleep(wait)
    try:
        annotations.submit(task=task, annotator=holder, text=text, token=token)
    except (LeaseExpired, TaskClosed) as refusal:  # the rival's caption settles the task
        return "told" if refusal.status == 409 and refusal.extra["draft"] == text else "not told"
    return "won"


def _rival(rival: Annotator, task: Task, gun: threading.Barrier) -> str:
    gun.wait()
    time.sleep(ENDS_AFTER * 0.9)  # not sooner: asking all the time would hold up the submit
    while not Annotation.objects.filter(task=task).exists():
        assignments.expire_stale()
        try:
            lease = assignments.claim(annotator=rival, task=task)
        except AlreadyAnswered:
            return "won"
        if lease is None:
            time.sleep(0.001)
            continue
        try:
            annotations.submit(
                task=task, annotator=rival, text="a cat sleeps in the sun", token=lease.token
            )
        except PortalError as refusal:
            return f"refused: {refusal.detail}"
        return "won"
    return "late"


def _verdict(task: Task, lease_pk: int, text: str, said: dict[str, str]) -> str:
    """Ask the rows: one caption, its author won, and the loser's words lie with their lease."""
    authors = list(Annotation.objects.filter(task=task).values_list("author", flat=True))
    row = Assignment.objects.get(pk=lease_pk)
    task.refresh_from_db()
    if len(authors) != 1 or task.n_taken != 1:
        return f"{len(authors)} captions, {task.n_taken} taken"
    if authors == [row.annotator_id]:
        return "holder" if said == {"holder": "won", "rival": "late"} else str(said)
    is_kept = row.draft == text and row.state == "expired"
    return "rival" if is_kept and said == {"holder": "told", "rival": "won"} else str(said)


def main() -> None:
    """Contest the tasks from FIRST on, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("holder", type=int)
    parser.add_argument("rival", type=int)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--n", type=int, required=True)
    options = parser.parse_args()
    people = Annotator.objects.select_related("project").in_bulk([options.holder, options.rival])
    tasks = Task.objects.order_by("id")[options.first : options.first + options.n]
    counts = Counter(contest(people[options.holder], people[options.rival], task) for task in tasks)
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
