"""What has to be said of a file beside its format and what its texts are taken for."""

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

NOTHING = "There is no caption here."


class Options(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Names for what a file does not name, and what its numbers and addresses mean.

    `author` writes captions without an author; `model_version` said texts without a version.
    `score` is what Label Studio's predictions carry: a confidence or an uncertainty. `prefixes`
    says what the beginning of a clip's address stands for.
    """

    author: str = ""
    model_version: str = ""
    score: Literal["", "confidence", "uncertainty"] = ""
    prefixes: dict[str, str] = {}

    def stored(self) -> dict[str, Any]:
        """Return what was said, as JSON."""
        return {key: value for key, value in msgspec.structs.asdict(self).items() if value}


@dataclass
class Tally:
    """What became of a file so far."""

    n_done: int = 0
    n_added: int = 0
    n_unchanged: int = 0
    n_skipped: int = 0
    n_failed: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)

    MOST_PROBLEMS = 500

    def refuse(self, place: str, reason: str) -> None:
        """Count one text that could not be taken, and say why."""
        self.n_failed += 1
        if len(self.problems) < self.MOST_PROBLEMS:
            self.problems.append({"place": place, "reason": reason})
