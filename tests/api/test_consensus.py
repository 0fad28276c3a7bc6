"""What stands, over the API; and the whole loop in the README's order."""

import pytest

from portal.models import Consensus
from tests import factories
from tests.api.conftest import problem

SAID = ("a dog runs on grass", "a dog is running on the grass", "a dog runs over grass")


@pytest.fixture
def task(project):
    return factories.TaskFactory(project=project)


def caption(api, task, n=3):
    for number, text in enumerate(SAID[:n]):
        body = {"annotator_id": f"ann-{number}", "caption": text}
        assert api.post(f"tasks/{task.pk}/annotations", body).status_code == 201


def test_a_consensus_is_finalised_with_what_is_there_and_says_why(api, task) -> None:
    caption(api, task)

    body = api.post(f"tasks/{task.pk}/consensus").json()

    assert body["consensus_caption"] in SAID
    assert [row["is_winner"] for row in body["candidates"]].count(True) == 1
    assert 0 < body["confidence"] <= 1
    assert 0 < body["semantic_agreement"] <= 1
    assert 0 <= body["llm_confidence"] <= 1
    assert body["judge"]
    assert body["finalized_at"]


def test_finalising_twice_gives_the_same(api, task) -> None:
    caption(api, task)

    first = api.post(f"tasks/{task.pk}/consensus", {}).json()
    second = api.post(f"tasks/{task.pk}/consensus/", {}).json()

    assert first == second
    assert api.get(f"tasks/{task.pk}/consensus").json() == first


def test_without_captions_there_is_nothing_to_finalise(api, task) -> None:
    problem(api.post(f"tasks/{task.pk}/consensus"), 409, "no_captions")
    problem(api.get(f"tasks/{task.pk}/consensus"), 404)
    assert not Consensus.objects.exists()


def test_different_captions_give_different_figures(api, project) -> None:
    def figures(texts):
        task = factories.TaskFactory(project=project)
        for number, text in enumerate(texts):
            body = {"annotator_id": f"ann-{number}", "caption": text}
            api.post(f"tasks/{task.pk}/annotations", body)
        answer = api.post(f"tasks/{task.pk}/consensus").json()
        return answer["semantic_agreement"], answer["confidence"]

    agreeing = figures(SAID)
    apart = figures(("a dog runs", "a red bus stops in the rain", "two people sing"))

    assert agreeing[0] > apart[0]
    assert agreeing[1] > apart[1]


@pytest.mark.parametrize("body", [{"force": True}, {"caption": "mine"}])
def test_nobody_dictates_a_consensus(api, task, body) -> None:
    caption(api, task)

    problem(api.post(f"tasks/{task.pk}/consensus", body), 400, "unknown_field")


def test_finalising_is_for_managers_and_tokens_with_the_scope(
    as_role, caller, task, project
) -> None:
    _, secret = factories.token_and_secret(project=project, scopes=["annotate", "ingest"])

    problem(caller(secret).post(f"tasks/{task.pk}/consensus"), 403)
    problem(as_role("expert").post(f"tasks/{task.pk}/consensus"), 403)
    problem(as_role("manager").post(f"tasks/{task.pk}/consensus"), 409, "no_captions")


def test_the_loop_runs_through_the_calls_of_the_readme(api) -> None:
    posted = {
        "video_id": "clip-1",
        "caption": "a cat sleeps",
        "uncertainty": 0.9,
        "model_version": "captioner-1",
    }
    assert api.post("predictions", posted).status_code == 201
    task = api.post("tasks", {"video_id": "clip-1", "uncertainty": 0.9, "difficulty": 5}).json()
    claimed = api.post("tasks/assign", {"annotator_id": "ann"}).json()
    assert claimed["task_id"] == task["id"]
    for number, text in enumerate(SAID):
        body = {"annotator_id": "ann" if number == 0 else f"ben-{number}", "caption": text}
        assert api.post(f"tasks/{task['id']}/annotations", body).status_code == 201
    vote = {"annotator_id": "cam", "score": 0.9, "rationale": "It is what happens."}
    assert api.post(f"tasks/{task['id']}/votes", vote).status_code in (201, 409)
    consensus = api.post(f"tasks/{task['id']}/consensus").json()
    assert consensus["consensus_caption"] in SAID
    metrics = api.get("annotators/ann/metrics").json()
    assert metrics["annotator_id"] == "ann"
    board = api.get("dashboard").json()
    assert board["progress"]["n_captions"] == 3
    assert metrics in board["annotators"]
