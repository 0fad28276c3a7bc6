"""Captions: submitted, read by those who may, corrected and withdrawn by their authors."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import Late, PortalView
from portal.api.fields import AnnotatorId, Body, Key, Number, Text
from portal.api.idempotency import keyed
from portal.api.pagination import paged
from portal.api.permissions import CAPTIONERS, EVERYBODY, Need
from portal.api.queries import text
from portal.api.schema import documented, page_of
from portal.api.sights import captions_seen_by, sight_of
from portal.api.tasks import find_task
from portal.api.times import iso
from portal.errors import NotFound, StaleVersion
from portal.models import Annotation, Annotator, Task
from portal.models.annotations import AnnotationState
from portal.models.members import Role
from portal.models.tokens import Scope
from portal.services import annotations, assignments

ON_BEHALF = {"annotator_id": text("A machine names whose caption it is.")}


class PreconditionRequired(APIException):
    """An edit that does not say which wording it is of."""

    status_code = 428
    default_detail = "Send If-Match with the caption's number, as its ETag gives it."
    default_code = "if_match_required"


class AnnotationInput(Body):
    """One caption for one task."""

    annotator_id = AnnotatorId(required=False, help_text="A person may leave it out.")
    caption = Text(allow_blank=True)
    lease = Key(required=False, help_text="The token; without it the running lease is meant.")
    seconds = Number(min_value=0, max_value=86_400, required=False, allow_null=True)


class CorrectionInput(Body):
    """A better wording."""

    annotator_id = AnnotatorId(required=False)
    caption = Text(allow_blank=True)


class AnnotationOutput(serializers.Serializer[Any]):
    """One caption."""

    id = serializers.IntegerField()
    task_id = serializers.IntegerField()
    annotator_id = serializers.CharField(
        allow_null=True, help_text="Null where authors are hidden."
    )
    caption = serializers.CharField()
    number = serializers.IntegerField(help_text="Rises with each correction; the ETag.")
    status = serializers.ChoiceField(AnnotationState.choices)
    created_at = serializers.DateTimeField()
    task_status = serializers.CharField()


class TaskAnnotationsView(PortalView):
    """The captions of one task."""

    needs: ClassVar = {
        "GET": Need(Scope.READ, EVERYBODY),
        "POST": Need(Scope.ANNOTATE, CAPTIONERS),
    }
    is_paged = True

    @documented(
        "list_annotations",
        "List a task's captions, once they may be seen",
        answers={200: page_of(AnnotationOutput)},
    )
    def get(self, request: Request, pk: str) -> Response:
        task = find_task(self, pk)
        sight = sight_of(self.caller, self.role, task)
        rows = task.annotations.select_related("author", "task")
        if not sight.of_captions:
            rows = rows.filter(author__in=self.caller.own_annotators())
        return paged(self, rows, lambda row: describe(row, names_author=sight.of_authors))

    @documented(
        "submit_annotation",
        "Submit a caption",
        body=AnnotationInput,
        answers={201: AnnotationOutput},
    )
    @keyed
    def post(self, request: Request, pk: str) -> Response:
        task = self.find(Task.objects.select_related("project"), pk=pk)
        data = self.body(request, AnnotationInput)
        annotator = self.annotator(task.project, data.get("annotator_id"))
        try:
            annotation = annotations.submit(
                task=task,
                annotator=annotator,
                text=data["caption"],
                token=data.get("lease"),
                seconds=data.get("seconds"),
                without_lease=self.caller.token is not None,
            )
        except NotFound:
            if "lease" in data:
                assignments.note_foreign(token=data["lease"], annotator=annotator)
            raise
        # It may settle the task on commit: the status is read once more after it.
        return Late(lambda: describe(_up_to_date(annotation)), created=True)


class AnnotationView(PortalView):
    """One caption; correcting it needs the number of the wording that was seen."""

    needs: ClassVar = {
        "GET": Need(Scope.ANNOTATE, EVERYBODY),
        "PATCH": Need(Scope.ANNOTATE, CAPTIONERS),
        "DELETE": Need(Scope.ANNOTATE, CAPTIONERS),
    }
    post_filters: ClassVar = ON_BEHALF

    @documented("get_annotation", "Read one caption", answers={200: AnnotationOutput})
    def get(self, request: Request, pk: str) -> Response:
        return _tagged(self._find(pk), names_author=self._names_author())

    @documented(
        "correct_annotation",
        "Correct a caption while its task takes evidence",
        body=CorrectionInput,
        answers={200: AnnotationOutput},
        needs_if_match=True,
    )
    def patch(self, request: Request, pk: str) -> Response:
        annotation = self._find(pk)
        data = self.body(request, CorrectionInput)
        number = _seen_number(request)
        author = self._author(annotation, data.get("annotator_id"))
        annotations.revise(
            annotation=annotation, author=author, text=data["caption"], number=number
        )
        return _tagged(self._find(pk))

    @documented(
        "withdraw_annotation",
        "Withdraw a caption while its task takes evidence",
        answers={204: "Withdrawn."},
    )
    def delete(self, request: Request, pk: str) -> Response:
        annotation = self._find(pk)
        author = self._author(annotation, self.query.get("annotator_id"))
        annotations.withdraw(annotation=annotation, author=author)
        return Response(status=204)

    def _find(self, pk: str) -> Annotation:
        rows = Annotation.objects.select_related("author", "task__project")
        annotation = self.find(rows, project="task__project_id", pk=pk)
        seen = captions_seen_by(self.caller, self.role, Annotation.objects.filter(pk=annotation.pk))
        if not seen.exists():
            raise NotFound("There is nothing here that you may see.")
        return annotation

    def _author(self, annotation: Annotation, annotator_id: str | None) -> Annotator:
        """Return who edits: a person as themselves, a machine as the author whom it may name."""
        if self.caller.user:
            return self.annotator(annotation.task.project, annotator_id)
        if annotator_id not in (None, annotation.author.annotator_id):
            raise NotFound(f"There is no caption {annotation.pk} by {annotator_id}.")
        return annotation.author

    def _names_author(self) -> bool:
        return self.caller.token is not None or self.role == Role.MANAGER


def describe(annotation: Annotation, *, names_author: bool = True) -> dict[str, Any]:
    """Write one caption."""
    return {
        "id": annotation.pk,
        "task_id": annotation.task_id,
        "annotator_id": annotation.author.annotator_id if names_author else None,
        "caption": annotation.text,
        "number": annotation.number,
        "status": annotation.state,
        "created_at": iso(annotation.created_at),
        "task_status": annotation.task.state,
    }


def _up_to_date(annotation: Annotation) -> Annotation:
    task = annotation.task
    task.state = Task.objects.values_list("state", flat=True).get(pk=task.pk)
    return annotation


def _tagged(annotation: Annotation, *, names_author: bool = True) -> Response:
    body = describe(annotation, names_author=names_author)
    return Response(body, headers={"ETag": f'"{annotation.number}"'})


def _seen_number(request: Request) -> int:
    """Read the wording that the editor saw out of If-Match."""
    given = request.headers.get("If-Match")
    if given is None:
        raise PreconditionRequired
    number = given.strip().strip('"')
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise StaleVersion("If-Match does not hold this caption's number.")
    return int(number)
