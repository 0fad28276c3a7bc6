"""Projects, their guidelines, redundancy and progress."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.errors import Conflict, InvalidInput
from portal.models import BatchItem, Guideline, Project, Review, Task, User
from portal.models.members import Role
from portal.services import members, projects
from tests.factories import (
    AnnotationFactory,
    AssignmentFactory,
    BatchItemFactory,
    ConsensusFactory,
    JobFactory,
    ProjectFactory,
    TaskFactory,
    UserFactory,
    VideoFactory,
    VoteFactory,
)

pytestmark = pytest.mark.django_db


def test_a_projects_owner_manages_it():
    owner = UserFactory()
    project = projects.create(slug="birds", name="Birds", owner=owner, batch_size=5)
    assert project.batch_size == 5
    assert members.role_for(owner, project) == Role.MANAGER
    assert User.objects.get(pk=owner.pk).is_staff


@pytest.mark.parametrize("slug", ["..", "CON", "admin", "static", "", "a b", "x" * 61])
def test_a_slug_that_is_reserved_or_no_slug_is_refused(slug):
    with pytest.raises(InvalidInput) as refused:
        projects.create(slug=slug, name="X")
    assert refused.value.errors[0]["field"] == "slug"


def test_a_taken_slug_is_refused():
    taken = ProjectFactory()
    with pytest.raises(InvalidInput):
        projects.create(slug=taken.slug, name="X")


@pytest.mark.parametrize(
    "rules",
    [
        {"min_captions": 0},
        {"min_captions": 4, "max_captions": 3},
        {"lease_minutes": 5},
        {"threshold": 1.5},
        {"language": "English!"},
        {"batch_size": 0},
    ],
)
def test_rules_that_no_project_can_have_are_refused(rules):
    with pytest.raises(InvalidInput):
        projects.create(slug="x", name="X", **rules)
    assert not Project.objects.filter(slug="x").exists()


def test_guidelines_are_versions_and_an_unchanged_text_is_none():
    project = ProjectFactory()
    first = projects.publish_guidelines(
        project=project, text="Say what moves.\r\nSay where.", user=None
    )
    same = projects.publish_guidelines(
        project=project, text="Say what moves.\nSay where.", user=None
    )
    second = projects.publish_guidelines(project=project, text="Be brief.", user=None)
    assert same == first
    assert (first.number, second.number) == (1, 2)
    assert Guideline.objects.newest_of(project.pk) == second
    with pytest.raises(InvalidInput):
        projects.publish_guidelines(project=project, text=" \n", user=None)


def test_raised_redundancy_asks_open_tasks_for_more():
    task = TaskFactory(n_wanted=3)
    projects.change_redundancy(project=task.project, minimum=4, maximum=6)
    task.refresh_from_db()
    assert task.n_wanted == 4


def test_lowered_redundancy_lets_tasks_with_enough_captions_settle():
    task = TaskFactory(n_wanted=3)
    for _ in range(2):
        AnnotationFactory(task=task)
    task.settled_revision = task.revision
    task.save()
    projects.change_redundancy(project=task.project, minimum=2, maximum=5)
    assert Task.objects.unsettled().filter(pk=task.pk).exists()


def test_lowered_redundancy_asks_untouched_tasks_for_fewer():
    task = TaskFactory(n_wanted=3)
    projects.change_redundancy(project=task.project, minimum=1, maximum=2)
    task.refresh_from_db()
    assert task.n_wanted == 1


def test_redundancy_below_what_is_in_is_a_conflict_and_changes_nothing():
    task = TaskFactory(n_wanted=3)
    for _ in range(3):
        AnnotationFactory(task=task)
    with pytest.raises(Conflict):
        projects.change_redundancy(project=task.project, minimum=1, maximum=2)
    assert Project.objects.get(pk=task.project_id).max_captions == 5


@pytest.mark.parametrize(("minimum", "maximum"), [(0, 3), (-1, 3), (4, 3)])
def test_redundancy_that_makes_no_sense_is_refused(minimum, maximum):
    with pytest.raises(InvalidInput):
        projects.change_redundancy(project=ProjectFactory(), minimum=minimum, maximum=maximum)


def test_progress_of_an_empty_project_is_all_zero_and_none():
    progress = projects.progress(project=ProjectFactory())
    assert (progress.n_tasks, progress.n_captions, progress.n_new_consensus) == (0, 0, 0)
    assert progress.mean_agreement is None
    assert progress.oldest_open_at is None
    assert [count for _, count in progress.captions_per_day] == [0] * 14


def test_progress_counts_only_its_own_project():
    task = TaskFactory(created_at=timezone.now() - timedelta(days=2))
    voted = AnnotationFactory(task=task)
    AnnotationFactory(task=task)
    VoteFactory(annotation=voted)
    ConsensusFactory(task__project=task.project, agreement=0.5, confidence=0.7)
    AnnotationFactory()
    progress = projects.progress(project=task.project)
    assert (progress.n_tasks, progress.n_open, progress.n_settled) == (2, 1, 1)
    assert (progress.n_captions, progress.n_votes, progress.n_waiting_review) == (2, 1, 1)
    assert (progress.mean_agreement, progress.mean_confidence) == (0.5, 0.7)
    assert progress.oldest_open_at == task.created_at
    assert progress.captions_per_day[-1] == (timezone.now().date(), 2)
    assert progress.n_unassigned == 0


def test_new_consensus_leaves_out_what_was_batched_held_out_or_erased():
    project = ProjectFactory()
    ConsensusFactory(task__project=project)
    BatchItemFactory(batch=JobFactory(project=project).batch)
    ConsensusFactory(task__project=project, status="interim")
    ConsensusFactory(
        task__video=VideoFactory(project=project, is_evaluation=True), task__project=project
    )
    ConsensusFactory(
        task__video=VideoFactory(project=project, state="erased"), task__project=project
    )
    assert BatchItem.objects.count() == 1
    assert projects.progress(project=project).n_new_consensus == 1


def test_savings_count_everything_that_somebody_did():
    project = ProjectFactory(min_captions=3, max_captions=5)
    settled = [TaskFactory(project=project, state="settled", n_captions=n) for n in (2, 3)]
    TaskFactory(project=project, state="open", n_captions=1)
    caption = AnnotationFactory(task=settled[0])
    gold = TaskFactory(project=project, is_gold=True, n_wanted=9)
    AnnotationFactory(task=gold)
    VoteFactory(annotation=caption)
    AssignmentFactory(task=settled[1], state="skipped", skip_reason="unplayable")
    Review.objects.create(
        task=settled[0], reviewer=UserFactory(), decision="choose", reason="It is right."
    )
    counted = projects.savings(project=project)
    assert (counted.n_tasks, counted.n_captions) == (2, 6)
    assert (counted.n_gold, counted.n_votes, counted.n_skips, counted.n_reviews) == (1, 1, 1, 1)
    assert (counted.n_spent, counted.n_fixed, counted.share) == (10, 10, 0.0)


def test_a_project_without_settled_tasks_has_saved_nothing_yet():
    assert projects.savings(project=ProjectFactory()).share is None
