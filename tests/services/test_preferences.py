"""Blind votes: who is asked about which pair, on which side, and what the verdict makes of it."""

import pytest

from portal import jobs
from portal.errors import Conflict, InvalidInput, NotFound, OwnCaption
from portal.models import Evaluation, Event, Preference
from portal.services import evaluations, preferences
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    EvaluationFactory,
    EvaluationItemFactory,
    ProjectFactory,
    VersionFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return ProjectFactory()


@pytest.fixture
def voter(project):
    return AnnotatorFactory(project=project)


@pytest.fixture
def evaluation(project):
    return EvaluationFactory(project=project, verdict="inconclusive")


def item_of(evaluation, **fields):
    return EvaluationItemFactory(evaluation=evaluation, **fields)


def side_of(pair, prediction) -> str:
    return "left" if pair.left == prediction else "right"


def vote_for(item, voter, which: str) -> Preference:
    side = side_of(preferences.pair_of(item, voter), getattr(item, which))
    return preferences.cast(item_id=item.pk, voter=voter, choice=side)[0]


def test_a_pair_is_asked_about_until_it_is_answered_and_then_no_more(evaluation, voter):
    item = item_of(evaluation)
    pair = preferences.next_pair(voter=voter)
    assert preferences.next_pair(voter=voter) == pair
    assert {pair.left, pair.right} == {item.original, item.retrained}
    preferences.cast(item_id=item.pk, voter=voter, choice="both")
    assert preferences.next_pair(voter=voter) is None


def test_the_choice_is_kept_by_caption_whichever_side_it_stood_on(evaluation):
    item = item_of(evaluation)
    sides = set()
    for _ in range(12):
        voter = AnnotatorFactory(project=evaluation.project)
        sides.add(side_of(preferences.pair_of(item, voter), item.retrained))
        assert vote_for(item, voter, "retrained").choice == "second"
    assert sides == {"left", "right"}


def test_those_with_the_fewest_votes_come_first(evaluation, voter):
    asked, unasked = item_of(evaluation), item_of(evaluation)
    vote_for(asked, AnnotatorFactory(project=evaluation.project), "original")
    assert preferences.next_pair(voter=voter).item == unasked


def test_a_pair_may_be_left_for_later_unless_it_is_the_last(evaluation, voter):
    first, second = item_of(evaluation), item_of(evaluation)
    pair = preferences.next_pair(voter=voter)
    other = {first, second} - {pair.item}
    assert {preferences.next_pair(voter=voter, after=pair.item.pk).item} == other
    preferences.cast(item_id=other.pop().pk, voter=voter, choice="neither")
    assert preferences.next_pair(voter=voter, after=pair.item.pk).item == pair.item


def test_one_vote_a_person_and_pair_the_newest_counts(evaluation, voter):
    item = item_of(evaluation)
    first = vote_for(item, voter, "original")
    row, is_new = preferences.cast(item_id=item.pk, voter=voter, choice="neither")
    assert (row.pk, is_new, row.choice) == (first.pk, False, "neither")
    assert Preference.objects.count() == 1


def test_a_vote_stands_for_the_pair_in_every_evaluation_that_holds_it(evaluation, voter):
    item = item_of(evaluation)
    again = EvaluationFactory(
        project=evaluation.project,
        original=evaluation.retrained,
        retrained=evaluation.original,
        verdict="inconclusive",
    )
    item_of(again, consensus=item.consensus, original=item.retrained, retrained=item.original)
    vote_for(item, voter, "original")
    assert preferences.next_pair(voter=voter) is None


def test_nobody_is_asked_about_their_own_words(evaluation, voter):
    item = item_of(evaluation, retrained__caption="A dog runs!")
    AnnotationFactory(task=item.task, author=voter, text="a dog runs")
    assert preferences.next_pair(voter=voter) is None
    with pytest.raises(OwnCaption):
        preferences.cast(item_id=item.pk, voter=voter, choice="left")
    someone = AnnotatorFactory(project=evaluation.project)
    assert preferences.next_pair(voter=someone).item == item


def test_captions_that_are_the_same_need_no_vote(evaluation, voter):
    item = item_of(evaluation, is_identical=True)
    assert preferences.next_pair(voter=voter) is None
    with pytest.raises(Conflict, match="the same"):
        preferences.cast(item_id=item.pk, voter=voter, choice="left")


@pytest.mark.parametrize(
    "fields", [{"verdict": "reject"}, {"verdict": "pending"}, {"promoted_at": "2026-11-01T00:00Z"}]
)
def test_nobody_is_asked_about_models_that_are_decided_on(evaluation, voter, fields):
    item = item_of(evaluation)
    Evaluation.objects.update(**fields)
    assert preferences.next_pair(voter=voter) is None
    with pytest.raises(Conflict, match="decided"):
        preferences.cast(item_id=item.pk, voter=voter, choice="left")


def test_a_project_may_ask_nobody(evaluation, voter):
    item = item_of(evaluation)
    evaluation.project.asks_preferences = False
    evaluation.project.save()
    assert preferences.next_pair(voter=voter) is None
    with pytest.raises(Conflict, match="does not ask"):
        preferences.cast(item_id=item.pk, voter=voter, choice="left")


@pytest.mark.parametrize("state", ["paused", "quarantined"])
def test_people_who_are_paused_or_given_gold_only_do_not_vote(evaluation, state):
    item = item_of(evaluation)
    voter = AnnotatorFactory(project=evaluation.project, state=state)
    assert preferences.next_pair(voter=voter) is None
    with pytest.raises(Conflict):
        preferences.cast(item_id=item.pk, voter=voter, choice="left")


def test_a_paused_project_asks_nobody(evaluation, voter):
    item_of(evaluation)
    evaluation.project.is_paused = True
    evaluation.project.save()
    assert preferences.next_pair(voter=voter) is None


def test_wrong_choices_and_foreign_pairs_are_refused(evaluation, voter):
    item = item_of(evaluation)
    with pytest.raises(InvalidInput):
        preferences.cast(item_id=item.pk, voter=voter, choice="first")
    with pytest.raises(NotFound):
        preferences.cast(item_id=item.pk, voter=AnnotatorFactory(), choice="left")


# --- in the verdict -----------------------------------------------------------------------------


def figures(delta: float, half: float) -> dict:
    return {
        "original": 0.5, "retrained": 0.5 + delta, "delta": delta, "low": delta - half,
        "high": delta + half, "error": half / 1.645, "n": 200, "n_videos": 200, "p": 0.5,
        "p_alone": 0.5,
    }  # fmt: skip


@pytest.fixture
def as_good(project):
    """A model that is surely not worse than allowed, and not surely better."""
    return EvaluationFactory(
        project=project, verdict="inconclusive", frozen={"primary": "cosine"},
        metrics={"cosine": figures(0.005, 0.02)}, n_tasks=25,
    )  # fmt: skip


def test_people_who_like_it_no_less_let_an_equal_model_through(
    as_good, voter, django_capture_on_commit_callbacks
):
    items = [item_of(as_good) for _ in range(24)]
    with django_capture_on_commit_callbacks(execute=True):
        for item in items[:19]:
            vote_for(item, voter, "retrained")
    as_good.refresh_from_db()
    assert (as_good.verdict, as_good.preference["n_better"]) == ("inconclusive", 19)
    with django_capture_on_commit_callbacks(execute=True):
        vote_for(items[19], voter, "retrained")
    as_good.refresh_from_db()
    assert (as_good.verdict, as_good.grounds) == ("promote", "as_good")
    assert as_good.preference["n_people"] == 1
    assert Event.objects.filter(type="evaluation.finished").count() == 1  # the change is told
    assert not Preference.objects.unweighed().exists()


def test_people_who_prefer_the_original_keep_a_better_model_back(as_good, voter):
    Evaluation.objects.update(metrics={"cosine": figures(0.1, 0.02) | {"p_alone": 0.001}})
    votes = [vote_for(item_of(as_good), voter, "original") for _ in range(12)]
    for vote in votes:
        evaluations.weigh(preference_id=vote.pk)
    as_good.refresh_from_db()
    assert as_good.verdict == "inconclusive"
    assert "the original on 12" in " ".join(as_good.reasons)


def test_the_sweep_weighs_what_a_lost_announcement_left(as_good, voter):
    vote_for(item_of(as_good), voter, "retrained")  # nothing is sent before the commit
    assert Preference.objects.unweighed().count() == 1
    jobs.sweep()
    as_good.refresh_from_db()
    assert as_good.preference["n_better"] == 1
    assert not Preference.objects.unweighed().exists()
    before = as_good.preference
    evaluations.weigh(preference_id=Preference.objects.get().pk)
    as_good.refresh_from_db()
    assert as_good.preference == before


def test_models_are_ranked_by_people_from_three_on(project, voter):
    weak, middle, strong = (VersionFactory(project=project) for _ in range(3))
    for original, retrained in ((weak, middle), (middle, strong)):
        row = EvaluationFactory(
            project=project, original=original, retrained=retrained, verdict="inconclusive"
        )
        vote_for(item_of(row), voter, "retrained")
        if original == weak:
            assert evaluations.strengths(project.pk) == []
    ranked = evaluations.strengths(project.pk)
    assert [each.version for each in ranked] == [strong, middle, weak]
    assert [each.n_votes for each in ranked] == [1, 2, 1]
