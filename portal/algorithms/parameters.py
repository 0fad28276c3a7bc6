"""The numbers that consensus is computed with: fitted per project, stored with every consensus."""

import base64
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portal.algorithms.text import tokens

YOUNG_CORPUS = 20  # captions before a project's own idf is worth more than none


@dataclass(frozen=True)
class Parameters:
    """What one project's refit has learnt; the defaults serve a project without history.

    `collusion` maps pairs of author keys, smaller first, to their excess similarity; `rings` names
    the pairs that count as one voice. `calibration` is Platt's (a, b). Immutable by convention: a
    mapping given in must not be changed afterwards.
    """

    language: str = "en"
    encoder: str = ""
    sigma_e: float = 0.08
    sigma_a: float = 0.04
    mu: float = 0.0
    baseline: float = 0.30
    eta: float = 0.5
    nu: float = 0.15
    skill_share: float = 0.5
    calibration: tuple[float, float] = (1.0, 0.0)
    idf: Mapping[str, float] = field(default_factory=dict)
    collusion: Mapping[tuple[int, int], float] = field(default_factory=dict)
    rings: frozenset[tuple[int, int]] = frozenset()
    mean_vector: NDArray[np.float32] | None = None

    def restricted_to(self, texts: Iterable[str], authors: Iterable[int]) -> "Parameters":
        """Keep only what these captions can touch, for a snapshot that decides the same.

        The idf of the rarest token stays, because unknown tokens weigh as much; the mean vector
        goes, because the snapshot keeps the geometry computed from it.
        """
        words = {word for text in texts for word in tokens(text)} | self._rarest
        people = set(authors)
        return replace(
            self,
            idf={word: self.idf[word] for word in sorted(words) if word in self.idf},
            collusion={pair: e for pair, e in self.collusion.items() if set(pair) <= people},
            rings=frozenset(pair for pair in self.rings if set(pair) <= people),
            mean_vector=None,
        )

    @cached_property
    def _rarest(self) -> frozenset[str]:
        """The one word of the highest idf, found once: a project has tens of thousands."""
        if not self.idf:
            return frozenset()
        return frozenset({max(self.idf, key=lambda word: (self.idf[word], word))})

    def to_json(self) -> dict[str, Any]:
        """Turn into plain JSON values from which `from_json` restores every number exactly."""
        plain = {part.name: getattr(self, part.name) for part in fields(self)}
        plain["calibration"] = list(self.calibration)
        plain["idf"] = dict(self.idf)
        plain["collusion"] = [[a, b, e] for (a, b), e in sorted(self.collusion.items())]
        plain["rings"] = [list(pair) for pair in sorted(self.rings)]
        if self.mean_vector is not None:
            raw = np.asarray(self.mean_vector, dtype="<f4").tobytes()
            plain["mean_vector"] = base64.b64encode(raw).decode()
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "Parameters":
        """Restore what `to_json` wrote; unknown names are ignored, missing ones take defaults."""
        known = {part.name for part in fields(cls)}
        values = {name: value for name, value in plain.items() if name in known}
        if "calibration" in values:
            a, b = values["calibration"]
            values["calibration"] = (float(a), float(b))
        if "collusion" in values:
            values["collusion"] = {(int(a), int(b)): float(e) for a, b, e in values["collusion"]}
        values["rings"] = frozenset((int(a), int(b)) for a, b in values.get("rings", ()))
        if values.get("mean_vector") is not None:
            raw = base64.b64decode(values["mean_vector"])
            values["mean_vector"] = np.frombuffer(raw, dtype="<f4").copy()
        return cls(**values)


def idf_of(texts: Iterable[str]) -> dict[str, float]:
    """Weigh every token by how few captions hold it: log((1 + n) / (1 + n_with)) + 0.1.

    Fewer than 20 captions say nothing about rarity: the answer is then empty, all tokens alike.
    """
    counts: Counter[str] = Counter()
    n = 0
    for text in texts:
        counts.update(set(tokens(text)))
        n += 1
    if n < YOUNG_CORPUS:
        return {}
    return {word: math.log((1 + n) / (1 + count)) + 0.1 for word, count in counts.items()}
