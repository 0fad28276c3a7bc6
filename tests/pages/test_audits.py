"""The audit's page: blind in its first step, blind to figures and people in both."""

import pytest
from django.utils import timezone

from portal.models import Review, ReviewLease, Task
from portal.models.members import Role
from portal.services import consensus
from tests.factories import PASSWORD, AnnotationFactory, AnnotatorFactory, VoteFactory

pytestmark = pytest.mark.django_db

CAPTION = "a red ball moves left"


@pytest.fixture(autouse=True)
def plain_words(settings) -> None:
    settings.ENCODER = "none"


@pytest.fixture
def drawn(project, playable_task):
    """A playable clip that people agreed on and the audit drew."""

    def make() -> Task:
        project.audit_share, project.threshold = 1.0, 0.0
        project.save()
        task = playable_task()
        for name in ("ada", "bob", "cem"):
            author = AnnotatorFactory(project=project, annotator_id=f"{name}-{task.pk}")
            AnnotationFactory(task=task, author=author, text=CAPTION)
        VoteFactory(annotation=task.annotations.first(), score=0.73, rationale="lovely words")
        consensus.settle(task_id=task.pk)
        return task

    return make


def test_the_caption_shows_only_once_ones_own_words_are_in(seat, drawn):
    task = drawn()
    expert, client = seat(Role.EXPERT)
    first = client.get("/audit/shapes").content.decode()
    assert CAPTION not in first
    assert "Write what you see" in first
    answer = client.post("/audit/shapes", {"task": task.pk, "words": "a ball rolls"})
    assert answer.status_code == 302
    second = client.get("/audit/shapes").content.decode()
    assert CAPTION in second
    assert "a ball rolls" in second
    for hidden in ("onfidence", "lovely words", "0.73", f"ada-{task.pk}", "greement"):
        assert hidden not in second.split("<main")[1], hidden
    assert ReviewLease.objects.get().reviewer == expert


def test_a_finding_is_kept_and_the_next_clip_shows(seat, drawn):
    task, other = drawn(), drawn()
    _, client = seat(Role.EXPERT)
    client.get("/audit/shapes")
    client.post("/audit/shapes", {"task": task.pk, "words": "a ball rolls"})
    form = {"task": task.pk, "finding": "refute", "reason": ""}
    refused = client.post("/audit/shapes", form)
    assert refused.status_code == 400
    assert "Say what is wrong with it" in refused.content.decode()
    client.post("/audit/shapes", form | {"reason": "It is a box."})
    assert Review.objects.get().reason == "It is a box."
    page = client.get("/audit/shapes").content.decode()
    assert f'value="{other.pk}"' in page
    assert "The clip goes to the experts" in page


def test_empty_words_and_no_finding_are_refused_beside_the_field(seat, drawn):
    task = drawn()
    _, client = seat(Role.EXPERT)
    client.get("/audit/shapes")
    assert client.post("/audit/shapes", {"task": task.pk, "words": " "}).status_code == 400
    client.post("/audit/shapes", {"task": task.pk, "words": "a ball"})
    answer = client.post("/audit/shapes", {"task": task.pk, "reason": "so"})
    assert answer.status_code == 400
    assert "right or wrong" in answer.content.decode()
    assert not Review.objects.exists()


def test_a_clip_that_is_put_off_is_free_for_others(seat, drawn):
    task = drawn()
    _, client = seat(Role.EXPERT)
    client.get("/audit/shapes")
    answer = client.post("/audit/shapes/later", {"task": task.pk})
    page = client.get(answer.url).content.decode()
    assert "what you left for later is still there" in page
    assert not ReviewLease.objects.exists()
    assert client.post("/audit/shapes/later", {"task": "x"}).status_code == 404


def test_audits_are_for_experts_and_managers_and_home_counts_them(seat, drawn):
    task = drawn()
    for role in (Role.ANNOTATOR, Role.READER):
        client = seat(role)[1]
        assert client.get("/audit/shapes").status_code == 403
        assert client.post("/audit/shapes", {"task": task.pk}).status_code == 403
        assert client.post("/audit/shapes/later", {"task": task.pk}).status_code == 403
        assert "Audit blind" not in client.get("/").content.decode()
    for role in (Role.EXPERT, Role.MANAGER):
        assert "Audit blind" in seat(role)[1].get("/").content.decode()


def test_what_may_come_to_an_expert_for_audit_is_shut_until_it_is_audited(seat, drawn):
    task = drawn()
    (_, expert), (_, manager) = seat(Role.EXPERT), seat(Role.MANAGER)
    address, outcomes = f"/tasks/{task.pk}", "/outcomes/shapes"
    assert expert.get(address).status_code == 404
    assert CAPTION not in expert.get(outcomes).content.decode()
    assert CAPTION in manager.get(outcomes).content.decode()
    manager.get("/audit/shapes")
    assert manager.get(address).status_code == 404
    task.audited_at = timezone.now()
    task.save()
    assert CAPTION in expert.get(address).content.decode()
    assert CAPTION in expert.get(outcomes).content.decode()


def test_another_projects_task_does_not_exist(seat, drawn):
    from tests.factories import TaskFactory

    _, client = seat(Role.EXPERT)
    foreign = TaskFactory(state="settled", is_audited=True)
    assert client.post("/audit/shapes", {"task": foreign.pk, "words": "x"}).status_code == 404


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scripts", [True, False])
def test_an_audit_by_keyboard_on_a_phone_with_and_without_scripts(
    open_page, seat, drawn, complaints, scripts
):
    drawn()
    expert, _ = seat(Role.EXPERT)
    page = open_page(
        expert.username,
        PASSWORD,
        viewport={"width": 390, "height": 800},
        java_script_enabled=scripts,
    )
    page.goto("/audit/shapes")
    page.get_by_label("What happens in the clip?").focus()
    page.keyboard.type("a square moves right")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Is the caption right?").wait_for()
    if scripts:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_label("It is right").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Keep and go on").press("Enter")
    page.get_by_role("heading", name="No clip waits for your audit").wait_for()
    assert Review.objects.get().decision == "uphold"
    assert complaints == []
