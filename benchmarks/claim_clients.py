"""One client of the claim benchmarks: `python -m benchmarks.claim_clients MODE PERSON …`.

Says "ready", waits for a line on standard input, works for so many seconds or claims, and prints
one JSON line: the milliseconds of each call and what went wrong. Below HTTP it calls the services;
over HTTP it speaks to the shipped server like any integration.
"""

import argparse
import http.client
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator

SECRET = "lp_for_benchmarks_on_loopback_only"


def main() -> None:
    """Wait for the starting gun, work, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=("calls", "race", "naive", "http", "cycles"))
    parser.add_argument("person")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--claims", type=int, default=1_000_000)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    over_http = options.mode in ("http", "cycles")
    step = (http_step if over_http else service_step)(options)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(work(step, options)), flush=True)


def work(step: "Callable[[], float | None]", options: argparse.Namespace) -> dict[str, object]:
    """Take steps until the time is over, the claims are made, or nothing is left."""
    took: list[float] = []
    wrong: list[str] = []
    began, worked = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < options.seconds and len(took) < options.claims:
        try:
            seconds = step()
        except Exception as error:  # noqa: BLE001 whatever it is, it is counted
            wrong.append(f"{type(error).__name__}: {error}"[:200])
            if len(wrong) > 20:
                break
            continue
        if seconds is None:
            break
        took.append(round(seconds * 1000, 3))
    return {
        "ms": took,
        "wrong": wrong,
        "seconds": time.perf_counter() - began,
        # Of this process for a whole step: unlike the rest it says little of who else is working.
        "processor_ms": (time.process_time() - worked) * 1000 / max(1, len(took)),
    }


def service_step(options: argparse.Namespace) -> "Callable[[], float | None]":
    """Claim below HTTP; the lease is ended outside of the time that is measured."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "labelportal.settings")
    django.setup()
    from portal.models import Annotator
    from portal.services import assignments

    person = Annotator.objects.select_related("project").get(pk=int(options.person))
    if options.mode == "naive":
        return naive_step(person)
    voting = own_votes(person) if options.mode == "race" else None

    def step() -> float | None:
        began = time.perf_counter()
        lease = assignments.claim(annotator=person)
        took = time.perf_counter() - began
        if lease is None:
            return None
        if voting is None or not voting(lease):
            end_lease(lease.token)
        return took

    return step


def end_lease(token: uuid.UUID) -> None:
    """Call a lease answered, by one statement and without a caption, so that the next can come."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE portal_assignment SET state = 'submitted' WHERE token = %s", [token.hex]
        )


def own_votes(person: object) -> "Callable[[object], bool]":
    """Submit every twentieth claim in earnest, and try to vote for it oneself."""
    from portal.errors import OwnCaption, TaskClosed
    from portal.services import annotations, votes

    turn = iter(range(1 << 40))

    def vote(lease: object) -> bool:
        if next(turn) % 20:
            return False
        task = lease.task
        text = f"a dog of {person} runs over the grass"
        own = annotations.submit(task=task, annotator=person, text=text, token=lease.token)
        try:
            votes.cast(task=task, voter=person, score=1.0, annotation_id=own.pk)
        except (OwnCaption, TaskClosed):  # the third caption has closed it
            return True
        raise AssertionError("A vote for one's own caption was taken.")

    return vote


def naive_step(person: object) -> "Callable[[], float | None]":
    """Read, then write: what a claim is without its lock, to show that the checker can fail."""
    from datetime import timedelta

    from django.utils import timezone

    from portal.models import Assignment, Task

    def waiting() -> "Iterator[object]":
        for task in Task.objects.open_for(person.pk, person.project_id):
            if Assignment.objects.filter(task=task).count() < task.n_wanted:
                yield task

    tasks = waiting()

    def step() -> float | None:
        task = next(tasks, None)
        if task is None:
            return None
        n_before = Assignment.objects.filter(task=task).count()
        expires_at = timezone.now() + timedelta(hours=1)
        Assignment.objects.create(
            task=task, annotator=person, slot=min(n_before, task.n_wanted - 1), cap=task.n_wanted,
            expires_at=expires_at,
        )  # fmt: skip
        return 0.0

    return step


def http_step(options: argparse.Namespace) -> "Callable[[], float | None]":
    """Ask for work over HTTP; `cycles` answers it there as well and measures both calls."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "labelportal.settings")
    django.setup()
    peer = http.client.HTTPConnection("127.0.0.1", options.port, timeout=60)

    def call(path: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
        headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
        peer.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
        answer = peer.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else {}

    def step() -> float | None:
        began = time.perf_counter()
        status, work = call("tasks/assign", {"annotator_id": options.person})
        took = time.perf_counter() - began
        if status == 204:
            return None
        if status != 200:
            raise AssertionError(f"assign answered {status}: {work}")
        if options.mode == "http":
            end_lease(uuid.UUID(work["lease"]["token"]))
            return took
        caption = f"a dog runs over the grass {work['task_id'] % 3}"
        body = {
            "annotator_id": options.person,
            "caption": caption,
            "lease": work["lease"]["token"],
        }
        status, answer = call(f"tasks/{work['task_id']}/annotations", body)
        if status != 201:
            raise AssertionError(f"submit answered {status}: {answer}")
        return time.perf_counter() - began

    return step


if __name__ == "__main__":
    main()
