"""Whether the evaluator can be trusted: row T12, and each metric against human judgement.

Run as `python -m benchmarks.evaluator`, or one part of it with `--part`. Without the encoder's
weights or the data, what needs them is left out and said.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import Report, options
from portal.adapters import encoders
from portal.algorithms import comparisons, metrics, verdicts
from portal.algorithms.preferences import sign_test

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], tuple[Floats, Sequence[int]]]

# Per-item spread of the difference at which the reference states its power (n = 200: .94).
SPREAD = 0.22
BETTER = 0.05
CLIP_COUNTS, CLIP_ODDS = (1, 2, 4, 10), (0.4, 0.3, 0.2, 0.1)


def main() -> int:
    """Measure every row, or one part of them."""
    parser = options(__doc__ or "", seeds=3_000)
    parser.add_argument("--part", choices=[*PARTS, "all"], default="all")
    asked = parser.parse_args()
    report = Report()
    for name, part in PARTS.items():
        if asked.part in (name, "all"):
            part(report, asked)
    return report.finish()


def false_rows(report: Report, asked: Namespace) -> None:
    """T12: promotions of an equal model, the whole gate with all its trials."""
    for name, draw in (
        ("independent items", normal),
        ("mostly ties", rare),
        ("clips of videos", clips),
    ):
        found = rate(asked.seeds, 200, 0.0, draw)
        what = f"false promotion under H0, n 200, {name}"
        mean = report.add("T12", what, found, most=0.06, aim="<= .05")
        above = mean + 1.96 * np.sqrt(mean * (1.0 - mean) / len(found))
        report.add("T12", f"upper bound of that, {name}", above, most=0.06)


def power_rows(report: Report, asked: Namespace) -> None:
    """T12: promotions of a model that is better by .05."""
    for n, least, aim in ((100, None, ">= .67"), (200, 0.85, ">= .94"), (400, None, ">= .99")):
        found = rate(asked.seeds // 3, n, BETTER, normal)
        report.add("T12", f"power at a true difference of .05, n {n}", found, least=least, aim=aim)


def vote_rows(report: Report, asked: Namespace) -> None:
    """What the rule "as good, and people like it no less" lets through, by the truth."""
    for what, mean, liked, n_votes, most in (
        ("equal model, people indifferent, 60 votes", 0.0, 0.5, 60, None),
        ("equal model, people indifferent, 240 votes", 0.0, 0.5, 240, None),
        ("equal model, people prefer it 60 to 40, 60 votes", 0.0, 0.6, 60, None),
        ("equal model, people prefer the original 60 to 40, 240 votes", 0.0, 0.4, 240, 0.06),
        ("model worse by the margin, people indifferent, 240 votes", -0.02, 0.5, 240, 0.06),
    ):
        found = rate(asked.seeds // 3, 200, mean, normal, votes=n_votes, liked=liked)
        report.add("T12", f"promoted: {what}", found, most=most)


def rate(
    n_runs: int, n: int, mean: float, draw: Draw, votes: int = 0, liked: float = 0.5
) -> list[float]:
    """Whether each of many evaluations ends in a promotion."""
    found = []
    for seed in range(n_runs):
        rng = np.random.default_rng(seed)
        deltas, videos = draw(rng, n)
        before = np.full(len(deltas), 0.5)
        primary = comparisons.compare(
            {"cosine": before}, {"cosine": before + deltas + mean}, videos, rng
        )[0]
        signs = np.where(rng.random(votes) < liked, 1, -1).tolist()
        preference = sign_test(signs, range(votes)) if votes else None
        verdict = verdicts.decide(primary, preference=preference)
        found.append(float(verdict.outcome is verdicts.Outcome.PROMOTE))
    return found


def normal(rng: np.random.Generator, n: int) -> tuple[Floats, Sequence[int]]:
    """Independent items of even spread."""
    return rng.normal(0.0, SPREAD, n), range(n)


def rare(rng: np.random.Generator, n: int) -> tuple[Floats, Sequence[int]]:
    """Two models that mostly say the same and sometimes differ a lot, unevenly: +.2 or -.6."""
    drawn = rng.random(n)
    return np.where(drawn < 0.3, 0.2, np.where(drawn < 0.4, -0.6, 0.0)), range(n)


def clips(rng: np.random.Generator, n: int) -> tuple[Floats, list[int]]:
    """Videos of 1, 2, 4 or 10 near-duplicate clips: two thirds of the variance is the video's."""
    sizes = rng.choice(CLIP_COUNTS, size=n, p=CLIP_ODDS)
    videos = np.repeat(np.arange(n), sizes)[:n]
    shared = rng.normal(0.0, SPREAD * np.sqrt(2 / 3), n)[videos]
    return shared + rng.normal(0.0, SPREAD * np.sqrt(1 / 3), n), videos.tolist()


def human_rows(report: Report, asked: Namespace) -> None:
    """T16: tau c of each metric with three experts on Flickr8k, own captions left out."""
    folder = Path(asked.data) / "flickr8k"
    if not folder.is_dir():
        print(f"No data in {folder.name}: human judgement is left out.", file=sys.stderr)
        return
    captions = dict(lines(folder / "Flickr8k.token.txt"))
    judged = [
        row for row in lines(folder / "ExpertAnnotations.txt") if row[1].split("#")[0] != row[0]
    ]
    ratings = np.asarray([[int(each) for each in row[2:5]] for row in judged])
    said = [captions[row[1]] for row in judged]
    written = [[captions[f"{row[0]}#{k}"] for k in range(5)] for row in judged]
    frequencies = metrics.DocumentFrequencies.of(
        [captions[f"{image}#{k}"] for k in range(5)] for image in sorted({row[0] for row in judged})
    )
    scores = {
        "CIDEr-D": metrics.cider_d(said, written, frequencies),
        "chrF++": metrics.chrf_pp(said, written),
        "BLEU-4": metrics.bleu_4(said, written),
        "ROUGE-L": metrics.rouge_l(said, written),
        "token F1": metrics.token_f1(said, written),
    }
    for name, score in scores.items():
        report.add("16", f"Flickr8k-Expert tau c, {name}", tau_c(score, ratings))
    encoder = encoders.configured("auto")
    if encoder is None:
        print(encoders.available(), file=sys.stderr)
        return
    texts = sorted({*said, *(each for five in written for each in five)})
    rows = dict(zip(texts, encoder.encode(texts), strict=True))
    own = np.asarray([rows[each] for each in said])
    others = [np.asarray([rows[each] for each in five]) for five in written]
    per_image = {row[0]: vectors for row, vectors in zip(judged, others, strict=True)}
    common = metrics.common_direction(list(per_image.values()))
    plain = tau_c(metrics.cosine(own, others), ratings)
    report.add("16", "Flickr8k-Expert tau c, cosine as it is", plain)
    primary = tau_c(metrics.cosine(own, others, common), ratings)
    report.add("16", "Flickr8k-Expert tau c, primary metric", primary, least=54.0, aim=">= 56")


def lines(path: Path) -> list[list[str]]:
    """The tab-separated rows of a file."""
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def tau_c(scores: Floats, ratings: NDArray[np.int_]) -> float:
    """Stuart's tau c, in percent, between scores (n,) and n rows of ratings, each a judgement."""
    repeated, judged = np.repeat(scores, ratings.shape[1]), ratings.ravel()
    groups = [np.sort(repeated[judged == rating]) for rating in np.unique(judged)]
    balance = 0
    for place, low in enumerate(groups):
        for high in groups[place + 1 :]:
            below = np.searchsorted(low, high, side="left").sum()
            above = (len(low) - np.searchsorted(low, high, side="right")).sum()
            balance += int(below - above)
    smallest = len(groups)
    return 100.0 * 2.0 * balance / (len(judged) ** 2 * (smallest - 1) / smallest)


PARTS = {"human": human_rows, "false": false_rows, "power": power_rows, "votes": vote_rows}


if __name__ == "__main__":
    sys.exit(main())
