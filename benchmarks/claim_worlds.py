"""The worlds that claims are measured in: `python -m benchmarks.claim_worlds fill|check …`.

Each runs in a process of its own on the database that DATABASE_URL names, and prints one JSON line.
A million tasks are copied from one by the database itself; going through the models takes minutes.
"""

import argparse
import json
import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "labelportal.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, models  # noqa: E402

from portal.models import (  # noqa: E402
    Annotator,
    Assignment,
    Pool,
    Project,
    ServiceToken,
    Task,
    Video,
    Vote,
)
from portal.models.tokens import Scope, digest  # noqa: E402

SECRET = "lp_for_benchmarks_on_loopback_only"
STEP = 0.05  # seconds of virtual due time between two tasks
N_RARE = 100


def copy_rows(model: type[models.Model], template: models.Model, n: int, **changes: str) -> None:
    """Insert `n` copies of one row; `changes` are SQL for a column, with `n` for the number."""
    quote = connection.ops.quote_name
    columns = [field.column for field in model._meta.local_fields]
    chosen = [changes.get(column, f"t.{quote(column)}") for column in columns]
    if connection.vendor == "postgresql":
        series = f"generate_series(1, {n}) AS s(n)"
    else:
        series = (
            "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s "
            f"WHERE n < {n}) SELECT n FROM s) AS s"
        )
    table = quote(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(map(quote, columns))}) "
            f"SELECT {', '.join(chosen)} FROM {table} AS t CROSS JOIN {series} "
            f"WHERE t.id = {template.pk} ORDER BY s.n"
        )


def fill(options: argparse.Namespace) -> dict[str, Any]:
    """Migrate, open the tasks, and let everybody be there; the last hundred need a skill."""
    call_command("migrate", verbosity=0, interactive=False)
    # Nobody is asked beyond the slots that a task has from the start.
    project = Project.objects.create(
        slug="claims",
        name="Claims",
        gold_first=0,
        min_captions=options.wanted,
        max_captions=options.wanted,
        threshold=0.5,
    )
    _open_tasks(project, options.tasks, options.wanted)
    people = Annotator.objects.bulk_create(
        Annotator(project=project, annotator_id=f"a{n}") for n in range(options.people)
    )
    rare = Annotator.objects.create(project=project, annotator_id="rare", languages="de")
    done = Annotator.objects.create(project=project, annotator_id="done")
    _have_done(done, options.done)
    ServiceToken.objects.create(
        project=project,
        name="benchmark",
        prefix=SECRET[:10],
        token_hash=digest(SECRET),
        scopes=[Scope.ANNOTATE.value],
    )
    if options.unlocked:
        _take_locks_away()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    return {"people": [p.pk for p in people], "rare": rare.pk, "done": done.pk}


def _open_tasks(project: Project, n: int, wanted: int) -> None:
    is_postgres = connection.vendor == "postgresql"
    video = Video.objects.create(project=project, video_id="v0", state="ready", mime="video/mp4")
    first = Task.objects.create(project=project, video=video, n_wanted=wanted)
    if is_postgres:
        uid, text, due = "gen_random_uuid()", "'v' || s.n", f"interval '{STEP} second' * s.n"
        due = f"t.virtual_due + {due}"
    else:
        uid, text = "lower(hex(randomblob(16)))", "'v' || s.n"
        due = f"strftime('%Y-%m-%d %H:%M:%f000', t.virtual_due, (s.n * {STEP}) || ' seconds')"
    base = f"{video.pk} + s.n"
    copy_rows(Video, video, n - 1, id=base, uid=uid, video_id=text)
    copy_rows(
        Task, first, n - 1, id=f"{first.pk} + s.n", video_id=base, virtual_due=due,
        difficulty="(s.n % 21 - 10) / 10.0",
    )  # fmt: skip
    if is_postgres:
        with connection.cursor() as cursor:
            for table in ("portal_video", "portal_task"):
                cursor.execute(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
    Pool.objects.create(project=project, number=1, language="de")
    Task.objects.filter(pk__gt=first.pk + n - 1 - N_RARE).update(pool=1)


def _have_done(person: Annotator, n: int) -> None:
    """Let one person have answered the first `n` tasks, which all wait for others still."""
    tasks = list(Task.objects.order_by("virtual_due", "id")[:n])
    Task.objects.filter(pk__in=[task.pk for task in tasks]).update(n_taken=1)
    now = Assignment.objects.clock()
    Assignment.objects.bulk_create(
        (
            Assignment(
                task=task, annotator=person, slot=0, cap=task.n_wanted, state="submitted",
                expires_at=now, submitted_at=now,
            )
            for task in tasks
        ),
        batch_size=2000,
    )  # fmt: skip


def _take_locks_away() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_holder_per_slot")


def check(options: argparse.Namespace) -> dict[str, Any]:
    """Count what must never be: the rows are asked, not the code that wrote them."""
    holding = models.Q(assignments__state__in=("leased", "submitted"))
    counted = Task.objects.annotate(n_held=models.Count("assignments", filter=holding))
    doubled = Assignment.objects.values("task", "annotator").annotate(n=models.Count("id"))
    return {
        "claims": Assignment.objects.count(),
        "over the cap": counted.filter(n_held__gt=models.F("n_wanted")).count(),
        "miscounted": counted.exclude(n_held=models.F("n_taken")).count(),
        "given twice": doubled.filter(n__gt=1).count(),
        "self-votes": Vote.objects.filter(voter=models.F("annotation__author")).count(),
        "votes": Vote.objects.count(),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("act", choices=("fill", "check"))
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--wanted", type=int, default=3)
    parser.add_argument("--done", type=int, default=0)
    parser.add_argument("--unlocked", action="store_true")
    given = parser.parse_args()
    print(json.dumps(fill(given) if given.act == "fill" else check(given)), flush=True)
