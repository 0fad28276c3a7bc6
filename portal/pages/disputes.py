"""Disputed tasks, for experts: what people said, how far they agree, and the decision."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from portal.errors import Conflict, InvalidInput, NotAllowed, NotFound
from portal.models import Consensus, Guideline, Task
from portal.pages.clips import clip_of
from portal.pages.desks import disputed
from portal.pages.forms import DecisionForm
from portal.pages.frames import show
from portal.pages.reasons import Reasons, reasons_of
from portal.pages.seats import Seat, seated
from portal.services import consensus

MOST_SHOWN = 50


@require_GET
@seated
def disputes(request: HttpRequest, seat: Seat) -> HttpResponse:
    """List what waits for an expert, the oldest first."""
    _check_may_decide(seat)
    rows = disputed(seat).select_related("video", "project")[:MOST_SHOWN]
    standing = Consensus.objects.standing().filter(task__in=list(rows))
    context = {
        "rows": [(task, {c.task_id: c for c in standing}.get(task.pk)) for task in rows],
        "n_own": Task.objects.filter(
            project=seat.project, state="disputed", annotations__author__user=seat.user
        ).count(),
    }
    return show(request, "portal/disputes.html", context, seat=seat, tab="disputes")


@require_http_methods(["GET", "POST"])
@seated
def dispute(request: HttpRequest, seat: Seat, pk: int) -> HttpResponse:
    """Show one disputed task, or take the decision on it."""
    _check_may_decide(seat)
    task = get_object_or_404(disputed(seat).select_related("video", "project"), pk=pk)
    form = DecisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _decide(request, seat, task, form):
        return redirect("pages:disputes", slug=seat.project.slug)
    context = {
        "task": task,
        "clip": clip_of(task),
        "reasons": _reasons(task),
        "form": form,
        "guideline": Guideline.objects.newest_of(seat.project.pk),
    }
    status = 400 if form.is_bound else 200
    return show(request, "portal/dispute.html", context, seat=seat, tab="disputes", status=status)


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
