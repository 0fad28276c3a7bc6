"""What holds of a decision whatever was written: orders, copies, single votes, scripts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.algorithms.consensus import Ballot, Caption, Decision, Parameters, decide
from portal.algorithms.evidence import copied

SHOWN = "a man is talking on a stage"
WORDS = ("a", "red", "dog", "ball", "left", "right", "runs", "two", "not", "man", "on")
SCRIPTS = (
    "红色的球向左移动",
    "ボールが左へ",
    "الكرة تتحرك يسارا",
    "הכלב רץ",
    "🐶🎾",
    "แมว",
    "…",
    "ok",
)

worded = st.lists(st.sampled_from(WORDS), min_size=1, max_size=7).map(" ".join)
texts = st.one_of(worded, st.sampled_from(SCRIPTS), st.text(min_size=1, max_size=12))
skills = st.floats(-0.2, 0.2)
few = settings(max_examples=40, deadline=None)
fields = st.lists(st.tuples(texts, skills), min_size=1, max_size=6)


def field_of(drawn: list[tuple[str, float]]) -> list[Caption]:
    return [Caption(n, text, 100 + n, skill=skill) for n, (text, skill) in enumerate(drawn)]


def support_of(decision: Decision, key: int) -> float:
    return next(each.support for each in decision.candidates if each.key == key)


def lead_of(decision: Decision) -> float:
    """How far the winner is ahead of every caption that reads otherwise."""
    best, *others = decision.candidates
    rivals = [each.score for each in others if each.text != best.text]
    return best.score - max(rivals, default=-np.inf)


@few
@given(fields, st.randoms(use_true_random=False), st.lists(st.floats(0, 1), max_size=5))
def test_neither_the_order_of_captions_nor_that_of_votes_matters(drawn, chance, scores) -> None:
    captions = field_of(drawn)
    ballots = [
        Ballot(n % len(captions), voter, score)
        for n, score in enumerate(scores)
        for voter in (1, 2)
    ]
    first = decide(captions, ballots)
    chance.shuffle(captions)
    chance.shuffle(ballots)
    assert decide(captions, ballots) == first


@few
@given(st.lists(texts, min_size=2, max_size=6), st.integers(0, 5))
def test_an_identical_caption_by_somebody_as_able_is_support(drawn, at) -> None:
    captions = field_of([(text, 0.0) for text in drawn])
    backed = captions[at % len(captions)]
    echo = Caption(99, backed.text, 999)
    before, after = decide(captions), decide([*captions, echo])
    assert support_of(after, backed.key) >= support_of(before, backed.key) - 1e-9


@few
@given(fields, st.floats(0, 1), st.floats(0, 12), st.integers(0, 5))
def test_one_vote_never_overturns_whoever_casts_it(drawn, score, weight, at) -> None:
    captions = field_of(drawn)
    before = decide(captions)
    after = decide(captions, [Ballot(at % len(captions), 7, score, weight)])
    if lead_of(before) > 1e-8:  # a tie is no consensus yet: there a vote may decide
        assert after.caption == before.caption


@few
@given(fields, st.integers(1, 4))
def test_another_lazy_copier_never_raises_the_shown_prediction(drawn, n_copies) -> None:
    honest = [c for c in field_of(drawn) if not copied([replace(c, shown_prediction=SHOWN)])[0]]
    copies = [Caption(50 + n, SHOWN, 500 + n, shown_prediction=SHOWN) for n in range(n_copies + 1)]
    before, after = decide([*honest, *copies[:-1]]), decide([*honest, *copies])
    assert support_of(after, 50) <= support_of(before, 50) + 1e-9
    if after.caption == SHOWN:
        assert before.caption == SHOWN
        assert after.confidence <= before.confidence + 1e-9
    assert all(after.residuals.get(500 + n, 0.0) <= 0 for n in range(n_copies + 1))


@few
@given(fields, st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1)), max_size=6))
def test_confidence_and_agreement_stay_within_0_and_1(drawn, votes) -> None:
    ballots = [Ballot(key, 20 + n, score, 3.0) for n, (key, score) in enumerate(votes)]
    decision = decide(field_of(drawn), ballots, Parameters(calibration=(3.0, -2.0)))
    assert 0 <= decision.confidence <= 1
    assert 0 <= decision.agreement <= 1
    assert all(np.isfinite(each.score) for each in decision.candidates)


@pytest.mark.parametrize("text", [*SCRIPTS, "", " ", "\u200f", "a" * 5000])
def test_one_text_alone_or_five_times_is_decided_in_every_script(text: str) -> None:
    alone = decide(field_of([(text, 0.0)]))
    united = decide(field_of([(text, 0.0)] * 5))
    assert (alone.caption, united.caption) == (text, text)
    assert united.agreement == pytest.approx(1.0)
    assert alone.confidence < united.confidence
    assert not united.split
