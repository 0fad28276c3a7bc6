"""A consensus makes its like less urgent, a change of weights moves the whole queue."""

import pytest

from portal import jobs
from portal.algorithms.diversity import text_vectors, weigh_by_rarity
from portal.models import Cluster, Prediction, Project, Task
from portal.services import predictions, tasks
from portal.services.predictions import PredictionItem
from portal.services.tasks import repricing
from tests.factories import AnnotationFactory, ConsensusFactory, ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db

PLAIN = {"control_share": 0.0, "evaluation_share": 0.0, "uncertain_share": 1.0}


def opened(project, rows, version="m"):
    """Open a task for each (video, caption, uncertainty); by video."""
    report = predictions.ingest(
        project=project,
        items=[
            PredictionItem(video_id=v, caption=c, model_version=version, uncertainty=u, start=s)
            for v, c, u, s in rows
        ],
    )
    tasks.open_for(prediction_ids=[row.prediction.pk for row in report.rows])
    return {(t.video.video_id, t.start_ms): t for t in project.tasks.select_related("video")}


def settle(task, caption=""):
    """Let people agree on a caption, by default the predicted one."""
    ConsensusFactory(task=task, caption=caption or task.prediction.caption)
    Task.objects.filter(pk=task.pk).update(state="settled")
    return tasks.feel(task_id=task.pk)


def fresh(task):
    return Task.objects.get(pk=task.pk)


def test_a_consensus_makes_clips_that_are_captioned_alike_wait_and_no_others():
    project = ProjectFactory(**PLAIN)
    found = opened(
        project,
        [
            ("a", "a big red dog runs left", 0.5, 0.0),
            ("b", "a big red dog runs left", 0.9, 0.0),
            ("c", "two cats sleep on the sofa", 0.7, 0.0),
        ],
    )
    a, b, c = (found[name, 0] for name in "abc")
    assert b.similarity == 0.0
    assert settle(a) == 1
    assert fresh(b).similarity == pytest.approx(1.0)
    assert fresh(b).virtual_due > b.virtual_due
    assert fresh(c).virtual_due == c.virtual_due
    assert Cluster.objects.get(pk=a.cluster_id).n_labelled == 1


def test_a_consensus_counts_for_the_other_clips_of_its_video():
    project = ProjectFactory(**PLAIN)
    found = opened(project, [("v", f"words {i} like {i * 7} none", 0.9 - i / 10, float(i))
                             for i in range(3)])  # fmt: skip
    parts = [found["v", 1000 * i] for i in range(3)]
    assert [task.n_same_video for task in parts] == [0, 1, 2]
    settle(parts[2])
    assert [fresh(task).n_same_video for task in parts[:2]] == [1, 2]
    assert fresh(parts[0]).virtual_due > parts[0].virtual_due


def test_what_led_by_an_earlier_model_is_not_held_back_by_itself():
    project = ProjectFactory(**PLAIN)
    rows = [("a", "a big red dog runs left", 0.9, 0.0), ("b", "a big red dog runs left", 0.5, 0.0)]
    assert opened(project, rows)["b", 0].similarity == pytest.approx(1.0)
    turned = [(name, words, 1.4 - unsure, start) for name, words, unsure, start in rows]
    found = opened(project, turned, "n")
    assert found["b", 0].similarity == 0.0
    assert found["a", 0].similarity == pytest.approx(1.0)
    assert found["a", 0].cluster_id == found["b", 0].cluster_id
    assert Cluster.objects.count() == 1


def test_what_is_labelled_is_remembered_when_a_newer_model_speaks():
    project = ProjectFactory(**PLAIN)
    rows = [("a", "two cats sleep on it", 0.9, 0.0), ("b", "two cats sleep on it now", 0.5, 0.0)]
    found = opened(project, rows)
    settle(found["a", 0])
    likeness = opened(project, rows[1:], "n")["b", 0].similarity
    assert 0.5 < likeness < 1.0
    assert opened(project, [("c", "a dog", 0.9, 0.0)], "n")["c", 0].similarity == 0.0


def test_a_labelled_clip_counts_by_what_people_agreed_on_not_by_what_was_predicted():
    project = ProjectFactory(**PLAIN)
    said = [("a", "a dog runs", 0.5, 0.0), ("b", "a dog runs", 0.9, 0.0)]
    found = opened(project, said)
    settle(found["a", 0], "two cats sleep")
    assert fresh(found["b", 0]).similarity == 0.0
    assert opened(project, [("b", "two cats sleep", 0.9, 0.0)], "n")["b", 0].similarity == (
        pytest.approx(1.0)
    )


def test_each_is_held_against_all_that_will_be_asked_before_it():
    project = ProjectFactory(**PLAIN)
    words = ("red dogs run", "red cats run", "blue cats sleep", "blue dogs sleep", "two men talk")
    found = opened(project, [(f"v{n}", words[n], 0.9 - n / 100, 0.0) for n in range(5)])
    line = sorted(found.values(), key=lambda task: task.virtual_due)
    plain = text_vectors([task.prediction.caption for task in line])
    vectors, _ = weigh_by_rarity(plain, plain[:0])
    for place, task in enumerate(line):
        nearest = max([0.0, *(vectors[:place] @ vectors[place])])
        assert task.similarity == pytest.approx(nearest, abs=1e-6)


def test_what_was_placed_long_ago_hears_of_a_label_when_it_stands_in_front():
    project = ProjectFactory(**PLAIN)
    embedded = {"a": [1.0, 0.0], "b": [0.6, 0.8]}  # alike, but not of one cluster
    report = predictions.ingest(
        project=project,
        items=[
            PredictionItem(
                video_id=v, caption="a dog", model_version="m", uncertainty=0.5, embedding=e
            )
            for v, e in embedded.items()
        ],
    )
    tasks.open_for(prediction_ids=[row.prediction.pk for row in report.rows])
    Task.objects.update(similarity=0.0)
    a, b = project.tasks.order_by("video__video_id")
    assert a.cluster_id != b.cluster_id
    assert settle(a) == 1
    assert fresh(b).similarity == pytest.approx(0.6)


def test_a_later_batch_of_one_model_is_told_of_what_waits_in_front():
    project = ProjectFactory(**PLAIN)
    opened(project, [("a", "two cats sleep", 0.9, 0.0)])
    found = opened(project, [("b", "two cats sleep", 0.8, 0.0)])
    assert found["b", 0].similarity == pytest.approx(1.0)
    assert opened(project, [("c", "two cats sleep", 0.8, 0.0)], "n")["c", 0].similarity == 0.0


def test_feeling_twice_counts_once_and_the_sweep_finds_what_nobody_announced():
    project = ProjectFactory(**PLAIN)
    task = opened(project, [("a", "a dog", 0.9, 0.0), ("b", "a dog", 0.8, 0.0)])["a", 0]
    Task.objects.filter(pk=task.pk).update(state="settled")
    assert list(Task.objects.unfelt()) == [task]
    jobs.sweep()
    assert not Task.objects.unfelt().exists()
    assert tasks.feel(task_id=task.pk) == 0
    assert Cluster.objects.get().n_labelled == 1


def test_a_task_without_a_prediction_only_counts_for_its_video():
    task = TaskFactory(state="settled")
    other = TaskFactory(project=task.project, video=task.video, start_ms=1000)
    assert tasks.feel(task_id=task.pk) == 1
    assert fresh(other).n_same_video == 1


def test_what_an_event_nearby_said_survives_the_first_caption():
    project = ProjectFactory(**PLAIN)
    found = opened(project, [("a", "a dog", 0.9, 0.0), ("b", "a dog", 0.8, 0.0)])
    AnnotationFactory(task=found["b", 0])
    tasks.reprioritise(task_ids=[found["b", 0].pk])
    parts = {part["name"]: part["contribution"] for part in fresh(found["b", 0]).why_next["parts"]}
    assert parts["uncertainty"] < 0.7 * found["b", 0].uncertainty * 0.5
    assert parts["begun"] == 0.1


def test_changed_weights_move_every_open_task_and_go_on_where_they_were_stopped(monkeypatch):
    monkeypatch.setattr(repricing, "CHUNK", 3)
    project = ProjectFactory(**PLAIN)
    found = opened(project, [(f"v{i}", f"{i} {i * 31} {i * 57}", i / 10, 0.0) for i in range(8)])
    Project.objects.filter(pk=project.pk).update(uncertainty_weight=0.0)
    tasks.reprice_all(project_id=project.pk)
    assert repricing._reprice_next(project.pk) == 3
    assert list(Project.objects.repricing()) == [project]
    jobs.sweep()
    assert not Project.objects.repricing().exists()
    assert {task.priority for task in Task.objects.all()} == {0.0}
    assert tasks.reprice(project_id=project.pk) == 0
    assert len(found) == 8


def test_a_promoted_version_is_heard_anew_with_all_that_it_has_said():
    project = ProjectFactory(**(PLAIN | {"uncertain_share": 0.3}))
    early = opened(project, [("early", "one early clip", 0.9, 0.0)], "m")
    more = [(f"v{i}", f"{i} {i * 31} {i * 57}", 0.95 + i / 5000, 0.0) for i in range(120)]
    opened(project, more, "m")
    assert fresh(early["early", 0]).state == "open"
    version = Prediction.objects.first().version
    assert tasks.reconsider(version_id=version.pk) == 121
    jobs.sweep()
    assert fresh(early["early", 0]).state == "superseded"
    n_open = Task.objects.open().count()
    assert 30 <= n_open <= 42
    assert tasks.reconsider(version_id=version.pk) == 121
    jobs.sweep()
    assert Task.objects.open().count() == n_open


def test_a_projects_deadline_and_value_hold_for_new_tasks():
    project = ProjectFactory(**PLAIN, due_hours=2.0, business_value=2.0, lease_minutes=30)
    task = opened(project, [("a", "a dog", 0.1, 0.0)])["a", 0]
    assert task.business_value == 2.0
    assert (task.virtual_due - task.created_at).total_seconds() == pytest.approx(1.5 * 3600)
    names = [part["name"] for part in task.why_next["parts"]]
    assert {"deadline", "business"} <= set(names)
