"""People made up to cheat subtly or together, among honest ones who write MSR-VTT captions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks import clips
from benchmarks.clips import N_PEOPLE, Clip
from portal.algorithms.consensus import Caption
from portal.algorithms.opposites import FUNCTION_WORDS

K = 5
GOOD_FOR = 30  # captions that the lazy write well before they stop caring
N_GOLD = 8

SYNONYMS = {
    "man": "guy", "men": "guys", "woman": "lady", "women": "ladies", "person": "individual",
    "people": "persons", "girl": "young lady", "boy": "young guy", "kid": "child",
    "kids": "children", "talking": "speaking", "talks": "speaks", "speaking": "talking",
    "showing": "presenting", "shows": "presents", "playing": "having a game of",
    "singing": "performing a song", "sings": "performs a song", "cooking": "preparing food",
    "making": "preparing", "walking": "strolling", "running": "racing", "driving": "steering",
    "riding": "sitting on", "car": "vehicle", "video": "clip", "movie": "film", "food": "a meal",
    "dish": "meal", "about": "regarding", "looking": "gazing", "watching": "viewing",
    "big": "large", "small": "little", "a": "one", "the": "that", "is": "seems to be",
    "are": "seem to be", "and": "as well as", "in": "inside", "on": "upon", "with": "along with",
}  # fmt: skip
WHO = ("a person", "someone", "some people", "an individual", "a few persons", "somebody")
WHAT = (
    "is doing something interesting", "are shown doing an activity", "can be seen in this video",
    "is taking part in an event", "are present in the scene", "is busy with a task",
    "performs an action for the camera", "is having a nice moment",
)  # fmt: skip
WHERE = ("in a place", "in front of the camera", "in the clip", "at some location", "on screen")


@dataclass
class Scene:
    """What somebody has before them when they write: their own view, the model's, a stranger's."""

    own: str
    prediction: str
    stranger: str
    n_done: int
    rng: np.random.Generator


Habit = Callable[[Scene], str]


def paraphrase(scene: Scene) -> str:
    """Reword the shown prediction without watching."""
    words = [SYNONYMS.get(word, word) for word in scene.prediction.lower().split()]
    opening = ("in this clip ", "here ", "we see that ", "")[scene.rng.integers(4)]
    return opening + " ".join(words)


def generic(scene: Scene) -> str:
    """Write a fluent sentence that fits any clip."""
    parts = (each[scene.rng.integers(len(each))] for each in (WHO, WHAT, WHERE))
    return " ".join(parts)


def tired(scene: Scene) -> str:
    """Work well at first, then hand in whatever was written for some other clip."""
    return scene.own if scene.n_done < GOOD_FOR else scene.stranger


def terse(scene: Scene) -> str:
    """Say the same as an honest person with few words and little grammar."""
    words = [w for w in scene.own.lower().split() if w not in FUNCTION_WORDS]
    return " ".join(w.removesuffix("ing") if len(w) > 6 else w for w in words) or scene.own


def honest(scene: Scene) -> str:
    """Write what somebody really wrote."""
    return scene.own


@dataclass(frozen=True)
class Portal:
    """A made portal: its clips, its tasks in order, gold marks, and who has which habit."""

    clips: Sequence[Clip]
    tasks: list[list[Caption]]
    gold: Mapping[int, list[float]]
    habits: Mapping[str, set[int]] = field(default_factory=dict)


def portal(
    captions: Mapping[str, Sequence[str]], habits: Mapping[str, tuple[Habit, int]], seed: int
) -> Portal:
    """Let 40 people caption every clip, five each, all shown a prediction right on 80 %."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(N_PEOPLE).tolist()
    groups, habit_of = {}, dict.fromkeys(order, honest)
    for name, (habit, n) in habits.items():
        groups[name] = {order.pop() for _ in range(n)}
        habit_of |= dict.fromkeys(groups[name], habit)
    done = dict.fromkeys(range(N_PEOPLE), 0)
    drawn, tasks = [], []
    for clip in clips.split(captions, K + 1, rng):
        *own, prediction = clip.given
        if rng.random() >= clips.MODEL_RIGHT:
            prediction = stranger(captions, rng)
        task = []
        for at, who in enumerate(rng.choice(N_PEOPLE, K, replace=False).tolist()):
            scene = Scene(own[at], prediction, stranger(captions, rng), done[who], rng)
            done[who] += 1
            key = len(tasks) * K + at
            task.append(Caption(key, habit_of[who](scene), who, shown_prediction=prediction))
        drawn.append(clip)
        tasks.append(task)
    return Portal(drawn, tasks, gold_marks(rng, groups), groups)


def stranger(captions: Mapping[str, Sequence[str]], rng: np.random.Generator) -> str:
    """A caption of any clip."""
    texts = captions[list(captions)[rng.integers(len(captions))]]
    return texts[rng.integers(len(texts))]


def gold_marks(rng: np.random.Generator, groups: Mapping[str, set[int]]) -> dict[int, list[float]]:
    """Marks on gold: only those who take care on it and the honest are good at it."""
    careless = set().union(*(groups.get(name, set()) for name in ("paraphraser", "generic")))
    return {
        who: np.clip(rng.normal(0.3 if who in careless else 0.6, 0.15, N_GOLD), 0, 1).tolist()
        for who in range(N_PEOPLE)
    }


# A ring writes one text on a task. Its members are numbered, so that the order can be told.
Ring = Callable[[Sequence[str], str, int, np.random.Generator], str]


def leader(own: Sequence[str], private: str, place: int, rng: np.random.Generator) -> str:
    """Copy the caption of the ring's first on the task, who did watch."""
    return own[0]


def private_text(own: Sequence[str], private: str, place: int, rng: np.random.Generator) -> str:
    """Hand in one text that was agreed on, unseen."""
    return private


def alternating(own: Sequence[str], private: str, place: int, rng: np.random.Generator) -> str:
    """Reword one text that was agreed on, everybody in their own way."""
    if place == 0:
        return private
    words = private.split()
    return " ".join(SYNONYMS.get(w, w) if rng.random() < 0.6 else w for w in words)


RINGS = {"copies a leader": leader, "one private text": private_text, "rewords": alternating}


def ring_portal(
    captions: Mapping[str, Sequence[str]], ring: Ring, share: float, seed: int
) -> tuple[Portal, list[list[Caption]]]:
    """Make a portal in which a share of the people collude, and the same without them colluding."""
    rng = np.random.default_rng(seed)
    members = set(rng.choice(N_PEOPLE, round(share * N_PEOPLE), replace=False).tolist())
    drawn, tasks, clean = clips.split(captions, K, rng), [], []
    for number, clip in enumerate(drawn):
        private = stranger(captions, rng)
        people = rng.choice(N_PEOPLE, K, replace=False).tolist()
        inside = [at for at, who in enumerate(people) if who in members]
        own = [clip.given[at] for at in inside]
        texts = list(clip.given)
        for place, at in enumerate(inside):
            texts[at] = ring(own, private, place, rng)
        for into, written in ((tasks, texts), (clean, clip.given)):
            numbered = enumerate(zip(written, people, strict=True))
            into.append([Caption(number * K + at, t, who) for at, (t, who) in numbered])
    return Portal(drawn, tasks, {}, {"ring": members}), clean
