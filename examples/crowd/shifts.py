"""A shift: people ask for work, caption it, review what others wrote, until enough is settled."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from examples.captioner.pictures import Place
from examples.crowd.people import Person
from examples.portals import Json, Portal, Refused

MOST_AT_ONCE = 4
IDLE_ROUNDS, PAUSE_SECONDS = 4, 0.25
CLOSED_IN_TIME = 409  # the task was settled while the person was writing or reading

log = logging.getLogger(__name__)

Truth = Mapping[Place, dict[str, str]]


@dataclass(frozen=True)
class Written:
    """A caption that somebody of this crowd has posted."""

    annotation_id: int
    author: str
    caption: str


@dataclass
class Tally:
    """What a shift has come to; shared by its threads."""

    n_captions: int = 0
    n_votes: int = 0
    n_late: int = 0
    settled: set[int] = field(default_factory=set)
    written: dict[int, list[Written]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)


class Shift:
    """One round of work in one project."""

    def __init__(self, portal: Portal, truth: Truth, stop_after: int | None = None) -> None:
        self._portal, self._truth, self._stop_after = portal, truth, stop_after
        self.tally = Tally()

    def work(self, people: Sequence[Person], at_once: int = MOST_AT_ONCE) -> Tally:
        """Let people work side by side until enough tasks are settled or none is left."""
        n_threads = max(1, min(at_once, MOST_AT_ONCE, len(people)))
        with ThreadPoolExecutor(n_threads) as pool:
            rooms = [people[number::n_threads] for number in range(n_threads)]
            for finished in [pool.submit(self._take_turns, room) for room in rooms]:
                finished.result()
        return self.tally

    def _take_turns(self, people: Sequence[Person]) -> None:
        idle = 0
        while idle < IDLE_ROUNDS and not self._is_over():
            worked = [self._take_turn(person) for person in people]
            idle = 0 if any(worked) else idle + 1
            if idle:
                time.sleep(PAUSE_SECONDS)

    def _is_over(self) -> bool:
        return self._stop_after is not None and len(self.tally.settled) >= self._stop_after

    def _take_turn(self, person: Person) -> bool:
        """Caption one clip and perhaps review another's caption; False where nothing is to do."""
        if self._is_over():
            return False
        work = self._portal.post("/tasks/assign", {"annotator_id": person.annotator_id})
        if work is None:
            return False
        task = work["task"]
        place = Place.of(task | {"video_id": task["video"]["video_id"]})
        slots = self._truth.get(place)
        if slots is None:
            self._skip(person, work)
            return True
        if self._caption(person, work, slots):
            self._review(person, int(work["task_id"]), slots)
        return True

    def _skip(self, person: Person, work: Json) -> None:
        body = {
            "annotator_id": person.annotator_id,
            "lease": work["lease"]["token"],
            "reason": "unplayable",
        }
        self._portal.post(f"/tasks/{work['task_id']}/lease/skip", body)

    def _caption(self, person: Person, work: Json, slots: dict[str, str]) -> bool:
        """Post a caption; False where the task closed meanwhile, or settled with it."""
        task_id = int(work["task_id"])
        caption, seconds = person.describe(task_id, slots)
        body = {
            "annotator_id": person.annotator_id,
            "caption": caption,
            "lease": work["lease"]["token"],
            "seconds": seconds,
        }
        answer = self._try(f"/tasks/{task_id}/annotations", body, f"{work['lease']['token']}")
        if answer is None:
            return False
        with self.tally.lock:
            self.tally.n_captions += 1
            written = Written(int(answer["id"]), person.annotator_id, caption)
            self.tally.written[task_id].append(written)
            if answer["task_status"] == "settled":
                self.tally.settled.add(task_id)
        return bool(answer["task_status"] == "open")

    def _review(self, person: Person, task_id: int, slots: dict[str, str]) -> None:
        """Now and then, score the newest caption of somebody else."""
        with self.tally.lock:
            others = [w for w in self.tally.written[task_id] if w.author != person.annotator_id]
        if not others or person.rng(task_id, 2).random() > person.traits.reviews:
            return
        score, why = person.score(task_id, others[-1].caption, slots)
        body = {
            "annotator_id": person.annotator_id,
            "score": score,
            "rationale": why,
            "annotation_id": others[-1].annotation_id,
        }
        if self._try(f"/tasks/{task_id}/votes", body) is not None:
            with self.tally.lock:
                self.tally.n_votes += 1

    def _try(self, path: str, body: Json, key: str = "") -> Json | None:
        """Post; None where it came too late. Any other refusal ends the shift."""
        try:
            return self._portal.post(path, body, key=key)
        except Refused as refusal:
            if refusal.status != CLOSED_IN_TIME:
                raise
            log.info("%s: %s", path, refusal)
            with self.tally.lock:
                self.tally.n_late += 1
            return None
