"""How good captions are beside people's: every metric for both models, in one pass.

`agreement` is the similarity that consensus itself is made with; `cosine` comes from the encoder
and is absent where none speaks the project's language. Nothing here asks the database but
`scorer_of`, so that files are scored by the same code.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from portal.adapters import vectors
from portal.adapters.encoders import Encoder
from portal.algorithms import metrics, similarity
from portal.algorithms.metrics import DocumentFrequencies
from portal.algorithms.parameters import Parameters
from portal.models import MetricBasis, Project, Refit
from portal.services.evaluations.bases import frequencies_of
from portal.services.evaluations.pairs import Captions

Floats = NDArray[np.float64]
Scores = dict[str, Floats]

# Raised whenever a metric or the gate changes: an evaluation names the engine that it came from.
ENGINE = 2


class Scorer:
    """Scores captions with one encoder, one idf and frozen document frequencies."""

    def __init__(
        self,
        encoder: Encoder | None,
        frequencies: DocumentFrequencies,
        idf: Mapping[str, float] | None = None,
    ) -> None:
        self._encoder = encoder
        self._idf = dict(idf or {})
        self._frequencies = frequencies

    @property
    def primary(self) -> str:
        """Name the metric that decides."""
        return "cosine" if self._encoder else "agreement"

    @property
    def encoder_name(self) -> str:
        """Name the encoder; empty where wording alone is compared."""
        return self._encoder.name if self._encoder else ""

    def score(self, items: Sequence[Captions]) -> tuple[Scores, Scores]:
        """Return the original's and the retrained model's scores, in the order of the items."""
        known = _encoded(self._encoder, items) if self._encoder else {}
        return (
            self._scores([item.original for item in items], items, known),
            self._scores([item.retrained for item in items], items, known),
        )

    def _scores(
        self, said: Sequence[str], items: Sequence[Captions], known: dict[str, Floats]
    ) -> Scores:
        references = [item.references for item in items]
        settled = [item.settled for item in items]
        scores: Scores = {
            "agreement": np.asarray(
                [self._agreement(*both, known) for both in zip(said, settled, strict=True)]
            ),
            "cider_d": metrics.cider_d(said, references, self._frequencies),
            "chrf": metrics.chrf_pp(said, references),
            "bleu_4": metrics.bleu_4(said, references),
            "rouge_l": metrics.rouge_l(said, references),
        }
        if self._encoder:
            rows = np.asarray([known[text] for text in said])
            theirs = [np.asarray([known[text] for text in texts]) for texts in references]
            scores["cosine"] = metrics.cosine(rows, theirs, metrics.common_direction(theirs))
        return scores

    def _agreement(
        self, caption: str, settled: Sequence[str], known: Mapping[str, Floats]
    ) -> float:
        """Return how much a caption says what people settled on, the mean over their wordings."""
        texts = [caption, *settled]
        cosine = None
        if self._encoder:
            rows = np.asarray([known[text] for text in texts], dtype=np.float32)
            cosine = similarity.cosines(rows)
        return float(similarity.mixed(texts, idf=self._idf, cosine=cosine)[0, 1:].mean())


def scorer_of(project: Project, basis: MetricBasis | None) -> Scorer:
    """Return the project's scorer; without a basis the frequencies are counted for this once."""
    refit = Refit.objects.current_of(project.pk)
    idf = Parameters.from_json(refit.parameters).idf if refit else {}
    frequencies = (
        DocumentFrequencies.from_json(basis.frequencies) if basis else frequencies_of(project)
    )
    return Scorer(vectors.encoder_for(project.language), frequencies, idf)


def _encoded(encoder: Encoder, items: Sequence[Captions]) -> dict[str, Floats]:
    texts = {item.original for item in items} | {item.retrained for item in items}
    texts |= {text for item in items for text in (*item.references, *item.settled)}
    wanted = sorted(texts)
    rows = np.asarray(encoder.encode(wanted), dtype=np.float64)
    return dict(zip(wanted, rows, strict=True))
