"""Projects, their rules and their versions over the API."""

import pytest

from tests import factories
from tests.api.conftest import problem


def test_a_token_sees_its_project_alone(api, project) -> None:
    other = factories.ProjectFactory()

    assert [row["slug"] for row in api.get("projects").json()["results"]] == ["clips"]
    assert api.get("projects/clips").json()["rules"]["min_captions"] == 3
    problem(api.get(f"projects/{other.slug}"), 404)


def test_people_see_the_projects_that_they_belong_to(as_role, project) -> None:
    factories.ProjectFactory()
    person = as_role("annotator")

    body = person.get("projects").json()

    assert [row["slug"] for row in body["results"]] == ["clips"]
    assert body["results"][0]["rules"] is None


def test_a_manager_changes_how_many_captions_a_task_gets(as_role, project) -> None:
    manager = as_role("manager")

    changed = manager.patch("projects/clips", {"min_captions": 2, "max_captions": 4}).json()

    assert (changed["rules"]["min_captions"], changed["rules"]["max_captions"]) == (2, 4)


@pytest.mark.parametrize("number", [0, -1, 1.5, "3", True, None])
def test_a_redundancy_of_nobody_is_refused(as_role, project, number) -> None:
    refused = as_role("manager").patch("projects/clips", {"min_captions": number})

    problem(refused, 400, field="min_captions")


def test_redundancy_is_not_lowered_below_what_is_in(as_role, project) -> None:
    task = factories.TaskFactory(project=project)
    for _ in range(3):
        factories.AnnotationFactory(task=task)

    refused = as_role("manager").patch("projects/clips", {"min_captions": 1, "max_captions": 2})

    problem(refused, 409)


@pytest.mark.parametrize("role", ["expert", "annotator", "reader"])
def test_only_managers_change_rules(as_role, project, role) -> None:
    problem(as_role(role).patch("projects/clips", {"min_captions": 1}), 403)


def test_no_token_changes_rules(api) -> None:
    problem(api.patch("projects/clips", {"min_captions": 1}), 403)


@pytest.mark.parametrize("field", ["slug", "evaluation_salt", "is_paused"])
def test_other_fields_are_unknown(as_role, project, field) -> None:
    problem(as_role("manager").patch("projects/clips", {field: "x"}), 400, "unknown_field", field)


def test_people_in_one_project_need_not_name_it_and_in_two_they_must(as_role, project) -> None:
    person = as_role("manager")
    assert person.get("tasks").status_code == 200
    second = factories.ProjectFactory()
    factories.MembershipFactory(project=second, user=person.user, role="manager")

    problem(person.get("tasks"), 404)
    assert person.get(f"tasks?project={second.slug}").status_code == 200


def test_versions_are_listed_with_their_base(api, project) -> None:
    base = factories.VersionFactory(project=project, name="m1")
    factories.VersionFactory(project=project, name="m2", base=base)
    factories.VersionFactory()

    body = api.get("versions").json()["results"]

    assert [(row["name"], row["base"]) for row in body] == [("m1", None), ("m2", "m1")]
