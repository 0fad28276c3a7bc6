"""The workbench: a clip under a lease, its guidelines, and the form for the caption.

Opening the page claims a task (or gives the running lease back). Whatever goes wrong with a
submit, the text comes back: in the form where it can be sent again, in a box to copy where not.
"""

import math

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from portal.errors import (
    AlreadyAnswered,
    Conflict,
    InvalidInput,
    LeaseExpired,
    NotAllowed,
    NotFound,
    PortalError,
    ProjectPaused,
    TaskClosed,
)
from portal.models import Assignment, Guideline, Task
from portal.pages.accepts import offer_of
from portal.pages.clips import clip_of
from portal.pages.desks import why_empty
from portal.pages.forms import CaptionForm, DraftForm, LeaseForm, SkipForm
from portal.pages.frames import show
from portal.pages.seats import Seat, seated
from portal.pages.standings import exam_verdict, standing_of
from portal.services import annotations, assignments


@require_http_methods(["GET", "POST"])
@seated
def workbench(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Show a clip to caption, or take the caption of the one that was shown."""
    if request.method == "POST":
        return _submit(request, seat)
    if not seat.may_caption:
        raise NotAllowed("Reading is all that your role allows here.")
    reason = ""
    try:
        assignment = assignments.claim(annotator=seat.annotator)
    except (ProjectPaused, NotAllowed):
        assignment = None
    except Conflict as refusal:  # as much as they may do, or too many asking at once
        assignment, reason = None, refusal.detail
    if assignment is None:
        context = {"reason": reason or why_empty(seat), "standing": standing_of(seat.annotator)}
        return show(request, "portal/work_empty.html", context, seat=seat, tab="work")
    return _bench(request, seat, assignment)


def _bench(
    request: HttpRequest,
    seat: Seat,
    assignment: Assignment,
    form: CaptionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    task = _task(seat, assignment.task_id)
    lease = {"lease": assignment.token}
    first = lease | {"task": task.pk, "caption": assignment.draft}
    clip = clip_of(task)
    context = {
        "task": task,
        "clip": clip,
        "assignment": assignment,
        "offer": offer_of(assignment, clip),
        "seconds_left": _seconds_left(assignment),
        "form": form or CaptionForm(initial=first),
        "skip_form": SkipForm(auto_id="skip_%s"),
        "standing": standing_of(seat.annotator),
        "guideline": Guideline.objects.newest_of(seat.project.pk),
    }
    return show(request, "portal/work.html", context, seat=seat, tab="work", status=status)


def _task(seat: Seat, pk: int) -> Task:
    rows = Task.objects.select_related("video", "project").filter(project=seat.project)
    return get_object_or_404(rows, pk=pk)


def _submit(request: HttpRequest, seat: Seat) -> HttpResponse:
    form = CaptionForm(request.POST)
    if not form.is_valid():
        return _again(request, seat, form)
    sent = form.cleaned_data
    task = _task(seat, sent["task"])
    exam = assignments.exam_of(seat.annotator)
    try:
        annotation = annotations.submit(
            task=task,
            annotator=seat.annotator,
            text=sent["caption"],
            token=sent["lease"],
            seconds=sent["seconds"],
        )
    except InvalidInput as refusal:
        form.refuse(refusal)
        return _again(request, seat, form)
    except (LeaseExpired, AlreadyAnswered, TaskClosed) as refusal:
        return _kept(request, seat, task, sent["caption"], refusal)
    annotation.refresh_from_db()
    verdict = exam_verdict(annotation, exam)
    saved = "Caption saved. Until its task settles you can correct it under Me."
    messages.success(request, verdict or saved)
    return redirect("pages:work", slug=seat.project.slug)


def _again(request: HttpRequest, seat: Seat, form: CaptionForm) -> HttpResponse:
    """Show the same clip with what was wrong; without a lease there is none to show."""
    assignment = Assignment.objects.live().filter(annotator=seat.annotator).first()
    if assignment is None:
        messages.warning(request, "That form was incomplete and its lease has ended.")
        return redirect("pages:work", slug=seat.project.slug)
    return _bench(request, seat, assignment, form, status=400)


def _kept(
    request: HttpRequest, seat: Seat, task: Task, text: str, refusal: PortalError
) -> HttpResponse:
    """Give a text back that could not be taken, with the way to go on."""
    may_resume = isinstance(refusal, LeaseExpired) and task.is_open
    context = {"task": task, "text": text, "refusal": refusal, "may_resume": may_resume}
    return show(request, "portal/work_kept.html", context, seat=seat, tab="work", status=409)


@require_POST
@seated
def resume(request: HttpRequest, seat: Seat, pk: int) -> HttpResponse:
    """Ask for the very task whose lease ran out; its draft comes with it."""
    task, text = _task(seat, pk), request.POST.get("text", "")[:10_000]
    try:
        assignment = assignments.claim(annotator=seat.annotator, task=task)
    except (Conflict, NotFound) as refusal:
        return _kept(request, seat, task, text, refusal)
    if assignment is not None and assignment.task_id == task.pk:
        return redirect("pages:work", slug=seat.project.slug)
    taken = TaskClosed(
        "Somebody else has taken the last place on this clip. Your text is below; nothing of it "
        "is lost, but this clip no longer needs it."
    )
    return _kept(request, seat, task, text, taken)


@require_POST
@seated
def skip(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Skip the clip for good, with a reason."""
    form = SkipForm(request.POST)
    if not form.is_valid():
        messages.warning(request, "Choose a reason; the clip is still yours.")
        return redirect("pages:work", slug=seat.project.slug)
    sent = form.cleaned_data
    try:
        assignments.skip(token=sent["lease"], annotator=seat.annotator, reason=sent["reason"])
    except Conflict as refusal:
        messages.warning(request, refusal.detail)
    else:
        messages.info(request, "Skipped. It will not come to you again.")
    return redirect("pages:work", slug=seat.project.slug)


@require_POST
@seated
def release(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Give the clip back; somebody else can have it at once."""
    form = LeaseForm(request.POST)
    if form.is_valid():
        try:
            assignments.release(token=form.cleaned_data["lease"], annotator=seat.annotator)
        except Conflict as refusal:
            messages.info(request, refusal.detail)
        else:
            messages.info(request, "Given back. It may come to you again later.")
    return redirect("pages:home")


@require_POST
@seated
def heartbeat(request: HttpRequest, seat: Seat) -> JsonResponse:
    """Extend the lease while the person is at work; for the page's script."""
    form = LeaseForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"detail": "No lease was named."}, status=400)
    try:
        lease = assignments.heartbeat(token=form.cleaned_data["lease"], annotator=seat.annotator)
    except PortalError as refusal:
        return JsonResponse({"detail": refusal.detail}, status=refusal.status)
    return JsonResponse(
        {"expires_at": lease.expires_at.isoformat(), "seconds_left": _seconds_left(lease)}
    )


def _seconds_left(lease: Assignment) -> int:
    """By the database's clock: this machine's may be wrong."""
    left = (lease.expires_at - Assignment.objects.clock()).total_seconds()
    return max(0, math.floor(left))


@require_POST
@seated
def reserve(request: HttpRequest, seat: Seat) -> JsonResponse:
    """Hold the next clip, so that it is there when this one is done; for the page's script."""
    try:
        lease = assignments.reserve(annotator=seat.annotator) if seat.may_caption else None
    except (Conflict, NotAllowed):  # nothing is held; the next clip then loads when it comes
        lease = None
    return JsonResponse({"clip": clip_of(_task(seat, lease.task_id)).url if lease else ""})


@require_POST
@seated
def draft(request: HttpRequest, seat: Seat) -> JsonResponse:
    """Keep unfinished text with its lease; for the page's script."""
    form = DraftForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"detail": "This draft cannot be kept."}, status=400)
    sent = form.cleaned_data
    assignments.save_draft(token=sent["lease"], annotator=seat.annotator, text=sent["text"])
    return JsonResponse({"kept": True})
