"""What an export may be asked for, kept with it as it was asked."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from portal.models import Consensus, Project
from portal.models.annotations import AnnotationState
from portal.models.consensus import FINAL, ConsensusQuerySet
from portal.models.videos import VideoState

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
GONE = (AnnotationState.WITHDRAWN, AnnotationState.REJECTED, AnnotationState.ERASED)


class Options(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Which captions, and how they are told.

    `until` is exclusive. A tag is met by any of those named. `authors` are pseudonyms that stay
    the same in every export of the project, or the ids that integrations know.
    """

    statuses: tuple[Literal["accepted", "finalised", "decided"], ...] = ()
    min_confidence: Share = 0.0
    tags: tuple[str, ...] = ()
    since: Moment | None = None
    until: Moment | None = None
    model_version: str = ""
    validation_share: Share = 0.1
    with_files: bool = False
    authors: Literal["pseudonyms", "ids"] = "pseudonyms"

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "Options":
        """Read what `stored` wrote."""
        return msgspec.convert(stored, cls, strict=False)

    def stored(self) -> dict[str, Any]:
        """Return what differs from the defaults, as JSON."""
        plain = msgspec.to_builtins(self)
        usual = msgspec.to_builtins(Options())
        return {key: value for key, value in plain.items() if value != usual[key]}


def chosen(project: Project, options: Options) -> ConsensusQuerySet:
    """Return the consensuses that go out.

    Never those of erased videos, nor one whose own caption was withdrawn or rejected since.
    """
    rows = (
        Consensus.objects.final()
        .filter(project=project, status__in=options.statuses or FINAL)
        .exclude(task__video__state=VideoState.ERASED)
        .exclude(annotation__state__in=GONE)
    )
    if options.min_confidence:
        rows = rows.filter(confidence__gte=options.min_confidence)
    if options.since:
        rows = rows.filter(created_at__gte=options.since)
    if options.until:
        rows = rows.filter(created_at__lt=options.until)
    if options.model_version:
        rows = rows.filter(task__prediction__version__name=options.model_version)
    return rows
