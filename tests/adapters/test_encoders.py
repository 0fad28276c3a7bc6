"""The embedded encoder against published numbers, and the endpoint's manners."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portal.adapters import encoders, minilm
from portal.errors import PeerUnavailable

needs_wheel = pytest.mark.skipif(bool(encoders.available()), reason=encoders.available() or "-")


@needs_wheel
def test_cosines_are_those_that_the_model_is_published_with() -> None:
    # From the Sentence Transformers documentation's first example for all-MiniLM-L6-v2.
    encoder = encoders.configured("auto")
    assert encoder is not None
    rows = encoder.encode(
        ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    )
    published = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    assert rows.dtype == np.float32
    assert np.abs(rows @ rows.T - published).max() < 1e-4


@needs_wheel
def test_a_batch_encodes_each_text_as_alone() -> None:
    encoder = encoders.embedded()
    texts = ["a dog", "a man rides a brown horse along the beach", "", "🐶", "word " * 400]
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


@needs_wheel
def test_no_texts_give_no_rows() -> None:
    assert encoders.embedded().encode([]).shape == (0, 384)


def test_other_weights_than_the_published_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(minilm.WeightsMissing, match="SHA-256"):
        minilm.tensors(path)


def test_none_means_lexical() -> None:
    assert encoders.configured("none") is None


def test_english_only_for_the_embedded_encoder() -> None:
    model = minilm.MiniLM(Path())
    assert encoders.speaks(model, "en-GB")
    assert not encoders.speaks(model, "ja")


@dataclass
class Answer:
    status: int
    body: bytes


class Endpoint:
    """An embeddings endpoint as a callable; keeps what it was asked."""

    def __init__(self, answer: Any = None, status: int = 200) -> None:
        self.answer, self.status = answer, status
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def __call__(self, method: str, url: str, **options: Any) -> Answer:
        self.asked.append((method, url, options))
        texts = json.loads(options["body"])["input"]
        vectors = [{"index": n, "embedding": [3.0, 4.0 + len(t)]} for n, t in enumerate(texts)]
        answer = {"data": vectors[::-1]} if self.answer is None else self.answer
        return Answer(self.status, json.dumps(answer).encode())


def test_an_endpoint_gives_unit_rows_in_the_order_of_the_texts() -> None:
    endpoint = Endpoint()
    encoder = encoders.configured("http://tei/v1/", fetch=endpoint, model="bge", key="k")
    assert encoder is not None
    rows = encoder.encode(["", "a" * 5] * 40)
    assert rows.shape == (80, 2)
    assert np.allclose(rows[0], [0.6, 0.8])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    method, url, options = endpoint.asked[0]
    assert (method, url, len(endpoint.asked)) == ("POST", "http://tei/v1/embeddings", 2)
    assert options["headers"]["Authorization"] == "Bearer k"
    assert encoders.speaks(encoder, "ja")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        "no",
        {"data": []},
        {"data": [{"index": 0, "embedding": []}]},
        {"data": [{"index": 0, "embedding": ["x"]}]},
        {"data": [{"index": 0, "embedding": [0.0, 0.0]}]},
        {"data": [{"index": 0, "embedding": [float("nan"), 1.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]},
        {"data": [{"embedding": [1.0]}]},
    ],
)
def test_an_endpoint_that_talks_nonsense_is_unavailable(answer: Any) -> None:
    encoder = encoders.EndpointEncoder("http://tei", fetch=Endpoint(answer))
    with pytest.raises(PeerUnavailable):
        encoder.encode(["a dog"])


def test_an_endpoint_that_fails_is_unavailable() -> None:
    encoder = encoders.EndpointEncoder("http://tei", fetch=Endpoint(status=503))
    with pytest.raises(PeerUnavailable, match="503"):
        encoder.encode(["a dog"])


def test_an_endpoint_without_a_way_to_call_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="way to call"):
        encoders.configured("http://tei")
