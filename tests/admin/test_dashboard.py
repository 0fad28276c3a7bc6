"""The first page says what is stuck, whom to trust and how far everything is."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.models import Annotator, Assignment
from portal.models.members import Role
from tests.factories import (
    AnnotatorFactory,
    AssignmentFactory,
    ConsensusFactory,
    DeliveryFactory,
    EndpointFactory,
    EvaluationFactory,
    ExportFactory,
    FlagFactory,
    JobFactory,
    MembershipFactory,
    ProjectFactory,
    TaskFactory,
    VideoFactory,
)


@pytest.fixture
def look(client):
    """Open the dashboard; return its page."""

    def open_(**query):
        page = client.get(reverse("admin:index"), query)
        assert page.status_code == 200
        return page

    return open_


def stuck(page) -> list[str]:
    return [trouble.text for trouble in page.context["troubles"]]


def test_a_project_where_all_is_well_says_so(look, project):
    AnnotatorFactory(project=project)
    assert stuck(look()) == []
    assert "Nothing is stuck in My project" in look().text


def test_each_thing_that_is_stuck_is_named_with_its_remedy(look, client, project):
    TaskFactory(project=project, state="disputed")
    TaskFactory(project=project, state="parked")
    VideoFactory(project=project, state="failed")
    endpoint = EndpointFactory(project=project, is_active=False)
    DeliveryFactory(endpoint=endpoint, state="exhausted")
    JobFactory(project=project, version__name="v1", state="timed_out")
    ExportFactory(project=project, state="failed")
    project.is_paused = True
    project.save()
    page = look()
    assert stuck(page) == [
        "The project is paused: nobody is given work.",
        "1 disputed task waits for an expert.",
        "1 clip could not be read.",
        "1 message was given up.",
        "1 endpoint is switched off.",
        "The last retraining, of v1, timed out.",
        "Nobody captions here yet.",
        "1 task is parked.",
        "1 export failed.",
    ]
    for trouble in page.context["troubles"]:
        assert client.get(trouble.url).status_code == 200, trouble


def test_a_worker_that_does_not_tick_is_noticed_by_what_it_owes(look, project):
    assert look().context["installation"] == []
    lease = AssignmentFactory(task__project=project)
    Assignment.objects.filter(pk=lease.pk).update(expires_at=timezone.now() - timedelta(minutes=9))
    assert "does not tick" in look().text


def test_whoever_is_worth_a_second_look_comes_first(look, project):
    AnnotatorFactory(project=project, annotator_id="ada", reliability=0.9, n_residuals=40)
    careless = AnnotatorFactory(project=project, annotator_id="zoe", n_residuals=40)
    flag = FlagFactory(annotator=careless, kind="drift")
    FlagFactory(
        annotator=careless, kind="too_short", state="dismissed", reason="Fine.",
        decided_at=timezone.now(),
    )  # fmt: skip
    page = look()
    people = page.context["figures"].people
    assert [row["annotator_id"] for row in people] == ["zoe", "ada"]
    assert people[0]["flags"] == [flag]
    assert people[1]["flags"] == []
    assert "was good, then fell" in page.text
    assert "1 sign about a person waits." in stuck(page)


def test_newcomers_are_not_judged_yet(look, project):
    AnnotatorFactory(project=project, reliability=0.0, reliability_high=0.1, n_residuals=2)
    assert look().context["figures"].people[0]["flags"] == []
    assert "too early" in look().text


def test_progress_training_and_the_last_verdict_are_shown(look, project):
    ConsensusFactory(task__project=project)
    TaskFactory(project=project)
    JobFactory(project=project, state="running", progress=0.4)
    EvaluationFactory(project=project, verdict="promote", n_wins=7)
    page = look()
    assert page.context["figures"].progress.n_new_consensus == 1
    assert "1<small> of 2 tasks settled" in page.text
    assert "7 better" in page.text
    assert 'max="1" value="0.4"' in page.text


def test_a_manager_chooses_among_their_own_projects_alone(look, manager, project):
    second = ProjectFactory(slug="second", name="Second project")
    foreign = ProjectFactory(slug="theirs", name="Their secret project")
    MembershipFactory(project=second, user=manager, role=Role.MANAGER)
    TaskFactory(project=foreign, state="disputed")
    assert look(project="second").context["project"] == second
    page = look(project="theirs")
    assert page.context["project"] in (project, second)
    assert "Their secret project" not in page.text


def test_trouble_in_another_project_is_not_hidden_behind_this_one(look, manager, project):
    second = ProjectFactory(slug="second", name="Second project")
    MembershipFactory(project=second, user=manager, role=Role.MANAGER)
    TaskFactory(project=second, state="disputed")
    page = look(project="mine")
    assert page.context["elsewhere"] == [(second, 1)]
    assert "1 in Second project" in page.text


def test_more_projects_ask_no_more_questions(look, manager, project):
    def n_queries() -> int:
        with CaptureQueriesContext(connection) as queries:
            look(project="mine")
        return len(queries)

    MembershipFactory(project=ProjectFactory(), user=manager, role=Role.MANAGER)
    before = n_queries()
    for _ in range(5):
        MembershipFactory(project=ProjectFactory(), user=manager, role=Role.MANAGER)
    assert n_queries() == before


def test_figures_that_took_long_are_kept_for_a_minute(look, project, monkeypatch):
    AnnotatorFactory(project=project)
    monkeypatch.setattr("portal.admin.dashboards.SLOW_SECONDS", -1.0)
    assert look().context["figures"].n_people == 1
    Annotator.objects.all().delete()
    assert look().context["figures"].n_people == 1


@pytest.mark.parametrize(("n_captions", "told"), [(3, "40 % fewer"), (7, "40 % more")])
def test_what_asking_until_sure_has_saved_is_said_either_way(look, project, n_captions, told):
    TaskFactory(project=project, state="settled", n_captions=n_captions)
    words = " ".join(look().text.replace("<small>", "").split())
    assert told in words
