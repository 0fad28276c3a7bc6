"""MSR-VTT: some of a clip's twenty captions against the rest, and people made up to write them."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from portal.algorithms.consensus import Caption
from portal.algorithms.metrics import DocumentFrequencies, cider_d

Vectors = Mapping[str, NDArray[np.float32]]

N_PEOPLE, MODEL_RIGHT = 40, 0.8
N_HELD_OUT = 14


@dataclass(frozen=True)
class Clip:
    """One video: captions to decide among and those held out to judge by."""

    video: str
    given: tuple[str, ...]
    held_out: tuple[str, ...]


def captions_of(data: Path) -> dict[str, list[str]]:
    """Read the captions of every video that has twenty."""
    with (data / "msrvtt" / "train_800_videodatainfo.json").open(encoding="utf-8") as file:
        sentences = json.load(file)["sentences"]
    found: dict[str, list[str]] = defaultdict(list)
    for sentence in sentences:
        found[sentence["video_id"]].append(sentence["caption"])
    return {video: texts for video, texts in found.items() if len(texts) == 20}


def split(
    captions: Mapping[str, Sequence[str]], n_given: int, rng: np.random.Generator
) -> list[Clip]:
    """Draw the captions to decide among; the rest is held out."""
    clips = []
    for video, texts in captions.items():
        order = rng.permutation(len(texts))
        clips.append(
            Clip(
                video,
                tuple(texts[at] for at in order[:n_given]),
                tuple(texts[at] for at in order[n_given:]),
            )
        )
    return clips


def task_of(clip: Clip, vectors: Vectors, k: int | None = None) -> list[Caption]:
    """The first k given captions, each by a person of its own."""
    return [Caption(at, text, at, vector=vectors[text]) for at, text in enumerate(clip.given[:k])]


def closeness(texts: Sequence[str], clips: Sequence[Clip], vectors: Vectors) -> NDArray[np.float64]:
    """Mean cosine of one text a clip to the clip's held-out captions, (n,)."""
    return np.array(
        [
            float(np.mean([vectors[text] @ vectors[other] for other in clip.held_out]))
            for text, clip in zip(texts, clips, strict=True)
        ]
    )


def cider(texts: Sequence[str], clips: Sequence[Clip]) -> NDArray[np.float64]:
    """CIDEr-D of one text a clip against the held-out captions, (n,)."""
    references = [clip.held_out for clip in clips]
    return cider_d(texts, references, DocumentFrequencies.of(references))


def portal_with_copiers(
    captions: Mapping[str, Sequence[str]],
    vectors: Vectors,
    share: float,
    rng: np.random.Generator,
    k: int = 5,
) -> tuple[list[Clip], list[list[Caption]], set[int]]:
    """Make 40 people caption every clip, k each, all shown a prediction that is right on 80 %.

    A share of them hands in the prediction; the others write what somebody really wrote.
    """
    lazy = set(rng.choice(N_PEOPLE, round(share * N_PEOPLE), replace=False).tolist())
    videos = list(captions)
    clips, tasks = [], []
    for clip in split(captions, k + 1, rng):
        *own, prediction = clip.given
        if rng.random() >= MODEL_RIGHT:
            stranger = captions[videos[rng.integers(len(videos))]]
            prediction = stranger[rng.integers(len(stranger))]
        people = rng.choice(N_PEOPLE, k, replace=False).tolist()
        texts = [prediction if who in lazy else text for who, text in zip(people, own, strict=True)]
        clips.append(clip)
        tasks.append(
            [
                Caption(len(clips) * k + at, text, who, 0.0, 0.0, prediction, vectors[text])
                for at, (who, text) in enumerate(zip(people, texts, strict=True))
            ]
        )
    return clips, tasks, lazy
