"""Blind comparison: one clip, two captions on sides drawn by chance, which one is better?"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from portal.errors import Conflict, InvalidInput, NotAllowed, OwnCaption
from portal.pages.clips import clip_of
from portal.pages.frames import show
from portal.pages.reviews import whole
from portal.pages.seats import Seat, seated
from portal.services import preferences


@require_http_methods(["GET", "POST"])
@seated
def compare(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Show the next pair of captions that this person may choose between, or take a choice."""
    if not seat.may_caption:
        raise NotAllowed("Reading is all that your role allows here.")
    if request.method == "POST":
        _cast(request, seat)
        return redirect(reverse("pages:compare", args=[seat.project.slug]))
    pair = preferences.next_pair(voter=seat.annotator, after=whole(request.GET.get("after")))
    if pair is None:
        return show(request, "portal/compare_empty.html", {}, seat=seat, tab="compare")
    context = {"pair": pair, "clip": clip_of(pair.item.task)}
    return show(request, "portal/compare.html", context, seat=seat, tab="compare")


def _cast(request: HttpRequest, seat: Seat) -> None:
    """Take one choice; what is refused is said on the next page, for the pair has gone."""
    try:
        preferences.cast(
            item_id=whole(request.POST.get("pair")),
            voter=seat.annotator,
            choice=request.POST.get("choice", ""),
        )
    except (InvalidInput, Conflict, OwnCaption) as refusal:
        messages.info(request, refusal.detail)
    else:
        messages.success(request, "Saved. Here is the next one.")
