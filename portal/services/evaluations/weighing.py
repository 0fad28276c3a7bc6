"""Blind votes in the verdict: counted anew after each vote, with the metrics as they were."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import transaction

from portal.algorithms import preferences
from portal.algorithms.verdicts import Verdict as Ruling
from portal.models import Evaluation, EvaluationItem, ModelVersion, Preference, RetrainJob
from portal.models.evaluations import Verdict
from portal.models.preferences import Choice
from portal.services.evaluations import assessing, following

RULED = ("verdict", "grounds", "reasons", "n_more_labels", "preference")
CHUNK = 500
ENOUGH_MODELS = 3


@dataclass(frozen=True)
class Votes:
    """The votes on an evaluation's pairs, and what the sign test makes of them."""

    preference: preferences.Preference | None
    counts: Counter[str]  # retrained, original, both, neither, left, people


@dataclass(frozen=True)
class Strength:
    """One model among those that people compared, by Bradley and Terry."""

    version: ModelVersion
    share: float  # chance that its caption is preferred to that of an average rival
    n_votes: int


@transaction.atomic
def weigh(*, preference_id: int) -> int:
    """Take one vote into the verdicts that it concerns; says how many changed. Twice is harmless.

    Only models that nobody has decided on are looked at again.
    """
    vote = Preference.objects.filter(pk=preference_id).first()
    if vote is None:
        return 0
    pair = (vote.first_id, vote.second_id)
    holding = EvaluationItem.objects.filter(original__in=pair, retrained__in=pair)
    ids = Evaluation.objects.undecided().filter(items__in=holding).order_by("pk").distinct()
    changed = sum(_weigh_again(pk) for pk in list(ids.values_list("pk", flat=True)))
    Preference.objects.filter(pk=vote.pk, changed_at=vote.changed_at).update(is_weighed=True)
    return changed


def _weigh_again(evaluation_id: int) -> bool:
    rows = Evaluation.objects.select_for_update(of=("self",))
    evaluation = rows.select_related("project", "original", "retrained", "job").get(
        pk=evaluation_id
    )
    if evaluation.is_decided or not evaluation.metrics:
        return False
    before = evaluation.verdict
    votes = votes_on(list(evaluation.items.all()))
    ruling = assessing.gate(
        evaluation.frozen["primary"],
        assessing.read_metrics(evaluation.metrics),
        assessing.read_slices(evaluation.slices),
        votes.preference,
    )
    rule(evaluation, ruling, votes, int(evaluation.preference.get("n_missing", 0)))
    evaluation.save(update_fields=RULED)
    if evaluation.verdict == before:
        return False
    following.tell(evaluation)
    following.follow(evaluation, _job_of(evaluation))
    return True


def rule(evaluation: Evaluation, ruling: Ruling, votes: Votes, n_missing: int) -> None:
    """Write a ruling of the gate into the evaluation; the caller saves."""
    evaluation.verdict = Verdict(ruling.outcome.value)
    evaluation.grounds = ruling.grounds.value
    evaluation.n_more_labels = ruling.n_more_labels
    evaluation.reasons = list(ruling.reasons)
    if n_missing:
        missing = f"{n_missing} held-out clips had no caption of the retrained model."
        evaluation.reasons.append(missing)
    evaluation.preference = _written(votes) | {"n_missing": n_missing}


def votes_on(items: Sequence[EvaluationItem]) -> Votes:
    """Count the votes on these pairs; a task speaks once, however many voted on it."""
    sides = {frozenset((item.original_id, item.retrained_id)): item for item in items}
    signs, tasks, counts = [], [], Counter[str]()
    people = set()
    for vote in _votes(items):
        item = sides.get(frozenset((vote.first_id, vote.second_id)))
        if item is None:
            continue
        chosen = _chosen(vote)
        name = (
            vote.choice
            if chosen is None
            else ("retrained" if chosen == item.retrained_id else "original")
        )
        counts[name] += 1
        counts["left"] += chosen is not None and (chosen == vote.first_id) == vote.first_was_left
        signs.append({"retrained": 1, "original": -1}.get(name, 0))
        tasks.append(item.task_id)
        people.add(vote.voter_id)
    counts["people"] = len(people)
    return Votes(preferences.sign_test(signs, tasks) if signs else None, counts)


def strengths(project_id: int) -> list[Strength]:
    """Rank the project's models by all blind votes, strongest first; from three models on."""
    rows = list(
        Preference.objects.filter(project_id=project_id).values_list(
            "first__version", "second__version", "choice"
        )
    )
    ids = sorted({pk for row in rows for pk in row[:2]})
    if len(ids) < ENOUGH_MODELS:
        return []
    place = {pk: at for at, pk in enumerate(ids)}
    wins = np.zeros((len(ids), len(ids)))
    for first, second, choice in rows:
        winner, loser = (second, first) if choice == Choice.SECOND else (first, second)
        even = choice in (Choice.BOTH, Choice.NEITHER)
        wins[place[winner], place[loser]] += 0.5 if even else 1.0
        wins[place[loser], place[winner]] += 0.5 if even else 0.0
    found = preferences.bradley_terry(wins)
    versions = ModelVersion.objects.in_bulk(ids)
    ranked = [
        Strength(
            versions[pk],
            _beats(found, at),
            int(wins[at].sum() + wins[:, at].sum()),
        )
        for pk, at in place.items()
    ]
    return sorted(ranked, key=lambda each: -each.share)


def _beats(strengths: np.ndarray, at: int) -> float:
    """Return the mean chance of one model against each other."""
    others = np.delete(strengths, at)
    return float((strengths[at] / (strengths[at] + others)).mean())


def _votes(items: Sequence[EvaluationItem]) -> list[Preference]:
    tasks = sorted({item.task_id for item in items})
    found: list[Preference] = []
    for start in range(0, len(tasks), CHUNK):
        found += Preference.objects.filter(task_id__in=tasks[start : start + CHUNK])
    return found


def _chosen(vote: Preference) -> int | None:
    """Return the prediction that was preferred; None for both and neither."""
    if vote.choice == Choice.FIRST:
        return vote.first_id
    return vote.second_id if vote.choice == Choice.SECOND else None


def _job_of(evaluation: Evaluation) -> RetrainJob | None:
    if evaluation.job_id is None:
        return None
    return RetrainJob.objects.select_for_update(of=("self",)).get(pk=evaluation.job_id)


def _written(votes: Votes) -> dict[str, float]:
    if votes.preference is None:
        return {}
    found = votes.preference
    return {
        "n_better": found.n_better,
        "n_worse": found.n_worse,
        "n_even": found.n_even,
        "p_better": found.p_better,
        "p_worse": found.p_worse,
        **{f"n_{name}": n for name, n in votes.counts.items()},
    }
