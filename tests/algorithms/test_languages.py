"""Meaning in languages that the encoder does not know: by words, or by characters."""

import numpy as np
import pytest

from benchmarks.language_rows import flagged_of, on_and_off_topic
from benchmarks.scenes import SCENES
from portal.algorithms.consensus import Caption, decide
from portal.algorithms.text import tokens


@pytest.mark.parametrize("language", SCENES)
def test_one_clip_is_told_from_two(language: str) -> None:
    assert on_and_off_topic(language, seed=0) >= 0.95


@pytest.mark.parametrize("language", SCENES)
def test_honest_people_are_flagged_in_no_language(language: str) -> None:
    assert flagged_of(language, seed=0) == set()


@pytest.mark.parametrize("language", SCENES)
def test_an_off_topic_caption_loses_to_two_that_agree(language: str) -> None:
    for at, pair in enumerate(SCENES[language]):
        stray = SCENES[language][at - 7][0]
        texts = (*pair, stray)
        assert decide([Caption(n, t, n) for n, t in enumerate(texts)]).winner != 2, texts


def test_captions_without_word_spaces_are_read_by_character() -> None:
    spaceless = [tokens(text) for pair in SCENES["ja"] for text in pair]
    assert all(len(word) == 1 for words in spaceless for word in words)
    assert np.mean([len(tokens(text)) for pair in SCENES["ar"] for text in pair]) < 8
