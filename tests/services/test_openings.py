"""Whom is asked about what: newer models close and hand over tasks, slices keep their share."""

from hashlib import sha256

import pytest

from portal.models import AuditEntry, Prediction, Task
from portal.services import predictions, tasks
from portal.services.predictions import PredictionItem
from tests.factories import AnnotationFactory, ProjectFactory

pytestmark = pytest.mark.django_db

NO_SLICES = {"control_share": 0.0, "evaluation_share": 0.0}


def unlike(seed):
    """A caption like no other."""
    return " ".join(sha256(f"{seed}{i}".encode()).hexdigest()[:6] for i in range(5))


def say(project, version="m1", **unsure):
    """Post one prediction a clip, and let tasks follow."""
    report = predictions.ingest(
        project=project,
        items=[
            PredictionItem(
                video_id=video, caption=unlike(video + version), model_version=version,
                uncertainty=value,
            )
            for video, value in unsure.items()
        ],
    )  # fmt: skip
    tasks.open_for(prediction_ids=[row.prediction.pk for row in report.rows])
    return {task.video.video_id: task for task in project.tasks.select_related("video")}


def test_a_newer_version_that_is_sure_closes_an_untouched_task():
    project = ProjectFactory(**NO_SLICES)
    assert set(say(project, a=0.95, b=0.9, c=0.01)) == {"a", "b"}
    after = say(project, "m2", a=0.05, b=0.99)
    assert (after["a"].state, after["b"].state) == ("superseded", "open")
    assert after["a"].closed_at is not None
    assert after["b"].prediction.version.name == "m2"
    assert AuditEntry.objects.get(action="tasks.superseded").details == {"n": 1}


def test_a_begun_task_finishes_whatever_a_newer_version_says():
    project = ProjectFactory(**NO_SLICES)
    task = say(project, a=0.95)["a"]
    AnnotationFactory(task=task)
    after = say(project, "m2", a=0.01)["a"]
    assert (after.state, after.prediction.version.name) == ("open", "m1")


@pytest.mark.parametrize("share", ["evaluation_share", "control_share"])
def test_evaluation_and_control_tasks_are_never_closed_by_a_model(share):
    project = ProjectFactory(**(NO_SLICES | {share: 1.0}))
    say(project, a=0.95)
    after = say(project, "m2", a=0.01)["a"]
    assert (after.state, after.prediction.version.name) == ("open", "m2")


def test_what_somebody_asked_for_by_name_stays_open():
    project = ProjectFactory(**NO_SLICES)
    tasks.open_one(project=project, video_id="a", uncertainty=0.9)
    assert say(project, a=0.01)["a"].state == "open"


def test_a_closed_task_opens_again_for_a_model_in_doubt_and_by_name():
    project = ProjectFactory(**NO_SLICES)
    say(project, a=0.95, b=0.95)
    say(project, "m2", a=0.01, b=0.01)
    after = say(project, "m3", a=0.97)
    assert (after["a"].state, after["a"].closed_at, after["b"].state) == (
        "open", None, "superseded"
    )  # fmt: skip
    task, created = tasks.open_one(project=project, video_id="b")
    assert (task.state, created) == ("open", False)


def test_an_older_versions_late_words_change_nothing():
    project = ProjectFactory(**NO_SLICES)
    say(project, "m1", z=0.5)
    say(project, "m2", a=0.95)
    after = say(project, "m1", a=0.01)["a"]
    assert (after.state, after.prediction.version.name) == ("open", "m2")


def test_of_two_versions_in_one_batch_the_newer_counts():
    project = ProjectFactory(**NO_SLICES)
    items = [
        PredictionItem(video_id="a", caption="a dog", model_version=name, uncertainty=value)
        for name, value in (("m1", 0.99), ("m2", 0.01))
    ]
    report = predictions.ingest(project=project, items=items)
    tasks.open_for(prediction_ids=[row.prediction.pk for row in report.rows])
    assert not project.tasks.exists()
    assert not Prediction.objects.unconsidered().exists()


def served(project):
    rows = Task.objects.filter(project=project).order_by("virtual_due", "id")
    return list(rows.values_list("is_evaluation", "is_control", "uncertainty"))


def many(project, n=1500):
    say(project, **{f"v{i}": (i * 7919 % n) / n for i in range(n)})


def test_evaluation_tasks_have_their_share_of_the_work_until_they_are_done():
    project = ProjectFactory(
        control_share=0.0, evaluation_share=0.1, evaluation_serving_share=0.25, evaluation_salt="s"
    )
    many(project)
    order = served(project)
    n = sum(is_evaluation for is_evaluation, _, _ in order)
    assert 110 < n < 190
    for first in (100, 200, 400):
        share = sum(is_evaluation for is_evaluation, _, _ in order[:first]) / first
        assert 0.15 < share < 0.36


def test_the_control_slice_is_a_tenth_of_what_is_served_in_random_order():
    project = ProjectFactory(control_share=0.1, evaluation_share=0.0, evaluation_salt="s")
    many(project)
    order = served(project)
    control = [unsure for _, is_control, unsure in order if is_control]
    early, late = control[: len(control) // 2], control[len(control) // 2 :]
    assert abs(sum(early) / len(early) - sum(late) / len(late)) < 0.12
    assert 0.04 < sum(is_control for _, is_control, _ in order[:300]) / 300 < 0.16
    chosen = [unsure for _, is_control, unsure in order if not is_control]
    assert min(chosen) > 0.69


def test_of_clips_that_are_captioned_alike_one_goes_first():
    project = ProjectFactory(uncertain_share=1.0, **NO_SLICES)
    captions = {"a1": "a dog runs", "a2": "a dog runs", "a3": "a dog runs", "b": "two cats sleep"}
    report = predictions.ingest(
        project=project,
        items=[
            PredictionItem(video_id=v, caption=c, model_version="m", uncertainty=u)
            for (v, c), u in zip(captions.items(), (0.9, 0.95, 0.92, 0.5), strict=True)
        ],
    )
    tasks.open_for(prediction_ids=[row.prediction.pk for row in report.rows])
    found = {t.video.video_id: t for t in project.tasks.select_related("video")}
    assert found["a1"].cluster_id == found["a2"].cluster_id != found["b"].cluster_id
    assert [found[v].similarity for v in ("a2", "a1", "b")] == [0.0, pytest.approx(1.0), 0.0]
    assert found["b"].virtual_due < found["a1"].virtual_due
    assert "much like it" in found["a1"].why_next["parts"][0]["sentence"]


def test_posted_embeddings_say_what_is_alike_and_later_ones_of_a_video_wait():
    project = ProjectFactory(uncertain_share=1.0, **NO_SLICES)
    rows = [("a", [1.0, 0.0, 0.0], 0.0), ("b", [0.0, 1.0, 0.0], 0.0), ("c", [0.99, 0.0, 0.1], 0.0),
            ("c", [0.0, 0.0, 1.0], 5.0)]  # fmt: skip
    report = predictions.ingest(
        project=project,
        items=[
            PredictionItem(
                video_id=v, caption="the same words", model_version="m", embedding=e,
                uncertainty=0.9, start=start, end=start + 1,
            )
            for v, e, start in rows
        ],
    )  # fmt: skip
    tasks.open_for(prediction_ids=[row.prediction.pk for row in report.rows])
    found = list(project.tasks.order_by("prediction"))
    assert len({task.cluster_id for task in found}) == 3
    near = [task for task in found if task.cluster_id in {found[0].cluster_id}]
    assert sorted(task.similarity for task in near) == [0.0, pytest.approx(0.995, abs=0.002)]
    assert sorted(task.n_same_video for task in found) == [0, 0, 0, 1]
