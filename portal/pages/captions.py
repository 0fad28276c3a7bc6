"""One's own last captions, each to be corrected or withdrawn until its task settles."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.errors import Conflict, InvalidInput, StaleVersion, TaskClosed
from portal.models import Annotation, User
from portal.models.annotations import AnnotationState
from portal.pages.clips import Clip, clip_of
from portal.pages.forms import EditForm
from portal.pages.frames import show
from portal.pages.seats import Seat, seat_on, signed_in
from portal.services import annotations

MOST_SHOWN = 20


@dataclass(frozen=True)
class Caption:
    """One of the person's captions and whether it may still be changed."""

    row: Annotation
    clip: Clip
    may_change: bool


@require_GET
@signed_in
def mine(request: HttpRequest) -> HttpResponse:
    """Show the person's last captions in all projects."""
    assert isinstance(request.user, User)
    rows = (
        Annotation.objects.filter(author__user=request.user)
        .exclude(state=AnnotationState.ERASED)
        .select_related("task__video", "task__project")
        .order_by("-id")[:MOST_SHOWN]
    )
    captions = [Caption(row, clip_of(row.task), may_change(row)) for row in rows]
    return show(request, "portal/mine.html", {"captions": captions})


def may_change(annotation: Annotation) -> bool:
    """Whether a caption may still be corrected; a check clip looks like any that has settled."""
    task = annotation.task
    stands = annotation.state == AnnotationState.STANDING
    return stands and task.takes_evidence and not task.is_gold


@require_http_methods(["GET", "POST"])
@signed_in
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Correct a caption; a wording that came in between is shown, never overwritten."""
    annotation, seat = _own(request, pk)
    if not may_change(annotation):
        messages.info(request, "Its task has settled; this caption can no longer change.")
        return redirect("pages:mine")
    first = {"number": annotation.number, "caption": annotation.text}
    form = EditForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        try:
            annotations.revise(
                annotation=annotation,
                author=annotation.author,
                text=form.cleaned_data["caption"],
                number=form.cleaned_data["number"],
            )
        except (InvalidInput, StaleVersion) as refusal:
            form.refuse(refusal)
        except TaskClosed as refusal:
            messages.warning(request, refusal.detail)
            return redirect("pages:mine")
        else:
            messages.success(request, "Corrected. The earlier wording is kept as well.")
            return redirect("pages:mine")
    context = {"form": form, "annotation": annotation, "clip": clip_of(annotation.task)}
    status = 400 if form.is_bound else 200
    return show(request, "portal/caption_edit.html", context, seat=seat, status=status)


@require_POST
@signed_in
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Withdraw a caption; somebody else is asked instead."""
    annotation, _ = _own(request, pk)
    try:
        annotations.withdraw(annotation=annotation, author=annotation.author)
    except Conflict as refusal:
        messages.warning(request, refusal.detail)
    else:
        messages.info(request, "Withdrawn. Somebody else will be asked to caption the clip.")
    return redirect("pages:mine")


def _own(request: HttpRequest, pk: int) -> tuple[Annotation, Seat]:
    """Return one's own caption; another's does not exist on this page."""
    assert isinstance(request.user, User)
    rows = Annotation.objects.select_related("author__project", "task__video", "task__project")
    annotation = get_object_or_404(rows, pk=pk, author__user=request.user)
    return annotation, seat_on(request.user, annotation.task.project)
