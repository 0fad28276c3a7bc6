"""What managers do from the console does what it says, and twice is harmless."""

import re

import pytest
from django.urls import reverse

from portal.models import (
    Annotator,
    AuditEntry,
    Delivery,
    Endpoint,
    Evaluation,
    Export,
    GoldReference,
    Guideline,
    Invitation,
    Membership,
    Project,
    RetrainJob,
    ServiceToken,
    Task,
    Video,
)
from portal.models.members import Role
from portal.models.tokens import digest
from tests.admin.conftest import signed_in
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    AssignmentFactory,
    ConsensusFactory,
    DeliveryFactory,
    EndpointFactory,
    EvaluationFactory,
    ExportFactory,
    JobFactory,
    MembershipFactory,
    ProjectFactory,
    TaskFactory,
    TokenFactory,
    VersionFactory,
    VideoFactory,
)


def do(client, act, *rows, **answers):
    """Select rows in their list and do an act to them; return the page with its message."""
    url = reverse(f"admin:portal_{rows[0]._meta.model_name}_changelist")
    chosen = {"action": act, "_selected_action": [row.pk for row in rows]}
    page = client.post(url, chosen, follow=True)
    if 'name="_asked"' in page.text:
        page = client.post(url, chosen | {"_asked": "1"} | answers, follow=True)
    return page


def do_one(client, act, row, **answers):
    """Press the button of one row's page and answer what it asks."""
    url = reverse(f"admin:portal_{row._meta.model_name}_act", args=[row.pk, act])
    assert client.get(url).status_code == 200
    return client.post(url, answers, follow=True)


def said(page) -> str:
    return " ".join(str(message) for message in page.context["messages"])


def fresh(row):
    return type(row)._default_manager.get(pk=row.pk)


@pytest.fixture
def captioned(project):
    """A task with three captions that say the same."""
    task = TaskFactory(project=project)
    for _ in range(3):
        AnnotationFactory(task=task, text="a red square moves left")
    task.refresh_from_db()
    return task


def test_settling_weighs_what_is_there_once(client, captioned):
    assert "1 task settled." in said(do(client, "settle", captioned))
    assert fresh(captioned).state == "settled"
    assert "0 tasks settled." in said(do(client, "settle", captioned))


def test_finalising_lets_the_leading_caption_stand(client, project):
    task = TaskFactory(project=project)
    AnnotationFactory(task=task, text="a red square moves left")
    assert "1 task finalised." in said(do(client, "finalise", task))
    consensus = task.consensuses.get(is_standing=True)
    assert (consensus.status, consensus.caption) == ("finalised", "a red square moves left")
    do(client, "finalise", task)
    assert task.consensuses.count() == 1


def test_a_task_without_captions_is_not_finalised(client, project):
    page = do_one(client, "finalise", TaskFactory(project=project))
    assert "no captions" in said(page)


def test_escalating_hands_open_tasks_to_experts(client, project):
    task, closed = TaskFactory(project=project), TaskFactory(project=project, state="settled")
    assert "1 task escalated." in said(do(client, "escalate", task, closed))
    assert (fresh(task).state, fresh(closed).state) == ("disputed", "settled")


def test_parking_asks_for_a_reason_and_asking_again_takes_it_back(client, project):
    task = TaskFactory(project=project)
    page = do(client, "park", task)
    assert fresh(task).state == "open"
    assert page.status_code == 400
    do(client, "park", task, reason="unsafe")
    assert (fresh(task).state, fresh(task).park_reason) == ("parked", "unsafe")
    do(client, "unpark", task)
    assert fresh(task).state == "open"


def test_gold_takes_the_final_consensus_or_the_answers_given(client, project):
    settled = ConsensusFactory(task__project=project).task
    written = TaskFactory(project=project)
    do(client, "gold", settled)
    do_one(client, "gold", written, references="a dog runs\na hound runs\n")
    assert [row.text for row in GoldReference.objects.filter(task=settled)] == [
        "a blue square moves right"
    ]
    assert GoldReference.objects.filter(task=written).count() == 2
    assert fresh(settled).is_gold


def test_a_value_moves_a_task_in_the_queue(client, project):
    task = TaskFactory(project=project)
    do(client, "value", task, business_value="1", due_at="")
    before = fresh(task).virtual_due
    do(client, "value", task, business_value="4", due_at="")
    assert fresh(task).business_value == 4.0
    assert fresh(task).virtual_due < before
    refused = do_one(client, "value", task, business_value="99")
    assert refused.status_code == 400
    assert fresh(task).business_value == 4.0


@pytest.mark.parametrize(
    ("act", "state"), [("pause", "paused"), ("quarantine", "quarantined"), ("resume", "active")]
)
def test_annotators_are_paused_quarantined_and_resumed(client, project, act, state):
    annotator = AnnotatorFactory(project=project, state="active" if act != "resume" else "paused")
    assert "1 annotator" in said(do(client, act, annotator))
    assert fresh(annotator).state == state
    assert "0 annotators" in said(do(client, act, annotator))
    audit = AuditEntry.objects.get(object_type="annotator", object_id=str(annotator.pk))
    assert audit.actor == "user:mona"


def test_taking_a_lease_away_frees_its_slot(client, project):
    lease = AssignmentFactory(task__project=project)
    do(client, "revoke", lease)
    assert (fresh(lease).state, fresh(lease.task).n_taken) == ("released", 0)
    do(client, "revoke", lease)
    assert fresh(lease.task).n_taken == 0


def test_auto_assigning_shows_its_plan_and_then_does_it(client, project):
    AnnotatorFactory(project=project, name="Ada")
    task = TaskFactory(project=project)
    url = reverse("admin:portal_project_act", args=[project.pk, "assign"])
    assert f"Ada → Task {task.pk}" in client.get(url).text
    assert fresh(task).n_taken == 0
    assert "1 tasks given to 1 people" in said(client.post(url, {"capacity": 10}, follow=True))
    assert fresh(task).n_taken == 1


def test_a_retrain_job_takes_what_no_batch_has_used(client, project):
    version = VersionFactory(project=project)
    task = ConsensusFactory(task__project=project).task
    answers = {"version": version.pk, "mini_batch_id": "by-hand", "most": 10}
    do_one(client, "retrain", project, **answers)
    job = RetrainJob.objects.get()
    assert [item.task_id for item in job.batch.items.all()] == [task.pk]
    assert job.requested_by.username == "mona"
    again = do_one(client, "retrain", project, **answers)
    assert again.status_code == 400
    assert RetrainJob.objects.count() == 1


def test_a_retrain_job_cannot_name_a_foreign_version(client, project):
    ConsensusFactory(task__project=project)
    foreign = VersionFactory(project=ProjectFactory())
    page = do_one(client, "retrain", project, version=foreign.pk, mini_batch_id="x", most=1)
    assert page.status_code == 400
    assert not RetrainJob.objects.exists()


def test_pausing_a_project_is_audited(client, project):
    do(client, "pause", project)
    assert fresh(project).is_paused
    do(client, "resume", project)
    assert not fresh(project).is_paused
    changes = AuditEntry.objects.filter(action="project.changed").order_by("pk")
    assert [row.details["is_paused"] for row in changes] == [[False, True], [True, False]]


def test_refitting_is_handed_to_the_worker(client, project):
    from django_tasks_db.models import DBTaskResult

    do(client, "refit", project)
    assert DBTaskResult.objects.get().task_path.endswith("refit_project")


def test_cancelling_a_job_ends_it(client, project):
    job = JobFactory(project=project, state="running")
    do(client, "cancel", job)
    assert fresh(job).state == "cancelled"
    do(client, "cancel", job)
    assert fresh(job).state == "cancelled"


def test_promoting_makes_the_retrained_version_current(client, project):
    evaluation = EvaluationFactory(project=project, verdict="promote")
    do(client, "promote", evaluation)
    assert fresh(evaluation.retrained).state == "current"
    assert "0 evaluations promoted." in said(do(client, "promote", evaluation))


def test_a_manager_rejects_with_a_reason(client, project):
    evaluation = EvaluationFactory(project=project, verdict="promote")
    do_one(client, "reject", evaluation, reason="It names no colours.")
    evaluation.refresh_from_db()
    assert evaluation.rejected_at is not None
    assert evaluation.decision_reason == "It names no colours."
    assert evaluation.decided_by.startswith("user:")


def test_a_rejected_version_is_not_promoted(client, project):
    evaluation = EvaluationFactory(project=project, verdict="reject")
    do_one(client, "promote", evaluation)
    assert Evaluation.objects.get().promoted_at is None


def test_redelivering_sends_what_was_given_up(client, project):
    delivery = DeliveryFactory(endpoint__project=project, state="exhausted", n_attempts=9)
    assert "1 delivery on their way again." in said(do(client, "redeliver", delivery))
    assert fresh(delivery).state == "pending"
    do(client, "redeliver", delivery)
    assert Delivery.objects.count() == 1


def test_endpoints_are_pinged_switched_and_removed(client, project):
    endpoint = EndpointFactory(project=project)
    do(client, "ping", endpoint)
    assert Delivery.objects.filter(event__type="ping", endpoint=endpoint).count() == 1
    do(client, "deactivate", endpoint)
    assert not fresh(endpoint).is_active
    do(client, "activate", endpoint)
    assert fresh(endpoint).is_active
    do_one(client, "events", endpoint, events=["ping"])
    assert fresh(endpoint).events == ["ping"]
    do_one(client, "remove", endpoint)
    assert not Endpoint.objects.exists()


def test_a_new_secret_is_shown_once(client, project):
    endpoint = EndpointFactory(project=project, secret="")
    page = do_one(client, "rotate", endpoint)
    secret = re.search(r"whsec_[A-Za-z0-9+/=_-]+", page.text).group()
    change = client.get(reverse("admin:portal_endpoint_change", args=[endpoint.pk]))
    assert secret not in change.text
    assert fresh(endpoint).secret not in change.text


def test_an_endpoint_is_added_and_its_secret_shown(client, project):
    answers = {"project": project.pk, "url": "https://hooks.example.com/x", "events": []}
    page = client.post(reverse("admin:portal_endpoint_add"), answers)
    assert "whsec_" in page.text
    assert Endpoint.objects.get().url == "https://hooks.example.com/x"


def test_an_address_that_will_never_be_called_is_refused(client, project):
    answers = {"project": project.pk, "url": "http://127.0.0.1:1/x"}
    page = client.post(reverse("admin:portal_endpoint_add"), answers)
    assert page.status_code == 400
    assert "OUTBOUND_ALLOW" in page.text
    assert not Endpoint.objects.exists()


def test_a_token_is_shown_once_and_can_be_revoked(client, project):
    answers = {"project": project.pk, "name": "trainer", "scopes": ["read", "retrain"]}
    page = client.post(reverse("admin:portal_servicetoken_add"), answers)
    secret = re.search(r"lp_[\w-]+", page.text).group()
    token = ServiceToken.objects.valid(secret)
    assert token.scopes == ["read", "retrain"]
    for shown in ("changelist", "change"):
        args = [token.pk] if shown == "change" else []
        text = client.get(reverse(f"admin:portal_servicetoken_{shown}", args=args)).text
        assert secret not in text
        assert token.token_hash not in text
    do(client, "revoke", token)
    assert ServiceToken.objects.valid(secret) is None


def test_people_are_invited_by_a_link(client, project):
    for name in ("invitation", "membership"):
        answers = {"project": project.pk, "role": "expert", "note": "Chen"}
        page = client.post(reverse(f"admin:portal_{name}_add"), answers)
        secret = re.search(r"/join/([\w-]+)", page.text).group(1)
        assert Invitation.objects.get(token_hash=digest(secret)).role == "expert"


def test_nothing_is_added_to_a_foreign_project(client, project):
    foreign = ProjectFactory()
    for name, answers in (
        ("invitation", {"role": "manager"}),
        ("servicetoken", {"name": "x", "scopes": ["read"]}),
        ("endpoint", {"url": "https://hooks.example.com/x"}),
        ("export", {"name": "x"}),
        ("guideline", {"text": "x"}),
    ):
        page = client.post(reverse(f"admin:portal_{name}_add"), answers | {"project": foreign.pk})
        assert page.status_code == 400, name
    assert not Invitation.objects.exists()
    assert not ServiceToken.objects.exists()
    assert not Endpoint.objects.exists()
    assert not Export.objects.exists()
    assert not Guideline.objects.exists()


def test_an_unused_invitation_can_be_taken_back_and_a_used_one_not(client, project, manager):
    url = "admin:portal_invitation_delete"
    unused = Invitation.objects.create(project=project, role="reader", token_hash="a" * 64)
    used = Invitation.objects.create(
        project=project, role="reader", token_hash="b" * 64, accepted_at="2026-01-01T00:00Z"
    )
    assert client.post(reverse(url, args=[unused.pk]), {"post": "yes"}).status_code == 302
    assert client.post(reverse(url, args=[used.pk]), {"post": "yes"}).status_code == 403
    assert list(Invitation.objects.all()) == [used]
    assert AuditEntry.objects.filter(action="invitation.deleted").count() == 1


def test_a_membership_ends_but_never_the_last_manager(client, project, manager):
    annotator = MembershipFactory(project=project)
    token = TokenFactory(project=project, created_by=annotator.user)
    do(client, "remove", annotator)
    assert not fresh(annotator).is_active
    assert fresh(token).revoked_at is not None
    last = Membership.objects.get(user=manager)
    assert "last manager" in said(do(client, "remove", last))
    assert fresh(last).is_active


def test_a_role_is_changed_but_never_the_last_manager_s(client, project, manager):
    last, other = Membership.objects.get(user=manager), MembershipFactory(project=project)
    url = "admin:portal_membership_change"
    client.post(reverse(url, args=[other.pk]), {"role": "manager"})
    assert fresh(other.user).is_staff
    client.post(reverse(url, args=[other.pk]), {"role": "expert"})
    assert fresh(other).role == Role.EXPERT
    assert not fresh(other.user).is_staff
    page = client.post(reverse(url, args=[last.pk]), {"role": "reader"}, follow=True)
    assert "last manager" in said(page)
    assert fresh(last).role == Role.MANAGER


def test_a_video_is_erased_with_a_report(client, project):
    caption = AnnotationFactory(task__project=project, text="something private")
    page = do_one(client, "erase", caption.task.video)
    assert "1 tasks are closed, 1 captions" in page.text
    assert fresh(caption).text == ""
    assert Video.objects.get(pk=caption.task.video_id).state == "erased"


def test_a_failed_video_is_tried_again(client, project):
    video = VideoFactory(project=project, state="failed")
    do(client, "retry", video)
    assert fresh(video).state == "registered"


def test_an_export_is_requested_and_downloaded_by_a_link(client, project):
    client.post(reverse("admin:portal_export_add"), {"project": project.pk, "name": "all"})
    assert Export.objects.get().requested_by.username == "mona"
    done = ExportFactory(project=project, state="ready", file_key="x.jsonl", sha256="0" * 64)
    page = client.get(reverse("admin:portal_export_changelist"))
    assert f"/api/v1/exports/{done.uid}/download?expires=" in page.text


def test_guidelines_are_published_as_a_new_version(client, project):
    for text in ("Say what moves.", "Say what moves, and where to."):
        client.post(reverse("admin:portal_guideline_add"), {"project": project.pk, "text": text})
    assert Guideline.objects.newest_of(project.pk).number == 2


def test_a_superuser_makes_projects_and_a_manager_does_not(client, superuser):
    answers = {"name": "New", "slug": "new", "language": "en", "is_mine": "on"}
    url = reverse("admin:portal_project_add")
    assert client.post(url, answers).status_code == 403
    signed_in(superuser).post(url, answers)
    assert Membership.objects.get(user=superuser).project == Project.objects.get(slug="new")


def test_redundancy_that_open_tasks_exceed_is_refused_in_words(client, project):
    TaskFactory(project=project, n_taken=4, n_wanted=5)
    url = reverse("admin:portal_project_change", args=[project.pk])
    form = client.get(url).context["adminform"].form
    values = {
        name: value
        for name, value in form.initial.items()
        if value not in (None, "") and value is not False
    }
    page = client.post(url, values | {"max_captions": 3}, follow=True)
    assert "have more than 3 captions" in said(page)
    assert fresh(project).max_captions == 5
    client.post(url, values | {"threshold": "0.8"})
    assert fresh(project).threshold == 0.8


def test_a_selection_with_a_foreign_row_is_refused_whole(client, project):
    mine, foreign = TaskFactory(project=project), TaskFactory()
    assert do(client, "escalate", mine, foreign).status_code == 404
    assert fresh(mine).state == fresh(foreign).state == "open"


def test_a_foreign_row_cannot_be_acted_on(client, project):
    foreign = TaskFactory()
    url = reverse("admin:portal_task_act", args=[foreign.pk, "escalate"])
    assert client.get(url).status_code == 404
    assert client.post(url).status_code == 404
    assert fresh(foreign).state == "open"


@pytest.mark.parametrize("selected", ["abc", "-1", "9" * 40, "1 OR 1=1"])
def test_a_forged_selection_is_refused(client, project, selected):
    TaskFactory(project=project)
    url = reverse("admin:portal_task_changelist")
    page = client.post(url, {"action": "escalate", "_selected_action": selected})
    assert page.status_code == 404
    assert not Task.objects.filter(state="disputed").exists()


def test_a_large_selection_goes_on_where_it_stopped(client, project, monkeypatch):
    monkeypatch.setattr("portal.admin.runs.MOST_ROWS", 2)
    rows = [AnnotatorFactory(project=project) for _ in range(5)]
    url = reverse("admin:portal_annotator_changelist")
    everybody = {"action": "pause", "select_across": "1", "_selected_action": [rows[0].pk]}
    sentences = [said(client.post(url, everybody, follow=True)) for _ in range(3)]
    assert sentences == [
        "2 annotators paused. 3 remain; do it again to go on.",
        "2 annotators paused. 1 remain; do it again to go on.",
        "1 annotator paused.",
    ]
    assert not Annotator.objects.exclude(state="paused").exists()


def test_the_last_superuser_stays_one(superuser):
    client, url = signed_in(superuser), reverse("admin:portal_user_change", args=[superuser.pk])
    assert "last superuser" in said(client.post(url, {"first_name": "R"}, follow=True))
    assert fresh(superuser).is_superuser
    assert fresh(superuser).is_active


def test_lists_name_what_their_button_adds(client, project):
    assert "Invite somebody" in client.get(reverse("admin:portal_membership_changelist")).text


def test_the_search_of_lists_refuses_what_is_no_page(client, project):
    url = reverse("admin:search")
    assert "Tasks" in client.get(url, {"s": "tasks"}).text
    assert client.get(url, {"s": "tasks", "page": "x"}).status_code == 404
    assert client.get(url, {"s": "tasks", "page": "99"}).status_code == 404
    assert client.get(url, {"s": "x" * 10_000}).status_code == 404


def test_every_act_on_a_row_is_on_record_with_who_did_it(client, project):
    endpoint, video = EndpointFactory(project=project), VideoFactory(project=project)
    Video.objects.filter(pk=video.pk).update(state="failed")
    task = TaskFactory(project=project)
    annotator, lease = AnnotatorFactory(project=project), AssignmentFactory(task__project=project)
    delivery = DeliveryFactory(endpoint=endpoint, state="exhausted")
    for act, row in (
        ("ping", endpoint), ("retry", video), ("refit", project), ("redeliver", delivery),
        ("escalate", task), ("quarantine", annotator), ("revoke", lease), ("pause", project),
    ):  # fmt: skip
        before = AuditEntry.objects.count()
        do(client, act, row)
        assert AuditEntry.objects.count() == before + 1, act
        newest = AuditEntry.objects.first()
        assert (newest.actor, newest.project) == ("user:mona", project), act
