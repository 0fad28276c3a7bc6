"""What is compared: both models' standing captions for one clip beside what people settled on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from portal.models import Consensus, ModelVersion, Prediction, Project
from portal.models.videos import VideoState

MOST_PAIRS = 5000
CHUNK = 500

Segment = tuple[int, int, int]  # video, start, end


@dataclass(frozen=True)
class Captions:
    """What both models and people said of one item; `settled` are the words that agreement means.

    The consensus where there is one, else all references.
    """

    original: str
    retrained: str
    references: Sequence[str]
    settled: Sequence[str]


@dataclass(frozen=True)
class Pair:
    """One task with a final consensus and a caption of either model."""

    consensus: Consensus
    original: Prediction
    retrained: Prediction

    @property
    def references(self) -> list[str]:
        """The consensus first, then the other captions that people wrote and let stand."""
        said = [str(row.get("caption", "")) for row in self.consensus.candidates]
        return list(dict.fromkeys(text for text in (self.consensus.caption, *said) if text))

    @property
    def captions(self) -> Captions:
        """The words alone."""
        settled = [self.consensus.caption]
        return Captions(self.original.caption, self.retrained.caption, self.references, settled)


@dataclass(frozen=True)
class HeldOut:
    """The pairs there are, and how many tasks still lack the retrained model's caption."""

    pairs: Sequence[Pair]
    n_missing: int


def held_out(project: Project, original: ModelVersion, retrained: ModelVersion) -> HeldOut:
    """Collect the pairs of the project's evaluation tasks, which no batch has ever held."""
    rows = list(
        Consensus.objects.final()
        .filter(project=project, task__is_evaluation=True, task__is_gold=False)
        .filter(task__batch_items__isnull=True)
        .exclude(task__video__state=VideoState.ERASED)
        .select_related("task__video")
        .order_by("-pk")[:MOST_PAIRS]
    )
    firsts = _captions(original, (row.task.video_id for row in rows))
    seconds = _captions(retrained, (row.task.video_id for row in rows))
    expected = [row for row in rows if segment_of(row) in firsts]
    pairs = [
        Pair(row, firsts[segment_of(row)], seconds[segment_of(row)])
        for row in sorted(expected, key=lambda row: row.pk)
        if segment_of(row) in seconds
    ]
    return HeldOut(pairs, n_missing=len(expected) - len(pairs))


def segment_of(consensus: Consensus) -> Segment:
    """Return which part of which clip the consensus is about."""
    return consensus.task.video_id, consensus.task.start_ms, consensus.task.end_ms


def _captions(version: ModelVersion, video_ids: Iterable[int]) -> dict[Segment, Prediction]:
    wanted = sorted(set(video_ids))
    found: dict[Segment, Prediction] = {}
    for start in range(0, len(wanted), CHUNK):
        rows = Prediction.objects.standing().filter(
            version=version, video_id__in=wanted[start : start + CHUNK]
        )
        for row in rows.defer("tokens", "candidates", "embedding"):
            found[row.video_id, row.start_ms, row.end_ms] = row
    return found
