"""Asking for a retraining by hand: on named tasks, or on what stands."""

import re
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from portal.errors import Conflict, InvalidInput
from portal.models import ModelVersion, Project, RetrainJob, User
from portal.models.versions import VersionState
from portal.services.retraining.batches import (
    LARGEST_BATCH,
    fingerprint,
    items_for,
    named_items,
    open_job,
)

_BATCH_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,100}")


def request(
    *,
    project: Project,
    version: ModelVersion,
    mini_batch_id: str,
    task_ids: Sequence[int],
    reason: str = "manual",
    user: User | None = None,
) -> tuple[RetrainJob, bool]:
    """Freeze the named tasks' consensus as a mini-batch and open a job on it.

    The same mini_batch_id with the same tasks returns the job there is, and False. Raises Conflict
    for other tasks under a known id, for a project that is being retrained and for tasks without a
    final consensus; InvalidInput for tasks that the project does not have or keeps for evaluation.
    """
    wanted = sorted(set(task_ids))
    _check_name(mini_batch_id)
    if not 1 <= len(wanted) <= LARGEST_BATCH:
        raise InvalidInput.on(
            "labeled_task_ids", f"A batch has between 1 and {LARGEST_BATCH} tasks."
        )
    try:
        with transaction.atomic():
            Project.objects.select_for_update(no_key=True).get(pk=project.pk)
            known = _known_job(project, version, mini_batch_id, wanted)
            if known is not None:
                return known, False
            _check_version(version)
            job = open_job(
                version=version,
                mini_batch_id=mini_batch_id,
                items=named_items(project, wanted),
                reason=reason,
                user=user,
            )
            return job, True
    except IntegrityError as raced:  # the database's own word, where the lock did not hold
        raise Conflict(f"{project} is being retrained, or {mini_batch_id} is taken.") from raced


def request_now(
    *,
    project: Project,
    version: ModelVersion,
    mini_batch_id: str,
    most: int = LARGEST_BATCH,
    user: User | None = None,
) -> RetrainJob:
    """Freeze what stands, in the project's kind of batch, whatever the cool-down says.

    Raises Conflict where no caption is new, the project is being retrained or the name is taken.
    """
    _check_name(mini_batch_id)
    with transaction.atomic():
        project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        _check_version(version)
        if project.batches.filter(mini_batch_id=mini_batch_id).exists():
            raise Conflict(f"Mini-batch {mini_batch_id} was requested before; choose another id.")
        items = items_for(project, most)
        if not items:
            raise Conflict("Every final caption was used in a batch; settle more tasks first.")
        return open_job(
            version=version,
            mini_batch_id=mini_batch_id,
            items=items,
            reason="manual",
            kind=project.batch_kind,
            user=user,
        )


def _check_name(mini_batch_id: str) -> None:
    if not _BATCH_ID.fullmatch(mini_batch_id):
        raise InvalidInput.on("mini_batch_id", "mini_batch_id has 1 to 100 characters.")


def _check_version(version: ModelVersion) -> None:
    if version.state == VersionState.RETIRED:
        raise Conflict(f"Model version {version} is retired; retrain the current one.")
    active = RetrainJob.objects.active().filter(project_id=version.project_id)
    job = active.select_related("version").first()
    if job is not None:
        raise Conflict(
            f"{job.version} is being retrained by job {job.uid}; wait for it or cancel it."
        )


def _known_job(
    project: Project, version: ModelVersion, mini_batch_id: str, task_ids: Sequence[int]
) -> RetrainJob | None:
    job = (
        RetrainJob.objects.select_related("batch", "version", "project")
        .filter(batch__project=project, batch__mini_batch_id=mini_batch_id)
        .first()
    )
    if job is None:
        return None
    if job.batch.ids_sha256 != fingerprint(task_ids) or job.version_id != version.pk:
        raise Conflict(
            f"Mini-batch {mini_batch_id} was requested with other tasks or another version; "
            "choose another mini_batch_id."
        )
    return job
