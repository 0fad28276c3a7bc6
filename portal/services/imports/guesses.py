"""A file's texts as predictions of a model version: handed to the one way in for predictions."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from portal.adapters.formats import Guess, Record
from portal.models import Project
from portal.services.imports import targets
from portal.services.imports.options import Options, Tally
from portal.services.imports.targets import Placed

Ingest = Callable[..., Any]
VERSION_CHARACTERS = 120


class Item(msgspec.Struct):
    """A prediction, in the words of the API."""

    video_id: str
    caption: str
    model_version: str
    uncertainty: float | None = None
    video_url: str = ""
    start: float | None = None
    end: float | None = None
    tags: list[str] = []


def store(
    project: Project,
    block: Sequence[Placed],
    options: Options,
    ingest: Ingest,
    tally: Tally,
    *,
    dry_run: bool,
) -> None:
    """Give a block's predictions to `ingest`; what it knows already is unchanged."""
    items: list[Item] = []
    places: list[str] = []
    for place, record in block:
        guesses = guesses_of(record)
        if not guesses:
            tally.refuse(place, "There are several texts here, and a version has one. Choose one.")
        for guess in guesses:
            item = item_of(record, guess, options)
            if not 0 < len(item.model_version) <= VERSION_CHARACTERS:
                tally.refuse(place, f"A model version has 1 to {VERSION_CHARACTERS} characters.")
                continue
            items.append(item)
            places.append(place)
    report = ingest(project=project, items=items, dry_run=dry_run)
    for place, row in zip(places, report.rows, strict=True):
        if row.error is not None:
            tally.refuse(place, row.error.detail)
        elif row.status == "created":
            tally.n_added += 1
        else:
            tally.n_unchanged += 1


def guesses_of(record: Record) -> list[Guess]:
    """Return a record's predictions, or its one text; nothing where it has several texts."""
    if record.predictions:
        return record.predictions
    texts = [record.caption] if record.caption else record.texts()
    return [Guess(texts[0])] if len(texts) == 1 else []


def item_of(record: Record, guess: Guess, options: Options) -> Item:
    """Return one prediction as the API takes it."""
    sighting = targets.sighting(record)
    return Item(
        video_id=record.video_id,
        caption=guess.text,
        model_version=guess.version or options.model_version,
        uncertainty=uncertainty_of(guess, options),
        video_url=sighting.url,
        start=record.start_ms / 1000 if record.start_ms or record.end_ms else None,
        end=record.end_ms / 1000 if record.end_ms else None,
        tags=list(sighting.tags),
    )


def uncertainty_of(guess: Guess, options: Options) -> float | None:
    """Return the uncertainty that a score means; None where there is none, or it is no share."""
    if guess.score is None:
        return guess.uncertainty
    if not 0 <= guess.score <= 1:
        return None
    return 1.0 - guess.score if options.score == "confidence" else guess.score
