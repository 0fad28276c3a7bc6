"""Real crowds with worker ids: CrowdWSA translations, CrowdSpeech transcriptions; made spam."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from portal.algorithms.consensus import Caption

Answer = tuple[str, str, str]  # worker, task, text
WSA = ("J1", "T1", "T2")
SPAM = ("one text", "random", "short")
ORDERS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Crowd:
    """Answers by task, as consensus takes them, with the truth of each task."""

    name: str
    tasks: Mapping[str, list[Caption]]
    truth: Mapping[str, str]
    authors: Mapping[str, int]

    def answers(self) -> list[Answer]:
        """The answers as (worker, task, text), in the order of the keys."""
        names = {number: worker for worker, number in self.authors.items()}
        flat = [(c, task) for task, captions in self.tasks.items() for c in captions]
        flat.sort(key=lambda pair: pair[0].key)
        return [(names[caption.author], task, caption.text) for caption, task in flat]


def crowd_of(name: str, answers: Sequence[Answer], truth: Mapping[str, str]) -> Crowd:
    """Number workers and answers."""
    authors: dict[str, int] = {}
    tasks: dict[str, list[Caption]] = defaultdict(list)
    for key, (worker, task, text) in enumerate(answers):
        author = authors.setdefault(worker, len(authors))
        tasks[task].append(Caption(key, text, author))
    return Crowd(name, dict(tasks), truth, authors)


def crowdwsa(data: Path, name: str) -> Crowd:
    """Read one of the three CrowdWSA sets."""
    folder = data / "crowdwsa"
    labels = _table(folder / f"CrowdWSA2019_{name}_label_anonymous.tsv")
    truth = _table(folder / f"CrowdWSA2019_{name}_gt.tsv")
    answers = [(row["worker"], row["sentence"], row["workeranswer"]) for row in labels]
    return crowd_of(name, answers, {row["sentence"]: row["trueanswer"] for row in truth})


def crowdspeech(data: Path) -> Crowd:
    """Read CrowdSpeech dev-other."""
    folder = data / "crowdspeech"
    with (folder / "crowdspeech-dev-other-crowd.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    answers = [
        (row["ASSIGNMENT:worker_id"], row["INPUT:audio"], row["OUTPUT:transcription"].strip())
        for row in rows
    ]
    with (folder / "crowdspeech-dev-other-gt.txt").open(encoding="utf-8") as file:
        truth = dict(line.rstrip("\n").split("\t", 1) for line in file if line.strip())
    return crowd_of("CrowdSpeech dev-other", answers, truth)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def with_spam(crowd: Crowd, share: float, kind: str, rng: np.random.Generator) -> Crowd:
    """Turn a share of the workers into spammers of one kind, or of all kinds in turn.

    Their names begin with "spam".
    """
    answers, workers = crowd.answers(), sorted(crowd.authors)
    bad = sorted(rng.choice(workers, round(share * len(workers)), replace=False).tolist())
    texts = [text for _, _, text in answers]
    fixed = {worker: texts[rng.integers(len(texts))] for worker in bad}
    kinds = {w: SPAM[n % len(SPAM)] if kind == "all kinds" else kind for n, w in enumerate(bad)}
    spoilt = []
    for worker, task, text in answers:
        if worker not in fixed:
            spoilt.append((worker, task, text))
            continue
        bad_text = {
            "one text": fixed[worker],
            "random": texts[rng.integers(len(texts))],
            "short": " ".join(text.split()[: 1 + int(rng.integers(2))]),
        }[kinds[worker]]
        spoilt.append((f"spam {worker}", task, bad_text))
    return crowd_of(f"{crowd.name} {kind}", spoilt, crowd.truth)


def thinned(crowd: Crowd, n_each: int, rng: np.random.Generator) -> Crowd:
    """Keep so many random answers of every worker."""
    answers = crowd.answers()
    left: Counter[str] = Counter()
    kept = []
    for at in rng.permutation(len(answers)):
        if left[answers[at][0]] < n_each:
            left[answers[at][0]] += 1
            kept.append(answers[at])
    return crowd_of(crowd.name, kept, crowd.truth)


def encoded(crowd: Crowd, vectors: Mapping[str, np.ndarray]) -> Crowd:
    """Give every caption its vector."""
    tasks = {
        task: [replace(caption, vector=vectors[caption.text]) for caption in captions]
        for task, captions in crowd.tasks.items()
    }
    return replace(crowd, tasks=tasks)


def gleu(text: str, truth: str) -> float:
    """Sentence GLEU on white-space tokens, as the published figures have it."""
    return _gleu(text.split(), truth.split())


def ngleu(text: str, truth: str) -> float:
    """The same without case and punctuation."""
    return _gleu(_plain(text), _plain(truth))


def _plain(text: str) -> list[str]:
    return re.sub(r"[^\w\s]", "", text.lower()).split()


def _gleu(own: Sequence[str], true: Sequence[str]) -> float:
    a, b = _grams(own), _grams(true)
    return (a & b).total() / max(a.total(), b.total(), 1)


def _grams(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for n in ORDERS for i in range(len(words) - n + 1))


def spoken(text: str) -> list[str]:
    """Words as word error rate compares them: lower case, apostrophes kept, no punctuation."""
    return re.sub(r"[^\w\s']", "", text.lower().replace("’", "'")).split()
