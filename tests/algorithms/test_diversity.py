import numpy as np
import pytest

from portal.algorithms import diversity
from portal.algorithms.diversity import (
    Standing,
    crowding,
    crowdings,
    line_up,
    text_vectors,
    unit_rows,
)


def test_the_factor_falls_with_likeness_and_halves_with_each_of_the_same_video():
    assert crowding(0.0, 0) == 1.0
    assert crowding(1.0, 0) == pytest.approx(0.1)
    assert crowding(0.5, 2) == pytest.approx(0.55 * 0.25)
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


def test_what_all_captions_share_tells_none_apart():
    captions = ["a small red ball rolls", "a small red ball jumps", "a small blue cube jumps"]
    plain = text_vectors(captions).astype(np.float32)
    rows, others = diversity.weigh_by_rarity(plain[:2], plain[2:])
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1.0, 1.0])
    assert (rows @ others.T)[0, 0] < (plain[:2] @ plain[2:].T)[0, 0]
    none = diversity.weigh_by_rarity(plain, plain[:0])
    assert none[1].shape == (0, plain.shape[1])


def described(n: int, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Captions of four kinds of clip in the kind's own words, half of them, and a chance word."""
    kinds = np.arange(n) % 4
    own = [[f"kind{kind}word{number}" for number in range(6)] for kind in range(4)]
    texts = [
        " ".join([*rng.choice(own[kind], 3, replace=False), f"chance{rng.integers(300)}"])
        for kind in kinds
    ]
    return texts, kinds


def test_what_is_said_in_other_words_of_the_same_kind_is_alike():
    texts, kinds = described(400, np.random.default_rng(3))
    plain = text_vectors(texts).astype(np.float32)
    rows, others = diversity.in_what_they_vary(plain[:300], plain[300:])
    assert rows.shape == (300, 16)
    assert others.shape == (100, 16)
    same = kinds[:300, None] == kinds[None, 300:]
    before, after = plain[:300] @ plain[300:].T, rows @ others.T
    assert after[same].mean() > 1.5 * before[same].mean()
    assert after[~same].mean() < 0.05


def test_too_few_captions_stay_as_they_are():
    plain = text_vectors(described(60, np.random.default_rng(4))[0]).astype(np.float32)
    rows, others = diversity.in_what_they_vary(plain[:50], plain[50:])
    assert (rows == plain[:50]).all()
    assert (others == plain[50:]).all()


def test_captions_that_are_all_the_same_stay_alike():
    plain = text_vectors(["clip"] * 300).astype(np.float32)
    rows, others = diversity.in_what_they_vary(plain[:299], plain[299:])
    assert diversity.largest_cosine(rows, others) == pytest.approx(np.ones(299), abs=1e-5)


def test_among_many_a_caption_without_words_still_resembles_nothing():
    texts, _ = described(250, np.random.default_rng(5))
    plain = text_vectors(["...", *texts]).astype(np.float32)
    rows, _ = diversity.in_what_they_vary(plain, plain[:0])
    assert (rows[0] == 0.0).all()
    assert np.linalg.norm(rows[1:], axis=1) == pytest.approx(np.ones(250), abs=1e-5)


def of_nothing(n: int) -> Standing:
    return Standing(np.zeros(n), np.zeros(n, dtype=int))


def test_near_duplicates_of_a_chosen_clip_wait():
    rows = unit_rows(np.asarray([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]]))
    chosen, found = line_up(np.asarray([0.9, 0.89, 0.6]), rows, np.arange(3), of_nothing(3), most=3)
    assert chosen.tolist() == [0, 2, 1]
    assert found.similarity == pytest.approx([0.0, 1.0, 0.0], abs=1e-3)


def test_clips_of_one_video_wait_without_any_vector():
    videos = np.asarray([7, 7, 8])
    chosen, found = line_up(
        np.asarray([0.9, 0.8, 0.5]), np.zeros((3, 4)), videos, of_nothing(3), most=3
    )
    assert chosen.tolist() == [0, 2, 1]
    assert found.n_same_video.tolist() == [0, 1, 0]


def test_what_is_labelled_already_counts():
    labelled = Standing(np.asarray([1.0, 0.0]), np.asarray([1, 0]))
    chosen, found = line_up(np.asarray([0.9, 0.3]), np.eye(2), np.arange(2), labelled, most=1)
    assert chosen.tolist() == [1]
    assert found.similarity.tolist() == [1.0, 0.0]


def test_more_than_there_is_chooses_all_and_nothing_chooses_nothing():
    chosen, _ = line_up(np.ones(2), np.eye(2), np.arange(2), of_nothing(2), most=9)
    assert chosen.tolist() == [0, 1]
    chosen, _ = line_up(np.ones(0), np.empty((0, 2)), np.arange(0), of_nothing(0), most=9)
    assert chosen.tolist() == []


@pytest.mark.parametrize("block", [1, 3, 256])
def test_looking_only_as_far_as_needed_changes_nothing(block, monkeypatch):
    monkeypatch.setattr(diversity, "BLOCK", block)
    rng = np.random.default_rng(block)
    uncertainties = np.round(rng.random(60), 1)  # with ties
    rows = unit_rows(rng.normal(size=(60, 5)))
    videos = rng.integers(0, 25, size=60)
    before = Standing(rng.random(60), rng.integers(0, 2, size=60))

    similarity, counts = before.similarity.copy(), before.n_same_video.copy()
    left, expected = list(range(60)), []
    while len(expected) < 40:
        value = uncertainties[left] * crowdings(similarity[left], counts[left])
        best = left.pop(int(value.argmax()))
        expected.append(best)
        counts[left] += videos[left] == videos[best]
        similarity[left] = np.maximum(similarity[left], (rows[left] @ rows[best]).clip(0, 1))
    chosen, found = line_up(uncertainties, rows, videos, before, most=40)

    assert chosen.tolist() == expected
    assert found.similarity == pytest.approx(similarity)
    assert found.n_same_video.tolist() == counts.tolist()


def test_earlier_items_of_each_video_are_counted():
    assert diversity.n_earlier(np.asarray([3, 1, 3, 3, 1])).tolist() == [0, 0, 1, 2, 1]


def test_a_slices_member_keeps_its_place_among_the_others():
    rng = np.random.default_rng(5)
    others = np.column_stack(
        [0.7 + 0.3 * rng.random(400), rng.random(400), rng.integers(0, 2, size=400)]
    )
    values = others[:, 0] * crowdings(others[:, 1], others[:, 2].astype(int))
    members = np.asarray([0.3, 0.72, 0.85, 0.99])
    stands = members * crowdings(diversity.likeness_at(members, others), np.zeros(4, dtype=int))
    before = [(others[:, 0] > each).mean() for each in members]
    assert [(values > each).mean() for each in stands] == pytest.approx(before, abs=0.01)


def test_a_slices_member_without_others_resembles_nothing():
    assert diversity.likeness_at(np.asarray([0.5]), np.empty((0, 3))).tolist() == [0.0]
