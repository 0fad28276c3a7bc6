import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.algorithms.posteriors import of_answers, of_confidence

votes = st.lists(st.tuples(st.integers(0, 3), st.floats(0.05, 0.95)), max_size=8)


def test_without_answers_the_belief_is_even():
    assert of_answers([], [], 4).tolist() == [0.25] * 4


def test_one_answer_is_believed_as_far_as_its_author():
    assert of_answers([2], [0.7], 4) == pytest.approx([0.1, 0.1, 0.7, 0.1])


def test_even_mistakes_give_the_textbook_posterior():
    belief = of_answers([0, 0, 1], [0.8, 0.6, 0.7], 3, shared_mistakes=0.0)
    weights = np.asarray([0.8 * 0.6 * 0.15, 0.1 * 0.2 * 0.7, 0.1 * 0.2 * 0.15])
    assert belief == pytest.approx(weights / weights.sum())


def test_a_mistake_that_many_make_convinces_less():
    shared = of_answers([1, 1, 1], [0.5, 0.5, 0.5], 6, shared_mistakes=0.4)
    even = of_answers([1, 1, 1], [0.5, 0.5, 0.5], 6, shared_mistakes=0.0)
    assert 0.5 < shared[1] < even[1]


def test_a_reliable_person_outweighs_two_careless_ones():
    assert of_answers([0, 1, 1], [0.95, 0.3, 0.3], 6).argmax() == 0


@given(votes, st.randoms(use_true_random=False))
def test_the_order_of_answers_does_not_matter(given_votes, random):
    shuffled = list(given_votes)
    random.shuffle(shuffled)
    for one, other in zip(
        of_answers([a for a, _ in given_votes], [p for _, p in given_votes], 4),
        of_answers([a for a, _ in shuffled], [p for _, p in shuffled], 4),
        strict=True,
    ):
        assert one == pytest.approx(other)


def test_hundreds_of_answers_do_not_underflow():
    belief = of_answers([0] * 900 + [1] * 100, [0.8] * 1_000, 6)
    assert belief[0] == pytest.approx(1.0)
    assert belief.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("answers", "rates"), [([0], []), ([4], [0.5]), ([-2], [0.5])])
def test_answers_that_do_not_exist_are_refused(answers, rates):
    with pytest.raises(ValueError):
        of_answers(answers, rates, 4)


def test_free_text_gives_the_leader_its_confidence():
    belief = of_confidence(np.asarray([0.7, 0.9]), np.asarray([2, 0]), 4)
    assert belief[0] == pytest.approx([0.7, 0.1, 0.1, 0.1])
    assert belief[1] == pytest.approx([0.25] * 4)


def test_many_tasks_at_once_are_believed_as_one_by_one():
    answers = np.asarray([[0, 1, -1], [2, 2, 3], [-1, -1, -1]])
    rates = np.asarray([[0.9, 0.6, 0.5], [0.4, 0.5, 0.8], [0.7, 0.7, 0.7]])
    together = of_answers(answers, rates, 4)
    assert together[0] == pytest.approx(of_answers([0, 1], [0.9, 0.6], 4))
    assert together[1] == pytest.approx(of_answers([2, 2, 3], [0.4, 0.5, 0.8], 4))
    assert together[2] == pytest.approx([0.25] * 4)
