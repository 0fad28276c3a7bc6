import pytest

from portal.models import EvaluationItem
from portal.models.members import Role
from tests.factories import ConsensusFactory, EvaluationFactory, PredictionFactory

pytestmark = pytest.mark.django_db
METRIC = {"original": 0.5, "retrained": 0.6, "delta": 0.1, "low": 0.04, "high": 0.16, "p": 0.002}


@pytest.fixture
def evaluation(project):
    """A finished comparison with one loss and one win."""
    row = EvaluationFactory(
        project=project, verdict="promote", reasons=["Cosine rose."], metrics={"cosine": METRIC},
        n_tasks=2, n_wins=1, n_losses=1,
    )  # fmt: skip
    for outcome, delta in (("loss", -0.2), ("win", 0.3)):
        standing = ConsensusFactory(task__project=project, caption=f"people on a {outcome}")
        said = {
            name: PredictionFactory(
                project=project, video=standing.task.video, version=version,
                caption=f"{name} on a {outcome}",
            )
            for name, version in (("original", row.original), ("retrained", row.retrained))
        }  # fmt: skip
        EvaluationItem.objects.create(
            evaluation=row, task=standing.task, consensus=standing, outcome=outcome, delta=delta,
            **said,
        )  # fmt: skip
    return row


def test_a_comparison_shows_verdict_metrics_and_both_models_beside_people(seat, evaluation):
    page = seat(Role.READER)[1].get(f"/evaluations/{evaluation.pk}").content.decode()
    for shown in (
        "Better: promote", "Cosine rose.", "+0.100", "+0.040 … +0.160", "0.0020",
        "people on a loss", "original on a loss", "retrained on a loss", "retrained on a win",
    ):  # fmt: skip
        assert shown in page


def test_comparisons_are_listed_with_the_project_and_not_elsewhere(seat, evaluation):
    EvaluationFactory(retrained__name="foreign-model")
    page = seat(Role.MANAGER)[1].get("/models/shapes").content.decode()
    assert evaluation.retrained.name in page
    assert "foreign-model" not in page


def test_a_manager_promotes_a_model_from_here_and_nobody_else_does(seat, evaluation):
    path = f"/evaluations/{evaluation.pk}"
    for role in (Role.EXPERT, Role.READER, Role.ANNOTATOR):
        assert seat(role)[1].post(f"{path}/promote").status_code == 403
    _, manager = seat(Role.MANAGER)
    assert "Make it the current model" in manager.get(path).content.decode()
    assert manager.post(f"{path}/promote").url == path
    evaluation.retrained.refresh_from_db()
    assert evaluation.retrained.state == "current"
    assert "Make it the current model" not in manager.get(path).content.decode()


def test_a_model_that_is_worse_is_not_promoted(seat, evaluation):
    evaluation.verdict = "reject"
    evaluation.save()
    _, manager = seat(Role.MANAGER)
    answer = manager.post(f"/evaluations/{evaluation.pk}/promote", follow=True)
    assert "is reject" in answer.content.decode()
    evaluation.retrained.refresh_from_db()
    assert evaluation.retrained.state == "candidate"


def test_annotators_do_not_see_what_models_say(seat, evaluation):
    _, client = seat()
    assert client.get(f"/evaluations/{evaluation.pk}").status_code == 403
    assert client.get("/models/shapes").status_code == 403


def test_a_foreign_comparison_does_not_exist(seat):
    assert seat(Role.MANAGER)[1].get(f"/evaluations/{EvaluationFactory().pk}").status_code == 404


def test_a_comparison_that_still_runs_says_so(seat, project):
    row = EvaluationFactory(project=project)
    page = seat(Role.EXPERT)[1].get(f"/evaluations/{row.pk}").content.decode()
    assert "Being compared" in page
