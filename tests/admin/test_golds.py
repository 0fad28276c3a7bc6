"""Gold from the console: promoted with its answers shown first, or uploaded whole or not at all."""

import json

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from portal.models import Task
from tests.admin.test_acts import do_one, fresh, said
from tests.factories import AnnotationFactory, ConsensusFactory, ProjectFactory, TaskFactory

DOG = json.dumps({"video_id": "clip-1", "references": ["a dog runs"]})


def upload(client, project, *lines, **answers):
    file = SimpleUploadedFile("gold.jsonl", "\n".join(lines).encode())
    url = reverse("admin:portal_goldreference_add")
    return client.post(url, {"project": project.pk, "file": file} | answers, follow=True)


def test_an_upload_only_says_what_would_be_until_it_is_meant(client, project):
    page = upload(client, project, DOG, is_dry="on")
    assert "1 clips would be new as gold" in said(page)
    assert not Task.objects.exists()
    assert "1 clips new as gold" in said(upload(client, project, DOG))
    assert Task.objects.get().is_gold


def test_an_upload_with_a_bad_line_changes_nothing_and_names_it(client, project):
    page = upload(client, project, DOG, "nonsense")
    assert page.status_code == 400
    assert "Nothing was changed. Line 2:" in page.text
    assert not Task.objects.exists()


def test_nobody_uploads_into_a_foreign_project(client, project):
    page = upload(client, ProjectFactory(), DOG)
    assert page.status_code == 400
    assert not Task.objects.exists()


def test_a_promotion_shows_its_answers_first_and_takes_a_planted_caption(client, project):
    task = TaskFactory(project=project, state="settled")
    AnnotationFactory(task=task, text="a red dot is moving left")
    ConsensusFactory(task=task, caption="a red dot moves left")
    page = client.get(reverse("admin:portal_task_act", args=[task.pk, "gold"]))
    assert "Accepted: a red dot is moving left" in page.text
    do_one(client, "gold", task, references="", planted="a cat sleeps")
    task = fresh(task)
    assert task.is_gold
    assert task.references.count() == 2
    assert task.planted.text == "a cat sleeps"
