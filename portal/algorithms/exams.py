"""The entrance exam: where somebody stands, from nothing but their marks on gold in order.

Gold accuracy is absolute and alone decides an exam; agreement with others has no say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How far somebody is."""

    NONE = "none"  # the project has no exam
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"  # every attempt is used up


@dataclass(frozen=True)
class Rules:
    """A project's exam: gold clips an attempt (0: no exam), share to be right, attempts."""

    n_clips: int = 0
    pass_mark: float = 0.75
    n_attempts: int = 2

    @property
    def n_needed(self) -> int:
        """How many of an attempt's clips have to be right."""
        return max(1, math.ceil(self.n_clips * self.pass_mark - 1e-9))


@dataclass(frozen=True)
class Standing:
    """Where somebody stands: `attempt` from 1, what of it is answered, and how much was right."""

    state: State
    attempt: int = 1
    n_answered: int = 0
    n_right: int = 0

    @property
    def is_open(self) -> bool:
        """Whether exam clips come before anything else."""
        return self.state is State.RUNNING

    @property
    def bars_ordinary_work(self) -> bool:
        """Whether ordinary clips have to wait."""
        return self.state in (State.RUNNING, State.FAILED)


def standing(is_right: Sequence[bool], rules: Rules) -> Standing:
    """Read an exam off marks, oldest first: each `n_clips` of them are one attempt.

    The first attempt with enough right passes, whatever follows. An attempt runs to its end even
    where it can no longer succeed, so that everybody answers the same number of clips.
    """
    if rules.n_clips <= 0:
        return Standing(State.NONE)
    for attempt in range(rules.n_attempts):
        part = is_right[attempt * rules.n_clips : (attempt + 1) * rules.n_clips]
        n_right = sum(part)
        if len(part) < rules.n_clips:
            return Standing(State.RUNNING, attempt + 1, len(part), n_right)
        if n_right >= rules.n_needed:
            return Standing(State.PASSED, attempt + 1, len(part), n_right)
    return Standing(State.FAILED, max(1, rules.n_attempts), rules.n_clips, 0)
