"""The network: given a clip and the three words before, how likely is each next word?

A multilayer perceptron over features ⊕ three word embeddings → ReLU → softmax, trained by Adam
(Kingma & Ba 2015, arXiv:1412.6980) with a cosine schedule, in numpy alone.
"""

from dataclasses import dataclass

import numpy as np

CONTEXT = 3
EMBEDDING, HIDDEN = 16, 64
LEARNING_RATE, BETA_1, BETA_2, EPSILON = 4e-3, 0.9, 0.999, 1e-8
FEWEST_STEPS, MOST_STEPS = 150, 600

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; all that holds it back from believing a few clips too literally.

    noise: of the features, in standard deviations: a clip seen once is not a clip seen exactly.
    blindfold: how often a row sees no features, in [0, 1]: this teaches the prior.
    """

    batch: int = 256
    epochs: int = 120
    decay: float = 3e-2
    noise: float = 0.4
    blindfold: float = 0.1


DEFAULT = Recipe()


@dataclass(frozen=True)
class Examples:
    """Training rows: one for each word to be predicted.

    features: (clips, f); clip: (rows,) into features; before: (rows, CONTEXT) word numbers;
    word: (rows,) what came next; weight: (rows,) ≥ 0.
    """

    features: np.ndarray
    clip: np.ndarray
    before: np.ndarray
    word: np.ndarray
    weight: np.ndarray


def initialise(n_features: int, n_words: int, rng: np.random.Generator) -> Parameters:
    """Return fresh parameters, He-scaled."""
    n_inputs = n_features + CONTEXT * EMBEDDING
    return {
        "embedding": rng.normal(0, 0.3, (n_words, EMBEDDING)),
        "inner": rng.normal(0, np.sqrt(2 / n_inputs), (n_inputs, HIDDEN)),
        "inner_bias": np.zeros(HIDDEN),
        "outer": rng.normal(0, np.sqrt(1 / HIDDEN), (HIDDEN, n_words)),
        "outer_bias": np.zeros(n_words),
    }


def log_probabilities(
    parameters: Parameters, features: np.ndarray, before: np.ndarray
) -> np.ndarray:
    """Return log p(next word); features (n, f), before (n, CONTEXT) → (n, words)."""
    _, hidden = _activate(parameters, features, before)
    return _log_softmax(hidden @ parameters["outer"] + parameters["outer_bias"])


def train(
    examples: Examples, n_words: int, rng: np.random.Generator, recipe: Recipe = DEFAULT
) -> Parameters:
    """Fit a network to examples; the same examples and generator give the same parameters.

    Raises ValueError without a row of positive weight.
    """
    if not examples.weight.sum() > 0:
        raise ValueError(f"Nothing to learn from: {examples.weight.shape} rows, no weight.")
    parameters = initialise(examples.features.shape[1], n_words, rng)
    moments = {
        name: (np.zeros_like(value), np.zeros_like(value)) for name, value in parameters.items()
    }
    chances = examples.weight / examples.weight.sum()
    n_steps = int(np.clip(recipe.epochs * len(chances) / recipe.batch, FEWEST_STEPS, MOST_STEPS))
    for step in range(1, n_steps + 1):
        rows = rng.choice(len(chances), size=recipe.batch, p=chances)
        seen = _blurred(examples, rows, rng, recipe)
        slopes = gradients(parameters, seen, examples, rows)
        rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / n_steps))
        _descend(parameters, slopes, moments, step, rate, recipe.decay)
    return parameters


def _blurred(
    examples: Examples, rows: np.ndarray, rng: np.random.Generator, recipe: Recipe
) -> np.ndarray:
    """Return the rows' features with noise, a few of them blindfolded."""
    clean = examples.features[examples.clip[rows]]
    noisy = clean + recipe.noise * rng.normal(size=clean.shape)
    # The first column says whether there is a picture at all; it is a fact, not a measurement.
    noisy[:, 0] = clean[:, 0]
    noisy[rng.random(len(rows)) < recipe.blindfold] = 0.0
    return noisy


def _activate(
    parameters: Parameters, features: np.ndarray, before: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the network's input and its hidden layer."""
    embedded = parameters["embedding"][before].reshape(len(before), -1)
    inputs = np.concatenate([features, embedded], axis=1)
    return inputs, np.maximum(inputs @ parameters["inner"] + parameters["inner_bias"], 0)


def gradients(
    parameters: Parameters, features: np.ndarray, examples: Examples, rows: np.ndarray
) -> Parameters:
    """Return the gradient of the mean cross-entropy of a batch."""
    before, words = examples.before[rows], examples.word[rows]
    inputs, hidden = _activate(parameters, features, before)
    error = np.exp(_log_softmax(hidden @ parameters["outer"] + parameters["outer_bias"]))
    error[np.arange(len(rows)), words] -= 1
    error /= len(rows)
    back = (error @ parameters["outer"].T) * (hidden > 0)
    to_embedding = (back @ parameters["inner"][features.shape[1] :].T).reshape(-1, EMBEDDING)
    embedding = np.zeros_like(parameters["embedding"])
    np.add.at(embedding, before.ravel(), to_embedding)
    return {
        "embedding": embedding,
        "inner": inputs.T @ back,
        "inner_bias": back.sum(axis=0),
        "outer": hidden.T @ error,
        "outer_bias": error.sum(axis=0),
    }


def _descend(
    parameters: Parameters,
    slopes: Parameters,
    moments: dict[str, tuple[np.ndarray, np.ndarray]],
    step: int,
    rate: float,
    decay: float,
) -> None:
    """Take one step of Adam with decoupled weight decay, in place."""
    for name, gradient in slopes.items():
        first, second = moments[name]
        first += (1 - BETA_1) * (gradient - first)
        second += (1 - BETA_2) * (gradient * gradient - second)
        corrected = first / (1 - BETA_1**step)
        scale = np.sqrt(second / (1 - BETA_2**step)) + EPSILON
        parameters[name] -= rate * (corrected / scale + decay * parameters[name])


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
