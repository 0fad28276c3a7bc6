"""The page of blind comparisons, and the evaluation page whole, also in a browser."""

import pytest

from portal.models import Preference, Task
from portal.models.members import Role
from portal.services import evaluations
from tests.factories import (
    PASSWORD,
    ConsensusFactory,
    EvaluationFactory,
    EvaluationItemFactory,
    PredictionFactory,
    VersionFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db

SHAPES = ["circle", "square", "triangle", "star", "ring"]
WAYS = ["left", "right", "up", "down", "away", "back", "around"]


@pytest.fixture
def evaluation(project):
    return EvaluationFactory(project=project, verdict="inconclusive", retrained__name="secret-v2")


def test_people_choose_between_two_captions_without_knowing_whose_they_are(seat, evaluation):
    item = EvaluationItemFactory(evaluation=evaluation)
    user, client = seat()
    page = client.get("/compare/shapes").content.decode()
    assert item.original.caption in page
    assert item.retrained.caption in page
    assert "secret-v2" not in page
    answer = client.post("/compare/shapes", {"pair": item.pk, "choice": "both"}, follow=True)
    assert "Nothing to compare" in answer.content.decode()
    vote = Preference.objects.get()
    assert (vote.voter.user, vote.choice) == (user, "both")


def test_the_home_page_says_that_pairs_wait(seat, evaluation):
    EvaluationItemFactory(evaluation=evaluation)
    _, client = seat()
    client.get("/compare/shapes")  # from now on they are an annotator here
    assert "Compare captions" in client.get("/").content.decode()


@pytest.mark.parametrize("sent", [{}, {"pair": "x", "choice": "left"}, {"choice": "maybe"}])
def test_a_choice_that_cannot_be_is_refused_in_words(seat, evaluation, sent):
    item = EvaluationItemFactory(evaluation=evaluation)
    _, client = seat()
    answer = client.post("/compare/shapes", {"pair": item.pk} | sent)
    assert answer.status_code in (302, 404)
    assert not Preference.objects.exists()


def test_readers_do_not_vote_and_a_project_that_does_not_ask_has_no_tab(seat, evaluation):
    assert seat(Role.READER)[1].get("/compare/shapes").status_code == 403
    _, client = seat()
    assert "/compare/shapes" in client.get("/outcomes/shapes").content.decode()
    evaluation.project.asks_preferences = False
    evaluation.project.save()
    assert "/compare/shapes" not in client.get("/outcomes/shapes").content.decode()
    assert "does not ask" in client.get("/compare/shapes").content.decode()


# --- the evaluation page ------------------------------------------------------------------------


@pytest.fixture
def compared(project, settings, playable_task):
    """A real comparison of two models on 40 held-out clips, one of them playable."""
    settings.ENCODER = "none"
    old = VersionFactory(project=project, name="captioner-3")
    new = VersionFactory(project=project, name="captioner-4")
    for n in range(40):
        truth = f"a {SHAPES[n % 5]} moves {WAYS[n % 7]} and then stops near the edge"
        video = VideoFactory(project=project, is_evaluation=True, tags=[SHAPES[n % 5]])
        fields = {"task__video": video}
        if n == 0:
            task = playable_task(is_evaluation=True, state="settled")
            fields = {"task": task}
        task = ConsensusFactory(
            **({"task__project": project} if n else {}), **fields, caption=truth,
            candidates=[{"caption": truth}],
        ).task  # fmt: skip
        Task.objects.filter(pk=task.pk).update(is_evaluation=True)
        wrong = f"a {SHAPES[(n + 1) % 5]} moves {WAYS[(n + 3) % 7]}"
        for version, is_right in ((old, n % 3 == 0), (new, n % 4 != 0)):
            PredictionFactory(
                project=project, version=version, video=task.video,
                caption=truth if is_right else wrong, uncertainty=0.2 + 0.6 * (not is_right),
            )  # fmt: skip
    return evaluations.compare(original_id=old.pk, retrained_id=new.pk)


def test_the_page_shows_every_plot_and_the_worst_regressions(seat, compared):
    page = seat(Role.MANAGER)[1].get(f"/evaluations/{compared.pk}").content.decode()
    for shown in (
        "Differences", "One against the other", "By slice", "What uncertainty is worth",
        "Labels against quality", "Blind votes", "Agreement decides", "Frozen: engine",
        "Worst tenth", "triangle", "Where the retrained model is worse",
    ):  # fmt: skip
        assert shown in page, shown
    n_lost = compared.items.filter(outcome="loss").count()
    assert 1 <= n_lost <= 20
    assert f"The {n_lost} worst" in page
    assert page.count("chart-point") == 40


def test_a_manager_rejects_or_compares_anew_from_here(seat, compared):
    _, manager = seat(Role.MANAGER)
    path = f"/evaluations/{compared.pk}"
    for verb in ("reject", "again"):
        assert seat(Role.EXPERT)[1].post(f"{path}/{verb}").status_code == 403
        assert manager.get(f"{path}/{verb}").status_code == 405
    assert manager.post(f"{path}/again").url == "/models/shapes"
    manager.post(f"{path}/reject", {"reason": "It <b>dreams</b>."})
    page = manager.get(path).content.decode()
    assert "It &lt;b&gt;dreams&lt;/b&gt;." in page
    assert "Reject it" not in page


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
@pytest.mark.django_db(transaction=True)
def test_the_keyboard_votes_and_neither_page_scrolls_sideways(
    seat, compared, open_page, complaints, tmp_path
):
    user, _ = seat(Role.MANAGER, username="mona")
    n_open = compared.items.filter(is_identical=False).count()
    for width in (1280, 390):
        page = open_page("mona", PASSWORD, viewport={"width": width, "height": 844})
        for path in (f"/evaluations/{compared.pk}", "/compare/shapes", "/models/shapes"):
            page.goto(path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (path, width)
            page.screenshot(path=tmp_path / f"{path.split('/')[1]}-{width}.png", full_page=True)
        page.goto("/compare/shapes")
        page.keyboard.press("a")
        page.wait_for_selector("text=Saved.")
    assert Preference.objects.filter(voter__user=user).count() == 2 < n_open
    assert complaints == []
