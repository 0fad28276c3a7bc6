"""The captioner: a vocabulary, a scaling of the features and a network, as one thing on disk."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from examples.captioner import networks, searches
from examples.captioner.words import PADDING, Vocabulary

CLIP_TO = 4.0  # standard deviations beyond which a feature says no more


@dataclass(frozen=True)
class Label:
    """One thing that people agreed on: a clip's features (None: nothing to see) and its caption."""

    features: np.ndarray | None
    caption: str
    weight: float = 1.0


@dataclass(frozen=True)
class Captioner:
    """A trained model. centre and spread: (features,) of the clips it was trained on."""

    vocabulary: Vocabulary
    centre: np.ndarray
    spread: np.ndarray
    parameters: networks.Parameters

    def see(self, clips: Sequence[np.ndarray | None]) -> np.ndarray:
        """Return clips as the network sees them: (clips, 1 + features), zeros for no picture."""
        return _scaled(clips, self.centre, self.spread)

    def caption(self, clips: Sequence[np.ndarray | None]) -> list[list[searches.Candidate]]:
        """Caption clips; for each up to BEAM candidates, the likeliest first."""
        return searches.search(self.parameters, self.see(clips), self.vocabulary)

    def save(self, path: Path) -> str:
        """Write the model to a file, all or nothing, and return its SHA-256."""
        buffer = io.BytesIO()
        words = np.array(self.vocabulary.words, dtype=np.str_)
        np.savez(buffer, words=words, centre=self.centre, spread=self.spread, **self.parameters)
        partial = path.with_suffix(".partial")
        partial.write_bytes(buffer.getvalue())
        partial.replace(path)
        return hashlib.sha256(buffer.getvalue()).hexdigest()


def load(path: Path) -> Captioner:
    """Read a model from a file; nothing in it is ever executed."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    words = tuple(str(word) for word in arrays.pop("words"))
    centre, spread = arrays.pop("centre"), arrays.pop("spread")
    return Captioner(Vocabulary(words), centre, spread, arrays)


def train(
    labels: Sequence[Label],
    n_features: int,
    seed: int,
    recipe: networks.Recipe = networks.DEFAULT,
) -> Captioner:
    """Train a captioner on labels; the same labels, seed and recipe give the same model.

    Raises ValueError without a label of positive weight.
    """
    seen = [label.features for label in labels if label.features is not None]
    measured = np.stack(seen) if seen else np.zeros((1, n_features))
    centre, spread = measured.mean(axis=0), measured.std(axis=0)
    # A feature that never varied says nothing yet, and must not explode when it first does.
    spread = np.where(spread > 1e-6, spread, np.inf)
    vocabulary = Vocabulary.of(label.caption for label in labels)
    features = _scaled([label.features for label in labels], centre, spread)
    examples = _examples(labels, features, vocabulary)
    rng = np.random.default_rng(seed)
    parameters = networks.train(examples, len(vocabulary.words), rng, recipe)
    return Captioner(vocabulary, centre, spread, parameters)


def _scaled(
    clips: Sequence[np.ndarray | None], centre: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    rows = np.zeros((len(clips), 1 + len(centre)))
    for row, clip in zip(rows, clips, strict=True):
        if clip is not None:
            row[0] = 1.0
            row[1:] = np.clip((clip - centre) / spread, -CLIP_TO, CLIP_TO)
    return rows


def _examples(
    labels: Sequence[Label], features: np.ndarray, vocabulary: Vocabulary
) -> networks.Examples:
    """Lay captions out as one row a word. A label weighs the same however long its caption is."""
    clip, before, word, weight = [], [], [], []
    for number, label in enumerate(labels):
        numbers = vocabulary.encode(label.caption)
        padded = [PADDING] * networks.CONTEXT + numbers
        for place, target in enumerate(numbers):
            clip.append(number)
            before.append(padded[place : place + networks.CONTEXT])
            word.append(target)
            weight.append(label.weight)
    return networks.Examples(
        features=features,
        clip=np.array(clip),
        before=np.array(before),
        word=np.array(word),
        weight=np.array(weight, dtype=float),
    )
