"""Why somebody was given a task, in words, out of what was written down when it was chosen."""

from collections.abc import Mapping
from typing import Any

from django.utils.safestring import SafeString

from portal.admin.columns import number, table

REASONS = {
    "best": "Of the first {n_candidates} tasks that fit, it was the one that they are better "
    "placed for than other people.",
    "overdue": "It had waited longest, a quarter of the horizon too long: then it goes first, "
    "whoever asks.",
    "asked for by name": "They asked for this very task.",
    "assigned by a manager": "A manager handed it out by a plan.",
    "submitted directly": "An integration sent the caption without asking for work first.",
    "gold: newcomer": "Its answer is known, and newcomers meet such clips among the rest.",
    "gold: chance": "Its answer is known; everybody meets such a clip now and then.",
    "gold: unreliable": "Its answer is known; whoever missed several meets them more often.",
    "gold: quarantined": "They are given clips with known answers only.",
    "gold: exam": "It belongs to the project's entrance exam.",
}


def sentence_of(why: Mapping[str, Any]) -> str:
    """Say in one sentence why the task went to this person."""
    reason = str(why.get("reason", "not written down"))
    words = REASONS.get(reason, f"{reason[:1].upper()}{reason[1:]}.")
    return words.format(n_candidates=why.get("n_candidates", "–"))


def explained(why: Mapping[str, Any]) -> SafeString:
    """Lay out the sentence, what the numbers were, and which other tasks stood beside it."""
    place = why.get("place")
    parts = why.get("task") if isinstance(why.get("task"), dict) else {}
    rows = [
        ("Reason", sentence_of(why)),
        ("Place among the candidates", "–" if place is None else f"{place + 1}"),
        ("Advantage over other people, log ratio", number(why.get("score"))),
        ("What their answer was expected to teach, nats", number(why.get("gain"))),
        *(("Task and advantage", f"{pk}: {number(score)}") for pk, score in why.get("best", [])),
        *(("The task's own place", part["sentence"]) for part in parts.get("parts", [])),
    ]
    return table(["Why", ""], [row for row in rows if row[1] != "–"])
