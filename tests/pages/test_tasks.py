import pytest

from portal.models import Consensus
from portal.models.members import Role
from portal.services import consensus
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    AssignmentFactory,
    ConsensusFactory,
    PredictionFactory,
    TaskFactory,
    VoteFactory,
)

pytestmark = pytest.mark.django_db
WORDS = ("canary one moves left", "canary two moves left", "canary three sits still")


@pytest.fixture
def answered(project):
    """A task with three captions by others."""
    task = TaskFactory(project=project, n_wanted=5)
    for text in WORDS:
        AnnotationFactory(task=task, text=text)
    return task


def settle(task):
    consensus.finalise(task=task, actor="test")


def test_an_annotator_who_has_not_answered_learns_nothing(seat, answered):
    _, client = seat()
    assert client.get(f"/tasks/{answered.pk}").status_code == 404
    settle(answered)
    assert client.get(f"/tasks/{answered.pk}").status_code == 404
    assert "canary" not in client.get("/outcomes/shapes").content.decode()


def test_an_annotator_who_answered_sees_others_words_once_the_task_has_closed(
    seat, project, answered
):
    user, client = seat()
    me = AnnotatorFactory(project=project, user=user)
    AnnotationFactory(task=answered, author=me, text="my words")
    before = client.get(f"/tasks/{answered.pk}").content.decode()
    assert "my words" in before
    assert "canary" not in before
    settle(answered)
    after = client.get(f"/tasks/{answered.pk}").content.decode()
    for text in WORDS:
        assert text in after
    for caption in answered.annotations.exclude(author=me):
        assert caption.author.annotator_id not in after


def test_outcomes_are_ones_own_for_annotators_and_all_for_those_who_read(seat, project, answered):
    user, client = seat()
    AnnotationFactory(task=answered, author=AnnotatorFactory(project=project, user=user))
    ConsensusFactory(task__project=project, caption="of a clip never met")
    settle(answered)
    page = client.get("/outcomes/shapes").content.decode()
    assert "canary" in page
    assert "never met" not in page
    for role in (Role.MANAGER, Role.EXPERT, Role.READER):
        assert "never met" in seat(role)[1].get("/outcomes/shapes").content.decode()


def test_the_page_says_what_stands_how_surely_and_why(seat, answered):
    settle(answered)
    page = seat(Role.MANAGER)[1].get(f"/tasks/{answered.pk}").content.decode()
    for shown in ("Why it won", "Who agrees with whom", "Agreement", "Confidence", "stands"):
        assert shown in page
    assert page.count('class="letter"') == 3


def test_authors_are_named_to_managers_alone(seat, answered):
    settle(answered)
    name = answered.annotations.first().author.annotator_id
    assert name in seat(Role.MANAGER)[1].get(f"/tasks/{answered.pk}").content.decode()
    for role in (Role.EXPERT, Role.READER):
        assert name not in seat(role)[1].get(f"/tasks/{answered.pk}").content.decode()


def test_whoever_is_captioning_the_clip_right_now_is_blind_whatever_their_role(
    seat, project, answered
):
    user, client = seat(Role.MANAGER)
    AssignmentFactory(task=answered, annotator=AnnotatorFactory(project=project, user=user))
    assert client.get(f"/tasks/{answered.pk}").status_code == 404


def test_a_check_clip_is_visible_to_managers_alone(seat, project):
    gold = TaskFactory(project=project, is_gold=True)
    user, client = seat()
    AnnotationFactory(task=gold, author=AnnotatorFactory(project=project, user=user))
    assert client.get(f"/tasks/{gold.pk}").status_code == 404
    assert seat(Role.EXPERT)[1].get(f"/tasks/{gold.pk}").status_code == 404
    assert seat(Role.MANAGER)[1].get(f"/tasks/{gold.pk}").status_code == 200


def test_a_foreign_task_does_not_exist(seat):
    foreign = ConsensusFactory().task
    for role in (Role.MANAGER, Role.READER):
        assert seat(role)[1].get(f"/tasks/{foreign.pk}").status_code == 404
    assert seat()[1].get(f"/tasks/{10**22}").status_code == 404


def test_a_model_reads_as_a_model_and_only_to_those_who_read_all(seat, project, answered):
    PredictionFactory(project=project, video=answered.video, caption="the machine says so")
    user, client = seat()
    AnnotationFactory(task=answered, author=AnnotatorFactory(project=project, user=user))
    settle(answered)
    assert "machine says" not in client.get(f"/tasks/{answered.pk}").content.decode()
    reader = seat(Role.READER)[1].get(f"/tasks/{answered.pk}").content.decode()
    assert "the machine says so" in reader


def test_a_task_without_captions_says_how_many_are_in(seat, project):
    task = TaskFactory(project=project)
    page = seat(Role.MANAGER)[1].get(f"/tasks/{task.pk}").content.decode()
    assert "0 of 3 captions are in" in page


def test_the_list_of_outcomes_takes_as_many_queries_for_thirty_as_for_one(
    seat, project, django_assert_num_queries
):
    _, client = seat(Role.READER)
    ConsensusFactory(task__project=project)
    client.get("/outcomes/shapes")
    with django_assert_num_queries(6):
        client.get("/outcomes/shapes")
    ConsensusFactory.create_batch(29, task__project=project)
    with django_assert_num_queries(6):
        client.get("/outcomes/shapes")


def test_why_it_won_tells_likeness_voice_votes_and_what_is_shared(seat, project):
    task = TaskFactory(project=project, n_wanted=3)
    first = AnnotationFactory(task=task, text="the red ball rolls slowly to the left")
    AnnotationFactory(task=task, text="the red ball rolls slowly to the left .")
    other = AnnotationFactory(task=task, text="a red ball is moving left")
    for score in (1.0, 0.5):
        VoteFactory(annotation=other, score=score)
    VoteFactory(annotation=first, score=0.25)
    settle(task)
    page = seat(Role.MANAGER)[1].get(f"/tasks/{task.pk}").content.decode()
    assert page.count("shares a voice: counts") == 2
    assert "2 votes, 75\u202f%" in page
    assert "1 vote, 25\u202f%" in page
    stands = Consensus.objects.standing().get(task=task)
    lead = next(row for row in stands.candidates if row["is_winner"])
    for row in stands.candidates:
        assert f"×{row['weight']:.2f}" in page
    assert f'data-name="Like the first">{min(lead["similarities"]):.2f}<' in page


def test_every_version_that_closed_a_task_says_why_it_came(seat, project):
    task = TaskFactory(project=project, state="settled")
    ConsensusFactory(task=task, caption="it was so", is_standing=False)
    ConsensusFactory(task=task, caption="now it is so", number=2, reason="Refit 3 prefers another.")
    page = seat(Role.MANAGER)[1].get(f"/tasks/{task.pk}").content.decode()
    assert "it was so" in page
    assert page.count("Refit 3 prefers another.") == 2
