"""Projects that the caller belongs to, their guidelines and rules."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import PortalView
from portal.api.fields import Body, Whole
from portal.api.pagination import paged
from portal.api.permissions import EVERYBODY, MANAGERS, Need
from portal.api.schema import documented, page_of
from portal.api.times import iso
from portal.errors import InvalidInput
from portal.models import Guideline, Project
from portal.models.members import Role
from portal.models.tokens import Scope
from portal.services import projects

RULES = (
    "min_captions",
    "max_captions",
    "threshold",
    "lease_minutes",
    "prediction_shown_to",
    "audio",
    "registers_annotators",
    "batch_size",
    "cooldown_hours",
)


class GuidelineOutput(serializers.Serializer[Any]):
    """The guidelines in force."""

    number = serializers.IntegerField()
    text = serializers.CharField(help_text="Markdown.")


class RulesOutput(serializers.Serializer[Any]):
    """How the project asks, stops and retrains."""

    min_captions = serializers.IntegerField()
    max_captions = serializers.IntegerField()
    threshold = serializers.FloatField()
    lease_minutes = serializers.IntegerField()
    prediction_shown_to = serializers.CharField()
    audio = serializers.CharField()
    registers_annotators = serializers.BooleanField()
    batch_size = serializers.IntegerField()
    cooldown_hours = serializers.FloatField()


class ProjectOutput(serializers.Serializer[Any]):
    """One body of captioning work."""

    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    language = serializers.CharField()
    mode = serializers.CharField()
    is_paused = serializers.BooleanField()
    guidelines = GuidelineOutput(allow_null=True)
    rules = RulesOutput(allow_null=True, help_text="Null for annotators.")
    created_at = serializers.DateTimeField()


class ProjectChange(Body):
    """How many captions a task asks for."""

    min_captions = Whole(min_value=1, max_value=100, required=False)
    max_captions = Whole(min_value=1, max_value=100, required=False)


class ProjectsView(PortalView):
    """The caller's projects."""

    needs: ClassVar = {"GET": Need(Scope.READ, EVERYBODY)}
    is_paged = True

    @documented("list_projects", "List your projects", answers={200: page_of(ProjectOutput)})
    def get(self, request: Request) -> Response:
        return paged(self, self.caller.projects(), lambda row: describe(self, row))


class ProjectView(PortalView):
    """One project."""

    needs: ClassVar = {"GET": Need(Scope.READ, EVERYBODY), "PATCH": Need(None, MANAGERS)}

    @documented("get_project", "Read one project", answers={200: ProjectOutput})
    def get(self, request: Request, slug: str) -> Response:
        return Response(describe(self, self.find(Project.objects.all(), project="id", slug=slug)))

    @documented(
        "change_redundancy",
        "Change how many captions a task asks for",
        body=ProjectChange,
        answers={200: ProjectOutput},
    )
    def patch(self, request: Request, slug: str) -> Response:
        project = self.find(Project.objects.all(), project="id", slug=slug)
        data = self.body(request, ProjectChange)
        if not data:
            raise InvalidInput.on("min_captions", "Name what is to change.", "required")
        changed = projects.change_redundancy(
            project=project,
            minimum=data.get("min_captions", project.min_captions),
            maximum=data.get("max_captions", project.max_captions),
            actor=self.caller.actor,
        )
        return Response(describe(self, changed))


def describe(view: PortalView, project: Project) -> dict[str, Any]:
    """Write a project; its rules are for those who steer or watch it."""
    guidelines = Guideline.objects.newest_of(project.pk)
    role = view.caller.role_in(project.pk)
    return {
        "slug": project.slug,
        "name": project.name,
        "description": project.description,
        "language": project.language,
        "mode": project.mode,
        "is_paused": project.is_paused,
        "guidelines": guidelines and {"number": guidelines.number, "text": guidelines.text},
        "rules": None
        if role == Role.ANNOTATOR
        else {name: getattr(project, name) for name in RULES},
        "created_at": iso(project.created_at),
    }
