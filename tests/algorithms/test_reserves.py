import numpy as np
import pytest

from portal.algorithms import reserves


@pytest.mark.parametrize(("items", "work"), [(0.1, 0.25), (0.1, 0.1), (0.05, 0.5), (0.3, 0.6)])
def test_a_slice_has_its_share_of_what_is_served_while_it_lasts(items, work):
    rng = np.random.default_rng(0)
    n = 40_000
    others = rng.random(round(n * (1 - items)))
    mine = [reserves.standing(x, items=items, work=work) for x in rng.random(round(n * items))]
    keys = np.concatenate([others, mine])
    is_mine = np.arange(len(keys)) >= len(others)
    first = np.argsort(-keys)[: round(0.5 * len(mine))]
    assert is_mine[first].mean() == pytest.approx(work, abs=0.03)


def test_a_slice_too_large_for_its_share_gets_more_and_nobody_stands_below_0():
    assert reserves.standing(1.0, items=0.5, work=0.1) == 0.0
    assert reserves.standing(0.25, items=1.0, work=0.1) == 0.75
    assert reserves.standing(0.25, items=0.2, work=0.0) == 0.75


def test_all_of_the_work_puts_them_first():
    assert reserves.standing(0.9, items=0.1, work=1.0) == 1.0


def test_what_is_no_share_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        reserves.standing(0.5, items=1.5, work=0.1)
