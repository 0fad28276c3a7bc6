import pytest

from portal.models.members import Role
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    AssignmentFactory,
    EvaluationFactory,
    MembershipFactory,
    ProjectFactory,
    TaskFactory,
    UserFactory,
    VersionFactory,
)

pytestmark = pytest.mark.django_db


def text(client, path="/"):
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_somebody_in_no_project_is_told_how_to_get_into_one(client):
    client.force_login(UserFactory())
    assert "invitation link" in text(client)


def test_a_superuser_without_projects_is_sent_to_the_console(client):
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    assert "Open the console" in text(client)


def test_what_waits_is_counted(seat, project):
    user, client = seat()
    me = AnnotatorFactory(project=project, user=user)
    TaskFactory.create_batch(3, project=project)
    answered = TaskFactory(project=project)
    AnnotationFactory(task=answered, author=me)
    AnnotationFactory(task=answered)
    page = text(client)
    assert 'Caption clips <span class="count">3</span>' in page
    assert 'Score captions <span class="count">1</span>' in page
    assert "Settle disputes" not in page


def test_counts_stop_where_they_no_longer_matter(seat, project):
    _, client = seat()
    TaskFactory.create_batch(101, project=project)
    assert '<span class="count">99+</span>' in text(client)


def test_a_running_lease_is_what_one_goes_on_with(seat, project):
    user, client = seat()
    AssignmentFactory(task__project=project, annotator=AnnotatorFactory(project=project, user=user))
    assert "Go on with your clip" in text(client)


def test_disputes_are_counted_for_those_who_may_decide_them(seat, project):
    TaskFactory(project=project, state="disputed")
    assert 'Settle disputes <span class="count">1</span>' in text(seat(Role.EXPERT)[1])
    assert "Settle disputes" not in text(seat()[1])


def test_models_found_better_wait_for_a_manager_once_each(seat, project):
    better = VersionFactory(project=project)
    EvaluationFactory.create_batch(2, project=project, retrained=better, verdict="promote")
    EvaluationFactory(project=project, verdict="reject")
    decided = VersionFactory(project=project, state="current")
    EvaluationFactory(project=project, retrained=decided, verdict="promote")
    assert 'Decide on a model <span class="count">1</span>' in text(seat(Role.MANAGER)[1])
    assert "Decide on a model" not in text(seat(Role.EXPERT)[1])


def test_an_experts_own_captions_are_not_theirs_to_decide(seat, project):
    user, client = seat(Role.EXPERT)
    task = TaskFactory(project=project, state="disputed")
    AnnotationFactory(task=task, author=AnnotatorFactory(project=project, user=user))
    assert "Settle disputes" not in text(client)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "No clips have been posted"),
        ({"state": "settled"}, "Every clip has been settled"),
        ({"n_wanted": 1, "n_taken": 1}, "as many people on it as it asks for"),
    ],
)
def test_an_empty_desk_says_why(seat, project, given, reason):
    if given:
        TaskFactory(project=project, **given)
    _, client = seat()
    assert reason in text(client)
    assert reason in text(client, "/work/shapes")


def test_an_empty_desk_says_that_one_has_done_ones_part(seat, project):
    user, client = seat()
    AnnotationFactory(task__project=project, author=AnnotatorFactory(project=project, user=user))
    assert "captioned or skipped every clip that still has room" in text(client)


def test_a_paused_project_and_a_paused_person_are_told_so(seat, project):
    TaskFactory(project=project)
    user, client = seat()
    person = AnnotatorFactory(project=project, user=user, state="paused")
    assert "A manager has paused your work" in text(client)
    assert "A manager has paused your work" in text(client, "/work/shapes")
    person.state = "active"
    person.save()
    project.is_paused = True
    project.save()
    assert "This project is paused" in text(client)
    assert "This project is paused" in text(client, "/work/shapes")


def test_a_reader_is_offered_no_work(seat, project):
    TaskFactory(project=project)
    _, client = seat(Role.READER)
    page = text(client)
    assert "Caption clips" not in page
    assert client.get("/work/shapes").status_code == 403
    assert client.get("/review/shapes").status_code == 403
    assert client.get("/me/shapes").status_code == 403


def test_looking_makes_nobody_an_annotator(seat, project):
    user, client = seat()
    text(client)
    assert not user.annotators.exists()


def test_queries_grow_with_projects_and_not_with_their_rows(
    seat, project, django_assert_max_num_queries
):
    user, client = seat()
    for _ in range(3):
        other = ProjectFactory()
        MembershipFactory(project=other, user=user)
        TaskFactory.create_batch(10, project=other)
    text(client)
    with django_assert_max_num_queries(4 * 9 + 6):
        text(client)
