"""A project's page on what its consensus is worth: who agrees with whom, what confidence means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from portal.admin.base import ScopedAdmin
from portal.models import Annotator, Consensus
from portal.services import consensus, refits

NEWEST_CONSENSUS = 2_000


@dataclass(frozen=True)
class Cell:
    """How two people agree; `mean` is None where they met on too few clips."""

    mean: float | None
    n_tasks: int = 0
    shade: int = 0
    excess: float | None = None
    is_self: bool = False


@dataclass(frozen=True)
class Row:
    """One person's agreement with each of the others, and with all of them."""

    number: int
    person: Annotator
    cells: Sequence[Cell]
    mean: float


class QualityAdmin(ScopedAdmin):
    """Adds the page to a project's own."""

    def get_urls(self) -> list[URLPattern]:
        """Add its address."""
        page = self.admin_site.admin_view(self.quality_view)
        return [path("<path:object_id>/quality/", page, name="quality"), *super().get_urls()]

    def quality_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one project's agreement and calibration."""
        project: Any = self.get_object(request, unquote(object_id))
        if project is None or not self.has_view_permission(request, project):
            raise Http404("There is no such project.")
        circle = consensus.circle_of(project=project)
        final = Consensus.objects.final().filter(project=project).order_by("-pk")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Agreement and calibration: {project}",
            "project": project,
            "circle": circle,
            "rows": rows_of(circle),
            "meaning": refits.meaning_of_confidence(project=project),
            "confidences": list(final.values_list("confidence", flat=True)[:NEWEST_CONSENSUS]),
            "opts": self.opts,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/quality.html", context)


def rows_of(circle: consensus.Circle) -> list[Row]:
    """Lay the pairs out as a table; shades run from the least to the most agreement in it."""
    means = [agreement.mean for agreement in circle.pairs.values()]
    low, high = min(means, default=0.0), max(means, default=1.0)
    return [
        Row(
            number=number,
            person=person,
            cells=[_cell(circle, person, other, low, high) for other in circle.people],
            mean=circle.with_others[person.pk].mean,
        )
        for number, person in enumerate(circle.people, start=1)
    ]


def _cell(
    circle: consensus.Circle, person: Annotator, other: Annotator, low: float, high: float
) -> Cell:
    pair = (min(person.pk, other.pk), max(person.pk, other.pk))
    if person == other:
        return Cell(None, is_self=True)
    agreement = circle.pairs.get(pair)
    if agreement is None:
        return Cell(None)
    shade = round(10 * (agreement.mean - low) / (high - low)) if high > low else 5
    return Cell(agreement.mean, agreement.n_tasks, shade, circle.alike.get(pair))
