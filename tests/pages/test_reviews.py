import re

import pytest

from portal.models import Vote
from tests.factories import AnnotationFactory, AnnotatorFactory, TaskFactory

pytestmark = pytest.mark.django_db
REVIEW = "/review/shapes"


@pytest.fixture
def reviewer(seat, project):
    """Somebody who has answered a task that five others answered too."""
    user, client = seat()
    me = AnnotatorFactory(project=project, user=user)
    task = TaskFactory(project=project, n_wanted=8)
    AnnotationFactory(task=task, author=me, text="my own words")
    for number in range(5):
        AnnotationFactory(task=task, text=f"wording {number}")
    return client, me, task


def order(client):
    return re.findall(r"wording \d", client.get(REVIEW).content.decode())


def card(caption, score, **more):
    name = f"c{caption.pk}"
    values = {"annotation": caption.pk, "score": score, "rationale": ""} | more
    return {"card": name} | {f"{name}-{key}": value for key, value in values.items()}


def test_others_captions_are_shown_without_their_authors_and_ones_own_is_not(reviewer):
    client, _, task = reviewer
    page = client.get(REVIEW).content.decode()
    assert sorted(order(client)) == [f"wording {number}" for number in range(5)]
    assert "my own words" not in page
    for caption in task.annotations.exclude(text="my own words"):
        assert caption.author.annotator_id not in page


def test_the_order_is_the_same_for_one_viewer_and_another_for_others(reviewer, seat, project):
    client, _, task = reviewer
    first = order(client)
    assert order(client) == first
    others = []
    for _ in range(4):
        user, other = seat()
        AnnotatorFactory(project=project, user=user)
        task.n_wanted = task.n_taken  # full: those who have not answered may score it too
        task.save()
        others.append(order(other))
    assert any(seen != first for seen in others)
    assert all(sorted(seen) == sorted(first) for seen in others)


def test_nobody_scores_a_clip_that_they_may_still_be_asked_to_caption(seat, project):
    AnnotationFactory(task__project=project, text="canary words")
    _, client = seat()
    page = client.get(REVIEW).content.decode()
    assert "canary" not in page
    assert "Nothing to score just now" in page


def test_a_score_is_stored_with_its_rationale_and_the_caption_leaves_the_list(reviewer):
    client, me, task = reviewer
    caption = task.annotations.get(text="wording 3")
    answer = client.post(REVIEW, card(caption, "0.75", rationale="misses the end"))
    assert answer.url == REVIEW
    vote = Vote.objects.get()
    assert (vote.annotation, vote.voter, vote.score) == (caption, me, 0.75)
    assert vote.rationale == "misses the end"
    assert "wording 3" not in order(client)


@pytest.mark.parametrize("score", ["", "0.3", "2", "-1", "nan", "x"])
def test_a_score_is_one_of_five_steps(reviewer, score):
    client, _, task = reviewer
    caption = task.annotations.get(text="wording 1")
    answer = client.post(REVIEW, card(caption, score))
    assert answer.status_code == 400
    assert 'class="errors"' in answer.content.decode()
    assert not Vote.objects.exists()


def test_nobody_scores_their_own_words(reviewer):
    client, _, task = reviewer
    answer = client.post(REVIEW, card(task.annotations.get(text="my own words"), "1"))
    assert answer.status_code == 403
    assert not Vote.objects.exists()


def test_a_caption_of_another_project_does_not_exist(reviewer):
    client, _, _ = reviewer
    answer = client.post(REVIEW, card(AnnotationFactory(), "1"))
    assert answer.status_code == 404
    assert not Vote.objects.exists()


def test_a_task_that_settled_meanwhile_takes_no_score_and_says_so(reviewer):
    client, _, task = reviewer
    caption = task.annotations.get(text="wording 1")
    task.state = "settled"
    task.save()
    answer = client.post(REVIEW, card(caption, "1"), follow=True)
    assert "no longer count" in answer.content.decode()
    assert not Vote.objects.exists()


def test_a_clip_can_be_left_for_later(reviewer):
    client, _, task = reviewer
    later = client.get(f"{REVIEW}?after={task.pk}").content.decode()
    assert "the clips that you left for later are still there" in later
    assert "wording" in client.get(f"{REVIEW}?after=x%00").content.decode()
    assert "wording" in client.get(f"{REVIEW}?after={'9' * 40}").content.decode()
