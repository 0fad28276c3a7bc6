from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models import Annotation, Annotator, Assignment
from tests.factories import (
    AnnotationFactory,
    AssignmentFactory,
    GoldReferenceFactory,
    GuidelineFactory,
    PoolFactory,
    PredictionFactory,
    TaskFactory,
)

pytestmark = pytest.mark.django_db
WORK = "/work/shapes"


@pytest.fixture
def at_work(seat, project):
    """Somebody with a task on their screen: the client, their lease, and the form as it stands."""
    task = TaskFactory(project=project)
    user, client = seat()
    page = client.get(WORK)
    lease = Assignment.objects.get(annotator__user=user)
    form = {"task": task.pk, "lease": str(lease.token), "caption": "a red circle moves left"}
    return client, lease, form, page


def end(lease):
    Assignment.objects.filter(pk=lease.pk).update(expires_at=timezone.now() - timedelta(minutes=1))


def test_opening_the_workbench_takes_a_lease_and_starts_the_clock(at_work):
    _, lease, _, page = at_work
    assert page.status_code == 200
    assert lease.state == "leased"
    assert lease.opened_at is not None
    assert str(lease.token) in page.content.decode()


def test_coming_back_gives_the_same_lease(at_work):
    client, lease, _, _ = at_work
    assert str(lease.token) in client.get(WORK).content.decode()
    assert Assignment.objects.count() == 1


def test_a_caption_is_stored_with_its_time_and_the_next_clip_is_asked_for(at_work):
    client, lease, form, _ = at_work
    answer = client.post(WORK, form | {"seconds": "12.5"})
    assert answer.status_code == 302
    stored = Annotation.objects.get()
    assert (stored.text, stored.seconds) == ("a red circle moves left", 12.5)
    lease.refresh_from_db()
    assert lease.state == "submitted"
    assert "Caption saved" in client.get(answer.url).content.decode()


def test_without_a_script_the_portal_measures_the_time_itself(at_work):
    client, _, form, _ = at_work
    Assignment.objects.update(opened_at=timezone.now() - timedelta(seconds=40))
    client.post(WORK, form)
    assert 39 < Annotation.objects.get().seconds < 60


@pytest.mark.parametrize("blank", ["", "   \n", "\u200b\u2060", "\u202eoverride", "x" * 5001])
def test_a_caption_that_cannot_stand_comes_back_with_the_reason(at_work, blank):
    client, _, form, _ = at_work
    answer = client.post(WORK, form | {"caption": blank})
    assert answer.status_code == 400
    assert 'class="errors"' in answer.content.decode()
    assert not Annotation.objects.exists()


def test_a_text_whose_lease_ran_out_is_kept_and_can_be_sent_after_all(at_work):
    client, lease, form, _ = at_work
    end(lease)
    late = client.post(WORK, form)
    page = late.content.decode()
    assert late.status_code == 409
    assert "a red circle moves left</textarea>" in page
    assert "Take this clip again" in page
    resumed = client.post(f"{WORK}/resume/{form['task']}", {"text": form["caption"]}, follow=True)
    shown = resumed.content.decode()
    assert "Your unfinished text is back" in shown
    assert "a red circle moves left</textarea>" in shown
    lease.refresh_from_db()
    assert client.post(WORK, form | {"lease": str(lease.token)}).status_code == 302
    assert Annotation.objects.get().text == "a red circle moves left"


def test_a_late_text_is_given_back_even_when_somebody_else_took_the_last_place(at_work):
    client, lease, form, _ = at_work
    end(lease)
    task = lease.task
    Assignment.objects.filter(pk=lease.pk).update(state="expired", slot=1)
    task.n_wanted, task.n_taken = 1, 0
    task.save()
    theirs = AssignmentFactory(task=task)
    late = client.post(WORK, form)
    assert late.status_code == 409
    resumed = client.post(f"{WORK}/resume/{task.pk}", {"text": form["caption"]})
    page = resumed.content.decode()
    assert resumed.status_code == 409
    assert "taken the last place" in page
    assert "a red circle moves left</textarea>" in page
    theirs.refresh_from_db()
    assert theirs.state == "leased"


def test_a_second_submit_of_the_same_form_stores_nothing_more(at_work):
    client, _, form, _ = at_work
    client.post(WORK, form)
    again = client.post(WORK, form)
    assert again.status_code == 409
    assert Annotation.objects.count() == 1


def test_nobody_submits_under_anothers_lease(at_work, seat):
    _, lease, form, _ = at_work
    _, other = seat()
    assert other.post(WORK, form).status_code == 404
    for act in ("skip", "release", "heartbeat"):
        sent = {"lease": str(lease.token), "reason": "unplayable"}
        assert other.post(f"{WORK}/{act}", sent).status_code == 404
    other.post(f"{WORK}/draft", {"lease": str(lease.token), "text": "mine now"})
    lease.refresh_from_db()
    assert (lease.state, lease.draft) == ("leased", "")


def test_a_task_of_another_project_cannot_be_asked_for_by_its_number(seat, project):
    foreign = TaskFactory()
    _, client = seat()
    assert client.post(f"{WORK}/resume/{foreign.pk}", {"text": "x"}).status_code == 404
    assert not Assignment.objects.exists()


@pytest.mark.parametrize(
    "broken", [{"lease": "not-a-token"}, {"lease": ""}, {"task": "x"}, {"seconds": "-1"},
               {"seconds": "nan"}, {"seconds": "1e400"}],
)  # fmt: skip
def test_a_tampered_form_changes_nothing(at_work, broken):
    client, lease, form, _ = at_work
    assert client.post(WORK, form | broken).status_code == 400
    assert not Annotation.objects.exists()
    lease.refresh_from_db()
    assert lease.state == "leased"


def test_skipping_needs_a_reason_and_is_for_good(at_work):
    client, lease, _, _ = at_work
    client.post(f"{WORK}/skip", {"lease": str(lease.token), "reason": "boring"})
    lease.refresh_from_db()
    assert lease.state == "leased"
    client.post(f"{WORK}/skip", {"lease": str(lease.token), "reason": "nothing"})
    lease.refresh_from_db()
    assert (lease.state, lease.skip_reason) == ("skipped", "nothing")
    assert "Nothing to caption just now" in client.get(WORK).content.decode()


def test_giving_back_frees_the_place(at_work):
    client, lease, _, _ = at_work
    assert client.post(f"{WORK}/release", {"lease": str(lease.token)}).url == "/"
    lease.refresh_from_db()
    lease.task.refresh_from_db()
    assert lease.state == "released"
    assert lease.task.n_taken == 0


def test_a_heartbeat_extends_a_running_lease_and_not_one_that_ended(at_work):
    client, lease, _, _ = at_work
    Assignment.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    answer = client.post(f"{WORK}/heartbeat", {"lease": str(lease.token)})
    assert answer.json()["seconds_left"] > 1000
    end(lease)
    assert client.post(f"{WORK}/heartbeat", {"lease": str(lease.token)}).status_code == 409
    assert client.post(f"{WORK}/heartbeat", {"lease": "x"}).status_code == 400


def test_a_draft_is_there_when_one_comes_back(at_work):
    client, lease, _, _ = at_work
    client.post(f"{WORK}/draft", {"lease": str(lease.token), "text": "half a sent"})
    assert "half a sent</textarea>" in client.get(WORK).content.decode()


def test_the_models_words_are_shown_only_where_the_project_says_so(seat, project):
    prediction = PredictionFactory(project=project, caption="the model says so")
    TaskFactory(project=project, prediction=prediction, video=prediction.video)
    _, blind = seat()
    assert "the model says so" not in blind.get(WORK).content.decode()
    project.prediction_shown_to = "everyone"
    project.save()
    _, shown = seat()
    assert "the model says so" in shown.get(WORK).content.decode()


def test_the_workbench_shows_nothing_of_what_others_wrote(seat, project):
    task = TaskFactory(project=project)
    AnnotationFactory(task=task, text="canary words of another")
    Annotator.objects.update(name="Canary Name")
    _, client = seat()
    page = client.get(WORK).content.decode()
    assert "canary" not in page.lower()


def test_guidelines_are_shown_as_safe_markdown(seat, project):
    GuidelineFactory(project=project, number=1, text="old")
    GuidelineFactory(project=project, number=2, text="Say **what** moves.<script>alert(1)</script>")
    TaskFactory(project=project)
    page = seat()[1].get(WORK).content.decode()
    assert "<strong>what</strong>" in page
    assert "<script>alert" not in page
    assert "version 2" in page


def test_a_clip_without_a_file_says_so(seat, project):
    TaskFactory(project=project, video__state="registered")
    assert "No file has arrived for this clip yet" in seat()[1].get(WORK).content.decode()


def test_a_draft_full_of_markup_is_only_text(at_work):
    client, lease, _, _ = at_work
    payload = "</textarea><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    client.post(f"{WORK}/draft", {"lease": str(lease.token), "text": payload})
    page = client.get(WORK).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_somebody_paused_halfway_is_told_so(at_work):
    client, _, _, _ = at_work
    Annotator.objects.update(state="paused")
    assert "A manager has paused your work" in client.get(WORK).content.decode()


# --- the entrance exam ---------------------------------------------------------------------------
def exam_page(client, project, feedback, text):
    """Answer one clip of a two-clip exam; return the page that follows."""
    project.exam_size, project.exam_attempts, project.exam_feedback = 2, 1, feedback
    project.save()
    for _ in range(2):
        GoldReferenceFactory(task__project=project, task__n_wanted=9)
    url = f"/work/{project.slug}"
    assert "Attempt 1 of 1, 0 answered." in client.get(url).text
    lease = Assignment.objects.live().get()
    sent = {"task": lease.task_id, "lease": lease.token, "caption": text}
    return client.post(url, sent, follow=True).text


@pytest.mark.parametrize(
    ("feedback", "told", "untold"),
    [
        ("none", "Caption saved", "right so far"),
        ("verdict", "That was not right.", "a small red circle moves left"),
        ("answers", "Accepted are: “a small red circle moves left”.", "Caption saved"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_the_exam_tells_what_the_project_allows(seat, project, feedback, told, untold):
    page = exam_page(seat()[1], project, feedback, "people are cooking some rice")
    assert told in page
    assert untold not in page
    assert "Attempt 1 of 1, 1 answered." in page


@pytest.mark.django_db(transaction=True)
def test_whoever_failed_the_exam_is_told_what_to_do(seat, project):
    client = seat()[1]
    exam_page(client, project, "verdict", "people are cooking some rice")
    lease = Assignment.objects.live().get()
    sent = {"task": lease.task_id, "lease": lease.token, "caption": "no idea at all"}
    page = client.post(f"/work/{project.slug}", sent, follow=True).text
    assert "You have used every attempt of the entrance exam." in page


def test_the_next_clip_is_held_while_one_works_and_comes_after_the_caption(at_work, project):
    client, lease, form, _ = at_work
    TaskFactory(project=project)
    answer = client.post(f"{WORK}/reserve")
    assert answer.json() == {"clip": ""}  # its file has not come
    reserved = Assignment.objects.get(hold="reserved")
    assert (reserved.annotator, reserved.opened_at) == (lease.annotator, None)
    assert client.post(f"{WORK}/reserve").json() == {"clip": ""}
    assert Assignment.objects.count() == 2
    client.post(WORK, form)
    assert str(reserved.token) in client.get(WORK).content.decode()
    reserved.refresh_from_db()
    assert reserved.hold == "active"
    assert reserved.opened_at is not None


def test_a_daily_limit_is_told_in_place_of_a_clip(at_work, project):
    client, lease, form, _ = at_work
    TaskFactory(project=project)
    Annotator.objects.filter(pk=lease.annotator_id).update(daily_limit=1)
    client.post(WORK, form)
    assert "has done 1 today" in client.get(WORK).content.decode()


def test_who_lacks_the_language_of_what_waits_is_told_so(seat, project):
    TaskFactory(project=project, pool=1)
    PoolFactory(project=project, number=1, language="de")
    _, client = seat()
    client.get(WORK)  # brings the annotator into being
    assert "another language" in client.get(WORK).content.decode()
