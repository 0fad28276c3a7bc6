"""What an accept is worth, and that a model wins only with people behind it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.algorithms import verification
from portal.algorithms.consensus import Ballot, Caption, decide

LEFT, RIGHT = "a red ball rolls to the left", "two cooks stir a pot of soup"
MODEL, MODEL_AUTHOR = -7, -1


def model(text: str = LEFT) -> Caption:
    return Caption(MODEL, text, MODEL_AUTHOR, is_model=True)


def people(*texts: str) -> list[Caption]:
    return [Caption(at, text, 10 + at) for at, text in enumerate(texts)]


def accept(voter: int, n_planted: int = 0, n_accepted: int = 0) -> Ballot:
    return verification.ballot(MODEL, voter, n_planted, n_accepted)


def test_one_accept_moves_the_log_odds_by_the_likelihood_ratio():
    assert math.log(1 + verification.weight(0, 0)) == pytest.approx(math.log(0.95 / 0.25))
    assert math.log(1 + verification.weight(8, 0)) == pytest.approx(math.log(0.95 / (1 / 12)))


def test_whoever_accepts_everything_weighs_next_to_nothing():
    assert verification.weight(40, 40) < 0.05
    assert verification.weight(1000, 1000) == 0.0


@given(st.integers(0, 50), st.integers(0, 50))
def test_refusing_a_planted_prediction_never_lowers_a_weight_and_accepting_never_raises_it(n, a):
    a = min(n, a)
    assert verification.weight(n + 1, a) >= verification.weight(n, a)
    assert verification.weight(n + 1, a + 1) <= verification.weight(n, a)


@pytest.mark.parametrize(("n", "a"), [(-1, 0), (2, 3), (2, -1)])
def test_an_impossible_record_is_refused(n, a):
    with pytest.raises(ValueError):
        verification.weight(n, a)


@pytest.mark.parametrize(
    ("watched", "length", "enough"),
    [(3.2, 4, True), (3.1, 4, False), (9, 0, False), (2.4, 3.0, True)],
)
def test_four_fifths_of_the_clip_have_to_be_watched(watched, length, enough):
    assert verification.is_watched(watched, length) is enough


def test_a_model_without_anybodys_support_never_wins():
    for texts in (["a dog"], ["a dog", "people run"], ["hm", "hm", "hm"]):
        decision = decide([model("an orange cat sleeps on a sofa"), *people(*texts)])
        assert decision.winner >= 0
        assert len(decision.candidates) == len(texts) + 1


def test_a_model_ties_with_a_person_and_the_person_wins():
    assert decide([model(LEFT), *people(LEFT)]).winner == 0


def test_accepts_and_a_blind_caption_that_agrees_let_the_model_win_surely():
    captions = [model(), *people("the red ball is rolling left")]
    one = decide(captions, [accept(20)])
    two = decide(captions, [accept(20), accept(21)])
    assert one.winner == two.winner == MODEL
    assert two.confidence > one.confidence > 0.65
    assert two.residuals == {}
    assert two.n_humans == 1


def test_accepts_against_a_blind_caption_are_doubted():
    agreed = decide([model(), *people(LEFT + " fast")], [accept(20), accept(21)])
    against = decide([model(), *people(RIGHT)], [accept(20), accept(21)])
    assert against.confidence < agreed.confidence
    assert decide([model(), *people(RIGHT, RIGHT + " now")], [accept(20)]).winner >= 0


def test_an_accept_by_somebody_who_accepts_everything_changes_next_to_nothing():
    captions = [model(), *people(RIGHT)]
    trusted = decide(captions, [accept(20), accept(21)])
    careless = decide(captions, [accept(20, 60, 60), accept(21, 60, 60)])
    assert careless.confidence < 0.5 < trusted.confidence + 0.5


def test_copies_alone_support_nothing_and_q_stays_defined():
    copies = [Caption(at, LEFT, 10 + at, shown_prediction=LEFT) for at in range(3)]
    decision = decide([model(), *copies])
    assert decision.winner >= 0
    assert all(math.isfinite(each.support) for each in decision.candidates)
    assert all(value <= 0 for value in decision.residuals.values())


@given(st.permutations(range(4)))
def test_the_order_of_the_evidence_changes_nothing(order):
    captions = [model(), *people(LEFT, "a ball rolls left", RIGHT)]
    ballots = [accept(20), accept(21, 8, 1)]
    first = decide(captions, ballots)
    again = decide([captions[at] for at in order], ballots[::-1])
    assert (again.winner, again.confidence) == (first.winner, first.confidence)


def test_an_accepted_prediction_that_is_likelier_wrong_than_right_never_wins():
    careless = [accept(20 + at, 8, 8) for at in range(2)]
    decision = decide([model(), *people(RIGHT)], careless)
    assert decision.winner == 0
    assert decide([model(), *people("a red ball rolls left")], careless).winner == MODEL
