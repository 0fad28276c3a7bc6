"""What the project's labels are worth, over the API."""

from tests import factories


def test_lift_and_outlook_are_read_together(api, project) -> None:
    video = factories.VideoFactory(project=project, is_evaluation=True)
    factories.ConsensusFactory(task__project=project, task__video=video, task__is_evaluation=True)

    body = api.get("dashboard/learning").json()

    assert body["lift"] is None
    assert body["outlook"]["n_labels"] == 1
    assert body["outlook"]["n_missing"] == body["outlook"]["n_needed"] - 1
    assert len(body["outlook"]["sentences"]) >= 2
