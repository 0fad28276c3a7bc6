"""One's own work in a project: pace, reliability with its interval, and how it went over time."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from portal.errors import NotAllowed
from portal.models import Annotation
from portal.pages.frames import show
from portal.pages.seats import Seat, seated
from portal.pages.standings import standing_of
from portal.services import annotators

MOST_SHOWN = 5


@require_GET
@seated
def me(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Show the person's figures in this project."""
    if not seat.may_caption:
        raise NotAllowed("Reading is all that your role allows here.")
    own = Annotation.objects.filter(author=seat.annotator)
    context = {
        "annotator": seat.annotator,
        "standing": standing_of(seat.annotator),
        "metrics": annotators.metrics(annotator=seat.annotator),
        "history": annotators.history(annotator=seat.annotator),
        "n_captions": own.count(),
        "newest": own.select_related("task__video").order_by("-id")[:MOST_SHOWN],
    }
    return show(request, "portal/me.html", context, seat=seat, tab="me")
