"""The switchboard: what follows from what. The only file that names two stages.

Hooks run after commit, carry ids and are idempotent; what a lost one would have done, the sweep
finds. Quick consequences run here; slow ones (network, decoding, encoding by the hundred) are jobs.
"""

from collections.abc import Callable
from typing import Any

from django.dispatch import Signal

from portal import jobs, signals
from portal.services import (
    annotators,
    completions,
    consensus,
    evaluations,
    flags,
    retraining,
    tasks,
)

Hook = Callable[..., None]


def open_tasks(*, prediction_ids: list[int], **_: Any) -> None:
    """Predictions came in: open tasks for those that deserve one."""
    for first in range(0, len(prediction_ids), tasks.CHUNK):
        tasks.open_for(prediction_ids=prediction_ids[first : first + tasks.CHUNK])


def probe_video(*, video_id: int, **_: Any) -> None:
    """A video has bytes or an address: look at it."""
    jobs.probe_video.enqueue(video_id)


def settle_task(*, task_id: int, **_: Any) -> None:
    """A task's evidence changed: weigh it."""
    consensus.settle(task_id=task_id)


def grade_answer(*, annotation_id: int, **_: Any) -> None:
    """A gold task was answered: mark it."""
    annotators.grade_gold(annotation_id=annotation_id)


def weigh_gold(*, annotator_id: int, **_: Any) -> None:
    """A gold answer was marked: propose gold only to a manager, or end it."""
    flags.weigh_gold(annotator_id=annotator_id)


def free_leases(*, annotator_id: int, **_: Any) -> None:
    """Somebody was put on gold only: others may have what they held."""
    flags.free_leases(annotator_id=annotator_id)


def reprioritise_task(*, task_id: int, **_: Any) -> None:
    """A task was weighed and asks for more: give it its new place."""
    tasks.reprioritise(task_ids=[task_id])


def reprice_tasks(*, project_id: int, **_: Any) -> None:
    """A project's weights changed: give its open tasks their new places."""
    jobs.reprice_tasks.enqueue(project_id)


def reconsider_predictions(*, version_id: int, **_: Any) -> None:
    """A version was promoted: decide anew on what it is sure of and what it doubts."""
    jobs.reconsider_predictions.enqueue(version_id)


def ease_neighbours(*, task_id: int, **_: Any) -> None:
    """A consensus stands: tasks like it have become less urgent."""
    jobs.ease_neighbours.enqueue(task_id)


def credit_annotators(*, consensus_id: int, **_: Any) -> None:
    """A consensus stands: its authors' reliability moves."""
    annotators.credit(consensus_id=consensus_id)


def ask_judge(*, consensus_id: int, **_: Any) -> None:
    """A consensus stands: have it judged, by a job where somebody has to be called."""
    if consensus.judges_at_once():
        consensus.judge(consensus_id=consensus_id)
    else:
        jobs.judge_consensus.enqueue(consensus_id)


def request_retraining(*, project_id: int, **_: Any) -> None:
    """A consensus stands: there may be enough for a batch."""
    retraining.request_if_due(project_id=project_id)


def complete_project(*, project_id: int, **_: Any) -> None:
    """A consensus stands: it may have been the last one that was asked for."""
    completions.record_if_complete(project_id=project_id)


def escalate_task(*, task_id: int, **_: Any) -> None:
    """A consensus is contested: hand the task to the experts."""
    tasks.escalate(task_id=task_id)


def freeze_batch(*, job_id: int, **_: Any) -> None:
    """A retraining was requested: write its manifest and tell the trainer."""
    jobs.freeze_batch.enqueue(job_id)


def compare_models(*, job_id: int, **_: Any) -> None:
    """A new version's predictions are in: compare it with the original."""
    jobs.compare_models.enqueue(job_id)


def weigh_preference(*, preference_id: int, **_: Any) -> None:
    """Somebody preferred one caption: the verdict may change."""
    evaluations.weigh(preference_id=preference_id)


def build_export(*, export_id: int, **_: Any) -> None:
    """An export was asked for: build it."""
    jobs.build_export.enqueue(export_id)


def run_import(*, import_id: int, **_: Any) -> None:
    """A file of captions came: take it in."""
    jobs.run_import.enqueue(import_id)


WIRING: tuple[tuple[Signal, Hook], ...] = (
    (signals.predictions_ingested, open_tasks),
    (signals.video_added, probe_video),
    (signals.annotation_submitted, settle_task),
    (signals.annotation_revised, settle_task),
    (signals.vote_cast, settle_task),
    (signals.prediction_accepted, settle_task),
    (signals.review_recorded, settle_task),
    (signals.gold_answered, grade_answer),
    (signals.gold_marked, weigh_gold),
    (signals.annotator_moved, free_leases),
    (signals.evidence_weighed, reprioritise_task),
    (signals.consensus_reached, credit_annotators),
    (signals.consensus_reached, request_retraining),
    (signals.consensus_reached, ask_judge),
    (signals.consensus_reached, complete_project),
    (signals.consensus_reached, ease_neighbours),
    (signals.consensus_contested, credit_annotators),
    (signals.consensus_contested, escalate_task),
    (signals.retrain_requested, freeze_batch),
    (signals.version_complete, compare_models),
    (signals.version_promoted, reconsider_predictions),
    (signals.weights_changed, reprice_tasks),
    (signals.preference_given, weigh_preference),
    (signals.export_requested, build_export),
    (signals.import_requested, run_import),
)


def connect() -> None:
    """Plug everything in; called once by the app when Django is ready."""
    for signal, hook in WIRING:
        signal.connect(hook, weak=False, dispatch_uid=hook.__name__)
