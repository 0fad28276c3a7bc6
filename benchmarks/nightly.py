"""What a night costs: fitting a project anew, swapping it in, looking again at what had closed.

`--tasks` clips of five captions by sixty people in a database of its own (SQLite, or an empty
PostgreSQL named by DATABASE_URL), without an encoder: encoding is counted apart.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.crowds import WSA, Crowd, crowdwsa
from benchmarks.rows import Report, options

if TYPE_CHECKING:
    from portal.models import Annotator, Project, Task

PEOPLE, CAPTIONS = 60, 5
COLOURS = ("red", "blue", "green", "grey", "pink", "black", "white", "brown")
SHAPES = ("ball", "box", "star", "ring", "cone", "cube", "disc")
WAYS = ("left", "right", "up", "down", "in a circle", "to and fro")
PHRASES = ("a {} {} moves {}", "the {} {} is moving {}", "one {} {} drifts {} slowly")
RARE_WORDS = 50_000
NIGHTS = 10
LOCK_PATIENCE = 20  # seconds that a writer waits for SQLite's one lock


def main() -> int:
    """Seed, measure, report."""
    parser = options(__doc__ or "", seeds=1)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--again", type=int, default=1_000, help="closed tasks to look at again")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        project = seed(chosen.tasks)
        report = Report()
        measure_refit(report, project)
        measure_again(report, project, chosen.again)
        measure_settling(report, project)
        if (chosen.data / "crowdwsa").is_dir():
            measure_online(report, chosen.data)
        else:
            print(f"Row 15 is left out: {chosen.data} holds no crowdwsa.", file=sys.stderr)
        return report.finish()


def prepare(folder: Path) -> None:
    """Point Django at a fresh database, and at no encoder."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "labelportal.settings",
        "DATA_DIR": str(folder),
        "ENCODER": "none",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def seed(n_tasks: int) -> "Project":
    """Write settled tasks as the portal would have left them, in bulk."""
    from portal.models import Annotator, Project

    project = Project.objects.create(slug="night", name="Night", threshold=0.0, audit_share=0.0)
    Annotator.objects.bulk_create(
        Annotator(project=project, annotator_id=f"person-{n}") for n in range(PEOPLE)
    )
    people = list(project.annotators.order_by("pk"))
    rng = np.random.default_rng(5)
    for first in range(0, n_tasks, 1000):
        _write(project, people, range(first, min(first + 1000, n_tasks)), rng)
    return project


def _write(project: "Project", people: list, numbers: range, rng: np.random.Generator) -> None:
    from portal.models import (
        Annotation,
        AnnotationRevision,
        Assignment,
        Consensus,
        Residual,
        Task,
        Video,
    )

    videos = Video.objects.bulk_create(
        Video(project=project, video_id=f"v{n}", state="ready") for n in numbers
    )
    tasks = Task.objects.bulk_create(
        Task(
            project=project, video=video, state="settled", n_wanted=CAPTIONS, n_taken=CAPTIONS,
            n_captions=CAPTIONS, revision=CAPTIONS, settled_revision=CAPTIONS,
        )
        for video in videos
    )  # fmt: skip
    written = [
        (task, people[at], slot, text)
        for task in tasks
        for slot, (at, text) in enumerate(_said(rng, len(people)))
    ]
    leases = Assignment.objects.bulk_create(
        Assignment(
            task=task, annotator=author, slot=slot, cap=CAPTIONS, state="submitted",
            expires_at=task.created_at + timedelta(minutes=30), submitted_at=task.created_at,
        )
        for task, author, slot, _ in written
    )  # fmt: skip
    captions = Annotation.objects.bulk_create(
        Annotation(task=task, author=author, assignment=lease, text=text)
        for (task, author, _, text), lease in zip(written, leases, strict=True)
    )
    AnnotationRevision.objects.bulk_create(
        AnnotationRevision(annotation=row, number=1, text=row.text) for row in captions
    )
    Residual.objects.bulk_create(
        Residual(task=task, annotator=author, n=1, n_credited=1) for task, author, _, _ in written
    )
    Consensus.objects.bulk_create(
        Consensus(
            task=task, project=project, number=1, status="accepted", caption=first.text,
            annotation=first, confidence=0.9, agreement=0.8, method="lexical",
            of_revision=CAPTIONS, is_credited=True, judge="offline",
        )
        for task, first in zip(tasks, captions[::CAPTIONS], strict=True)
    )  # fmt: skip


def _said(rng: np.random.Generator, n_people: int) -> list[tuple[int, str]]:
    """Five of the people, who are the more often wrong the higher their number."""
    what = [rng.choice(words) for words in (COLOURS, SHAPES, WAYS)]
    said = []
    for at in rng.choice(n_people, CAPTIONS, replace=False):
        is_wrong = rng.random(3) < 0.5 * at / n_people
        words = [
            rng.choice(all_words) if wrong else right
            for right, wrong, all_words in zip(what, is_wrong, (COLOURS, SHAPES, WAYS), strict=True)
        ]
        said.append((int(at), str(rng.choice(PHRASES)).format(*words)))
    return said


def measure_refit(report: Report, project: "Project") -> None:
    """Time the three steps of a refit apart; only the last one keeps others from writing."""
    from portal.algorithms import reliability
    from portal.services.refits.evidence import gather, parameters_before
    from portal.services.refits.swapping import swap

    number, before = parameters_before(project, None)
    evidence, reading = timed(lambda: gather(project, None))
    fitted, fitting = timed(lambda: reliability.refit(evidence.captions, before, evidence.said))
    _, swapping = timed(
        lambda: swap(project, after=number, evidence=evidence, fitted=fitted, n_labels=0)
    )
    n = len(evidence.task_ids)
    report.add("N1", f"seconds to read {n} tasks x {CAPTIONS} captions", reading)
    report.add("N1", "seconds to fit them", fitting)
    report.add("N1", "seconds that the swap holds the lock", swapping, most=LOCK_PATIENCE / 2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report.add("N1", "peak memory, MB", peak, most=1024)


def measure_again(report: Report, project: "Project", n: int) -> None:
    """Look again at the first closed tasks with the new numbers."""
    from portal.models import Refit
    from portal.services import consensus
    from portal.services.consensus import reconsidering

    refit = Refit.objects.current_of(project.pk)
    assert refit is not None
    reconsidering.AT_ONCE = n
    looked, seconds = timed(lambda: consensus.reconsider(refit_id=refit.pk))
    report.add("N2", "closed tasks looked at again a second", looked / seconds)


def measure_settling(report: Report, project: "Project") -> None:
    """Settle new captions while a refit with a large vocabulary is in force."""
    from portal.models import Refit, Task
    from portal.services import consensus

    newest = Refit.objects.current_of(project.pk)
    assert newest is not None
    rare = {f"word{n}": 9.0 + n / RARE_WORDS for n in range(RARE_WORDS)}
    newest.parameters["idf"] |= rare
    Refit.objects.create(project=project, number=newest.number + 1, parameters=newest.parameters)
    tasks = list(Task.objects.filter(project=project, state="settled").order_by("-pk")[:200])
    Task.objects.filter(pk__in=[task.pk for task in tasks]).update(state="open", revision=9)
    times = [1000 * cpu_of(consensus.settle, task.pk) for task in tasks][1:]  # one reads the refit
    what = f"CPU ms to settle and credit with {RARE_WORDS} words in the refit"
    report.add("N3", f"{what}, p50", float(np.median(times)))
    report.add("N3", f"{what}, p95", float(np.quantile(times, 0.95)))


def measure_online(report: Report, data: Path) -> None:
    """Settle real crowds' answers task by task over ten nights, as `benchmarks.consensus` does by
    the algorithms alone, and see whether the same captions win by the last refit's numbers.
    """
    same = [_settled_online(crowdwsa(data, name)) for name in WSA]
    share = sum(map(sum, same)) / sum(map(len, same))
    report.add("15", "same winner online and refitted, CrowdWSA", share, least=0.85, aim=">= .95")


def _settled_online(crowd: Crowd) -> list[bool]:
    from portal.models import Annotator, Consensus, Project, Task
    from portal.services import consensus, refits
    from portal.services.consensus.evidence import gather

    project = Project.objects.create(
        slug=crowd.name.lower(), name=crowd.name, threshold=0.0, audit_share=0.0
    )
    Annotator.objects.bulk_create(
        Annotator(project=project, annotator_id=f"{number:04}") for number in crowd.authors.values()
    )
    people = list(project.annotators.order_by("annotator_id"))
    order = np.random.default_rng(0).permutation(len(crowd.tasks))
    for done, (name, captions) in enumerate([list(crowd.tasks.items())[at] for at in order], 1):
        # The portal takes one caption of each person; a few of these answered twice.
        last = {caption.author: caption.text for caption in captions}
        said = [(people[author], text) for author, text in last.items()]
        consensus.settle(task_id=_captioned(project, name, said).pk)
        if done % (len(order) // NIGHTS) == 0:
            refits.refit(project=project)
    won = dict(Consensus.objects.standing().filter(project=project).values_list("task", "caption"))
    tasks = Task.objects.filter(project=project).select_related("project")
    again = [(task.pk, gather(task)) for task in tasks]
    return [found is not None and found.decision.caption == won[pk] for pk, found in again]


def _captioned(project: "Project", name: str, said: list[tuple["Annotator", str]]) -> "Task":
    from portal.models import Annotation, AnnotationRevision, Assignment, Task, Video

    n = len(said)
    task = Task.objects.create(
        project=project, video=Video.objects.create(project=project, video_id=name),
        n_wanted=n, n_taken=n, n_captions=n, revision=n,
    )  # fmt: skip
    for slot, (author, text) in enumerate(said):
        lease = Assignment.objects.create(
            task=task, annotator=author, slot=slot, cap=n, state="submitted",
            expires_at=task.created_at, submitted_at=task.created_at,
        )  # fmt: skip
        row = Annotation.objects.create(task=task, author=author, assignment=lease, text=text)
        AnnotationRevision.objects.create(annotation=row, number=1, text=text)
    return task


def cpu_of(settle: Callable[..., object], task_id: int) -> float:
    """Seconds of one core, hooks included; other work on the machine does not count."""
    started = time.process_time()
    settle(task_id=task_id)
    return time.process_time() - started


def timed(act: Callable[[], object]) -> tuple:
    """Do it, and say how long it took."""
    started = time.perf_counter()
    done = act()
    return done, time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
