import pytest

from portal.models import Consensus, Review
from portal.models.members import Role
from tests.factories import AnnotationFactory, AnnotatorFactory, TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def disputed(project):
    """A disputed task with two captions."""
    task = TaskFactory(project=project, state="disputed")
    AnnotationFactory(task=task, text="it moves left")
    AnnotationFactory(task=task, text="it moves right")
    return task


@pytest.fixture
def decide(seat, disputed):
    """Send one decision as an expert."""
    _, client = seat(Role.EXPERT)

    def send(**form):
        return client.post(f"/disputes/shapes/{disputed.pk}", {"reason": "looked twice"} | form)

    return send


def test_disputes_are_listed_for_experts_and_managers_only(seat, disputed):
    for role in (Role.EXPERT, Role.MANAGER):
        page = seat(role)[1].get("/disputes/shapes").content.decode()
        assert disputed.video.video_id in page
    for role in (Role.ANNOTATOR, Role.READER):
        client = seat(role)[1]
        assert client.get("/disputes/shapes").status_code == 403
        assert client.get(f"/disputes/shapes/{disputed.pk}").status_code == 403
        form = {"decision": "reject", "reason": "x"}
        assert client.post(f"/disputes/shapes/{disputed.pk}", form).status_code == 403
    assert not Review.objects.exists()


def test_the_expert_sees_every_caption_and_no_author(seat, disputed):
    page = seat(Role.EXPERT)[1].get(f"/disputes/shapes/{disputed.pk}").content.decode()
    for caption in disputed.annotations.all():
        assert caption.text in page
        assert caption.author.annotator_id not in page


def test_a_chosen_caption_stands(decide, disputed):
    chosen = disputed.annotations.get(text="it moves right")
    assert decide(decision="choose", annotation=chosen.pk).url == "/disputes/shapes"
    standing = Consensus.objects.standing().get(task=disputed)
    assert (standing.caption, standing.status) == ("it moves right", "decided")
    assert Review.objects.get().reason == "looked twice"


def test_a_written_caption_stands(decide, disputed):
    decide(decision="write", text="it moves up")
    assert Consensus.objects.standing().get(task=disputed).caption == "it moves up"


def test_asking_for_two_more_opens_two_places(decide, disputed):
    decide(decision="more")
    disputed.refresh_from_db()
    assert (disputed.state, disputed.n_wanted - disputed.n_taken) == ("open", 2)


def test_a_rejected_clip_has_no_caption(decide, disputed):
    decide(decision="reject")
    disputed.refresh_from_db()
    assert disputed.state == "rejected"
    assert Consensus.objects.standing().get(task=disputed).caption == ""


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "Choose what is to be done"),
        ({"decision": "sell"}, "Select a valid choice"),
        ({"decision": "choose"}, "Mark the caption that you choose"),
        ({"decision": "choose", "annotation": "999999"}, "has no caption 999999"),
        ({"decision": "write", "text": "  "}, "Write the caption that should stand"),
        ({"decision": "reject", "reason": ""}, "Say why, in a sentence"),
    ],
)
def test_an_incomplete_decision_is_shown_again_with_what_is_missing(decide, form, said):
    answer = decide(**form)
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not Review.objects.exists()


def test_who_captioned_a_clip_does_not_decide_it(seat, project, disputed):
    user, client = seat(Role.EXPERT)
    AnnotationFactory(task=disputed, author=AnnotatorFactory(project=project, user=user))
    page = client.get("/disputes/shapes").content.decode()
    assert disputed.video.video_id not in page
    assert "1 more is left out because you captioned it yourself" in page
    assert client.get(f"/disputes/shapes/{disputed.pk}").status_code == 404
    form = {"decision": "reject", "reason": "x"}
    assert client.post(f"/disputes/shapes/{disputed.pk}", form).status_code == 404


def test_a_task_that_is_not_disputed_cannot_be_decided(seat, project):
    task = TaskFactory(project=project)
    assert seat(Role.EXPERT)[1].get(f"/disputes/shapes/{task.pk}").status_code == 404
