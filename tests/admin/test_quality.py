"""A project's page on agreement and calibration, and the line on an annotator's own."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Avg
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.models import Consensus
from portal.services import annotators, consensus, refits
from tests.factories import AnnotationFactory, AnnotatorFactory, ReviewFactory, TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def plain_words(settings) -> None:
    settings.ENCODER = "none"


@pytest.fixture
def page(client, project):
    def get() -> str:
        answer = client.get(f"/admin/portal/project/{project.pk}/quality/")
        assert answer.status_code == 200
        return answer.content.decode()

    return get


@pytest.fixture
def circle(project):
    """Ada and Bob agree, Cem does not; each task was reviewed."""
    project.threshold = 0.0
    project.save()
    people = [AnnotatorFactory(project=project, annotator_id=n) for n in ("ada", "bob", "cem")]
    texts = ("a red ball moves left", "the red ball moves left", "snow falls on roofs")

    def make(n: int) -> None:
        for _ in range(n):
            task = TaskFactory(project=project, n_wanted=3)
            for author, text in zip(people, texts, strict=True):
                AnnotationFactory(task=task, author=author, text=text)
            row = consensus.settle(task_id=task.pk)
            annotators.credit(consensus_id=row.pk)
            ReviewFactory(task=task, consensus=row, decision="choose", annotation=row.annotation)

    make.people = people
    return make


def test_an_empty_project_says_what_is_missing(page):
    shown = page()
    assert "Nobody has captioned three clips together" in shown
    assert "No expert has judged" in shown
    assert "No refit yet" in shown


def test_whoever_agrees_most_comes_first_and_each_pair_shows(page, circle, project):
    circle(3)
    refits.refit(project=project)
    shown = page().split('class="console-matrix"')[1]
    assert shown.index(">cem<") > max(shown.index(">ada<"), shown.index(">bob<"))
    likeness = consensus.circle_of(project=project)
    ada, bob, _ = circle.people
    assert f"{likeness.pairs[ada.pk, bob.pk].mean:.2f}" in shown
    assert shown.count("3 clips in common") == 6


def test_what_confidence_has_meant_is_drawn_and_told(page, circle):
    circle(9)
    shown = page()
    assert 'class="drawn chart-square"' in shown
    assert "9 tasks that an expert judged, 0 of them in a blind audit" in shown
    said = Consensus.objects.standing().aggregate(mean=Avg("confidence"))["mean"]
    assert f"right where {said * 100:.0f}\u202f% was said" in shown


def test_a_foreign_project_is_not_found(client, foreign):
    assert client.get(f"/admin/portal/project/{foreign['project'].pk}/quality/").status_code == 404
    assert client.get("/admin/portal/project/x/quality/").status_code == 404


def test_the_page_asks_as_often_for_many_tasks_as_for_few(page, circle):
    circle(3)
    with CaptureQueriesContext(
        connection,
    ) as few:
        page()
    circle(6)
    with CaptureQueriesContext(connection) as many:
        page()
    assert len(many) == len(few)


def test_an_annotators_page_draws_their_reliability_over_time(client, circle):
    circle(3)
    shown = client.get(f"/admin/portal/annotator/{circle.people[0].pk}/change/").content.decode()
    assert "after each of 3 consensuses" in shown
    assert 'class="drawn chart-wide"' in shown


def test_the_dashboard_says_how_many_clips_have_waited_long_for_an_audit(client, project):
    long_ago = timezone.now() - timedelta(days=4)
    TaskFactory.create_batch(
        2, project=project, state="settled", is_audited=True, closed_at=long_ago
    )
    TaskFactory(project=project, state="settled", is_audited=True, closed_at=timezone.now())
    shown = client.get("/admin/").content.decode()
    assert "2 clips have waited for a blind audit" in shown
    assert "/audit/mine" in shown
