"""Accept the shown prediction as it is, once most of the clip was watched."""

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from portal.algorithms.verification import LEAST_WATCHED
from portal.errors import PortalError
from portal.models import Assignment, Task
from portal.pages.clips import Clip
from portal.pages.seats import Seat, seated
from portal.services import verifications


@dataclass(frozen=True)
class Offer:
    """What the workbench shows of a prediction; `least_seconds` 0 where it cannot be accepted."""

    caption: str
    least_seconds: float


class AcceptForm(forms.Form):
    """An accept under a lease; `watched` is what the player has counted."""

    task = forms.IntegerField()
    lease = forms.UUIDField()
    watched = forms.FloatField(min_value=0, max_value=86_400)
    seconds = forms.FloatField(min_value=0, max_value=86_400, required=False)


def offer_of(assignment: Assignment, clip: Clip) -> Offer | None:
    """What somebody may accept under their lease, if anything is shown."""
    caption = assignment.shown_caption
    if caption is None:
        return None
    length = clip.segment_seconds if clip.url else None
    return Offer(caption, round(LEAST_WATCHED * (length or 0.0), 2))


@require_POST
@seated
def accept(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Take an accept; whatever stands against it is said, and the clip stays theirs."""
    form = AcceptForm(request.POST)
    if not form.is_valid():
        text = "Accepting needs the player's report of what was watched. Write a caption instead."
        messages.warning(request, text)
        return redirect("pages:work", slug=seat.project.slug)
    sent = form.cleaned_data
    tasks = Task.objects.select_related("project").filter(project=seat.project)
    try:
        verifications.accept(
            task=get_object_or_404(tasks, pk=sent["task"]),
            annotator=seat.annotator,
            watched_seconds=sent["watched"],
            seconds=sent["seconds"],
            token=sent["lease"],
        )
    except PortalError as refusal:
        messages.warning(request, refusal.detail)
    else:
        messages.success(request, "Accepted. It counts as your vote for the model's caption.")
    return redirect("pages:work", slug=seat.project.slug)
