import numpy as np
import pytest

from portal.algorithms import leaders
from portal.algorithms.diversity import unit_rows

NOBODY = np.empty((0, 2), dtype=np.float32)


def rows(*vectors):
    return unit_rows(np.asarray(vectors, dtype=float)).astype(np.float32)


def test_the_first_of_a_kind_leads_and_the_others_join_it():
    found = leaders.place(rows([1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]), NOBODY)
    assert found.leader.tolist() == [0, 0, 1, 1]
    assert found.founders.tolist() == [0, 2]
    assert found.cosine[[0, 2]].tolist() == [0.0, 0.0]
    assert (found.cosine[[1, 3]] > 0.9).all()


def test_old_leaders_come_before_new_ones():
    found = leaders.place(rows([0.9, 0.1], [0, 1]), rows([1, 0]))
    assert found.leader.tolist() == [0, 1]
    assert found.founders.tolist() == [1]


def test_when_all_places_are_taken_an_item_joins_the_nearest():
    found = leaders.place(rows([0.2, 1.0]), rows([1, 0], [-1, 0]), most=2)
    assert (found.leader.tolist(), found.founders.tolist()) == ([0], [])


def test_what_has_no_direction_resembles_nothing():
    found = leaders.place(rows([0, 0], [1, 0]), rows([1, 0]))
    assert found.leader.tolist() == [-1, 0]


def test_blocks_make_no_difference(monkeypatch):
    vectors = rows(*np.random.default_rng(0).normal(size=(600, 3)))
    whole = leaders.place(vectors, np.empty((0, 3), dtype=np.float32))
    monkeypatch.setattr(leaders, "BLOCK", 50)
    parts = leaders.place(vectors, np.empty((0, 3), dtype=np.float32))
    assert whole.founders.tolist() == parts.founders.tolist()
    assert (parts.cosine[np.setdiff1d(np.arange(600), parts.founders)] >= leaders.RADIUS).all()


def test_rows_of_another_length_are_refused():
    with pytest.raises(ValueError, match="2 and leaders of 3"):
        leaders.place(rows([1, 0]), rows([1, 0, 0]))
