"""Voting on words, slot by slot."""

import numpy as np
import pytest

from portal.algorithms.fusion import fuse, sharpen


def test_the_majority_decides_every_word() -> None:
    heard = ["the cat sat on a mat", "the bat sat on the mat", "the cat sat the mat"]
    assert fuse(heard, [1.0, 1.0, 1.0]) == "the cat sat on the mat"


def test_a_word_that_most_did_not_hear_is_left_out() -> None:
    assert fuse(["so the dog ran", "the dog ran", "the dog ran"], [1.0, 1.0, 1.0]) == "the dog ran"


def test_weight_beats_number() -> None:
    assert fuse(["a dog", "a fog", "a fog"], [3.0, 1.0, 1.0]) == "a dog"


def test_case_and_punctuation_follow_the_most_used_form() -> None:
    assert fuse(["Hello, world", "hello World", "Hello, World"], [1.0] * 3) == "Hello, World"


def test_scripts_without_spaces_are_fused_by_characters() -> None:
    assert fuse(["我喜欢猫", "我喜爱猫", "我喜欢狗"], [1.0] * 3) == "我喜欢猫"


def test_one_text_stays_as_it_is() -> None:
    assert fuse(["Just this one."], [1.0]) == "Just this one."


@pytest.mark.parametrize(("texts", "weights"), [([], []), (["a"], [1.0, 2.0])])
def test_texts_without_weights_are_an_error(texts: list[str], weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        fuse(texts, weights)


def test_support_sharpens_voices() -> None:
    weights = sharpen(np.array([1.0, 1.0]), np.array([0.6, 0.4]))
    assert weights[0] / weights[1] == pytest.approx(np.exp(2))
