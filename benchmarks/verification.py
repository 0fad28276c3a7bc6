"""Verification of a shown prediction (3c): answers a task and quality, against writing blind.

Run as `python -m benchmarks.verification`. Forty made people caption MSR-VTT clips; a model is
right on 80 %: its caption is one that somebody wrote for the clip, else one of another clip. The
first answer of a task is written blind; whoever is shown the prediction accepts it or writes. The
portal's own `decide`, `should_stop` and `verification` do the rest, where a project asks for three
to five answers (the default) and for two to five. Right is a caption of the right clip; a task that
stays in doubt goes to an expert.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.clips import N_PEOPLE, Clip, Vectors, captions_of, cider, closeness, split
from benchmarks.rows import Report, options
from benchmarks.statistics import Memory
from portal.adapters import encoders
from portal.algorithms import verification
from portal.algorithms.consensus import Ballot, Caption, Decision, Parameters, decide, should_stop
from portal.algorithms.reliability import refit

MAX, THRESHOLD = 5, 0.65
LEAST = (3, 2)  # captions before a task may settle: the default, and one blind caption and a look
MODEL_KEY, MODEL = 1_000_000, -1
N_PLANTED = 8
EXPERT = 0.95  # how often an expert is right, as `services.consensus` has it
SLIPS = 0.05  # of captions are about something else: honest people err too


SHOWN = (
    ("answers", "answers a task"),
    ("answers blind", "the same, all blind from 3"),
    ("written", "captions written a task"),
    ("expert", "tasks for an expert"),
    ("expert blind", "the same, all blind"),
    ("end", "right in the end"),
    ("gain", "right in the end, less all blind"),
    ("right", "right where no expert was asked"),
    ("right blind", "the same, all blind"),
    ("fooled", "wrong predictions that settled"),
    ("cosine gain", "cosine, less all blind"),
    ("cider gain", "CIDEr-D, less all blind"),
)


@dataclass(frozen=True)
class Crowd:
    """How people behave: how often each accepts right and wrong predictions, and their record."""

    accepts_right: float
    accepts_wrong: np.ndarray
    n_accepted: np.ndarray

    def weight_of(self, who: int) -> Ballot:
        """One accept of theirs, worth what their planted predictions say."""
        return verification.ballot(MODEL_KEY, who, N_PLANTED, int(self.n_accepted[who]))


def crowd_of(rng: np.random.Generator, careless: float) -> Crowd:
    """Forty people; a careless share of them accepts whatever is shown."""
    wrong = rng.beta(2, 23, N_PEOPLE)  # honest people accept 8 % of wrong predictions
    wrong[: round(careless * N_PEOPLE)] = 0.97
    rng.shuffle(wrong)
    return Crowd(0.92, wrong, rng.binomial(N_PLANTED, wrong))


@dataclass(frozen=True)
class World:
    """One clip's task: what the model says, whether that is right, what people would write."""

    clip: Clip
    prediction: str
    is_right: bool
    texts: tuple[str, ...]
    slipped: tuple[bool, ...]
    people: tuple[int, ...]


def worlds_of(captions: dict[str, list[str]], rng: np.random.Generator) -> list[World]:
    """Draw the tasks of one seed."""
    videos, found = list(captions), []
    for clip in split(captions, MAX + 1, rng):
        *own, prediction = clip.given
        is_right = bool(rng.random() < 0.8)
        if not is_right:
            prediction = _stranger(captions, videos, clip, rng)
        slipped = tuple(bool(rng.random() < SLIPS) for _ in own)
        texts = tuple(
            _stranger(captions, videos, clip, rng) if slip else text
            for text, slip in zip(own, slipped, strict=True)
        )
        people = tuple(rng.choice(N_PEOPLE, MAX, replace=False).tolist())
        found.append(World(clip, prediction, is_right, texts, slipped, people))
    return found


def _stranger(
    captions: dict[str, list[str]], videos: Sequence[str], clip: Clip, rng: np.random.Generator
) -> str:
    """A caption of another clip."""
    while (other := videos[rng.integers(len(videos))]) == clip.video:
        pass
    return captions[other][rng.integers(len(captions[other]))]


@dataclass(frozen=True)
class Outcome:
    """What became of one task."""

    text: str
    is_right: bool
    is_settled: bool  # else an expert decides
    n_answers: int
    n_written: int


def blind(world: World, vectors: Vectors, parameters: Parameters, least: int) -> Outcome:
    """Everybody writes without seeing the prediction."""
    answers: list[Caption] = []
    for at, (text, who) in enumerate(zip(world.texts, world.people, strict=True)):
        answers.append(Caption(at, text, who, vector=vectors[text]))
        decision = decide(answers, (), parameters)
        stop = should_stop(decision, len(answers), least, MAX, THRESHOLD)
        if stop != "ask":
            break
    is_right = not world.slipped[decision.winner]
    return Outcome(decision.caption, is_right, stop == "accept", len(answers), len(answers))


def verified(
    world: World,
    vectors: Vectors,
    parameters: Parameters,
    crowd: Crowd,
    least: int,
    rng: np.random.Generator,
) -> Outcome:
    """The first writes blind; the others accept what the model says, or write."""
    answers = [
        Caption(MODEL_KEY, world.prediction, MODEL, vector=vectors[world.prediction], is_model=True)
    ]
    ballots: list[Ballot] = []
    for at, (text, who) in enumerate(zip(world.texts, world.people, strict=True)):
        chance = crowd.accepts_right if world.is_right else crowd.accepts_wrong[who]
        if at > 0 and rng.random() < chance:
            ballots.append(crowd.weight_of(who))
        else:
            shown = world.prediction if at else None
            answers.append(Caption(at, text, who, shown_prediction=shown, vector=vectors[text]))
        decision = decide(answers, ballots, parameters)
        stop = should_stop(decision, at + 1, least, MAX, THRESHOLD)
        if stop != "ask":
            break
    is_right = _is_right(decision, world)
    return Outcome(decision.caption, is_right, stop == "accept", at + 1, len(answers) - 1)


def _is_right(decision: Decision, world: World) -> bool:
    if decision.winner == MODEL_KEY:
        return world.is_right
    return not world.slipped[decision.winner]


def measure(report: Report, data: Path, memory: Memory, seeds: int, n_clips: int) -> None:
    """Run both ways on the same clips and people, and compare."""
    captions = dict(list(captions_of(data).items())[:n_clips])
    vectors = memory.learn([text for texts in captions.values() for text in texts])
    for careless, who in ((0.0, "honest"), (0.3, "30 % accept everything")):
        runs = [compare(captions, vectors, careless, seed) for seed in range(seeds)]
        for least in LEAST:
            show(report, [run[least] for run in runs], f"{who}, from {least} answers", least)


def show(report: Report, runs: Sequence[dict[str, float]], name: str, least: int) -> None:
    """Report one crowd under one rule; the musts are for honest people who need two answers."""
    is_held = least == min(LEAST) and name.startswith("honest")
    columns = {key: [run[key] for run in runs] for key in runs[0]}
    bounds = {"answers": {"most": 3.0}, "gain": {"least": 0.0}} if is_held else {}
    for key, what in SHOWN:
        report.add("3c", f"{name}: {what}", columns[key], **bounds.get(key, {}))


def compare(
    captions: dict[str, list[str]], vectors: Vectors, careless: float, seed: int
) -> dict[int, dict[str, float]]:
    """One seed of both ways, under each rule; writing blind always needs the default three."""
    rng = np.random.default_rng([seed, 33])
    worlds = worlds_of(captions, rng)
    parameters = refit([_written(world, n, vectors) for n, world in enumerate(worlds)]).parameters
    crowd = crowd_of(rng, careless)
    without = [blind(world, vectors, parameters, max(LEAST)) for world in worlds]
    found = {}
    for least in LEAST:
        outcomes = [verified(w, vectors, parameters, crowd, least, rng) for w in worlds]
        found[least] = figures(worlds, vectors, without, outcomes)
    return found


def _written(world: World, number: int, vectors: Vectors) -> list[Caption]:
    """Three blind captions of a task, from which the project's parameters are fitted."""
    return [
        Caption(number * 10 + at, text, world.people[at], vector=vectors[text])
        for at, text in enumerate(world.texts[:3])
    ]


def figures(
    worlds: Sequence[World],
    vectors: Vectors,
    without: Sequence[Outcome],
    outcomes: Sequence[Outcome],
) -> dict[str, float]:
    """Compare what became of the same tasks."""
    clips = [world.clip for world in worlds]
    old, new = [each.text for each in without], [each.text for each in outcomes]
    fooled = [
        each.is_settled and each.text == world.prediction
        for each, world in zip(outcomes, worlds, strict=True)
        if not world.is_right
    ]
    return {
        "answers": float(np.mean([each.n_answers for each in outcomes])),
        "answers blind": float(np.mean([each.n_answers for each in without])),
        "written": float(np.mean([each.n_written for each in outcomes])),
        "right": right_of(outcomes),
        "right blind": right_of(without),
        "end": in_the_end(outcomes),
        "gain": in_the_end(outcomes) - in_the_end(without),
        "expert": float(np.mean([not each.is_settled for each in outcomes])),
        "expert blind": float(np.mean([not each.is_settled for each in without])),
        "fooled": float(np.mean(fooled)),
        "cosine gain": float(
            np.mean(closeness(new, clips, vectors) - closeness(old, clips, vectors))
        ),
        "cider gain": float(np.mean(cider(new, clips) - cider(old, clips))),
    }


def in_the_end(outcomes: Sequence[Outcome]) -> float:
    """The share of tasks that end on a caption of the right clip, an expert's eye included."""
    return float(np.mean([each.is_right if each.is_settled else EXPERT for each in outcomes]))


def right_of(outcomes: Sequence[Outcome]) -> float:
    """Of the tasks that settled without an expert, the share with a caption of the right clip."""
    return float(np.mean([each.is_right for each in outcomes if each.is_settled]))


def main() -> int:
    """Measure, or say clearly what is missing."""
    parser = options(__doc__ or "", seeds=10)
    parser.add_argument("--clips", type=int, default=120, help="how many clips")
    asked = parser.parse_args()
    encoder = encoders.configured("auto")
    if encoder is None:
        print(encoders.available(), file=sys.stderr)
        return 1
    if not (asked.data / "msrvtt").exists():
        print("No data in msrvtt: nothing is measured.", file=sys.stderr)
        return 0
    report = Report()
    measure(report, asked.data, Memory(encoder), asked.seeds, asked.clips)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
