"""Gather what speaks for each caption, and keep it so that the same answer can be had again."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from portal.adapters import vectors
from portal.adapters.encoders import Encoder
from portal.algorithms.consensus import ENGINE, Ballot, Caption, Decision, Parameters, decide
from portal.algorithms.evidence import SKILL_CLIP, Geometry, geometry_of
from portal.models import (
    Annotation,
    AnnotationRevision,
    Consensus,
    Refit,
    Task,
    Vote,
)
from portal.models.refits import RefitKey
from portal.services.consensus import models


@dataclass(frozen=True)
class Gathered:
    """One task's evidence at one revision, and the decision it leads to."""

    revision: int
    decision: Decision
    inputs: dict[str, Any]
    refit_id: int | None
    authors: dict[int, int]  # annotation → annotator
    n_accepts: int = 0
    has_blind_caption: bool = True

    @property
    def n_answers(self) -> int:
        """Slots that were answered: captions, and accepts of the shown prediction."""
        return len(self.authors) + self.n_accepts


def gather(task: Task, *, like: Consensus | None = None) -> Gathered | None:
    """Read a task's standing captions and votes and decide; None where no caption stands.

    Reads only, outside of any transaction: encoding takes its time. `like` is an earlier version
    whose geometry serves instead where it is of the same wordings by the same encoder.
    """
    annotations = list(
        Annotation.objects.standing()
        .filter(task=task)
        .select_related("author", "prediction_shown")
        .order_by("id")
    )
    if not annotations:
        return None
    refit = Refit.objects.key_of(task.project_id)
    encoder = vectors.encoder_for(task.project.language)
    parameters = _parameters(refit, task.project.language, encoder.name if encoder else "")
    model = models.gather(task, encoder)
    geometry = _kept_geometry(like, annotations, model, parameters.encoder)
    captions = [_caption(annotation, None if geometry else encoder) for annotation in annotations]
    everything = [*model.captions, *captions]  # in the order of their keys, as geometry has it
    ballots, votes = _ballots(task, parameters)
    geometry = geometry or geometry_of(everything, parameters)
    # Decided from what the snapshot keeps, so that recomputing cannot differ.
    kept = parameters.restricted_to(
        (caption.text for caption in everything), (caption.author for caption in captions)
    )
    decision = decide(everything, [*ballots, *model.ballots], kept, geometry)
    return Gathered(
        revision=task.revision,
        decision=decision,
        inputs=_snapshot(annotations, captions, votes, ballots, kept, decision, model),
        refit_id=refit[0] if refit else None,
        authors={annotation.pk: annotation.author_id for annotation in annotations},
        n_accepts=len(model.ballots),
        has_blind_caption=any(each.prediction_shown_id is None for each in annotations),
    )


def _kept_geometry(
    like: Consensus | None,
    annotations: Sequence[Annotation],
    model: models.ModelEvidence,
    encoder: str,
) -> Geometry | None:
    kept = like.inputs.get("geometry") if like else None
    if like is None or not kept or kept["encoder"] != encoder:
        return None
    weighed = {(row["annotation"], row["number"]) for row in like.inputs["captions"]}
    is_same = weighed == {(row.pk, row.number) for row in annotations}
    is_same = is_same and like.inputs.get("predictions", []) == model.to_json()["predictions"]
    return Geometry.from_json(kept) if is_same else None


@lru_cache(maxsize=16)
def _parameters(refit: RefitKey | None, language: str, encoder: str) -> Parameters:
    """The numbers in force, read once a process: they hold every word of the project."""
    parameters = Parameters()
    if refit is not None:
        parameters = Parameters.from_json(Refit.objects.get(pk=refit[0]).parameters)
    if parameters.encoder != encoder:  # a mean vector of another encoder means nothing here
        parameters = replace(parameters, encoder=encoder, mean_vector=None)
    return replace(parameters, language=language)


def _caption(annotation: Annotation, encoder: Encoder | None) -> Caption:
    shown = annotation.prediction_shown
    return Caption(
        key=annotation.pk,
        text=annotation.text,
        author=annotation.author_id,
        skill=annotation.author.skill,
        skill_se=annotation.author.skill_error,
        shown_prediction=shown.caption if shown else None,
        vector=vectors.vector(encoder, annotation.text) if encoder else None,
    )


def _ballots(task: Task, parameters: Parameters) -> tuple[list[Ballot], list[Vote]]:
    votes = list(Vote.objects.counted(task.pk).select_related("voter"))
    ballots = [
        Ballot(
            caption=vote.annotation_id,
            voter=vote.voter_id,
            score=vote.score,
            weight=vote_weight(vote.voter.skill, parameters.sigma_e),
        )
        for vote in votes
    ]
    return ballots, votes


def vote_weight(skill: float, sigma_e: float) -> float:
    """A reviewer's voice beside an average one's 1: the same that their captions would have."""
    return math.exp(min(max(skill / sigma_e, -SKILL_CLIP), SKILL_CLIP))


def _snapshot(
    annotations: Sequence[Annotation],
    captions: Sequence[Caption],
    votes: Sequence[Vote],
    ballots: Sequence[Ballot],
    kept: Parameters,
    decision: Decision,
    model: models.ModelEvidence,
) -> dict[str, Any]:
    """All that the decision was made from; texts are kept once, as caption revisions."""
    return {
        "captions": [
            {
                "annotation": annotation.pk,
                "number": annotation.number,
                "author": caption.author,
                "skill": caption.skill,
                "skill_se": caption.skill_se,
                "shown_prediction": annotation.prediction_shown_id,
            }
            for annotation, caption in zip(annotations, captions, strict=True)
        ],
        "votes": [
            {
                "vote": vote.pk,
                "annotation": ballot.caption,
                "voter": ballot.voter,
                "score": ballot.score,
                "weight": ballot.weight,
            }
            for vote, ballot in zip(votes, ballots, strict=True)
        ],
        **model.to_json(),
        "engine": ENGINE,
        "parameters": kept.to_json(),
        "geometry": decision.geometry.to_json() if decision.geometry else None,
    }


def recompute(consensus: Consensus) -> Decision:
    """Decide once more from the stored snapshot alone; the answer is the stored one.

    That holds for the engine that the snapshot names (`inputs["engine"]`); another answers anew.
    """
    inputs = consensus.inputs
    texts = {
        (row.annotation_id, row.number): row.text
        for row in AnnotationRevision.objects.filter(
            annotation_id__in=[row["annotation"] for row in inputs["captions"]]
        )
    }
    shown = consensus.task.project.predictions.in_bulk(
        [row["shown_prediction"] for row in inputs["captions"] if row["shown_prediction"]]
    )
    captions = [
        Caption(
            key=row["annotation"],
            text=texts[row["annotation"], row["number"]],
            author=row["author"],
            skill=row["skill"],
            skill_se=row["skill_se"],
            shown_prediction=(
                shown[row["shown_prediction"]].caption if row["shown_prediction"] else None
            ),
        )
        for row in inputs["captions"]
    ]
    ballots = [
        Ballot(row["annotation"], row["voter"], row["score"], row["weight"])
        for row in inputs["votes"]
    ]
    model = models.restore(inputs)
    geometry = Geometry.from_json(inputs["geometry"]) if inputs["geometry"] else None
    parameters = Parameters.from_json(inputs["parameters"])
    return decide([*captions, *model.captions], [*ballots, *model.ballots], parameters, geometry)
