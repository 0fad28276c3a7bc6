"""The choice among captions and its confidence: hand-worked cases, properties and edges."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.algorithms.consensus import (
    Ballot,
    Caption,
    Decision,
    Geometry,
    Parameters,
    decide,
    should_stop,
)

LEFT = "the red ball moves left"
RIGHT = "the red ball moves right"


def field(*texts: str) -> list[Caption]:
    return [Caption(key, text, author=100 + key) for key, text in enumerate(texts, start=1)]


def support_of(decision: Decision, key: int) -> float:
    return next(each.support for each in decision.candidates if each.key == key)


def test_no_captions_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs captions"):
        decide([])


def test_a_repeated_key_is_an_error() -> None:
    with pytest.raises(ValueError, match="own key"):
        decide([Caption(1, LEFT, 1), Caption(1, RIGHT, 2)])


def test_one_caption_wins_with_little_confidence_and_no_agreement() -> None:
    alone = decide(field("a dog runs on the beach"))
    assert (alone.winner, alone.agreement, alone.n_humans) == (1, 0.0, 1)
    assert alone.confidence < 0.5
    assert alone.residuals == {}


def test_three_identical_captions_are_surer_than_three_unlike_ones() -> None:
    same = decide(field(LEFT, LEFT.upper() + ".", LEFT))
    unlike = decide(field(LEFT, "a woman cooks rice", "people dance on a stage"))
    assert same.confidence > 0.85
    assert same.agreement == pytest.approx(1.0)
    assert unlike.confidence < 0.5


def test_three_against_two_opposites_wins_less_surely_than_five_to_none() -> None:
    split = decide(field(LEFT, LEFT, LEFT, RIGHT, RIGHT))
    united = decide(field(LEFT, LEFT, LEFT, LEFT, LEFT))
    assert split.caption == LEFT
    assert split.split
    assert not united.split
    assert split.confidence < united.confidence - 0.1


def test_a_contradiction_costs_agreement_that_a_synonym_keeps() -> None:
    against = decide(field("a dog runs left", "a dog runs left", "a dog runs right"))
    beside = decide(field("a dog runs left", "a dog runs left", "a dog walks left"))
    assert against.agreement < beside.agreement


def test_two_readings_are_seen_through_different_wordings() -> None:
    texts = (
        LEFT,
        "a red ball is moving to the left",
        "red ball moving left",
        RIGHT,
        "a red ball goes to the right",
    )
    decision = decide(field(*texts))
    assert decision.split
    assert "left" in decision.caption
    assert decision.confidence < 0.65


def test_two_readings_far_apart_are_seen_without_an_opposite() -> None:
    texts = ("a man cooks rice", "a man cooks rice", "two boats race", "two boats race")
    assert decide(field(*texts)).split
    assert not decide(field(*texts[:3])).split


def test_other_words_for_the_same_are_not_two_readings() -> None:
    rider = field(*["a man rides a horse"] * 3, *["a guy rides a horse"] * 2)
    assert not decide(rider).split


@given(st.permutations(range(4)))
def test_the_order_of_captions_does_not_matter(order: list[int]) -> None:
    captions = field(LEFT, "a ball is rolling left", RIGHT, "a dog")
    assert decide([captions[at] for at in order]) == decide(captions)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
def test_any_text_at_all_gets_a_decision_within_bounds(texts: list[str]) -> None:
    decision = decide(field(*texts))
    assert 0 <= decision.confidence <= 1
    assert 0 <= decision.agreement <= 1
    assert decision.caption in texts


@pytest.mark.parametrize(
    "texts",
    [
        ("红色的球向左移动", "红球往左边滚", "一个女人在做饭"),
        ("ボールが左に転がる", "ボールが左へ動く", "女性が料理をしている"),
        ("الكرة الحمراء تتحرك يسارا", "كرة حمراء تتحرك نحو اليسار", "امرأة تطبخ الأرز"),
        ("แมวกำลังวิ่งเล่น", "แมวตัวหนึ่งวิ่งเล่น", "ผู้หญิงทำอาหาร"),
        ("🐶 running", "a 🐶 is running", "🍕"),
    ],
)
def test_scripts_of_every_kind_favour_the_shared_reading(texts: tuple[str, ...]) -> None:
    decision = decide(field(*texts))
    assert decision.winner in (1, 2)
    assert decision.candidates[-1].key == 3


def test_an_identical_caption_is_support() -> None:
    before = decide(field(LEFT, "a ball rolls", "a dog"))
    after = decide(field(LEFT, "a ball rolls", "a dog", LEFT))
    assert support_of(after, 1) > support_of(before, 1)


def test_one_vote_never_overturns_two_may() -> None:
    captions = field("a dog runs", "a dog runs fast", "a cat sleeps on a mat")
    winner = decide(captions).winner
    loser = 3 - winner
    one = [Ballot(loser, voter=9, score=1.0)]
    assert decide(captions, one).winner == winner
    many = [Ballot(loser, voter=voter, score=1.0) for voter in range(200, 230)]
    assert decide(captions, many).winner == loser


def test_votes_for_the_winner_raise_confidence_and_against_lower_it() -> None:
    captions = field(LEFT, LEFT, "a ball rolls left")
    winner = decide(captions).winner
    up = decide(captions, [Ballot(winner, voter=9, score=1.0)])
    down = decide(captions, [Ballot(winner, voter=9, score=0.0)])
    assert down.confidence < decide(captions).confidence < up.confidence


def test_own_and_unknown_ballots_do_not_count() -> None:
    captions = field(LEFT, RIGHT)
    stray = [Ballot(1, voter=101, score=0.0), Ballot(77, voter=9, score=1.0)]
    assert decide(captions, stray) == decide(captions)


@pytest.mark.parametrize("ballot", [Ballot(1, 9, 1.2), Ballot(1, 9, 0.5, weight=-1.0)])
def test_a_ballot_outside_its_range_is_an_error(ballot: Ballot) -> None:
    with pytest.raises(ValueError, match="ballot"):
        decide(field(LEFT), [ballot])


def test_copies_of_the_shown_prediction_never_support_each_other() -> None:
    shown = "a man is talking on a stage"
    honest = field("a woman sings a song", "a lady is singing", "a woman is singing on stage")
    copies = [Caption(10 + n, shown, 50 + n, shown_prediction=shown) for n in range(4)]
    one, all_of_them = decide([*honest, copies[0]]), decide([*honest, *copies])
    assert support_of(all_of_them, 10) == pytest.approx(support_of(one, 10))
    assert all_of_them.winner in (1, 2, 3)
    assert all(all_of_them.residuals[50 + n] <= 0 for n in range(4))


def test_copies_alone_still_have_a_decision_that_is_not_confident() -> None:
    shown = "a man is talking on a stage"
    decision = decide([Caption(n, shown, n, shown_prediction=shown) for n in range(3)])
    assert decision.confidence < 0.5
    assert decision.agreement == 0.0


def test_the_model_is_a_candidate_without_a_residual() -> None:
    captions = [*field(LEFT, LEFT), Caption(9, RIGHT, author=-1, is_model=True)]
    decision = decide(captions)
    assert decision.n_humans == 2
    assert set(decision.residuals) == {101, 102}
    assert any(each.is_model for each in decision.candidates)


def test_the_skilled_decide_between_equals() -> None:
    weak, strong = Caption(1, LEFT, 1, skill=-0.1), Caption(2, RIGHT, 2, skill=0.1)
    assert decide([weak, strong]).winner == 2


def test_agreement_in_meaning_comes_from_the_vectors() -> None:
    east, north = np.array([1.0, 0.0], dtype=np.float32), np.array([0.0, 1.0], dtype=np.float32)
    near = [
        Caption(1, "a dog barks", 1, vector=east),
        Caption(2, "some hound howls", 2, vector=east),
    ]
    far = [near[0], replace(near[1], vector=north)]
    assert decide(near).agreement == pytest.approx(1.0)
    assert decide(far).agreement == pytest.approx(0.0)
    assert decide(near).method == "vectors"
    assert decide([near[0], replace(near[1], vector=None)]).method == "lexical"


def test_a_snapshot_decides_the_same() -> None:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(4, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    texts = (LEFT, "a ball rolls", "one ball moves left", RIGHT)
    captions = [replace(c, vector=row) for c, row in zip(field(*texts), rows, strict=True)]
    parameters = Parameters(
        encoder="small",
        mean_vector=rows.mean(axis=0),
        idf={"ball": 1.1, "left": 2.3, "dog": 4.2},
        collusion={(101, 102): 0.03, (5, 6): 0.2},
        calibration=(0.9, -0.2),
    )
    first = decide(captions, [], parameters)
    assert first.geometry is not None
    kept = parameters.restricted_to(texts, [c.author for c in captions])
    stored = json.loads(json.dumps([kept.to_json(), first.geometry.to_json()]))
    again = decide(
        [replace(c, vector=None) for c in captions],
        [],
        Parameters.from_json(stored[0]),
        Geometry.from_json(stored[1]),
    )
    assert replace(again, geometry=None) == replace(first, geometry=None)
    assert set(kept.idf) == {"ball", "left", "dog"}
    assert set(kept.collusion) == {(101, 102)}


@pytest.mark.parametrize(
    ("confidence", "n_captions", "split", "expected"),
    [
        (0.9, 2, False, "ask"),
        (0.9, 3, False, "accept"),
        (0.5, 3, False, "ask"),
        (0.5, 5, False, "dispute"),
        (0.04, 3, False, "dispute"),
        (0.9, 3, True, "ask"),
        (0.9, 5, True, "dispute"),
    ],
)
def test_stopping_follows_confidence_and_count(
    confidence: float, n_captions: int, split: bool, expected: str
) -> None:
    decision = replace(decide(field(LEFT)), confidence=confidence, split=split)
    assert should_stop(decision, n_captions, 3, 5, 0.65) == expected
