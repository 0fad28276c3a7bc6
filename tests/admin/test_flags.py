"""What a manager sees of a flag, and what they may do about it."""

from django.urls import reverse

from portal.models import Annotator
from tests.admin.test_acts import do_one, fresh, said
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    FlagFactory,
    PredictionFactory,
    TaskFactory,
)


def page_of(client, flag):
    return client.get(reverse("admin:portal_flag_change", args=[flag.pk]))


def flagged(project):
    prediction = PredictionFactory(project=project, caption="a model's <b>words</b>")
    task = TaskFactory(project=project, video=prediction.video)
    person = AnnotatorFactory(project=project)
    own = AnnotationFactory(task=task, author=person, text="short", prediction_shown=prediction)
    AnnotationFactory(task=task, text="a long caption by somebody else")
    return FlagFactory(annotator=person, examples=[own.pk])


def test_a_flags_page_shows_examples_beside_the_others(client, project):
    page = page_of(client, flagged(project))
    for words in (
        "9 of 12 captions",
        "short and right",  # what else may explain it
        "a long caption by somebody else",
        "a model&#x27;s &lt;b&gt;words&lt;/b&gt;",
    ):
        assert words in page.text


def test_a_manager_confirms_with_a_remedy(client, project):
    flag = flagged(project)
    page = do_one(client, "confirm", flag, remedy="pause", reason="Ten black clips.")
    assert "Confirmed" in said(page)
    assert fresh(flag).state == "confirmed"
    assert Annotator.objects.get(pk=flag.annotator_id).state == "paused"
    assert "Confirm" not in [
        button["title"] for button in page_of(client, flag).context["actions_detail"]
    ]


def test_a_manager_dismisses_only_with_a_reason(client, project):
    flag = flagged(project)
    assert "This field is required" in do_one(client, "dismiss", flag, reason="").text
    assert fresh(flag).is_open
    do_one(client, "dismiss", flag, reason="Short and right.")
    assert fresh(flag).state == "dismissed"


def test_a_flag_is_never_edited_or_deleted(client, project):
    flag = flagged(project)
    url = reverse("admin:portal_flag_change", args=[flag.pk])
    assert client.post(url, {"state": "dismissed"}).status_code == 403
    assert client.post(reverse("admin:portal_flag_delete", args=[flag.pk])).status_code == 403
