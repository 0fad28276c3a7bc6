"""The model as a candidate: its caption, and the accepts of those who were shown it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.adapters import vectors
from portal.adapters.encoders import Encoder
from portal.algorithms import verification
from portal.algorithms.consensus import Ballot, Caption
from portal.models import Prediction, Task, Verification
from portal.models.verifications import PlantedRecord


@dataclass(frozen=True)
class ModelEvidence:
    """What a model's captions bring to a decision; keys and authors are negative, people's never.

    `accepts` names each accept with its ballot, for the snapshot.
    """

    captions: tuple[Caption, ...] = ()
    accepts: tuple[tuple[int, Ballot], ...] = ()

    @property
    def ballots(self) -> list[Ballot]:
        """The accepts as votes."""
        return [ballot for _, ballot in self.accepts]

    def to_json(self) -> dict[str, Any]:
        """The snapshot's part: predictions by id, for their words never change."""
        return {
            "predictions": [
                {"prediction": -caption.key, "version": -caption.author}
                for caption in self.captions
            ],
            "accepts": [
                {
                    "verification": pk,
                    "prediction": -ballot.caption,
                    "voter": ballot.voter,
                    "weight": ballot.weight,
                }
                for pk, ballot in self.accepts
            ],
        }


def gather(task: Task, encoder: Encoder | None) -> ModelEvidence:
    """Read the predictions that compete on a task: those accepted, and where the project says so
    the one that opened it.
    """
    rows = list(Verification.objects.counted(task.pk))
    predictions = {row.prediction_id: row.prediction for row in rows if row.prediction}
    if task.project.prediction_competes and task.prediction is not None:
        predictions[task.prediction_id] = task.prediction
    records = Verification.objects.records({row.annotator_id for row in rows}) if rows else {}
    accepts = [
        (row.pk, _ballot(row, records.get(row.annotator_id, PlantedRecord()))) for row in rows
    ]
    captions = [_caption(each, encoder) for _, each in sorted(predictions.items(), key=_by_key)]
    return ModelEvidence(tuple(captions), tuple(accepts))


def _by_key(pair: tuple[int | None, Prediction]) -> int:
    return -pair[1].pk


def _ballot(row: Verification, record: PlantedRecord) -> Ballot:
    assert row.prediction_id is not None
    return verification.ballot(
        -row.prediction_id, row.annotator_id, record.n_shown, record.n_accepted
    )


def _caption(prediction: Prediction, encoder: Encoder | None) -> Caption:
    text = prediction.caption
    return Caption(
        key=-prediction.pk,
        text=text,
        author=-prediction.version_id,
        vector=vectors.vector(encoder, text) if encoder else None,
        is_model=True,
    )


def restore(inputs: Mapping[str, Any]) -> ModelEvidence:
    """Read the same back from a snapshot."""
    ids = [row["prediction"] for row in inputs.get("predictions", ())]
    found = Prediction.objects.in_bulk(ids)
    accepts = [
        (
            row["verification"],
            Ballot(-row["prediction"], row["voter"], 1.0, row["weight"]),
        )
        for row in inputs.get("accepts", ())
    ]
    return ModelEvidence(tuple(_caption(found[pk], None) for pk in ids), tuple(accepts))
