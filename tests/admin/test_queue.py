"""The queue in the console: what is next and why, values by filter, what doubts were worth."""

import re

import pytest
from django.urls import reverse

from portal.models import AuditEntry, Task
from portal.services import tasks
from tests.admin.conftest import signed_in
from tests.factories import (
    ConsensusFactory,
    PredictionFactory,
    TaskFactory,
    UserFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db
PAGE = "/admin/portal/task/queue/"


def settled(project, n, *, is_control=False):
    """Settle n tasks whose model was as wrong as it was unsure."""
    for i in range(n):
        video = VideoFactory(project=project)
        prediction = PredictionFactory(project=project, video=video, caption="a dog runs left")
        caption = "a dog runs left" if i % 2 else "two cats sleep there"
        task = TaskFactory(
            project=project, video=video, prediction=prediction, state="settled",
            uncertainty=0.2 if i % 2 else 0.8, is_control=is_control,
        )  # fmt: skip
        ConsensusFactory(task=task, caption=caption)


def test_the_page_names_what_is_next_with_its_reasons_and_no_other_projects(client, mine, foreign):
    project = mine["project"]
    task, _ = tasks.open_one(project=project, video_id="soon", uncertainty=0.9)
    tasks.set_value(task_id=task.pk, business_value=4, due_at=None, actor="user:m")
    page = client.get(PAGE).content.decode()
    assert "less sure of it than of 90%" in page
    assert "A manager set its value to 4" in page
    assert page.index("soon") < page.index(foreign_free(page))
    assert foreign["video"].video_id not in page
    shown = client.get(f"/admin/portal/task/{task.pk}/change/").content.decode()
    assert "Uncertainty 0.90 × weight 0.7." in shown
    assert "A manager set its value to 4." in shown


def foreign_free(page):
    """Where the section after the table begins."""
    return re.search("What counts", page).group()


def test_only_managers_see_it(project):
    assert signed_in(UserFactory()).get(PAGE).status_code in (302, 403)


def test_doubts_are_drawn_once_there_are_enough_and_what_choosing_saves_is_said(client, project):
    settled(project, 12)
    few = client.get(PAGE).content.decode()
    assert "Drawn from 200 consensuses on; there are 12." in few
    settled(project, 190)
    settled(project, 12, is_control=True)
    page = client.get(PAGE).content.decode()
    assert "chart-line" in page
    assert "214 consensuses" in page
    assert "times as much to correct" in page


def test_the_page_asks_as_much_of_the_database_for_one_task_as_for_twenty(
    client, project, django_assert_num_queries
):
    TaskFactory(project=project)
    client.get(PAGE)
    with django_assert_num_queries(6) as one:
        client.get(PAGE)
    for _ in range(25):
        TaskFactory(project=project)
    with django_assert_num_queries(len(one)):
        client.get(PAGE)


def test_values_are_set_for_all_that_a_filter_finds_and_the_page_says_how_many(client, project):
    wanted = [TaskFactory(project=project) for _ in range(30)]
    TaskFactory(project=project, state="settled")
    answer = client.post(
        reverse("admin:portal_task_changelist"),
        {
            "action": "value", "index": "0", "select_across": "1", "_asked": "1",
            "_selected_action": [wanted[0].pk], "business_value": "4", "due_at": "",
        },
        follow=True,
    )  # fmt: skip
    assert "30 tasks given their value. 1 are not open" in answer.content.decode()
    assert set(Task.objects.open().values_list("business_value", flat=True)) == {4.0}
    assert AuditEntry.objects.get(action="tasks.valued").details["n"] == 30


def test_changed_weights_owe_the_open_tasks_a_new_place(client, project):
    form = client.get(f"/admin/portal/project/{project.pk}/change/").context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    data = {
        name: "" if value is None else value for name, value in data.items() if value is not False
    }
    client.post(f"/admin/portal/project/{project.pk}/change/", data | {"business_weight": "0.3"})
    project.refresh_from_db()
    assert project.business_weight == 0.3
    assert project.repricing_from == 0
