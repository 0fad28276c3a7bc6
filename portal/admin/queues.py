"""The queue as managers see it: what is asked next and why, and what doubts were worth."""

import time
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from portal.admin.sites import site
from portal.models import Project, Task
from portal.services import tasks
from portal.services.tasks import Doubts

MOST_PROJECTS = 30
SHOWN = 20
SLOW_SECONDS = 0.2
KEPT_SECONDS = 60


def queue_view(request: HttpRequest) -> HttpResponse:
    """Show the next tasks of one project, each with the reasons for its place."""
    mine = list(Project.objects.managed_by(request.user).order_by("name")[:MOST_PROJECTS])
    chosen = next((each for each in mine if each.slug == request.GET.get("project")), None)
    project = chosen or next(iter(mine), None)
    context = {
        **site.each_context(request),
        "title": "Queue",
        "opts": Task._meta,
        "projects": mine,
        "project": project,
    }
    if project is not None:
        upcoming = Task.objects.next_in_line(project.pk).select_related("video")[:SHOWN]
        context |= {
            "upcoming": list(upcoming),
            "weights": _weights(project),
            "doubts": _doubts(project),
        }
    request.current_app = site.name
    return TemplateResponse(request, "admin/queue.html", context)


def _weights(project: Project) -> list[tuple[str, float, str]]:
    return [
        ("Uncertainty", project.uncertainty_weight, "× how unsure the model was × how new it is"),
        ("Conflict", project.conflict_weight, "× how much the captions so far disagree"),
        ("Begun", project.finish_weight, "for finishing what others began"),
        ("Business value", project.business_weight, "for each doubling of its value"),
        ("Evaluation", project.evaluation_serving_share, "of the work is reserved for it"),
        ("Random control", project.control_share, "of the work, to measure what choosing saves"),
    ]


def _doubts(project: Project) -> Doubts:
    key = f"console/doubts/{project.pk}"
    kept: Any = cache.get(key)
    if kept is not None:
        return kept
    started = time.monotonic()
    found = tasks.doubts(project=project)
    if time.monotonic() - started > SLOW_SECONDS:
        cache.set(key, found, KEPT_SECONDS)
    return found
