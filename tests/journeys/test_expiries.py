"""Leases that end while somebody submits, and machines whose clocks are wrong."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.utils import timezone

from benchmarks.claim_expiries import contest
from portal.models import Assignment
from portal.services import assignments
from tests.factories import AnnotatorFactory, ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
N_CONTESTS = 40

SHIFTED = """
import os, sys
from datetime import timedelta
import django
django.setup()
from django.utils import timezone
right = timezone.now
timezone.now = lambda: right() + timedelta(hours=float(sys.argv[1]))
from portal.models import Annotator
from portal.services import assignments
print(assignments.expire_stale())
lease = assignments.claim(annotator=Annotator.objects.get(pk=int(sys.argv[2])))
print(lease.expires_at.timestamp() - right().timestamp())
"""


def test_a_submit_as_the_lease_ends_has_one_winner_and_the_loser_keeps_every_word():
    project = ProjectFactory(min_captions=1, max_captions=1, threshold=1.0)
    holder, rival = AnnotatorFactory.create_batch(2, project=project)
    tasks = TaskFactory.create_batch(N_CONTESTS, project=project, n_wanted=1)
    outcomes = Counter(contest(holder, rival, task) for task in tasks)
    assert set(outcomes) <= {"holder", "rival"}
    assert outcomes.total() == N_CONTESTS


@pytest.mark.parametrize("hours", ["1", "-1"])
def test_a_machine_whose_clock_is_an_hour_off_expires_nothing_and_doubles_no_lease(
    hours, child_environment
):
    project = ProjectFactory()
    TaskFactory.create_batch(4, project=project)
    first, second = AnnotatorFactory.create_batch(2, project=project)
    lease = assignments.claim(annotator=first)
    ran = subprocess.run(
        [sys.executable, "-c", SHIFTED, hours, str(second.pk)],
        cwd=ROOT, env=child_environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    n_expired, seconds = ran.stdout.split()
    assert int(n_expired) == 0
    assert abs(float(seconds) - 30 * 60) < 60
    assert assignments.claim(annotator=first) == lease
    assert set(Assignment.objects.values_list("state", flat=True)) == {"leased"}
    assert Assignment.objects.live().filter(expires_at__gt=timezone.now()).count() == 2
