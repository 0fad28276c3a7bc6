"""The gate: whether a retrained model should replace the original, and what would decide it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from portal.algorithms.comparisons import Comparison, Slice
from portal.algorithms.preferences import Preference

INDEPENDENT = ("cider_d", "chrf")
POWER = 0.80
# Per-item spread of the difference where none was measured yet, as seen on caption cosine.
TYPICAL_SPREAD = 0.25


class Outcome(StrEnum):
    """What the gate says."""

    PROMOTE = "promote"
    REJECT = "reject"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Rules:
    """The gate's margins, on the scale of the primary metric.

    `margin` is the loss that nobody would notice; `slice_margin` the loss in a slice of at least
    `least_slice` items that blocks a promotion; below `least_clusters` videos nothing is decided;
    `p` is the two-sided level that the randomisation test must confirm.
    """

    margin: float = 0.02
    slice_margin: float = 0.05
    least_slice: int = 30
    least_clusters: int = 8
    p: float = 0.10


class Grounds(StrEnum):
    """On what grounds a model is to be promoted; "" where it is not."""

    BETTER = "better"
    AS_GOOD = "as_good"
    NONE = ""


@dataclass(frozen=True)
class Verdict:
    """What to do, why, and how many more evaluation labels would probably decide it."""

    outcome: Outcome
    reasons: tuple[str, ...]
    n_more_labels: int | None = None
    grounds: Grounds = Grounds.NONE


def decide(
    primary: Comparison,
    *,
    secondary: Sequence[Comparison] = (),
    slices: Sequence[Slice] = (),
    preference: Preference | None = None,
    rules: Rules | None = None,
) -> Verdict:
    """Decide promote, reject or inconclusive.

    Promote if the lower bound is above 0, the randomisation test confirms it and CIDEr-D or chrF++
    points the same way (the primary metric's encoder also sits in the consensus); or if the lower
    bound is above -margin and a blind human vote is not worse. A slice that is surely worse blocks
    either, and so does a vote that clearly prefers the original. Reject if the upper bound is below
    -margin. Else inconclusive, with the labels still missing.
    """
    rules = rules or Rules()
    bounds = primary.interval
    if bounds.n_clusters < rules.least_clusters:
        return _too_few(primary, rules)
    if bounds.high < -rules.margin:
        return Verdict(Outcome.REJECT, (f"{_said(primary)}: worse by more than {rules.margin:g}.",))
    is_better = bounds.low > 0.0 and primary.p <= rules.p
    is_as_good = bounds.low > -rules.margin and preference is not None and preference.is_not_worse
    blocks = _blocks(secondary if is_better and not is_as_good else (), slices, preference, rules)
    if (is_better or is_as_good) and not blocks:
        reasons = [_said(primary) + (": surely better." if is_better else ": as good.")]
        reasons += [_voted(preference)] if preference is not None else []
        grounds = Grounds.BETTER if is_better else Grounds.AS_GOOD
        return Verdict(Outcome.PROMOTE, tuple(reasons), grounds=grounds)
    if blocks:
        return Verdict(Outcome.INCONCLUSIVE, (_said(primary) + ".", *blocks), None)
    return _undecided(primary, preference, rules)


def labels_needed(difference: float, spread: float = TYPICAL_SPREAD, power: float = POWER) -> int:
    """Return how many independent items show a true difference with this power, one-sided 5 %.

    n = (z.95 + z.80)^2 spread^2 / difference^2 = 6.18 spread^2 / difference^2.
    """
    if difference <= 0.0 or spread < 0.0:
        raise ValueError("A difference above 0 and a spread of at least 0 are needed.")
    reach = NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(power)
    return max(1, math.ceil((reach * spread / difference) ** 2))


def detectable(n: int, spread: float = TYPICAL_SPREAD, power: float = POWER) -> float:
    """Return the least true difference that n independent items show with this power."""
    if n < 1:
        raise ValueError("Nothing is shown by no items.")
    reach = NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(power)
    return reach * spread / math.sqrt(n)


def _too_few(primary: Comparison, rules: Rules) -> Verdict:
    missing = rules.least_clusters - primary.interval.n_clusters
    reason = (
        f"{primary.interval.n_clusters} evaluation videos are too few to decide; "
        f"at least {rules.least_clusters} are needed."
    )
    return Verdict(Outcome.INCONCLUSIVE, (reason,), missing)


def _undecided(primary: Comparison, preference: Preference | None, rules: Rules) -> Verdict:
    """Aim at the decision that the mean seen so far points to, with the spread seen so far."""
    bounds = primary.interval
    if bounds.mean > 0.0 and not (preference is not None and preference.is_not_worse):
        distance, aim = bounds.mean, "show whether it is better"
    elif bounds.mean >= -rules.margin:
        distance, aim = bounds.mean + rules.margin, "show whether it is as good"
    else:
        distance, aim = -rules.margin - bounds.mean, "show whether it is worse"
    # The error already counts clips of one video as less than one each, so scale n by it.
    spread = bounds.error * math.sqrt(bounds.n)
    wanted = labels_needed(max(distance, rules.margin / 2.0), spread)
    reasons = [f"{_said(primary)}: the data cannot tell yet."]
    more = max(wanted - bounds.n, 0)
    if more > 0:
        reasons.append(f"About {more} more evaluation labels would probably {aim}.")
    if bounds.low > -rules.margin and (preference is None or not preference.is_not_worse):
        reasons.append("It is not worse than allowed: a blind human vote can decide.")
    return Verdict(Outcome.INCONCLUSIVE, tuple(reasons), more or None)


def _blocks(
    secondary: Sequence[Comparison],
    slices: Sequence[Slice],
    preference: Preference | None,
    rules: Rules,
) -> tuple[str, ...]:
    blocks = [
        f"The slice {each.group} {each.label} ({each.interval.n} items) is surely worse by more "
        f"than {rules.slice_margin:g}."
        for each in slices
        if each.interval.n >= rules.least_slice and each.interval.high < -rules.slice_margin
    ]
    witnesses = [each for each in secondary if each.metric in INDEPENDENT]
    if witnesses and not any(each.interval.mean > 0.0 for each in witnesses):
        names = " nor ".join(each.metric for each in witnesses)
        blocks.append(f"Neither {names} agrees that it is better; a person should look.")
    if preference is not None and preference.is_worse:
        blocks.append(f"{_voted(preference)} That is clear enough to keep the original for now.")
    return tuple(blocks)


def _said(primary: Comparison) -> str:
    bounds = primary.interval
    side = "higher" if bounds.mean >= 0.0 else "lower"
    return (
        f"On {bounds.n} items of {bounds.n_clusters} videos the retrained model's {primary.metric} "
        f"is {abs(bounds.mean):.3f} {side} ({bounds.low:+.3f} to {bounds.high:+.3f})"
    )


def _voted(preference: Preference) -> str:
    return (
        f"People preferred the retrained caption on {preference.n_better} tasks and the original "
        f"on {preference.n_worse} (p {min(preference.p_better, preference.p_worse):.3f})."
    )
