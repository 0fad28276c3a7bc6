"""Files of two models' captions and of references, read strictly, and what they come to."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from portal.adapters.encoders import Encoder
from portal.algorithms.metrics import DocumentFrequencies
from portal.errors import InvalidInput
from portal.management.captionfiles import BOM, MAX_LINE_BYTES, printable
from portal.models.texts import clean_caption
from portal.services import evaluations
from portal.services.evaluations import Captions

SEED = 5

Name = Annotated[str, msgspec.Meta(max_length=200, pattern=r"\S")]


class CaptionLine(msgspec.Struct):
    """One model's caption of one item; other keys are passed over."""

    id: Name
    caption: str


class ReferenceLine(msgspec.Struct):
    """What people said of one item, and the video it is cut from."""

    id: Name
    references: Annotated[list[str], msgspec.Meta(min_length=1)]
    video: Name | None = None


@dataclass
class Gathered:
    """The items that stand in all three files, and all that is left out."""

    items: dict[str, Captions] = field(default_factory=dict)
    videos: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[str, int, str]] = field(default_factory=list)
    unmatched: dict[str, list[str]] = field(default_factory=dict)

    @property
    def n_left_out(self) -> int:
        """How many lines and ids were not used."""
        return len(self.problems) + sum(len(ids) for ids in self.unmatched.values())


def gather(original: Path, retrained: Path, references: Path) -> Gathered:
    """Read the three files and match them by id; a bad line is named and passed over."""
    found = Gathered()
    first = _lines(original, CaptionLine, found)
    second = _lines(retrained, CaptionLine, found)
    truths = _lines(references, ReferenceLine, found)
    for name, truth in truths.items():
        if name in first and name in second:
            said = truth.references
            found.items[name] = Captions(first[name].caption, second[name].caption, said, said)
            found.videos[name] = truth.video or f"\x00{name}"
    _note(found, "In A, without references", first.keys() - truths.keys())
    _note(found, "In B, without references", second.keys() - truths.keys())
    _note(found, "With references, not in A", truths.keys() - first.keys())
    _note(found, "With references, not in B", truths.keys() - second.keys())
    return found


def report(gathered: Gathered, encoder: Encoder | None, *, by_video: bool) -> dict[str, Any]:
    """Compare by the portal's own code; document frequencies are those of the references."""
    names = sorted(gathered.items)
    items = [gathered.items[name] for name in names]
    frequencies = DocumentFrequencies.of(item.references for item in items)
    clusters = [gathered.videos[name] if by_video else name for name in names]
    found = evaluations.assess(
        evaluations.Scorer(encoder, frequencies), items, clusters, np.random.default_rng(SEED)
    )
    verdict = found.verdict()
    return {
        "primary": found.primary,
        "n_items": len(items),
        "n_videos": len(set(clusters)),
        "metrics": found.metrics(),
        "n_wins": found.tally.wins,
        "n_ties": found.tally.ties,
        "n_losses": found.tally.losses,
        "verdict": verdict.outcome.value,
        "reasons": list(verdict.reasons),
        "n_more_labels": verdict.n_more_labels,
    }


def _lines(path: Path, kind: Any, found: Gathered) -> dict[str, Any]:
    """Read one file's lines by id; of an id that stands twice the first counts."""
    rows: dict[str, Any] = {}
    for number, raw in _raw(path):
        try:
            row = _parsed(raw, kind)
            if row.id in rows:
                raise InvalidInput(f"The id {row.id} stands here a second time.")
            rows[row.id] = row
        except InvalidInput as refused:
            found.problems.append((path.name, number, printable(refused.detail)))
    return rows


def _raw(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            content = (raw.removeprefix(BOM) if number == 1 else raw).strip()
            if content:
                yield number, content


def _parsed(raw: bytes, kind: Any) -> Any:
    if len(raw) > MAX_LINE_BYTES:
        raise InvalidInput(f"A line has at most {MAX_LINE_BYTES} bytes.")
    try:
        row = msgspec.json.decode(raw, type=kind)
    except UnicodeDecodeError as broken:
        raise InvalidInput("This is not UTF-8.") from broken
    except (msgspec.MsgspecError, RecursionError) as broken:
        raise InvalidInput(f"{broken}.") from broken
    if isinstance(row, CaptionLine):
        row.caption = clean_caption(row.caption)
    else:
        row.references = [clean_caption(text, "references") for text in row.references]
    return row


def _note(found: Gathered, what: str, ids: set[str]) -> None:
    if ids:
        found.unmatched[what] = sorted(ids)
