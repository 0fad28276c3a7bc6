"""Gold: tasks whose right answers are known, by promotion of decided ones or from a file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from portal.adapters import goldfiles
from portal.algorithms import gold
from portal.errors import Conflict, InvalidInput, PortalError
from portal.models import (
    Annotation,
    AuditEntry,
    Consensus,
    GoldReference,
    PlantedPrediction,
    Project,
    Task,
    Video,
)
from portal.models.segments import segment_ms
from portal.models.texts import clean_caption
from portal.models.videos import Sighting

# A gold task is answered by everybody; the column's range is the only bound.
GOLD_SLOTS = 32_000
MOST_PROMOTED = 5
Segment = tuple[str, int, int]


@transaction.atomic
def make_gold(*, task_id: int, references: Sequence[str], actor: str, planted: str = "") -> Task:
    """Make a task one whose right answers are known; everybody may then be given it once.

    `planted` is a wrong caption that is shown on purpose where the project shows predictions.
    """
    task = Task.objects.select_for_update().select_related("project").get(pk=task_id)
    texts = _cleaned(references)
    wrong = clean_caption(planted, "shown_prediction") if planted.strip() else ""
    if wrong in texts:
        raise InvalidInput.on(
            "shown_prediction", "The planted caption is among the accepted answers.", "accepted"
        )
    if task.is_evaluation:
        raise Conflict(
            "An evaluation video cannot be gold: its answers would be seen by everybody."
        )
    if not task.is_gold and task.n_captions and task.is_open:
        raise Conflict(f"{task} has captions already; settle it first.")
    task.is_gold = True
    task.reopen()
    task.n_wanted = GOLD_SLOTS
    task.save(update_fields=["is_gold", "state", "closed_at", "park_reason", "n_wanted"])
    _write_answers(task, texts, wrong)
    AuditEntry.objects.record(
        action="task.made_gold", on=task, project_id=task.project_id, actor=actor
    )
    return task


def _cleaned(references: Sequence[str]) -> list[str]:
    texts = [clean_caption(text, "references") for text in references]
    if not texts:
        raise InvalidInput.on("references", "A gold task needs at least one right answer.")
    return list(dict.fromkeys(texts))


def _write_answers(task: Task, texts: Sequence[str], wrong: str) -> None:
    GoldReference.objects.filter(task=task).delete()
    GoldReference.objects.bulk_create(GoldReference(task=task, text=text) for text in texts)
    PlantedPrediction.objects.filter(task=task).delete()
    if wrong:
        PlantedPrediction.objects.create(task=task, text=wrong)


def accepted_answers(*, task: Task) -> list[str]:
    """What a promotion would accept: the final consensus, and the captions that say the same."""
    final = Consensus.objects.final().filter(task=task).first()
    if final is None:
        return []
    others = Annotation.objects.standing().filter(task=task).order_by("id")
    texts = [text for text in others.values_list("text", flat=True) if text != final.caption]
    alike = gold.likeness_to_first([final.caption, *texts])[1:].tolist()
    ranked = sorted(zip(alike, texts, strict=True), key=lambda pair: -pair[0])
    same = [text for value, text in ranked if value >= gold.SAME]
    return list(dict.fromkeys([final.caption, *same]))[:MOST_PROMOTED]


@dataclass
class Imported:
    """What became of a file's lines: counts, and by line number what was wrong."""

    n_new: int = 0
    n_changed: int = 0
    n_same: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)

    def sentence(self, *, is_dry: bool) -> str:
        """Say it."""
        would = "would be " if is_dry else ""
        return (
            f"{self.n_new} clips {would}new as gold, {self.n_changed} {would}changed, "
            f"{self.n_same} already so, {len(self.problems)} lines refused."
        )


def import_gold(
    *, project: Project, lines: Iterable[bytes], actor: str, is_dry: bool = False
) -> Imported:
    """Make gold of a file's clips, each line in a transaction of its own; twice changes nothing.

    A line that is refused is reported by its number and keeps no other from being taken. A dry run
    says the same and changes nothing.
    """
    report = Imported()
    seen: dict[Segment, int] = {}
    for line in goldfiles.read(lines):
        try:
            _take(project, line, seen, report, actor, is_dry)
        except PortalError as refusal:
            report.problems.append((line.number, refusal.detail))
    if not is_dry and report.n_new + report.n_changed:
        AuditEntry.objects.record(
            action="gold.imported",
            on=project,
            project_id=project.pk,
            actor=actor,
            details={"n_new": report.n_new, "n_changed": report.n_changed},
        )
    return report


@transaction.atomic
def _take(
    project: Project,
    line: goldfiles.Line,
    seen: dict[Segment, int],
    report: Imported,
    actor: str,
    is_dry: bool,
) -> None:
    entry = line.entry
    if entry is None:
        raise InvalidInput(line.problem)
    segment = (entry.video_id, *segment_ms(entry.start, entry.end))
    if segment in seen:
        raise Conflict(f"Line {seen[segment]} names the same clip and segment.")
    task = _task_at(project, segment)
    planted = entry.shown_prediction or ""
    if task.is_gold and _answers(task) == (_cleaned(entry.references), planted.strip()):
        report.n_same += 1
    else:
        was_gold = task.is_gold
        make_gold(task_id=task.pk, references=entry.references, actor=actor, planted=planted)
        report.n_changed += was_gold
        report.n_new += not was_gold
    seen[segment] = line.number
    if is_dry:
        transaction.set_rollback(True)


def _answers(task: Task) -> tuple[list[str], str]:
    planted = PlantedPrediction.objects.filter(task=task).values_list("text", flat=True).first()
    return list(task.references.order_by("id").values_list("text", flat=True)), planted or ""


def _task_at(project: Project, segment: Segment) -> Task:
    video_id, start_ms, end_ms = segment
    # A clip that is first named as gold is not drawn for evaluation: everybody sees its answers.
    found = Video.objects.register_many(
        project_id=project.pk,
        wanted={video_id: Sighting()},
        is_evaluation=lambda name: False,
    )[video_id]
    if found.is_erased:
        raise Conflict(f"Video {video_id} was erased; it takes no more tasks.")
    video = Video.objects.get(pk=found.pk)
    video.check_segment(start_ms, end_ms)
    task, _ = Task.objects.get_or_create(
        project=project,
        video=video,
        start_ms=start_ms,
        end_ms=end_ms,
        defaults={"is_evaluation": video.is_evaluation, "n_wanted": project.min_captions},
    )
    return task
