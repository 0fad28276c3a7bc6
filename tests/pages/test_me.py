import pytest

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
