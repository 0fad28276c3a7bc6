from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models.members import Role
from portal.services import annotators, consensus
from tests.factories import AnnotationFactory, AnnotatorFactory, TaskFactory

pytestmark = pytest.mark.django_db


def test_somebody_new_is_told_how_little_is_known(seat):
    page = seat()[1].get("/me/shapes").content.decode()
    assert "provisional" in page
    assert "Nothing to draw yet" in page


def test_the_page_shows_the_figures_of_the_person_who_looks(seat, project):
    user, client = seat(Role.EXPERT)
    me = AnnotatorFactory(project=project, user=user)
    for text in ("a red dot moves left", "a blue dot grows"):
        task = TaskFactory(project=project)
        AnnotationFactory(task=task, author=me, text=text, seconds=20)
        AnnotationFactory(task=task, text=text)
        settled = consensus.finalise(task=task, actor="test")
        annotators.credit(consensus_id=settled.pk)
    page = client.get("/me/shapes").content.decode()
    figures = annotators.metrics(annotator=me)
    assert "20 s" in page
    assert f"{figures['reliability'] * 100:.0f}\u202f%" in page
    assert "chart-line" in page
    assert "chart-band" in page


def test_nobody_elses_figures_are_on_it(seat, project):
    AnnotatorFactory(project=project, annotator_id="canary")
    assert "canary" not in seat()[1].get("/me/shapes").content.decode()


def test_somebody_on_gold_only_is_told_why_and_how_it_ends(seat, project):
    user, client = seat()
    me = AnnotatorFactory(project=project, user=user)
    assert "check clips" not in client.get("/me/shapes").content.decode()
    annotators.set_state(annotator=me, state="quarantined", actor="test")
    gold = TaskFactory(project=project, is_gold=True)
    AnnotationFactory(task=gold, author=me, gold_score=0.9)
    page = client.get("/me/shapes").content.decode()
    assert "As soon as more than half" in page
    assert "Of the newest 1 since then, 1 were right." in page
    assert "As soon as more than half" in client.get("/work/shapes").content.decode()


def test_whoever_is_back_is_told_for_a_week(seat, project):
    user, client = seat()
    me = AnnotatorFactory(
        project=project, user=user, state_note="You are right again.",
        state_changed_at=timezone.now(),
    )  # fmt: skip
    assert "You are given ordinary clips again." in client.get("/me/shapes").content.decode()
    me.state_changed_at -= timedelta(days=8)
    me.save()
    assert "ordinary clips again" not in client.get("/me/shapes").content.decode()
