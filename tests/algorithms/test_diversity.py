import numpy as np
import pytest

from portal.algorithms import diversity
from portal.algorithms.diversity import Labelled, crowding, pick, text_vectors


def test_the_factor_is_the_one_of_the_reference():
    assert crowding(0.0, 0) == 1.0
    assert crowding(1.0, 0) == pytest.approx(0.4)
    assert crowding(0.5, 2) == pytest.approx((1 - 0.6 * 0.0625) * 0.25)
    assert crowding(-0.7, 0) == 1.0


def test_captions_that_share_words_are_closer_than_those_that_do_not():
    rows = text_vectors(["a red ball rolls left", "a red ball rolls right", "two dogs bark"])
    cosines = rows @ rows.T
    assert cosines[0, 1] > 0.5 > abs(cosines[0, 2]) + 0.2


def test_text_vectors_fold_case_and_stay_the_same_between_processes():
    rows = text_vectors(["Red Ball", "red ball"], dimensions=8)
    assert (rows[0] == rows[1]).all()
    assert np.flatnonzero(rows[0]).tolist() == [1, 3, 7]


def test_a_caption_without_words_resembles_nothing():
    rows = text_vectors(["!!!", "red ball"])
    assert (rows[0] == 0.0).all()
    assert diversity.largest_cosine(rows, rows[1:])[0] == 0.0


def test_largest_cosine_is_zero_where_nothing_is_labelled():
    assert diversity.largest_cosine(np.ones((2, 3)), np.empty((0, 3))).tolist() == [0.0, 0.0]


def test_vectors_of_two_encoders_do_not_compare():
    with pytest.raises(ValueError):
        diversity.largest_cosine(np.ones((2, 3)), np.ones((2, 4)))


def test_nearest_centroid_goes_by_direction_not_by_length():
    centroids = np.asarray([[10.0, 0.0], [0.0, 0.1]])
    assert diversity.nearest_centroid(np.asarray([[1.0, 2.0]]), centroids).tolist() == [1]


def test_near_duplicates_of_a_picked_clip_wait():
    vectors = np.asarray([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]])
    nobody = Labelled(np.empty((0, 2)), np.zeros(3, dtype=int))
    order = pick(np.asarray([0.9, 0.89, 0.6]), vectors, ["a", "b", "c"], 3, nobody)
    assert order.tolist() == [0, 2, 1]


def test_clips_of_one_video_wait_without_any_vector():
    blank = np.zeros((3, 4))
    nobody = Labelled(np.empty((0, 4)), np.zeros(3, dtype=int))
    order = pick(np.asarray([0.9, 0.8, 0.5]), blank, ["a", "a", "b"], 3, nobody)
    assert order.tolist() == [0, 2, 1]


def test_what_is_labelled_already_counts():
    labelled = Labelled(np.asarray([[1.0, 0.0]]), np.asarray([1, 0]))
    order = pick(np.asarray([0.9, 0.3]), np.eye(2), ["a", "b"], 1, labelled)
    assert order.tolist() == [1]


def test_more_than_there_is_picks_all():
    nobody = Labelled(np.empty((0, 2)), np.zeros(2, dtype=int))
    assert len(pick(np.ones(2), np.eye(2), ["a", "b"], 9, nobody)) == 2
