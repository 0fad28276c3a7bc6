"""Everything the portal refuses, as one tree; doors translate `status` and `code` to their own.

PortalError                    400
├── InvalidInput               400  a value that no caller may send (carries field errors)
│   ├── CaptionBlank           400
│   └── MediaRefused           415
├── SignatureInvalid           401
├── NotAllowed                 403  the role or scope lacks the function
│   └── OwnCaption             403  nobody judges their own words
├── NotFound                   404  foreign and unknown alike
├── Conflict                   409  true, but not now
│   ├── PredictionExists       409  (the remedy is ?supersede=true)
│   ├── LeaseExpired           409  (carries the draft that was kept)
│   ├── TaskClosed             409
│   ├── AlreadyAnswered        409
│   ├── NothingToSettle        409
│   ├── NotComparable          409
│   ├── MediaNotReady          409
│   ├── ProjectPaused          409
│   └── AtCapacity             409  as much as one person may do or hold
├── StaleVersion               412
├── TooLarge                   413
├── KeyReused                  422
├── OutboundRefused            400  an address that the portal will not call
├── DiskFull                   507
└── PeerUnavailable            503  an outside service is down; the work is kept
    └── JudgeUnavailable       503
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypedDict


class FieldProblem(TypedDict):
    """One refused field, as problem+json lists it."""

    field: str
    code: str
    message: str


class PortalError(Exception):
    """A refusal in a full sentence that names the thing and the remedy."""

    status = 400
    code = "refused"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)
        self.extra = extra or {}


class InvalidInput(PortalError):
    """A value that no caller may send."""

    code = "invalid"

    @classmethod
    def on(cls, field: str, message: str, code: str = "invalid") -> Self:
        """Refuse one field by name."""
        return cls(message, errors=[{"field": field, "code": code, "message": message}])

    @classmethod
    def of(cls, problems: Mapping[str, Sequence[str]]) -> Self:
        """Refuse several fields at once, each with its reasons."""
        errors: list[FieldProblem] = [
            {"field": field, "code": "invalid", "message": message}
            for field, messages in problems.items()
            for message in messages
        ]
        return cls(" ".join(error["message"] for error in errors), errors=errors)


class CaptionBlank(InvalidInput):
    """A caption without a visible character."""

    code = "caption_blank"


class MediaRefused(InvalidInput):
    """Bytes that are not a clip the portal can show."""

    status = 415
    code = "media_refused"


class SignatureInvalid(PortalError):
    """A message whose signature, id or timestamp does not hold."""

    status = 401
    code = "signature_invalid"


class NotAllowed(PortalError):
    """A caller whose role or scope lacks the function."""

    status = 403
    code = "not_allowed"


class OwnCaption(NotAllowed):
    """Somebody judging their own words."""

    code = "own_caption"


class NotFound(PortalError):
    """A thing that does not exist for this caller."""

    status = 404
    code = "not_found"


class Conflict(PortalError):
    """A request that is well formed and cannot hold in the present state."""

    status = 409
    code = "conflict"


class PredictionExists(Conflict):
    """Another caption by the same version for the same segment."""

    code = "prediction_exists"


class LeaseExpired(Conflict):
    """A submit without a live lease; `extra["draft"]` holds the text that was kept."""

    code = "lease_expired"


class TaskClosed(Conflict):
    """A change to a task that has settled, been parked or been rejected."""

    code = "task_closed"


class AlreadyAnswered(Conflict):
    """A second caption by the same annotator."""

    code = "already_answered"


class NothingToSettle(Conflict):
    """A consensus asked for where no caption stands."""

    code = "no_captions"


class NotComparable(Conflict):
    """An evaluation asked for before there are two models to compare."""

    code = "not_comparable"


class MediaNotReady(Conflict):
    """A segment of a clip whose length is not known yet."""

    code = "media_not_ready"


class ProjectPaused(Conflict):
    """Work asked of a project that a manager has paused."""

    code = "project_paused"


class AtCapacity(Conflict):
    """More work asked for than one person may do in a day or hold at one time."""

    code = "at_capacity"


class StaleVersion(PortalError):
    """An edit made on a version that is no longer the newest."""

    status = 412
    code = "stale_version"


class TooLarge(PortalError):
    """A body or file above its limit."""

    status = 413
    code = "too_large"


class KeyReused(PortalError):
    """An idempotency key that came before with another body."""

    status = 422
    code = "idempotency_key_reused"


class OutboundRefused(PortalError):
    """An address that the portal will not call; the remedy is OUTBOUND_ALLOW."""

    code = "outbound_refused"


class DiskFull(PortalError):
    """No room left for a file; nothing half written stays."""

    status = 507
    code = "disk_full"


class PeerUnavailable(PortalError):
    """An outside service that did not answer as it should."""

    status = 503
    code = "peer_unavailable"


class JudgeUnavailable(PeerUnavailable):
    """A judge that is down, slow or talks nonsense; the offline judge speaks instead."""

    code = "judge_unavailable"
