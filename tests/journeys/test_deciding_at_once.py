"""Two managers and many voters at once: one current model, one vote a person, nothing lost."""

from functools import partial

import pytest

from portal.errors import PortalError
from portal.models import AuditEntry, ModelVersion, Preference
from portal.services import evaluations, preferences
from tests.factories import (
    AnnotatorFactory,
    EvaluationFactory,
    EvaluationItemFactory,
    ProjectFactory,
)
from tests.journeys.test_races import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("processes")]


def test_of_two_models_promoted_at_once_one_is_current_and_both_are_on_record():
    project = ProjectFactory()
    rows = [EvaluationFactory(project=project, verdict="promote") for _ in range(2)]
    answers = at_once(
        *(partial(evaluations.promote, evaluation=row, actor=f"user:{n}")
          for n in range(2) for row in rows)
    )  # fmt: skip
    assert not any(isinstance(answer, PortalError) for answer in answers)
    states = sorted(
        ModelVersion.objects.filter(evaluations__in=rows).values_list("state", flat=True)
    )
    assert states == ["current", "retired"]
    assert AuditEntry.objects.filter(action="version.promoted").count() == 2


def test_promoting_and_rejecting_at_once_does_one_of_them():
    row = EvaluationFactory(verdict="promote")
    answers = at_once(
        partial(evaluations.promote, evaluation=row, actor="user:a"),
        partial(evaluations.reject, evaluation=row, actor="user:b"),
    )
    assert sum(isinstance(answer, PortalError) for answer in answers) == 1
    row.refresh_from_db()
    assert (row.promoted_at is None) != (row.rejected_at is None)


def test_votes_at_once_are_all_weighed_and_one_a_person():
    figures = {
        "original": 0.5, "retrained": 0.5, "delta": 0.0, "low": -0.1, "high": 0.1, "error": 0.06,
        "n": 50, "n_videos": 50, "p": 1.0, "p_alone": 1.0,
    }  # fmt: skip
    row = EvaluationFactory(
        verdict="inconclusive", metrics={"cosine": figures}, frozen={"primary": "cosine"}
    )
    item = EvaluationItemFactory(evaluation=row)
    voters = [AnnotatorFactory(project=row.project) for _ in range(3)]
    answers = at_once(
        *(partial(preferences.cast, item_id=item.pk, voter=voter, choice="both")
          for voter in voters for _ in range(2))
    )  # fmt: skip
    assert not any(isinstance(answer, PortalError) for answer in answers)
    assert Preference.objects.count() == 3
    assert not Preference.objects.unweighed().exists()
    row.refresh_from_db()
    assert row.preference["n_people"] == row.preference["n_both"] == 3
