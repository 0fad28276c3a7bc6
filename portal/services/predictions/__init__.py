"""Predictions come in: one path for one or a hundred thousand, idempotent, each row answered.

items (what is posted) → checking (rows by themselves) → estimating (how unsure) → intake (rows
beside what is stored) → ingesting. Tasks open as a consequence (`signals.predictions_ingested`).
"""

from portal.services.predictions.ingesting import ingest
from portal.services.predictions.items import (
    CandidateText,
    IngestReport,
    PredictionItem,
    RowResult,
    Token,
)

__all__ = [
    "CandidateText",
    "IngestReport",
    "PredictionItem",
    "RowResult",
    "Token",
    "ingest",
]
