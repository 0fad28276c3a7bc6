"""Export and import of 100,000 captions in every format: seconds, peak memory, and foreign readers.

    python -m benchmarks.formats [--captions 100000] [--readers /path/to/python]

Each figure is taken in a process of its own on SQLite: the job's seconds, and the most memory the
process ever held, with what it held before the job began beside it. `--readers` names a Python with
pandas, datasets, webvtt-py, srt, pycocotools and label-studio-sdk, which then read the files.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.rows import Report

ROOT = Path(__file__).resolve().parent.parent
FORMATS = ("jsonl", "csv", "parquet", "coco", "msrvtt", "vatex", "activitynet", "webvtt", "srt",
           "videofolder", "labelstudio")  # fmt: skip
EXPORT_SECONDS = 5.0  # DESIGN.md: doccano takes 7 to 17 s, Label Studio 228 s
WORDS = ("a small red circle", "two people in the rain", "\u4e00\u53ea\u72d7", "an old caf\u00e9")
BLOCK = 5000


def started(folder: Path) -> None:
    """Set Django up on a folder of its own."""
    os.environ |= {"DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "labelportal.settings"}
    os.environ |= {"LOG_LEVEL": "ERROR", "ENCODER": "none"}
    import django

    django.setup()


def seed(folder: Path, n: int) -> None:
    """Write n settled tasks with a caption each, three segments a clip."""
    started(folder)
    from django.core.management import call_command
    from django.utils import timezone

    from portal import models

    call_command("migrate", verbosity=0)
    project = models.Project.objects.default()
    people = [
        models.Annotator.objects.create(project=project, annotator_id=f"person{i}")
        for i in range(50)
    ]
    now = timezone.now()
    for first in range(0, n, BLOCK):
        numbers = range(first, min(n, first + BLOCK))
        videos = {
            i: models.Video(project=project, video_id=f"clip-{i}", state="ready", clip_seconds=30.0)
            for i in sorted({number // 3 for number in numbers})
        }
        known = models.Video.objects.filter(video_id__in=[v.video_id for v in videos.values()])
        videos |= {int(v.video_id.removeprefix("clip-")): v for v in known}
        models.Video.objects.bulk_create([v for v in videos.values() if v.pk is None])
        tasks = models.Task.objects.bulk_create(
            models.Task(
                project=project, video=videos[i // 3], start_ms=i % 3 * 10_000,
                end_ms=i % 3 * 10_000 + 9_500, state="settled", n_taken=1, n_captions=1,
            )
            for i in numbers
        )  # fmt: skip
        texts = [f"{WORDS[i % len(WORDS)]} moves past number {i}" for i in numbers]
        leases = models.Assignment.objects.bulk_create(
            models.Assignment(task=task, annotator=people[task.pk % 50], slot=0, cap=3,
                              state="submitted", expires_at=now)
            for task in tasks
        )  # fmt: skip
        rows = zip(tasks, leases, texts, strict=True)
        annotations = models.Annotation.objects.bulk_create(
            models.Annotation(task=task, author=lease.annotator, assignment=lease, text=text,
                              seconds=12.5)
            for task, lease, text in rows
        )  # fmt: skip
        models.Consensus.objects.bulk_create(
            models.Consensus(task=row.task, project=project, number=1, status="accepted",
                             caption=row.text, annotation=row, agreement=0.8, confidence=0.9,
                             method="lexical", of_revision=1, inputs={"votes": []})
            for row in annotations
        )  # fmt: skip


def measured(work: Any) -> dict[str, float]:
    """Do the work; return its seconds and the process's memory before and at most, in MB."""
    before = _resident()
    started_at, used = time.perf_counter(), time.process_time()
    work()
    seconds, processor = time.perf_counter() - started_at, time.process_time() - used
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "processor": processor, "before": before, "most": most}


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def export(folder: Path, name: str, out: Path) -> dict[str, float]:
    """Build one export and copy its file."""
    started(folder)
    from portal.adapters import stores
    from portal.models import Export, Project
    from portal.services import exports
    from portal.services.exports import Options

    row = exports.request(
        project=Project.objects.default(), name=name, format=name, options=Options(authors="ids")
    )
    figures = measured(lambda: exports.build(export_id=row.pk))
    row = Export.objects.get(pk=row.pk)
    if row.state != "ready":
        raise RuntimeError(row.failure)
    shutil.copy(stores.configured().path(row.file_key), out)
    return figures | {"rows": row.n_rows, "bytes": row.n_bytes}


def take_in(folder: Path, name: str, file: Path) -> dict[str, float]:
    """Take one file in as annotations, from its arrival to its report."""
    started(folder)
    from portal import jobs
    from portal.models import Project
    from portal.services import imports
    from portal.services.imports import Options

    taken: list[Any] = []

    def work() -> None:
        with file.open("rb") as stream:
            row = imports.receive(
                project=Project.objects.default(), stream=stream, name=file.name, format=name,
                kind="annotations", options=Options(author="somebody"),
            )  # fmt: skip
        taken.append(jobs.take_in(row.pk))

    figures = measured(work)
    if taken[0].n_failed or taken[0].failure:
        raise RuntimeError(f"{taken[0].failure} {taken[0].problems[:3]}")
    return figures | {"rows": taken[0].n_added}


def child(*arguments: str) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.formats", "--child", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def perform(arguments: list[str]) -> None:
    """Be the child."""
    verb, folder, *rest = arguments
    if verb == "seed":
        seed(Path(folder), int(rest[0]))
        print("{}")
    elif verb == "export":
        print(json.dumps(export(Path(folder), rest[0], Path(rest[1]))))
    else:
        print(json.dumps(take_in(Path(folder), rest[0], Path(rest[1]))))


def run(n: int, readers: str) -> int:
    """Measure everything."""
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for data, count in (("full", n), ("empty", 0)):
            (folder / data).mkdir()
            child("seed", str(folder / data), str(count))
        files = folder / "files"
        files.mkdir()
        for each in FORMATS:
            measure(report, folder, files / f"{each}.{suffix_of(each)}", each, n)
        if readers:
            read_by_others(report, readers, files)
    return report.finish()


def suffix_of(name: str) -> str:
    """Return the file's ending."""
    zipped = name in ("webvtt", "srt", "videofolder")
    plain = name if name in ("jsonl", "csv", "parquet") else "json"
    return "zip" if zipped else plain


def measure(report: Report, folder: Path, file: Path, name: str, n: int) -> None:
    """Export and import one format."""
    out = child("export", str(folder / "full"), name, str(file))
    back = folder / "back"
    shutil.rmtree(back, ignore_errors=True)
    shutil.copytree(folder / "empty", back)
    taken = child("import", str(back), name, str(file))
    most = EXPORT_SECONDS if name == "jsonl" and n <= 100_000 else None
    report.add(f"F-{name}", f"{name}: export of {n:,}, s", out["seconds"])
    report.add(f"F-{name}", f"{name}: export, processor s", out["processor"], most=most)
    report.add(f"F-{name}", f"{name}: export, peak MB above rest", out["most"] - out["before"])
    report.add(f"F-{name}", f"{name}: file, MB", out["bytes"] / 1e6)
    report.add(f"F-{name}", f"{name}: import, s", taken["seconds"])
    report.add(f"F-{name}", f"{name}: import, processor s", taken["processor"])
    report.add(f"F-{name}", f"{name}: import, peak MB above rest", taken["most"] - taken["before"])
    report.add(f"F-{name}", f"{name}: captions back, share", taken["rows"] / n, least=1.0)


def read_by_others(report: Report, python: str, files: Path) -> None:
    """Have the formats' own readers read the files."""
    program = Path(__file__).with_name("readers.py")
    done = subprocess.run([python, str(program), str(files)], check=False, stdout=subprocess.PIPE)
    for line in done.stdout.splitlines():
        found = json.loads(line)
        report.add(
            "F-read", f"{found['reader']} reads {found['format']}", found["share"], least=1.0
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions", type=int, default=100_000)
    parser.add_argument("--readers", default="", help="a Python that has the formats' readers")
    parser.add_argument("--data", help="taken by every benchmark; nothing is read from it here")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        perform(given.child)
    else:
        raise SystemExit(run(given.captions, given.readers))
