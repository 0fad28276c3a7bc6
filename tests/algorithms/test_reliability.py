"""Skills by hand, and what a refit recovers from made crowds."""

import math
from dataclasses import replace

import numpy as np
import pytest

from portal.algorithms.consensus import Caption, decide
from portal.algorithms.parameters import Parameters, idf_of
from portal.algorithms.reliability import refit, skill

WORDS = [f"w{n}" for n in range(60)]


def crowd(rng: np.random.Generator, noise: list[float], n_tasks: int = 60) -> list[list[Caption]]:
    """Tasks of 12 true words; each author replaces a share of them by chance."""
    tasks = []
    for _ in range(n_tasks):
        truth = rng.choice(WORDS, 12).tolist()
        people = rng.choice(len(noise), 5, replace=False).tolist()
        texts = [
            " ".join(w if rng.random() > noise[who] else str(rng.choice(WORDS)) for w in truth)
            for who in people
        ]
        tasks.append(
            [Caption(n, t, who) for n, (t, who) in enumerate(zip(texts, people, strict=True))]
        )
    return tasks


def test_a_skill_is_the_shrunken_mean() -> None:
    place = skill(8, 0.8, sigma_e=0.2, sigma_a=0.1)
    assert place.s == pytest.approx(0.8 / (8 + 4))
    assert place.se == pytest.approx(0.2 / math.sqrt(12))
    assert place.low < place.reliability < place.high
    assert place.reliability == pytest.approx(0.5 * math.erfc(-0.6667 / math.sqrt(2)), abs=1e-3)


def test_a_newcomer_is_average_and_provisional() -> None:
    place = skill(0, 0.0, 0.12, 0.06)
    assert (place.s, place.reliability, place.provisional) == (0.0, 0.5, True)
    assert not skill(10, 0.0, 0.12, 0.06).provisional


def test_shrinking_keeps_within_its_bounds() -> None:
    assert skill(1, 1.0, sigma_e=1.0, sigma_a=100.0).s == pytest.approx(1 / 2)
    assert skill(1, 1.0, sigma_e=1.0, sigma_a=0.001).s == pytest.approx(1 / 51)


@pytest.mark.parametrize(("n", "sigma"), [(-1, 0.1), (1, 0.0)])
def test_impossible_numbers_are_an_error(n: float, sigma: float) -> None:
    with pytest.raises(ValueError, match="skill needs"):
        skill(n, 0.0, sigma, 0.1)


def test_a_refit_ranks_people_by_how_well_they_write() -> None:
    noise = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8]
    fitted = refit(crowd(np.random.default_rng(3), noise))
    order = sorted(range(8), key=lambda who: -fitted.skills[who].s)
    assert order[:3] == [0, 1, 2]
    assert order[-1] == 7
    assert fitted.skills[0].reliability > 0.8
    assert fitted.skills[7].reliability < 0.2


def test_a_refit_is_deterministic_and_leaves_its_input_alone() -> None:
    tasks = crowd(np.random.default_rng(4), [0.1, 0.2, 0.4, 0.5, 0.6], 20)
    before = [list(task) for task in tasks]
    first, second = refit(tasks), refit(tasks)
    assert first.skills == second.skills
    assert first.parameters.to_json() == second.parameters.to_json()
    assert tasks == before


def test_a_fit_of_nothing_keeps_the_parameters() -> None:
    given = Parameters(sigma_e=0.2, sigma_a=0.3)
    for tasks in ([], [[]], [[Caption(1, "a dog", 1)]]):
        fitted = refit(tasks, given)
        assert (fitted.parameters.sigma_e, fitted.parameters.sigma_a) == (0.2, 0.3)


def test_gold_moves_a_person_without_captions() -> None:
    fitted = refit(crowd(np.random.default_rng(5), [0.2] * 6, 20), gold={77: (2.0, 10.0)})
    assert fitted.skills[77].s > 0
    assert fitted.totals[77] == (10.0, 2.0)


def test_the_model_never_counts_towards_people() -> None:
    tasks = crowd(np.random.default_rng(6), [0.2] * 6, 20)
    with_model = [[*task, Caption(99, task[0].text, -1, is_model=True)] for task in tasks]
    fitted = refit(with_model)
    assert fitted.totals[-1] == (0.0, 0.0)
    assert fitted.residuals[-1] == ()


def test_the_batch_gives_the_residuals_of_single_decisions() -> None:
    tasks = crowd(np.random.default_rng(7), [0.1, 0.2, 0.3, 0.5, 0.7, 0.3], 40)
    fitted = refit(tasks)
    given = replace(fitted.parameters)
    seen = dict.fromkeys(range(6), 0)
    for task in tasks:
        people = [replace(c, skill=fitted.skills[c.author].s) for c in task]
        for author, residual in decide(people, parameters=given).residuals.items():
            # The last round of the fit used the skills of the round before it.
            assert residual == pytest.approx(fitted.residuals[author][seen[author]], abs=0.01)
            seen[author] += 1


def test_colluders_are_found_and_lose_their_support() -> None:
    rng = np.random.default_rng(8)
    tasks = crowd(rng, [0.3] * 8, 60)
    shared = [
        [replace(c, text=task[0].text) if c.author in (0, 1) else c for c in task] for task in tasks
    ]
    fitted = refit(shared)
    pair = max(fitted.parameters.collusion, key=lambda each: fitted.parameters.collusion[each])
    assert pair == (0, 1)


def test_young_projects_have_no_idf() -> None:
    assert idf_of(["a dog"] * 5) == {}
    idf = idf_of(["a dog", "a cat"] * 20)
    assert idf["dog"] > idf["a"]
