"""What integrations are told: every type really comes, as documented, and below 20 kB."""

import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings as portal_settings
from django.db import transaction

from portal import jobs
from portal.models import Delivery, Event
from portal.models.events import EVENT_TYPES
from portal.services import (
    completions,
    consensus,
    evaluations,
    exports,
    imports,
    retraining,
    tasks,
)
from tests.factories import (
    AnnotationFactory,
    ConsensusFactory,
    EndpointFactory,
    PredictionFactory,
    ProjectFactory,
    TaskFactory,
    VersionFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db
PAGE = Path(portal_settings.BASE_DIR) / "docs" / "how-to" / "webhooks.md"
MOST_BYTES = 20_000
LONGEST = "\N{GRINNING FACE}a " * 1666


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


def documented() -> dict[str, dict]:
    block = PAGE.read_text().split("```json\n")[1].split("```")[0]
    examples, place = {}, 0
    while place < len(block.rstrip()):
        example, end = json.JSONDecoder().raw_decode(block[place:])
        examples[example["type"]] = example["data"]
        place += end + len(re.match(r"\s*", block[place + end :])[0])
    return examples


def keys_of(data: dict) -> dict:
    return {key: keys_of(value) if isinstance(value, dict) else None for key, value in data.items()}


def one_event(project, event_type: str) -> dict:
    event = Event.objects.get(project=project, type=event_type)
    assert event.deliveries.count() == 1
    size = len(json.dumps(event.payload, ensure_ascii=False).encode())
    assert size < MOST_BYTES
    assert keys_of(event.data) == keys_of(documented()[event_type])
    return event.data


@pytest.fixture
def project():
    project = ProjectFactory(slug="p" * 60, name="n" * 120)
    EndpointFactory(project=project)
    return project


def test_every_type_is_documented_or_named():
    assert set(documented()) | {"import.finished", "ping"} == set(EVENT_TYPES)


@pytest.mark.parametrize(("caption", "is_told"), [("a dog runs", True), (LONGEST, False)])
def test_consensus_reached(project, caption, is_told):
    video = VideoFactory(project=project, video_id="v" * 200)
    task = AnnotationFactory(task__project=project, task__video=video, text=caption).task
    consensus.finalise(task=task, actor="user:m")
    assert (one_event(project, "consensus.reached")["caption"] is not None) == is_told


def test_task_disputed(project):
    task = TaskFactory(project=project)
    assert tasks.escalate(task_id=task.pk)
    assert not tasks.escalate(task_id=task.pk)
    assert one_event(project, "task.disputed")["video_id"] == task.video.video_id


def test_retraining_requested(project):
    version = VersionFactory(project=project, name="m" * 120)
    task_ids = [row.task_id for row in ConsensusFactory.create_batch(2, task__project=project)]
    job, _ = retraining.request(
        project=project, version=version, mini_batch_id="b" * 100, task_ids=task_ids
    )
    retraining.freeze(job_id=job.pk)
    assert one_event(project, "retraining.requested")["run_id"] == str(job.uid)


def test_evaluation_finished(project):
    original, retrained = VersionFactory.create_batch(2, project=project)
    video = VideoFactory(project=project, is_evaluation=True)
    ConsensusFactory(task__project=project, task__video=video)
    for version in (original, retrained):
        PredictionFactory(project=project, video=video, version=version)
    evaluations.compare(original_id=original.pk, retrained_id=retrained.pk)
    assert one_event(project, "evaluation.finished")["original_model"] == original.name


def test_export_ready(project):
    ConsensusFactory(task__project=project)
    export = exports.request(project=project, name="e" * 120, user=None)
    exports.build(export_id=export.pk)
    assert one_event(project, "export.ready")["rows"] == 1


def test_project_completed(project):
    ConsensusFactory(task__project=project)
    completions.record_if_complete(project_id=project.pk)
    assert one_event(project, "project.completed")["n_settled"] == 1


def test_an_import_can_be_told_of(project):
    row = imports.receive(
        project=project,
        stream=BytesIO(b'{"video_id": "v", "caption": "a dog", "annotator": "ana"}'),
        name="e" * 120,
        format="jsonl",
        kind="annotations",
    )
    jobs.take_in(row.pk)
    assert one_event(project, "import.finished")["added"] == 1


def test_an_event_that_was_rolled_back_is_told_to_nobody(project):
    task = TaskFactory(project=project)
    with transaction.atomic():
        tasks.escalate(task_id=task.pk)
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()
