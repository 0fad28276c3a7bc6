"""What an integration posts of a prediction, typed, and what it is told of each row."""

from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from portal.errors import PortalError
from portal.models.predictions import Standing

MAX_EMBEDDING = 4096
MAX_CANDIDATES = 64
MAX_TOKENS = 2000
MAX_VOCABULARY = 10_000_000

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=360_000)]


class Token(msgspec.Struct, forbid_unknown_fields=True):
    """One token of a caption with its natural log-probability, or the entropy it was drawn at."""

    t: Annotated[str, msgspec.Meta(max_length=200)]
    logprob: float | None = None
    entropy: float | None = None


class CandidateText(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of an n-best list with its sequence log-probability."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]
    logprob: float


class PredictionItem(msgspec.Struct, forbid_unknown_fields=True):
    """One prediction as an integration posts it; times in seconds, uncertainty 0–1."""

    video_id: Name
    caption: str
    model_version: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    uncertainty: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    video_url: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    start: Seconds | None = None
    end: Seconds | None = None
    tokens: Annotated[list[Token], msgspec.Meta(max_length=MAX_TOKENS)] | None = None
    vocabulary_size: Annotated[int, msgspec.Meta(ge=2, le=MAX_VOCABULARY)] | None = None
    candidates: Annotated[list[CandidateText], msgspec.Meta(max_length=MAX_CANDIDATES)] | None = (
        None
    )
    embedding: (
        Annotated[list[float], msgspec.Meta(min_length=1, max_length=MAX_EMBEDDING)] | None
    ) = None
    tags: Annotated[list[Name], msgspec.Meta(max_length=50)] = []
    project: str = ""


@dataclass(slots=True)
class RowResult:
    """What became of one posted row."""

    index: int
    status: str = "created"
    prediction: Standing | None = None
    error: PortalError | None = None


@dataclass
class IngestReport:
    """What became of a batch, row by row."""

    rows: list[RowResult] = field(default_factory=list)

    def count(self, status: str) -> int:
        return sum(row.status == status for row in self.rows)
