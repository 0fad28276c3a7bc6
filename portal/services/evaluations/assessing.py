"""Judging one set of items: each metric with its interval, slices, the verdict. No database."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from portal.algorithms import comparisons, metrics, significance, verdicts
from portal.algorithms.comparisons import Comparison, Counts, Slice, Tally
from portal.algorithms.corpora import CORPORA
from portal.algorithms.preferences import Preference
from portal.algorithms.significance import Interval
from portal.algorithms.verdicts import Verdict
from portal.services.evaluations.measures import Floats, Scorer, Scores
from portal.services.evaluations.pairs import Captions

Figures = dict[str, float | None]
Groups = Mapping[str, Sequence[Collection[str]]]


@dataclass(frozen=True)
class Assessment:
    """What two models came to on the same items."""

    primary: str
    compared: Sequence[Comparison]
    slices: Sequence[Slice]
    tally: Tally
    original: Scores
    retrained: Scores
    deltas: Floats
    level: Interval  # the retrained model's own mean of the primary metric

    def verdict(self, preference: Preference | None = None) -> Verdict:
        """Ask the gate."""
        return gate(self.primary, self.compared, self.slices, preference)

    def metrics(self) -> dict[str, Figures]:
        """Write each metric's figures as JSON holds them."""
        found = {each.metric: self._figures(each) for each in self.compared}
        found[self.primary] |= _finite(
            {"retrained_low": self.level.low, "retrained_high": self.level.high}
        )
        return found

    def _figures(self, each: Comparison) -> Figures:
        return _finite(
            {
                "original": each.original,
                "retrained": each.retrained,
                **_written(each.interval),
                "p": each.p_holm,
                "p_alone": each.p,
                "original_low_decile": metrics.lower_decile(self.original[each.metric]),
                "retrained_low_decile": metrics.lower_decile(self.retrained[each.metric]),
            }
        )


def assess(
    scorer: Scorer,
    items: Sequence[Captions],
    videos: Sequence[object],
    rng: np.random.Generator,
    groups: Groups | None = None,
) -> Assessment:
    """Score and compare both models; `videos` names each item's video, which is drawn as one."""
    original, retrained = scorer.score(items)
    deltas = comparisons.difference(original[scorer.primary], retrained[scorer.primary])
    return Assessment(
        primary=scorer.primary,
        compared=comparisons.compare(original, retrained, videos, rng, _counts(items)),
        slices=comparisons.slices(deltas, videos, groups or {}, rng),
        tally=comparisons.tally(deltas),
        original=original,
        retrained=retrained,
        deltas=deltas,
        level=significance.paired_bootstrap(retrained[scorer.primary], videos, rng),
    )


def gate(
    primary: str,
    compared: Sequence[Comparison],
    slices: Sequence[Slice],
    preference: Preference | None,
) -> Verdict:
    """Decide by the primary metric, with the others, the slices and the votes as witnesses."""
    return verdicts.decide(
        next(each for each in compared if each.metric == primary),
        secondary=[each for each in compared if each.metric != primary],
        slices=slices,
        preference=preference,
    )


def slice_rows(slices: Sequence[Slice]) -> list[dict[str, Any]]:
    """Write slices as JSON holds them."""
    return [
        {"group": each.group, "label": each.label, **_finite(_written(each.interval))}
        for each in slices
    ]


def read_slices(rows: Sequence[Mapping[str, Any]]) -> list[Slice]:
    """Read back what slice_rows wrote."""
    return [Slice(row["group"], row["label"], _interval(row)) for row in rows]


def read_metrics(rows: Mapping[str, Mapping[str, Any]]) -> list[Comparison]:
    """Read back what Assessment.metrics wrote."""
    return [
        Comparison(
            name, row["original"], row["retrained"], _interval(row), row["p_alone"], row["p"]
        )
        for name, row in rows.items()
    ]


def _counts(items: Sequence[Captions]) -> dict[str, Counts]:
    references = [item.references for item in items]
    firsts, seconds = [item.original for item in items], [item.retrained for item in items]
    return {
        name: Counts(
            corpus.count(firsts, references), corpus.count(seconds, references), corpus.score
        )
        for name, corpus in CORPORA.items()
    }


def _written(interval: Interval) -> dict[str, float]:
    return {
        "delta": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "error": interval.error,
        "n": interval.n,
        "n_videos": interval.n_clusters,
    }


def _interval(row: Mapping[str, Any]) -> Interval:
    low, high, error = (
        unknown if row[name] is None else row[name]
        for name, unknown in (("low", -math.inf), ("high", math.inf), ("error", math.inf))
    )
    return Interval(row["delta"], low, high, error, row["n"], row["n_videos"])


def _finite(figures: Mapping[str, float]) -> Figures:
    """Bounds that are not known are null: JSON has no infinity."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
