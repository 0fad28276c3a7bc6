from datetime import timedelta

import pytest

from portal.models import Consensus, Review
from portal.models.members import Role
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    ConsensusFactory,
    ReviewFactory,
    TaskFactory,
)

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


def test_a_dispute_that_another_expert_has_open_says_so_and_shows_what_else_waits(
    seat, project, disputed
):
    _, first = seat(Role.EXPERT, first_name="Erna", last_name="Expert")
    _, second = seat(Role.EXPERT)
    other = TaskFactory(project=project, state="disputed")
    assert first.get(f"/disputes/shapes/{disputed.pk}").status_code == 200
    form = {"decision": "reject", "reason": "x"}
    for answer in (
        second.get(f"/disputes/shapes/{disputed.pk}", follow=True),
        second.post(f"/disputes/shapes/{disputed.pk}", form, follow=True),
    ):
        page = answer.content.decode()
        assert f"Erna Expert has clip {disputed.video.video_id} open" in page
        assert f"/disputes/shapes/{other.pk}" in page
        assert f"/disputes/shapes/{disputed.pk}" not in page
    assert "With another expert just now" in second.get("/disputes/shapes").content.decode()
    assert 'Settle disputes <span class="count">1<' in second.get("/").content.decode()
    first.post(f"/disputes/shapes/{disputed.pk}/leave")
    assert second.get(f"/disputes/shapes/{disputed.pk}").status_code == 200


def test_who_comes_second_to_a_decided_dispute_is_told_so(seat, disputed):
    _, first = seat(Role.EXPERT)
    _, second = seat(Role.EXPERT)
    form = {"decision": "reject", "reason": "Black."}
    first.post(f"/disputes/shapes/{disputed.pk}", form)
    page = second.post(f"/disputes/shapes/{disputed.pk}", form, follow=True).content.decode()
    assert "has been decided meanwhile" in page
    assert Review.objects.count() == 1


def test_the_most_pressing_dispute_comes_first(seat, project):
    late, soon = TaskFactory.create_batch(2, project=project, state="disputed")
    soon.virtual_due = late.virtual_due - timedelta(days=1)
    soon.save()
    page = seat(Role.EXPERT)[1].get("/disputes/shapes").content.decode()
    assert page.index(soon.video.video_id) < page.index(late.video.video_id)


def test_an_auditors_words_lie_ready_for_whoever_decides(seat, disputed):
    ReviewFactory(
        task=disputed, decision="refute", is_audit=True, text="a box glides", reason="No ball.",
        consensus=ConsensusFactory(task=disputed, status="disputed"),
    )  # fmt: skip
    page = seat(Role.EXPERT)[1].get(f"/disputes/shapes/{disputed.pk}").content.decode()
    assert "No ball." in page
    assert page.count("a box glides") == 2  # said, and in the field for writing
