"""How good captions are beside people's: every metric for both models, in one pass.

`agreement` is the similarity that consensus itself is made with; `cosine` comes from the encoder
and is absent where none speaks the project's language.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from portal.adapters import vectors
from portal.adapters.encoders import Encoder
from portal.algorithms import metrics, similarity
from portal.algorithms.metrics import DocumentFrequencies
from portal.algorithms.parameters import Parameters
from portal.models import Consensus, Prediction, Project, Refit
from portal.services.evaluations.pairs import Pair

Floats = NDArray[np.float64]
Scores = dict[str, Floats]

N_DOCUMENTS = 2000
FEW_DOCUMENTS = 20


class Scorer:
    """Scores captions of one project with one encoder and frozen document frequencies."""

    def __init__(self, project: Project) -> None:
        self._encoder = vectors.encoder_for(project.language)
        refit = Refit.objects.current_of(project.pk)
        self._idf = Parameters.from_json(refit.parameters).idf if refit else {}
        self._frequencies = _frequencies(project)

    @property
    def primary(self) -> str:
        """Name the metric that decides."""
        return "cosine" if self._encoder else "agreement"

    def score(self, pairs: Sequence[Pair]) -> tuple[Scores, Scores]:
        """Return the original's and the retrained model's scores, in the order of the pairs."""
        known = self._vectors(pairs)
        return (
            self._scores([pair.original for pair in pairs], pairs, known),
            self._scores([pair.retrained for pair in pairs], pairs, known),
        )

    def _scores(
        self, predictions: Sequence[Prediction], pairs: Sequence[Pair], known: dict[str, Floats]
    ) -> Scores:
        said = [prediction.caption for prediction in predictions]
        references = [pair.references for pair in pairs]
        settled = [pair.consensus.caption for pair in pairs]
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

    def _agreement(self, caption: str, consensus: str, known: dict[str, Floats]) -> float:
        cosine = None
        if self._encoder:
            rows = np.asarray([known[caption], known[consensus]], dtype=np.float32)
            cosine = similarity.cosines(rows)
        return float(similarity.mixed([caption, consensus], idf=self._idf, cosine=cosine)[0, 1])

    def _vectors(self, pairs: Sequence[Pair]) -> dict[str, Floats]:
        return _encoded(self._encoder, pairs) if self._encoder else {}


def _encoded(encoder: Encoder, pairs: Sequence[Pair]) -> dict[str, Floats]:
    texts = {pair.original.caption for pair in pairs} | {pair.retrained.caption for pair in pairs}
    texts |= {text for pair in pairs for text in pair.references}
    wanted = sorted(texts)
    rows = np.asarray(encoder.encode(wanted), dtype=np.float64)
    return dict(zip(wanted, rows, strict=True))


def _frequencies(project: Project) -> DocumentFrequencies:
    """Count n-grams over the project's newest settled tasks, an item a task.

    A young project has too few of them to tell common words from rare ones: there its models'
    captions count too.
    """
    newest = Consensus.objects.final().filter(project=project).order_by("-pk")
    captions = list(newest.values_list("caption", flat=True)[:N_DOCUMENTS])
    if len(captions) < FEW_DOCUMENTS:
        said = Prediction.objects.standing().filter(project=project).order_by("-pk")
        captions += said.values_list("caption", flat=True)[:N_DOCUMENTS]
    return DocumentFrequencies.of([caption] for caption in captions)
