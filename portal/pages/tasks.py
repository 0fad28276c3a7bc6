"""Outcomes: what was settled lately, and one task's consensus with why it won.

Annotators are blind until they have answered, and see others' captions only once the task has
closed: until then they could still change their own. Experts do not see what they may be asked to
audit blind.
"""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from portal.models import Consensus, Evaluation, Prediction, Review, Task, User
from portal.models.consensus import ConsensusStatus
from portal.pages.clips import clip_of
from portal.pages.frames import show
from portal.pages.reasons import reasons_of
from portal.pages.seats import Seat, seat_on, seated, signed_in

MOST_SHOWN = 30
CLOSED = (
    ConsensusStatus.ACCEPTED,
    ConsensusStatus.FINALISED,
    ConsensusStatus.DECIDED,
    ConsensusStatus.REJECTED,
)


@require_GET
@seated
def outcomes(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Show what was settled last; annotators see the tasks that they took part in."""
    rows = Consensus.objects.standing().filter(project=seat.project, status__in=CLOSED)
    rows = rows.exclude(task__in=seat.unaudited)
    if not seat.sees_everything:
        rows = rows.filter(task__annotations__author__user=seat.user)
    newest = rows.select_related("task__video", "task__project").order_by("-id")[:MOST_SHOWN]
    context = {"rows": [(row, clip_of(row.task)) for row in newest]}
    return show(request, "portal/outcomes.html", context, seat=seat, tab="outcomes")


@require_GET
@signed_in
def task(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one task: its clip, what stands, and why."""
    assert isinstance(request.user, User)
    row = get_object_or_404(Task.objects.select_related("video", "project", "prediction"), pk=pk)
    seat = seat_on(request.user, row.project)
    own = seat.own_caption(row)
    if row.is_gold and not seat.may_manage:
        raise Http404("No such task.")
    if seat.is_blind_on(row) or not (seat.sees_everything or own):
        raise Http404("Not visible before one's own caption is in.")
    is_open_book = seat.sees_everything or not row.takes_evidence
    context = {"task": row, "clip": clip_of(row), "own": own, "is_open_book": is_open_book}
    if is_open_book:
        context |= _book(seat, row)
    return show(request, "portal/task.html", context, seat=seat, tab="outcomes")


def _book(seat: Seat, row: Task) -> dict[str, object]:
    """Everything that was said and weighed; names for managers alone."""
    standing = Consensus.objects.standing().filter(task=row).first()
    shows_models = seat.sees_everything
    predictions = Prediction.objects.standing().filter(
        video=row.video, start_ms=row.start_ms, end_ms=row.end_ms
    )
    evaluations = Evaluation.objects.filter(items__task=row).select_related("original", "retrained")
    return {
        "reasons": reasons_of(row, standing, with_authors=seat.may_manage),
        "consensus": standing,
        "versions": _closing_versions(row) if seat.sees_everything else [],
        "reviews": Review.objects.filter(task=row).select_related("reviewer"),
        "predictions": predictions.select_related("version")[:10] if shows_models else [],
        "evaluations": evaluations[:10] if shows_models else [],
    }


def _closing_versions(row: Task) -> list[Consensus]:
    """Versions that closed the task or took it to an expert, where there was more than one."""
    versions = Consensus.objects.filter(task=row).exclude(status=ConsensusStatus.INTERIM)
    rows = list(versions.order_by("-number")[:MOST_SHOWN])
    return rows if len(rows) > 1 else []
