"""Scoring others' captions: one clip at a time, authors hidden, order shuffled per viewer."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from portal.errors import Conflict, InvalidInput, NotAllowed
from portal.models import Annotation, Annotator, Guideline, Task
from portal.models.annotations import AnnotationQuerySet
from portal.pages.clips import clip_of
from portal.pages.forms import ScoreForm
from portal.pages.frames import show
from portal.pages.seats import Seat, seated
from portal.pages.standings import standing_of
from portal.services import votes


@dataclass(frozen=True)
class Candidate:
    """One caption to score, under a letter instead of a name."""

    letter: str
    text: str
    form: ScoreForm


@require_http_methods(["GET", "POST"])
@seated
def review(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Show the next clip whose captions this person may score, or take one score."""
    if not seat.may_caption:
        raise NotAllowed("Reading is all that your role allows here.")
    refused = None
    if request.method == "POST":
        refused = ScoreForm(request.POST, prefix=request.POST.get("card", "")[:20])
        if refused.is_valid() and _cast(request, seat, refused):
            return redirect(_back(request, seat))
    return _page(request, seat, refused)


def _page(request: HttpRequest, seat: Seat, refused: ScoreForm | None) -> HttpResponse:
    after = whole(request.GET.get("after"))
    waiting = Annotation.objects.reviewable_by(seat.annotator)
    first = waiting.filter(task__gt=after).order_by("task_id").first()
    if first is None:
        standing = standing_of(seat.annotator)
        empty = {"has_earlier": bool(after) and waiting.exists(), "standing": standing}
        return show(request, "portal/review_empty.html", empty, seat=seat, tab="review")
    task = Task.objects.select_related("video", "project").get(pk=first.task_id)
    context: dict[str, Any] = {
        "task": task,
        "clip": clip_of(task),
        "candidates": _candidates(waiting.filter(task=task), seat.annotator, refused),
        "after": after,
        "guideline": Guideline.objects.newest_of(seat.project.pk),
    }
    status = 400 if refused is not None else 200
    return show(request, "portal/review.html", context, seat=seat, tab="review", status=status)


def _candidates(
    rows: AnnotationQuerySet, viewer: Annotator, refused: ScoreForm | None
) -> list[Candidate]:
    forms = {refused.prefix: refused} if refused is not None else {}
    return [
        Candidate(
            letter=chr(ord("A") + place % 26),
            text=row.text,
            form=forms.get(f"c{row.pk}")
            or ScoreForm(prefix=f"c{row.pk}", initial={"annotation": row.pk}),
        )
        for place, row in enumerate(shuffled(rows, viewer))
    ]


def shuffled(rows: AnnotationQuerySet, viewer: Annotator) -> list[Annotation]:
    """Order captions by chance, but the same for one viewer at each look."""
    return sorted(
        rows, key=lambda row: hashlib.sha256(f"{viewer.pk}/{row.pk}".encode()).hexdigest()
    )


def _cast(request: HttpRequest, seat: Seat, form: ScoreForm) -> bool:
    """Cast the vote; False where the form has to be shown again with what was wrong."""
    sent = form.cleaned_data
    rows = Annotation.objects.select_related("task").filter(task__project=seat.project)
    annotation = get_object_or_404(rows, pk=sent["annotation"])
    try:
        votes.cast(
            task=annotation.task,
            voter=seat.annotator,
            score=sent["score"],
            rationale=sent["rationale"],
            annotation_id=annotation.pk,
        )
    except InvalidInput as refusal:
        form.refuse(refusal)
        return False
    except Conflict as refusal:
        messages.info(request, refusal.detail)
    else:
        messages.success(request, "Score saved.")
    return True


def _back(request: HttpRequest, seat: Seat) -> str:
    after = whole(request.GET.get("after"))
    address = reverse("pages:review", args=[seat.project.slug])
    return f"{address}?after={after}" if after else address


def whole(text: str | None) -> int:
    """A whole number of the query that a row's id can be, or 0."""
    is_number = text is not None and text.isascii() and text.isdigit() and len(text) < 19
    return int(text or 0) if is_number else 0
