"""The console says in words why somebody was given a task."""

from portal.admin.choices import REASONS, sentence_of
from portal.services import assignments
from tests.admin.conftest import signed_in
from tests.admin.test_scope import url
from tests.factories import AnnotatorFactory, ProjectFactory, TaskFactory


def test_the_reason_the_candidates_and_the_scores_are_on_the_assignments_page(superuser):
    project = ProjectFactory()
    TaskFactory.create_batch(3, project=project)
    lease = assignments.claim(annotator=AnnotatorFactory(project=project))
    page = signed_in(superuser).get(url("change", "assignment", lease.pk)).content.decode()
    assert "Of the first 3 tasks that fit" in page
    assert "Advantage over other people" in page
    assert str(lease.token) not in page


def test_every_reason_has_its_sentence_and_an_unknown_one_is_shown_as_it_is():
    for reason in REASONS:
        assert sentence_of({"reason": reason, "n_candidates": 3}).endswith(".")
    assert sentence_of({"reason": "by hand"}) == "By hand."
    assert sentence_of({}) == "Not written down."
