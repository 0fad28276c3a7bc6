"""A night that is killed half-way changes nothing, and the next one does its work."""

import subprocess
import sys

import pytest
from django.db import transaction

from portal import jobs
from portal.models import Annotator, Refit, Residual
from tests.journeys.test_races import summed_otherwise
from tests.services.test_refits import crowd, made

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("processes")]

NIGHT = """
import django
django.setup()
from portal.models import Project
from portal.services.refits.evidence import gather
from portal.services.refits.swapping import swap
from portal.algorithms import reliability
project = Project.objects.get()
evidence = gather(project, None)
fitted = reliability.refit(evidence.captions)
print("fitted", flush=True)
swap(project, after=0, evidence=evidence, fitted=fitted, n_labels=0)
"""


def rows() -> tuple[object, ...]:
    residuals = Residual.objects.order_by("pk").values_list("pk", "value", "credited")
    people = Annotator.objects.order_by("pk").values_list("pk", "skill", "sum_residuals")
    return list(residuals), list(people), Refit.objects.count()


def test_a_refit_that_is_killed_while_it_swaps_changes_nothing_and_is_still_due(
    child_environment, settings
):
    settings.ENCODER = "none"
    crowd(6, project=made(2, threshold=0.0, audit_share=0.0))
    before = rows()
    with transaction.atomic():
        # Whoever swaps waits for these rows (on SQLite for the one write lock).
        list(Annotator.objects.select_for_update())
        night = subprocess.Popen(
            [sys.executable, "-c", NIGHT],
            cwd=settings.BASE_DIR,
            env=child_environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert night.stdout is not None
        assert night.stdout.readline() == "fitted\n"
        night.kill()
        night.wait()
        night.stdout.close()
    assert rows() == before
    assert jobs.refit_due() == 1
    assert Refit.objects.get().number == 1
    assert summed_otherwise() == []
