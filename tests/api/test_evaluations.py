"""Evaluations over the API."""

import pytest

from tests import factories
from tests.api.conftest import problem


@pytest.fixture
def task(project):
    first = factories.PredictionFactory(project=project, caption="a cat sleeps")
    task = factories.TaskFactory(
        project=project, video=first.video, prediction=first, state="settled"
    )
    factories.ConsensusFactory(task=task, caption="a dog runs on grass")
    return task


def test_without_a_second_model_there_is_nothing_to_compare(api, task, project) -> None:
    refused = problem(api.get(f"tasks/{task.pk}/evaluation"), 409, "not_comparable")
    unsettled = factories.TaskFactory(project=project)

    assert "retrained" in refused["detail"]
    problem(api.get(f"tasks/{unsettled.pk}/evaluation"), 409, "not_comparable")


def test_both_captions_stand_beside_the_consensus(api, task, project) -> None:
    factories.PredictionFactory(project=project, video=task.video, caption="a dog runs on grass")

    body = api.get(f"tasks/{task.pk}/evaluation").json()

    assert body["original_caption"] == "a cat sleeps"
    assert body["retrained_caption"] == body["consensus_caption"] == "a dog runs on grass"
    assert body["agreement"]["retrained"] > body["agreement"]["original"]
    assert body["outcome"] == "win"
    assert body["in_training"] is False
    assert {"cider_d", "chrf", "bleu_4", "rouge_l"} <= set(body["metrics"])


def test_evaluations_are_listed_and_read(api, project) -> None:
    evaluation = factories.EvaluationFactory(project=project, verdict="inconclusive")
    foreign = factories.EvaluationFactory()

    assert [row["id"] for row in api.get("evaluations").json()["results"]] == [evaluation.pk]
    assert api.get(f"evaluations/{evaluation.pk}").json()["verdict"] == "inconclusive"
    problem(api.get(f"evaluations/{foreign.pk}"), 404)


def test_a_manager_promotes_and_nobody_else(api, as_role, project) -> None:
    evaluation = factories.EvaluationFactory(project=project, verdict="promote")
    path = f"evaluations/{evaluation.pk}/promote"

    problem(api.post(path), 403)
    problem(as_role("expert").post(path), 403)
    assert as_role("manager").post(path).json()["promoted_at"]
    evaluation.retrained.refresh_from_db()
    assert evaluation.retrained.state == "current"


def test_a_rejected_model_is_not_promoted(as_role, project) -> None:
    evaluation = factories.EvaluationFactory(project=project, verdict="reject")

    problem(as_role("manager").post(f"evaluations/{evaluation.pk}/promote"), 409)
