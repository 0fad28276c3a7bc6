"""Each similarity by hand, and the mix."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.algorithms import similarity


def test_gleu_is_shared_grams_over_the_longer_text() -> None:
    # "a b c" has 6 grams, "a b" 3, all of them shared.
    assert similarity.gleu("a b c", "a b") == pytest.approx(3 / 6)


def test_chrf_averages_precision_and_recall_over_the_orders_that_exist() -> None:
    # "ab" to "abc": precision (of abc) 2/3 and 1/2 and 0, recall (of ab) 1 and 1.
    precision, recall = (2 / 3 + 1 / 2 + 0) / 3, 1.0
    expected = 2 * precision * recall / (precision + recall)
    assert similarity.chrf("ab", "abc") == pytest.approx(expected)


def test_rare_words_weigh_more_in_token_f1() -> None:
    idf = {"a": 0.1, "dog": 3.0, "cat": 3.0}
    same_noun = similarity.token_f1("a dog", "the dog", idf, 3.0)
    same_article = similarity.token_f1("a dog", "a cat", idf, 3.0)
    assert same_noun == pytest.approx(2 * 3.0 / (3.1 + 6.0))
    assert same_article < 0.1 < same_noun


def test_the_mix_of_known_parts() -> None:
    cosine = np.array([[1.0, 0.5], [0.5, 1.0]])
    lexical = similarity.lexical("a dog runs", "a dog sits", {})
    mixed = similarity.mixed(["a dog runs", "a dog sits"], idf={}, cosine=cosine)
    assert mixed[0, 1] == pytest.approx(0.34 * 0.5 + 0.66 * lexical)


def test_without_vectors_the_lexical_parts_fill_the_whole() -> None:
    mixed = similarity.mixed(["a dog runs", "a dog sits"], idf={})
    assert mixed[0, 1] == pytest.approx(similarity.lexical("a dog runs", "a dog sits", {}))


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_the_mix_is_symmetric_within_bounds_and_one_for_the_same_text(texts: list[str]) -> None:
    matrix = similarity.mixed([*texts, texts[0]], idf={})
    assert (matrix == matrix.T).all()
    assert ((matrix >= 0) & (matrix <= 1 + 1e-12)).all()
    assert matrix[0, -1] == 1


def test_cosines_of_another_shape_are_an_error() -> None:
    with pytest.raises(ValueError, match="shape"):
        similarity.mixed(["a", "b"], idf={}, cosine=np.eye(3))


def test_cosines_stay_within_bounds() -> None:
    rows = np.array([[0.6, 0.8], [0.6, 0.8], [-0.6, -0.8]], dtype=np.float32)
    matrix = similarity.cosines(rows)
    assert matrix.max() <= 1
    assert matrix[0, 2] == pytest.approx(-1)


def test_near_copies_survive_punctuation_but_not_another_word() -> None:
    assert similarity.is_near_copy("A man talks.", "a man talks")
    assert not similarity.is_near_copy("a man talks", "a man sings")
