"""Review votes over the API."""

import pytest

from portal.models import Vote
from tests import factories
from tests.api.conftest import problem


@pytest.fixture
def caption(project):
    task = factories.TaskFactory(project=project)
    author = factories.AnnotatorFactory(project=project, annotator_id="ann")
    return factories.AnnotationFactory(task=task, author=author, text="a dog runs")


def vote(api, caption, score=0.8, who="ben", **more):
    body = {"annotator_id": who, "score": score} | more
    return api.post(f"tasks/{caption.task_id}/votes", body)


def test_a_vote_without_a_caption_goes_to_the_leading_one_of_somebody_else(api, caption) -> None:
    answer = vote(api, caption, rationale="It says it all.")

    assert answer.status_code == 201
    assert answer.json()["annotation_id"] == caption.pk
    assert answer.json()["caption"] == "a dog runs"
    assert answer.json()["annotator_id"] == "ben"
    assert Vote.objects.get().rationale == "It says it all."


def test_a_second_vote_replaces_the_first(api, caption) -> None:
    first = vote(api, caption, 0.8)
    second = vote(api, caption, 0.2)

    assert (first.status_code, second.status_code) == (201, 200)
    assert Vote.objects.get().score == 0.2


@pytest.mark.parametrize("score", [-0.1, 1.1, "0.5", True, None, "nan", [1]])
def test_a_score_lies_between_0_and_1(api, caption, score) -> None:
    problem(vote(api, caption, score), 400, field="score")
    assert not Vote.objects.exists()


def test_nobody_votes_on_their_own(api, caption) -> None:
    problem(vote(api, caption, who="ann"), 403, "own_caption")
    problem(vote(api, caption, who="ann", annotation_id=caption.pk), 403, "own_caption")
    assert not Vote.objects.exists()


def test_a_withdrawn_caption_takes_no_votes(api, caption) -> None:
    caption.state = "withdrawn"
    caption.save()

    problem(vote(api, caption, annotation_id=caption.pk), 409)


def test_a_settled_task_takes_no_votes(api, caption) -> None:
    caption.task.state = "settled"
    caption.task.save()

    problem(vote(api, caption), 409, "task_closed")


def test_a_foreign_caption_is_not_there(api, caption) -> None:
    foreign = factories.AnnotationFactory()

    problem(vote(api, foreign), 404, "not_found")
    problem(vote(api, caption, annotation_id=foreign.pk), 404, "not_found")
    problem(vote(api, caption, annotation_id=10**15), 404, "not_found")
    assert not Vote.objects.exists()


@pytest.mark.parametrize("pk", ["1", 1.0, True, -1, 2**63])
def test_a_caption_is_named_by_its_number(api, caption, pk) -> None:
    problem(vote(api, caption, annotation_id=pk), 400)


def test_a_rationale_is_text(api, caption) -> None:
    problem(vote(api, caption, rationale=7), 400, field="rationale")
    problem(vote(api, caption, rationale="\u202e"), 400, field="rationale")


def test_a_person_who_may_still_caption_the_task_cannot_look_by_voting(as_role, caption) -> None:
    person = as_role("annotator")

    problem(person.post(f"tasks/{caption.task_id}/votes", {"score": 1}), 404)
    caption.task.n_taken = caption.task.n_wanted
    caption.task.save()
    assert person.post(f"tasks/{caption.task_id}/votes", {"score": 1}).status_code == 201
