"""The first page: one's projects and what waits in each."""

from django.http import HttpRequest, HttpResponse

from portal.models import Project, User
from portal.pages.desks import desk_of
from portal.pages.frames import MOST_PROJECTS, show
from portal.pages.seats import seat_of, signed_in


@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """Show each project with what waits for this person there."""
    assert isinstance(request.user, User)
    slugs = Project.objects.visible_to(request.user).values_list("slug", flat=True)
    desks = [desk_of(seat_of(request.user, slug)) for slug in slugs[:MOST_PROJECTS]]
    # Where there is something to do comes first; the names keep their order within.
    desks.sort(key=lambda desk: desk.is_empty)
    return show(request, "portal/home.html", {"desks": desks})
