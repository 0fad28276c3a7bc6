"""Right answers of gold tasks, from a file."""

from collections.abc import Sequence

from portal.errors import Conflict, PortalError
from portal.models import GoldReference, Project, Task
from portal.models.texts import clean_caption
from portal.services.imports import targets
from portal.services.imports.options import NOTHING, Tally
from portal.services.imports.targets import Placed

GOLD_SLOTS = 32_000  # a gold task is answered by everybody


def store(project: Project, block: Sequence[Placed], tally: Tally) -> None:
    """Make a block's tasks gold, with all their texts as accepted answers.

    The caller holds a transaction. Answers that are there already are counted as unchanged.
    """
    found = targets.found_or_made(project, block, may_evaluate=False)
    for place, record in block:
        try:
            targets.check_not_erased(found, record)
        except PortalError as refused:
            tally.refuse(place, refused.detail)
        else:
            if not record.texts():
                tally.refuse(place, NOTHING)
            add(found.task_of(record), record.texts(), place, tally)


def add(task: Task, texts: Sequence[str], place: str, tally: Tally) -> None:
    """Add accepted answers to a locked task, which becomes gold by the first."""
    known: set[str] | None = None
    for text in texts:
        try:
            answer = clean_caption(text)
            _make_gold(task)
        except PortalError as refused:
            tally.refuse(place, refused.detail)
            continue
        if known is None:
            rows = GoldReference.objects.filter(task=task)
            known = set(rows.values_list("text", flat=True))
        if answer in known:
            tally.n_unchanged += 1
            continue
        GoldReference.objects.create(task=task, text=answer)
        known.add(answer)
        tally.n_added += 1


def _make_gold(task: Task) -> None:
    """Make a task gold on the terms on which a manager may; raise Conflict on others."""
    if task.is_gold:
        return
    if task.is_evaluation:
        raise Conflict(
            "A clip kept for evaluation cannot be gold: everybody would see its answers."
        )
    if task.n_captions and task.is_open:
        raise Conflict(f"{task} has captions already; settle it first.")
    task.is_gold = True
    task.reopen()
    task.n_wanted = GOLD_SLOTS
    task.save(update_fields=["is_gold", "state", "closed_at", "park_reason", "n_wanted"])
