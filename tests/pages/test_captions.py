import pytest

from portal.models import Annotation
from tests.factories import AnnotationFactory, AnnotatorFactory, AssignmentFactory, TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(seat, project):
    """Somebody with one caption of their own: their client and the caption."""
    user, client = seat()
    author = AnnotatorFactory(project=project, user=user)
    return client, AnnotationFactory(task__project=project, author=author, text="a dog runs")


def test_ones_own_captions_are_listed_and_nobody_elses(mine, project):
    client, _ = mine
    AnnotationFactory(task__project=project, text="somebody else wrote this")
    page = client.get("/mine").content.decode()
    assert "a dog runs" in page
    assert "somebody else" not in page


def test_only_the_last_twenty_are_shown(mine, project):
    client, first = mine
    AnnotationFactory.create_batch(20, task__project=project, author=first.author, text="later")
    page = client.get("/mine").content.decode()
    assert page.count("later</bdi>") == 20
    assert "a dog runs" not in page


def test_a_correction_raises_the_number_and_keeps_the_earlier_wording(mine):
    client, caption = mine
    form = {"number": 1, "caption": "a dog runs to the left"}
    assert client.post(f"/captions/{caption.pk}/edit", form).url == "/mine"
    caption.refresh_from_db()
    assert (caption.text, caption.number) == ("a dog runs to the left", 2)
    assert [row.text for row in caption.revisions.all()] == ["a dog runs", "a dog runs to the left"]


def test_a_correction_of_an_older_wording_overwrites_nothing(mine):
    client, caption = mine
    client.post(f"/captions/{caption.pk}/edit", {"number": 1, "caption": "second"})
    stale = client.post(f"/captions/{caption.pk}/edit", {"number": 1, "caption": "my long text"})
    caption.refresh_from_db()
    assert stale.status_code == 400
    assert caption.text == "second"
    assert "my long text</textarea>" in stale.content.decode()


def test_a_blank_correction_is_refused_beside_the_field(mine):
    client, caption = mine
    answer = client.post(f"/captions/{caption.pk}/edit", {"number": 1, "caption": " \u200b"})
    assert answer.status_code == 400
    assert "no visible text" in answer.content.decode()


def test_a_withdrawn_caption_frees_its_place(mine):
    client, caption = mine
    assert client.post(f"/captions/{caption.pk}/withdraw").url == "/mine"
    caption.refresh_from_db()
    caption.task.refresh_from_db()
    assert caption.state == "withdrawn"
    assert caption.task.n_taken == 0
    assert "Withdrawn" in client.get("/mine").content.decode()


def test_withdrawing_takes_a_post(mine):
    client, caption = mine
    assert client.get(f"/captions/{caption.pk}/withdraw").status_code == 405


def test_anothers_caption_does_not_exist_here(mine, seat):
    _, caption = mine
    _, other = seat()
    path = f"/captions/{caption.pk}"
    assert other.get(f"{path}/edit").status_code == 404
    assert other.post(f"{path}/edit", {"number": 1, "caption": "x"}).status_code == 404
    assert other.post(f"{path}/withdraw").status_code == 404
    assert Annotation.objects.get().text == "a dog runs"


def test_what_has_settled_stays_as_it_is(mine):
    client, caption = mine
    caption.task.state = "settled"
    caption.task.save()
    assert "Correct" not in client.get("/mine").content.decode()
    assert client.get(f"/captions/{caption.pk}/edit").url == "/mine"
    client.post(f"/captions/{caption.pk}/edit", {"number": 1, "caption": "too late"})
    client.post(f"/captions/{caption.pk}/withdraw")
    caption.refresh_from_db()
    assert (caption.text, caption.state) == ("a dog runs", "standing")


def test_a_check_clip_looks_like_any_closed_one(mine, project):
    client, caption = mine
    gold = TaskFactory(project=project, is_gold=True)
    AnnotationFactory(task=gold, author=caption.author, text="a gold answer")
    page = client.get("/mine").content.decode()
    assert "gold" not in page.replace("a gold answer", "").lower()
    assert page.count("Closed") == 1


def test_a_lease_alone_is_no_caption(seat, project):
    user, client = seat()
    AssignmentFactory(task__project=project, annotator=AnnotatorFactory(project=project, user=user))
    assert "You have written no caption yet" in client.get("/mine").content.decode()


def test_the_list_takes_as_many_queries_for_twenty_as_for_one(
    mine, project, django_assert_num_queries
):
    client, caption = mine
    client.get("/mine")
    with django_assert_num_queries(4):
        client.get("/mine")
    AnnotationFactory.create_batch(19, task__project=project, author=caption.author)
    with django_assert_num_queries(4):
        client.get("/mine")
