"""Annotators and the dashboard over the API."""

from portal.models import Annotator
from tests import factories
from tests.api.conftest import problem


def test_metrics_have_the_promised_members_only(api, project) -> None:
    factories.AnnotatorFactory(project=project, annotator_id="ann")

    assert set(api.get("annotators/ann/metrics").json()) == {
        "annotator_id",
        "reliability",
        "reliability_low",
        "reliability_high",
        "provisional",
        "throughput",
        "average_task_seconds",
        "disagreement_rate",
    }


def test_a_newcomer_is_provisional_and_has_no_rates(api, project) -> None:
    factories.AnnotatorFactory(project=project, annotator_id="ann")

    body = api.get("annotators/ann/metrics").json()

    assert body["provisional"] is True
    assert (body["average_task_seconds"], body["disagreement_rate"]) == (None, None)


def test_foreign_and_unknown_annotators_are_the_same_404(api) -> None:
    factories.AnnotatorFactory(annotator_id="theirs")

    foreign = problem(api.get("annotators/theirs/metrics"), 404)
    unknown = problem(api.get("annotators/nobody/metrics"), 404)
    assert foreign["detail"].replace("theirs", "nobody") == unknown["detail"]


def test_annotators_see_their_own_figures_alone(as_role, project) -> None:
    person = as_role("annotator")
    own = factories.AnnotatorFactory(project=project, user=person.user)
    other = factories.AnnotatorFactory(project=project)

    assert person.get(f"annotators/{own.annotator_id}/metrics").status_code == 200
    problem(person.get(f"annotators/{other.annotator_id}/metrics"), 404)
    problem(person.get("annotators"), 403)
    problem(person.get("dashboard"), 403)


def test_readers_see_progress_and_nobodys_figures(as_role, project) -> None:
    factories.AnnotatorFactory(project=project)

    body = as_role("reader").get("dashboard").json()

    assert body["annotators"] == []
    assert body["progress"]["n_tasks"] == 0


def test_the_dashboard_needs_as_many_queries_for_50_people_as_for_one(
    api, project, django_assert_max_num_queries
) -> None:
    factories.AnnotatorFactory.create_batch(50, project=project)

    with django_assert_max_num_queries(20):
        assert len(api.get("dashboard").json()["annotators"]) == 50


def test_annotators_are_registered_where_the_project_allows_it(api, project) -> None:
    assert api.post("annotators", {"annotator_id": "ann"}).status_code == 200
    assert api.post("annotators", {"annotator_id": "ann"}).status_code == 200
    project.registers_annotators = False
    project.save()

    problem(api.post("annotators", {"annotator_id": "ben"}), 400, field="annotator_id")
    assert [row["annotator_id"] for row in api.get("annotators").json()["results"]] == ["ann"]
    assert Annotator.objects.get().reliability == 0.5


def test_nobody_writes_their_own_reliability(api) -> None:
    refused = api.post("annotators", {"annotator_id": "ann", "reliability": 1.0})

    problem(refused, 400, "unknown_field", "reliability")
