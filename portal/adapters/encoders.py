"""Sentence encoders behind one seam: the embedded MiniLM, an embeddings endpoint, or none.

None means that similarity is lexical; `available()` says why, for whoever runs the portal.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from portal.adapters.minilm import MiniLM, WeightsMissing, locate, tensors
from portal.errors import PeerUnavailable

Array = NDArray[np.float32]

EVERY_LANGUAGE = "*"
TEXTS_PER_CALL = 64
MAX_ANSWER_BYTES = 16 * 1024 * 1024  # 64 vectors of 4,096 numbers as JSON, twice over


class Encoder(Protocol):
    """Whatever maps sentences to directions; `languages` are those it may be trusted with."""

    name: str
    languages: frozenset[str]

    def encode(self, texts: Sequence[str]) -> Array:
        """Map n texts to (n, d) float32 unit rows."""
        ...


class Answer(Protocol):
    """What a fetch brings back."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def body(self) -> bytes:
        """The bytes that were read."""


Fetch = Callable[..., Answer]


class EndpointEncoder:
    """An OpenAI-compatible embeddings endpoint (TEI, vLLM, a vendor's)."""

    languages = frozenset({EVERY_LANGUAGE})

    def __init__(
        self,
        url: str,
        *,
        fetch: Fetch,
        model: str = "default",
        key: str = "",
        timeout: float = 30.0,
    ) -> None:
        self.name = model
        self._url = url.rstrip("/") + "/embeddings"
        self._fetch = fetch
        self._key = key
        self._timeout = timeout

    def encode(self, texts: Sequence[str]) -> Array:
        """Map n texts to (n, d) unit rows; raises PeerUnavailable where the endpoint fails."""
        starts = range(0, len(texts), TEXTS_PER_CALL)
        parts = [self._embed(texts[start : start + TEXTS_PER_CALL]) for start in starts]
        if len({part.shape[1] for part in parts}) > 1:
            raise PeerUnavailable(f"The encoder {self.name} changed its number of dimensions.")
        return np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)

    def _embed(self, texts: Sequence[str]) -> Array:
        answer = self._fetch(
            "POST",
            self._url,
            headers=self._headers(),
            body=json.dumps({"model": self.name, "input": list(texts)}).encode(),
            timeout=self._timeout,
            max_bytes=MAX_ANSWER_BYTES,
        )
        if answer.status != 200:
            raise PeerUnavailable(f"The encoder {self.name} answered {answer.status}.")
        return unit_rows(answer.body, len(texts), self.name)

    def _headers(self) -> Mapping[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        return {**headers, "Authorization": f"Bearer {self._key}"} if self._key else headers


def unit_rows(body: bytes, n_texts: int, name: str) -> Array:
    """Read an embeddings answer as unit rows in the order of the texts.

    Raises PeerUnavailable for anything but n finite, non-zero vectors of one length.
    """
    try:
        entries = sorted(json.loads(body)["data"], key=lambda entry: entry["index"])
        rows: Any = np.array([entry["embedding"] for entry in entries], dtype=np.float32)
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as problem:
        raise PeerUnavailable(f"The encoder {name} did not answer with embeddings.") from problem
    if rows.ndim != 2 or len(rows) != n_texts or not np.isfinite(rows).all():
        raise PeerUnavailable(
            f"The encoder {name} answered {rows.shape} numbers for {n_texts} texts."
        )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not lengths.all():
        raise PeerUnavailable(f"The encoder {name} answered a vector of zeros.")
    return np.asarray(rows / lengths, dtype=np.float32)


@cache
def available() -> str:
    """Say why the embedded encoder cannot be used; empty where it can."""
    try:
        tensors(locate() / "model.safetensors")
    except WeightsMissing as problem:
        return f"{problem} Similarity is lexical."
    return ""


@cache
def embedded() -> MiniLM:
    """The process's one MiniLM."""
    return MiniLM(locate())


def configured(
    setting: str, *, fetch: Fetch | None = None, model: str = "default", key: str = ""
) -> Encoder | None:
    """Choose the encoder by its setting: `auto`, `none`, or an endpoint's address.

    None means lexical similarity. An address needs `fetch` (portal.adapters.fetch.request).
    """
    if setting == "none":
        return None
    if setting == "auto":
        return None if available() else embedded()
    if fetch is None:
        raise ValueError(f"The encoder at {setting} needs a way to call it.")
    return EndpointEncoder(setting, fetch=fetch, model=model, key=key)


def speaks(encoder: Encoder, language: str) -> bool:
    """Whether the encoder was trained on a language, given as a BCP 47 tag such as en-GB."""
    primary = language.split("-")[0].lower()
    return EVERY_LANGUAGE in encoder.languages or primary in encoder.languages
