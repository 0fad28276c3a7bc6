"""Disputed tasks, for experts: what people said, how far they agree, and the decision."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.errors import Conflict, InvalidInput, NotAllowed, NotFound
from portal.models import Consensus, Guideline, Review, ReviewLease, Task
from portal.models.reviews import Decision
from portal.models.taskstates import TaskState
from portal.pages.clips import clip_of
from portal.pages.forms import DecisionForm
from portal.pages.frames import show
from portal.pages.reasons import Reasons, reasons_of
from portal.pages.seats import Seat, seated
from portal.services import consensus

MOST_SHOWN = 50


@require_GET
@seated
def disputes(request: HttpRequest, seat: Seat) -> HttpResponse:
    """List what waits for an expert, the most pressing first."""
    _check_may_decide(seat)
    free = Task.objects.disputed_for(seat.user.pk, seat.project.pk)
    rows = list(free.select_related("video", "review_lease")[:MOST_SHOWN])
    standing = Consensus.objects.standing().filter(task__in=rows)
    by_task = {consensus.task_id: consensus for consensus in standing}
    disputed = Task.objects.filter(project=seat.project, state=TaskState.DISPUTED)
    context = {
        "rows": [(task, by_task.get(task.pk)) for task in rows],
        "n_own": disputed.filter(annotations__author__user=seat.user).distinct().count(),
        "held": ReviewLease.objects.of_others(seat.user)
        .filter(task__in=disputed)
        .select_related("reviewer", "task__video"),
    }
    return show(request, "portal/disputes.html", context, seat=seat, tab="disputes")


@require_http_methods(["GET", "POST"])
@seated
def dispute(request: HttpRequest, seat: Seat, pk: int) -> HttpResponse:
    """Show one disputed task, which is this expert's for a while, or take the decision on it."""
    task = _task(seat, pk)
    refused = _why_not(seat, task)
    if refused:
        messages.warning(request, refused)
        return redirect("pages:disputes", slug=seat.project.slug)
    earlier = Review.objects.filter(task=task).select_related("reviewer")
    refuted = next((row for row in earlier if row.decision == Decision.REFUTE), None)
    form = DecisionForm(request.POST or None, initial={"text": refuted.text if refuted else ""})
    if request.method == "POST" and form.is_valid() and _decide(request, seat, task, form):
        return redirect("pages:disputes", slug=seat.project.slug)
    context = {
        "task": task,
        "clip": clip_of(task),
        "reasons": _reasons(task),
        "earlier": earlier,
        "form": form,
        "guideline": Guideline.objects.newest_of(seat.project.pk),
    }
    status = 400 if form.is_bound else 200
    return show(request, "portal/dispute.html", context, seat=seat, tab="disputes", status=status)


@require_POST
@seated
def leave(request: HttpRequest, seat: Seat, pk: int) -> HttpResponse:
    """Leave a dispute to the other experts."""
    consensus.give_back(task=_task(seat, pk), user=seat.user)
    return redirect("pages:disputes", slug=seat.project.slug)


def _task(seat: Seat, pk: int) -> Task:
    """A task that is, or was a moment ago, disputed; never one that this expert captioned."""
    _check_may_decide(seat)
    rows = Task.objects.filter(project=seat.project).select_related("video", "project")
    task = get_object_or_404(rows.exclude(annotations__author__user=seat.user), pk=pk)
    was_decided = task.reviews.filter(is_audit=False).exists()
    if task.state != TaskState.DISPUTED and not was_decided:
        raise Http404("This task was never disputed.")
    return task


def _why_not(seat: Seat, task: Task) -> str:
    """Say why somebody else's work on it stands in the way; empty where nothing does."""
    if task.state != TaskState.DISPUTED:
        return f"Clip {task.video.video_id} has been decided meanwhile."
    lease = consensus.take(task=task, user=seat.user)
    if lease.reviewer_id == seat.user.pk:
        return ""
    return (
        f"{lease.reviewer.name_shown} has clip {task.video.video_id} open, until "
        f"{lease.expires_at:%H:%M} UTC at the latest. Here is what else waits."
    )


def _reasons(task: Task) -> Reasons:
    standing = Consensus.objects.standing().filter(task=task).first()
    return reasons_of(task, standing, with_authors=False)


def _check_may_decide(seat: Seat) -> None:
    if not seat.may_decide:
        raise NotAllowed("Disputes are for experts and managers.")


def _decide(request: HttpRequest, seat: Seat, task: Task, form: DecisionForm) -> bool:
    """Record the decision; False where the form has to be shown again with what was wrong."""
    sent = form.cleaned_data
    try:
        consensus.review(
            task=task,
            reviewer=seat.user,
            decision=sent["decision"],
            annotation_id=sent["annotation"],
            text=sent["text"],
            reason=sent["reason"],
        )
    except (InvalidInput, NotFound) as refusal:
        form.refuse(refusal)
        return False
    except Conflict as refusal:
        messages.warning(request, refusal.detail)
    else:
        messages.success(request, "Decided. Your reason is kept with it.")
    return True
