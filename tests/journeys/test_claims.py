"""Sixteen processes ask for work at once: nobody too many, nobody twice, nothing left over."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

from portal.models import Annotation, Assignment, Task
from tests.factories import AnnotatorFactory, ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES = 16
ROOT = Path(__file__).resolve().parents[2]


def race(annotators, mode, environment) -> list[str]:
    """Run the processes from one starting gun; return what they wrote to standard error."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.journeys.claimers", str(annotator.pk), mode],
            cwd=ROOT,
            env=environment | {"ENCODER": "none"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for annotator in annotators
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=120)[1] for process in started]


def overfull() -> list[int]:
    """The checker: tasks that more people hold than were asked for, or that miscount them."""
    holders = Counter(Assignment.objects.holding().values_list("task_id", flat=True))
    return [task.pk for task in Task.objects.all() if holders[task.pk] > task.n_wanted]


def test_sixteen_processes_fill_every_slot_exactly_once(child_environment):
    project = ProjectFactory(min_captions=3, max_captions=3, threshold=1.0)
    TaskFactory.create_batch(30, project=project, n_wanted=3)
    people = AnnotatorFactory.create_batch(PROCESSES // 2, project=project)
    errors = race([*people, *people], "safe", child_environment)  # each person sits at two screens
    assert "".join(errors) == ""
    assert overfull() == []
    assert set(Task.objects.values_list("n_taken", "n_captions")) == {(3, 3)}
    answered = Counter(Annotation.objects.values_list("task_id", "author_id"))
    assert set(answered.values()) == {1}
    assert not Task.objects.unsettled().exists()


ROUNDS = 6


def test_without_lock_and_constraint_the_checker_finds_tasks_given_to_too_many(child_environment):
    named = {constraint.name: constraint for constraint in Assignment._meta.constraints}
    one_holder = named["one_holder_per_slot"]
    with connection.schema_editor() as editor:
        editor.remove_constraint(Assignment, one_holder)
    try:
        project = ProjectFactory()
        people = AnnotatorFactory.create_batch(6, project=project)
        for _ in range(ROUNDS):  # one quiet race proves nothing: they may have come in turn
            TaskFactory.create_batch(30, project=project, n_wanted=1)
            race(people, "naive", child_environment)
            if overfull():
                break
        assert overfull() != []
    finally:
        Assignment.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Assignment, one_holder)
