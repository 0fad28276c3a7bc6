"""Sentence vectors of captions, remembered by this process: others' captions come back often."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from portal.adapters import encoders, fetch
from portal.adapters.encoders import Encoder

Vector = NDArray[np.float32]


def encoder_for(language: str) -> Encoder | None:
    """The encoder in use, where it was trained on this language; None means lexical similarity."""
    encoder = _in_use(settings.ENCODER)
    return encoder if encoder is not None and encoders.speaks(encoder, language) else None


def vector(encoder: Encoder, text: str) -> Vector:
    """One caption's unit vector."""
    return _vector(encoder.name, settings.ENCODER, text)


def many(encoder: Encoder, texts: Sequence[str]) -> list[Vector]:
    """The unit vectors of many captions, each wording encoded once; for work that reads them all.

    Unlike `vector` it neither reads nor fills what this process remembers of the newest captions.
    """
    different = sorted(set(texts))
    rows = encoder.encode(different)
    places = {text: at for at, text in enumerate(different)}
    return [np.asarray(rows[places[text]], dtype=np.float32) for text in texts]


@lru_cache(maxsize=4)
def _in_use(setting: str) -> Encoder | None:
    return encoders.configured(setting, fetch=fetch.request)


@lru_cache(maxsize=8192)
def _vector(name: str, setting: str, text: str) -> Vector:
    encoder = _in_use(setting)
    if encoder is None or encoder.name != name:
        raise ValueError(f"{name} is not the encoder in use.")
    return np.asarray(encoder.encode([text])[0], dtype=np.float32)
