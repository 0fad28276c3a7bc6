"""A budget is planned by the portal's own services, in databases that nobody else sees."""

import json
from xml.etree import ElementTree

import pytest
from django.core.management import CommandError, call_command

from portal.algorithms.worlds import Shape
from portal.management import answers, budgets, plots
from portal.management.budgets import Figure
from portal.management.plots import Line
from portal.management.simulations import Setting, Simulation, Spent, Way
from portal.models import Annotation, Assignment, Task
from portal.models.taskstates import TaskState

SMALL = Shape(n_tasks=6, n_people=8)


@pytest.fixture(autouse=True)
def _wording_alone(settings) -> None:
    settings.ENCODER = "none"


@pytest.mark.django_db(transaction=True)
def test_fixed_redundancy_asks_everybody_the_same_number() -> None:
    spent = Simulation(Setting(Way.FIXED, 3, 0, SMALL)).work()
    assert (spent.per_task, spent.n_gold) == (3.0, 0)
    tasks = Task.objects.filter(is_gold=False)
    assert set(tasks.values_list("n_captions", flat=True)) == {3}
    assert not tasks.filter(state=TaskState.OPEN).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", [Way.ADAPTIVE, Way.ROUTED])
def test_asking_until_sure_stays_between_the_bounds_and_counts_gold(way) -> None:
    spent = Simulation(Setting(way, 0.65, 0, SMALL, least=2, most=5)).work()
    counts = Task.objects.filter(is_gold=False).values_list("n_captions", flat=True)
    assert all(2 <= n <= 5 for n in counts)
    n_gold = Annotation.objects.filter(task__is_gold=True).count()
    assert spent.n_gold == n_gold > 0
    assert spent.per_task == (sum(counts) + n_gold) / 6
    assert 0.0 <= spent.accuracy <= 1.0
    reasons = {row["reason"] for row in Assignment.objects.values_list("why_chosen", flat=True)}
    assert any(reason.startswith("gold") for reason in reasons)


@pytest.mark.django_db(transaction=True)
def test_people_who_are_always_right_are_found_right() -> None:
    simulation = Simulation(Setting(Way.FIXED, 3, 1, Shape(n_tasks=5, n_people=5)))
    simulation.world.answer = lambda person, task: int(simulation.world.truth[task])
    spent = simulation.work()
    assert (spent.accuracy, spent.majority) == (1.0, 1.0)


def test_answers_to_a_task_differ_in_what_they_say_and_may_differ_in_how() -> None:
    for task in range(200):
        assert len(answers.meanings(task, 6)) == 6 * len(answers.WAYS)


@pytest.mark.django_db(transaction=True)
def test_a_run_never_touches_an_installation() -> None:
    line = budgets.encode(Setting(Way.FIXED, 3, 0, SMALL))
    with pytest.raises(CommandError, match="in memory"):
        call_command("simulate", one=line)


def test_a_setting_survives_the_way_to_its_process() -> None:
    setting = Setting(Way.ROUTED, 0.8, 4, SMALL, least=2, most=7, gold_first=8)
    assert budgets.decode(budgets.encode(setting)) == setting


def test_the_command_runs_beside_the_installation_and_draws(tmp_path, capsys) -> None:
    drawing = tmp_path / "budget.svg"
    call_command("simulate", tasks=4, people=9, fixed=[3], thresholds=[], svg=drawing, json=True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == ["fixed redundancy", "fixed, majority"]
    assert rows[0]["per_task"] == 3.0
    assert ElementTree.parse(drawing).getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"experts": 0.7, "careless": 0.5}, "at most 1 together"),
        ({"careless": -0.1}, "between 0 and 1"),
        ({"thresholds": [1.5]}, "between 0 and 1"),
        ({"people": 3}, "as many people"),
        ({"tasks": 0}, "a task"),
        ({"min_captions": 5, "max_captions": 4}, "no less"),
        ({"fixed": [], "thresholds": []}, "nothing to compare"),
    ],
)
def test_worlds_that_cannot_be_are_refused(options, told) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("simulate", **options)


def figure(name: str, per_task: float, accuracy: float) -> Figure:
    return Figure(name, 0.0, per_task, accuracy, None, 0.0)


def test_the_price_of_an_accuracy_is_read_off_the_curve() -> None:
    line = Line("adaptive", [(2.0, 0.7), (4.0, 0.9), (6.0, 0.85)])
    assert budgets.cost_of(0.8, line) == pytest.approx(3.0)
    assert budgets.cost_of(0.6, line) == 2.0
    assert budgets.cost_of(0.95, line) is None


def test_figures_average_over_seeds() -> None:
    done = [
        (Setting(Way.ROUTED, 0.8, seed, SMALL), Spent(3.0 + seed, 0.8 + 0.1 * seed, 0.5, 1, 3))
        for seed in (0, 1)
    ]
    [row] = budgets.figures(done)
    assert (row.per_task, row.accuracy, row.disputed) == (3.5, pytest.approx(0.85), 0.5)
    assert row.half_width == pytest.approx(1.96 * 0.05)


def test_the_table_says_what_an_accuracy_costs() -> None:
    rows = [figure("adaptive", 2, 0.8), figure("adaptive", 4, 0.9), figure("fixed", 5, 0.7)]
    text = "\n".join(budgets.table(rows, 0.85))
    assert "85% right takes 3.00 answers a task: adaptive." in text
    assert "85% right is not reached: fixed." in text


def test_a_plot_names_what_it_shows_and_escapes_names() -> None:
    root = ElementTree.fromstring(
        plots.draw("A & B", "x", "y", [Line("<b>", [(1, 0.5), (2, 0.9)])])
    )
    words = "".join(root.itertext())
    assert "A & B" in words
    assert "<b>: 90.0% at 2.00" in words
