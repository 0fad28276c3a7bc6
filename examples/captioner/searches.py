"""Beam search: the likeliest captions of many clips at once."""

from dataclasses import dataclass

import numpy as np

from examples.captioner import networks
from examples.captioner.words import END, LONGEST_CAPTION, PADDING, UNKNOWN, Vocabulary, join

BEAM = 5


@dataclass(frozen=True)
class Candidate:
    """One caption that the model considers; log_probabilities has one entry a word, END's last."""

    caption: str
    words: tuple[str, ...]
    log_probabilities: tuple[float, ...]

    @property
    def log_probability(self) -> float:
        return float(sum(self.log_probabilities))

    @property
    def uncertainty(self) -> float:
        """1 − exp(mean log-probability of a word), in [0, 1]."""
        return float(1 - np.exp(np.mean(self.log_probabilities)))


@dataclass
class _Beams:
    """BEAM unfinished captions for each clip: word numbers, their log-probabilities, the sums."""

    numbers: np.ndarray  # (clips, beam, steps)
    steps: np.ndarray  # (clips, beam, steps)
    total: np.ndarray  # (clips, beam)
    closed: np.ndarray  # (clips, beam) bool


def search(
    parameters: networks.Parameters, features: np.ndarray, vocabulary: Vocabulary
) -> list[list[Candidate]]:
    """Return up to BEAM different captions a clip, the likeliest first.

    By the sum of their words' log-probabilities: by the mean, a clip that the model is unsure of
    is given further words that it shows nothing of, only because they are sure in themselves.
    """
    beams = _begin(len(features))
    for _ in range(LONGEST_CAPTION + 1):
        if beams.closed.all():
            break
        beams = _extend(beams, parameters, features)
    return [_candidates(beams, clip, vocabulary) for clip in range(len(features))]


def _begin(n_clips: int) -> _Beams:
    total = np.full((n_clips, BEAM), -np.inf)
    total[:, 0] = 0.0  # all beams begin alike: only the first may branch
    empty = np.zeros((n_clips, BEAM, 0))
    closed = np.zeros((n_clips, BEAM), dtype=bool)
    return _Beams(empty.astype(int), empty, total, closed)


def _extend(beams: _Beams, parameters: networks.Parameters, features: np.ndarray) -> _Beams:
    """Add one word to every open beam and keep the BEAM best of each clip."""
    n_clips = len(features)
    start = np.full((n_clips, BEAM, networks.CONTEXT), PADDING)
    before = np.concatenate([start, beams.numbers], axis=2)[:, :, -networks.CONTEXT :]
    step = networks.log_probabilities(
        parameters, np.repeat(features, BEAM, axis=0), before.reshape(-1, networks.CONTEXT)
    ).reshape(n_clips, BEAM, -1)
    step[:, :, [PADDING, UNKNOWN]] = -np.inf
    # A closed beam goes on in exactly one way, at no cost.
    step[beams.closed] = -np.inf
    step[beams.closed, END] = 0.0
    n_words = step.shape[2]
    reached = (beams.total[:, :, None] + step).reshape(n_clips, -1)
    best = np.argsort(-reached, axis=1, kind="stable")[:, :BEAM]
    parent, word = best // n_words, best % n_words
    clip = np.arange(n_clips)[:, None]
    return _Beams(
        np.concatenate([beams.numbers[clip, parent], word[..., None]], axis=2),
        np.concatenate([beams.steps[clip, parent], step[clip, parent, word][..., None]], axis=2),
        np.take_along_axis(reached, best, axis=1),
        beams.closed[clip, parent] | (word == END),
    )


def _candidates(beams: _Beams, clip: int, vocabulary: Vocabulary) -> list[Candidate]:
    """Read one clip's beams as captions, the best first, each caption once."""
    found: dict[str, Candidate] = {}
    for number in range(BEAM):
        if not np.isfinite(beams.total[clip, number]):
            continue
        numbers = beams.numbers[clip, number].tolist()
        length = numbers.index(END) + 1 if END in numbers else len(numbers)
        words = vocabulary.decode(numbers[:length])
        steps = beams.steps[clip, number, :length].tolist()
        if words:
            found.setdefault(join(words), Candidate(join(words), tuple(words), tuple(steps)))
    return sorted(found.values(), key=lambda one: (-one.log_probability, one.caption))
