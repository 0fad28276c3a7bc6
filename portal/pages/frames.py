"""What surrounds every page: the project in hand, the way to the others, and the tabs."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from portal.models import Project
from portal.pages.seats import Seat

MOST_PROJECTS = 30


@dataclass(frozen=True)
class Tab:
    """One way through a project; secondary ones move into the menu on a narrow screen."""

    name: str
    icon: str
    url: str
    is_current: bool
    is_primary: bool


@dataclass(frozen=True)
class Frame:
    """Everything that the header draws."""

    seat: Seat | None
    projects: list[Project]
    tabs: list[Tab]


def show(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    seat: Seat | None = None,
    tab: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render a page inside its frame."""
    projects = list(Project.objects.visible_to(request.user).distinct()[:MOST_PROJECTS])
    frame = Frame(seat, projects, _tabs(seat, tab) if seat else [])
    return render(request, template, context | {"frame": frame, "seat": seat}, status=status)


def _tabs(seat: Seat, current: str) -> list[Tab]:
    """The tabs that the seat's role opens, the daily ones first."""
    may_compare = seat.may_caption and seat.project.asks_preferences
    rows = [
        ("Caption", "caption", "work", seat.may_caption, True),
        ("Review", "review", "review", seat.may_caption, True),
        ("Compare", "compare", "compare", may_compare, False),
        ("Disputes", "dispute", "disputes", seat.may_decide, True),
        ("Audit", "eye", "audit", seat.may_decide, False),
        ("Outcomes", "check", "outcomes", True, True),
        ("Me", "me", "me", seat.may_caption, True),
        ("Models", "chart", "models", seat.sees_everything, not seat.may_caption),
    ]
    return [
        Tab(name, icon, reverse(f"pages:{view}", args=[seat.project.slug]), view == current, first)
        for name, icon, view, is_open, first in rows
        if is_open
    ]
