"""What captions of one task say about each other: geometry, independence, discounts, support.

Arrays are (k, k) or (k,) over the task's captions in the order given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portal.algorithms import similarity
from portal.algorithms.oppositions import by_meaning, is_substitution, opposition
from portal.algorithms.parameters import Parameters
from portal.algorithms.text import comparison_key

Matrix = NDArray[np.float64]

CONTRADICTION_COST = 0.4  # share of the similarity that a full contradiction takes away
SKILL_CLIP = 2.5  # keeps one voice within e^±2.5 of the average one
DUPLICATE_GLEU = 0.7


@dataclass(frozen=True)
class Caption:
    """One caption of a task as consensus sees it; keys are the caller's own integers."""

    key: int
    text: str
    author: int
    skill: float = 0.0
    skill_se: float = 0.0
    shown_prediction: str | None = None
    vector: NDArray[np.float32] | None = None
    is_model: bool = False


@dataclass(frozen=True)
class Geometry:
    """All that the sentence vectors contribute: enough to decide again without them.

    `cosines` is (k, k); `commonness` is each caption's cosine-like product with the mean vector.
    """

    encoder: str
    cosines: Matrix
    commonness: Matrix

    def to_json(self) -> dict[str, Any]:
        """Turn into plain JSON values; floats survive exactly."""
        return {
            "encoder": self.encoder,
            "cosines": self.cosines.tolist(),
            "commonness": self.commonness.tolist(),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "Geometry":
        """Restore what `to_json` wrote."""
        return cls(plain["encoder"], np.array(plain["cosines"]), np.array(plain["commonness"]))


@dataclass(frozen=True)
class Evidence:
    """One task's similarities and who may support whom.

    `likeness` is the mixed similarity less contradictions, in [0, 1]; `meaning` the same by cosine
    alone where there is an encoder; `opposed` is how surely two captions contradict each other;
    `excess` is what collusion adds to likeness; `support_from` is
    `likeness` less excess and chance;
    `independent` a 0/1 mask; `discount` in (0, 1]; `copies` marks copies of the shown prediction.
    """

    likeness: Matrix
    meaning: Matrix
    opposed: Matrix
    excess: Matrix
    support_from: Matrix
    independent: Matrix
    discount: Matrix
    copies: NDArray[np.bool_]


def geometry_of(captions: Sequence[Caption], parameters: Parameters) -> Geometry | None:
    """Compare the captions' vectors; None unless every caption has one."""
    vectors = [caption.vector for caption in captions if caption.vector is not None]
    if len(vectors) < len(captions):
        return None
    rows = np.stack(vectors).astype(np.float64)
    mean = parameters.mean_vector
    common = np.zeros(len(rows)) if mean is None else rows @ np.asarray(mean, dtype=np.float64)
    return Geometry(parameters.encoder or "vectors", similarity.cosines(np.stack(vectors)), common)


def weigh(
    captions: Sequence[Caption], parameters: Parameters, geometry: Geometry | None
) -> Evidence:
    """Measure how k captions support each other, from their words and their geometry."""
    texts = [caption.text for caption in captions]
    cosine = None if geometry is None else geometry.cosines
    opposed = oppositions(texts, cosine)
    agree = 1 - CONTRADICTION_COST * opposed
    wording = similarity.mixed(texts, idf=parameters.idf, cosine=cosine)
    means = wording if cosine is None else meaning(texts, cosine)
    excess = collusion(captions, parameters)
    copies = copied(captions)
    rings = ringed(captions, parameters)
    return Evidence(
        likeness=wording * agree,
        meaning=means * agree,
        opposed=opposed,
        excess=excess,
        support_from=wording * agree - excess - chance(geometry, parameters),
        independent=independence(captions, copies, rings),
        discount=discounts(captions, copies, rings),
        copies=copies,
    )


def set_rings_apart(
    captions: Sequence[Caption], evidence: Evidence, parameters: Parameters
) -> Evidence:
    """Let the members of a ring count as one voice in what was measured without knowing of it."""
    rings = ringed(captions, parameters)
    if not rings.any():
        return evidence
    return replace(
        evidence,
        independent=independence(captions, evidence.copies, rings),
        discount=discounts(captions, evidence.copies, rings),
    )


def oppositions(texts: Sequence[str], cosine: Matrix | None) -> Matrix:
    """How surely every two captions contradict each other, (k, k) in [0, 1], 0 on the diagonal.

    Words known to exclude each other do so with or without an encoder; other substitutions only
    where the cosine shows that the meaning has changed.
    """
    k = len(texts)
    matrix = np.zeros((k, k))
    for i in range(k):
        for j in range(i):
            sure = opposition(texts[i], texts[j])
            if cosine is not None and sure < 1 and is_substitution(texts[i], texts[j]):
                sure = max(sure, by_meaning(float(cosine[i, j])))
            matrix[i, j] = matrix[j, i] = sure
    return matrix


def meaning(texts: Sequence[str], cosine: Matrix) -> Matrix:
    """Cosines floored at 0, and 1 wherever two captions have one comparison key."""
    keys = np.array([comparison_key(text) for text in texts], dtype=object)
    return np.where(keys[:, None] == keys[None, :], 1.0, np.maximum(0.0, cosine))


def chance(geometry: Geometry | None, parameters: Parameters) -> Matrix:
    """The similarity that bland captions have to anything: η·share·(E_x·c + E_y·c)."""
    if geometry is None:
        return np.zeros(())
    common = geometry.commonness
    scale = parameters.eta * similarity.COSINE_SHARE
    return np.asarray(scale * (common[:, None] + common[None, :]), dtype=np.float64)


def collusion(captions: Sequence[Caption], parameters: Parameters) -> Matrix:
    """The excess similarity that pairs of authors have shown on other tasks, (k, k)."""
    k = len(captions)
    matrix = np.zeros((k, k))
    for i in range(k):
        for j in range(i):
            a, b = sorted((captions[i].author, captions[j].author))
            matrix[i, j] = matrix[j, i] = parameters.collusion.get((a, b), 0.0)
    return matrix


def ringed(captions: Sequence[Caption], parameters: Parameters) -> NDArray[np.bool_]:
    """Mark the pairs of captions whose authors are known as a ring, (k, k)."""
    k = len(captions)
    matrix = np.zeros((k, k), dtype=bool)
    for i in range(k if parameters.rings else 0):
        for j in range(i):
            a, b = sorted((captions[i].author, captions[j].author))
            matrix[i, j] = matrix[j, i] = (a, b) in parameters.rings
    return matrix


def copied(captions: Sequence[Caption]) -> NDArray[np.bool_]:
    """Mark near copies of the prediction that their author was shown; the model copies itself."""
    return np.array(
        [
            caption.is_model
            or (
                caption.shown_prediction is not None
                and similarity.is_near_copy(caption.text, caption.shown_prediction)
            )
            for caption in captions
        ],
        dtype=bool,
    )


def independence(
    captions: Sequence[Caption], copies: NDArray[np.bool_], rings: NDArray[np.bool_]
) -> Matrix:
    """Who may support whom, (k, k) of 0 and 1: not oneself, nor copy copy, nor a ring itself."""
    authors = np.array([caption.author for caption in captions])
    same_author = authors[:, None] == authors[None, :]
    barred = same_author | rings | (copies[:, None] & copies[None, :])
    return np.where(barred, 0.0, 1.0)


def discounts(
    captions: Sequence[Caption], copies: NDArray[np.bool_], rings: NDArray[np.bool_]
) -> Matrix:
    """What each voice counts beside those that repeat it, (k,) in (0, 1].

    Captions by one author or one ring count once; wordings alike beyond GLEU .7 count less, at
    most half; all m copies of a shown prediction together count as one.
    """
    k = len(captions)
    shared = np.zeros((k, k))
    for i in range(k):
        for j in range(i):
            if captions[i].author == captions[j].author or rings[i, j]:
                shared[i, j] = 1.0
            else:
                alike = similarity.gleu(captions[i].text, captions[j].text)
                shared[i, j] = 0.5 * min(1.0, max(0.0, (alike - DUPLICATE_GLEU) / 0.3))
    together = 1 / (1 + (shared + shared.T).sum(axis=1))
    return np.where(copies, 1 / max(1, int(copies.sum())), together)


def voices(captions: Sequence[Caption], evidence: Evidence, sigma_e: float) -> Matrix:
    """The weight of each caption as a voter, (k,): its discount times e^(skill/σ_e), clipped."""
    skills = np.array([caption.skill for caption in captions])
    return evidence.discount * np.exp(np.clip(skills / sigma_e, -SKILL_CLIP, SKILL_CLIP))


def support(evidence: Evidence, weights: Matrix, baseline: float) -> Matrix:
    """The weighted mean support of each caption by the independent others, (k,).

    Where nobody independent speaks (one caption, or copies only) it is `baseline`: neither for nor
    against.
    """
    mask = evidence.independent * weights[None, :]
    total = mask.sum(axis=1)
    heard = (mask * evidence.support_from).sum(axis=1)
    return np.where(total > 0, heard / np.where(total > 0, total, 1.0), baseline)
