"""Blind votes over the API."""

from portal.models import Preference
from tests import factories
from tests.api.conftest import problem


def pair(project, **fields):
    row = factories.EvaluationFactory(project=project, verdict="inconclusive")
    return factories.EvaluationItemFactory(evaluation=row, **fields)


def test_a_pair_is_handed_out_blindly_and_answered_once(api, project) -> None:
    item = pair(project)
    factories.AnnotatorFactory(project=project, annotator_id="ben")

    asked = api.get("preferences/next?annotator_id=ben").json()
    sent = {"pair_id": asked["pair_id"], "annotator_id": "ben", "choice": "left"}
    first, second = api.post("preferences", sent), api.post("preferences", sent)

    assert set(asked) == {"pair_id", "task_id", "video_id", "start", "end", "left", "right"}
    assert {asked["left"], asked["right"]} == {item.original.caption, item.retrained.caption}
    assert (first.status_code, second.status_code) == (201, 200)
    vote = Preference.objects.get()
    chosen = {"first": item.original, "second": item.retrained}[vote.choice]
    assert chosen.caption == asked["left"]
    problem(api.get("preferences/next?annotator_id=ben"), 404, "not_found")


def test_what_cannot_be_is_refused(api, project) -> None:
    item = pair(project)
    factories.AnnotatorFactory(project=project, annotator_id="ben")
    foreign = pair(factories.ProjectFactory())

    for sent in ({"choice": "first"}, {"pair_id": 0}, {"pair_id": "1"}, {"annotator_id": None}):
        body = {"pair_id": item.pk, "annotator_id": "ben", "choice": "left"} | sent
        problem(api.post("preferences", body), 400)
    body = {"pair_id": foreign.pk, "annotator_id": "ben", "choice": "left"}
    problem(api.post("preferences", body), 404, "not_found")
    problem(api.get("preferences/next"), 400)
    assert not Preference.objects.exists()
