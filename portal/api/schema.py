"""OpenAPI from the views: filters, cursor pages, keys and problems are described in one place.

Each view's methods are annotated with `documented`; importing this module also teaches
drf-spectacular the Bearer scheme.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

F = TypeVar("F", bound=Callable[..., Any])

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="The ETag that was read."
)


class FieldProblemOutput(serializers.Serializer[Any]):
    """One refused field."""

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemOutput(serializers.Serializer[Any]):
    """An RFC 9457 problem: every answer that is not 2xx."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = FieldProblemOutput(many=True)
    request_id = serializers.CharField()
    draft = serializers.CharField(
        required=False,
        help_text="The text of a refused caption: kept, and given back with the task.",
    )


class Schema(AutoSchema):
    """Adds to each operation what every view has by its base class."""

    def is_excluded(self) -> bool:
        """Leave out the twin address with a slash at its end."""
        return bool(self.path.endswith("/"))

    def _get_serializer_name(self, *args: Any, **kwargs: Any) -> str:
        """Call a shape what it is: Task, not TaskOutput."""
        return str(super()._get_serializer_name(*args, **kwargs)).removesuffix("Output")

    def get_override_parameters(self) -> list[Any]:
        """Describe filters, cursor and Idempotency-Key."""
        handler = getattr(self.view, self.method.lower())
        filters = self.view._filters(self.view.request or _Method(self.method))
        found = [
            OpenApiParameter(
                name,
                OpenApiTypes.UUID if each.schema not in (str, int, bool) else each.schema,
                description=each.about,
                enum=each.choices or None,
            )
            for name, each in filters.items()
        ]
        if getattr(handler, "is_keyed", False):
            found.append(
                OpenApiParameter(
                    "Idempotency-Key",
                    str,
                    OpenApiParameter.HEADER,
                    description="A text of your choice; a repeat with it gets the first answer.",
                )
            )
        return found

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """Say that whatever is not 2xx is a problem."""
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            component = self.resolve_serializer(ProblemOutput, "response")
            operation["responses"]["default"] = {
                "description": "A refusal.",
                "content": {"application/problem+json": {"schema": component.ref}},
            }
        return operation


class _Method:
    """Just enough of a request to ask a view for the filters of a method."""

    def __init__(self, method: str) -> None:
        self.method = method


class BearerScheme(OpenApiAuthenticationExtension):
    """`Authorization: Bearer lp_…`."""

    target_class = "portal.api.authentication.TokenAuthentication"
    name = "serviceToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Describe the scheme."""
        return {"type": "http", "scheme": "bearer", "description": "A project's service token."}


def documented(
    operation_id: str,
    summary: str,
    *,
    body: Any = None,
    answers: Mapping[Any, Any],
    needs_if_match: bool = False,
    **more: Any,
) -> Callable[[F], F]:
    """Describe one operation; an answer is a serializer, or a sentence where there is no body."""
    responses = {
        status: OpenApiResponse(description=each) if isinstance(each, str) else each
        for status, each in answers.items()
    }
    if needs_if_match:
        more["parameters"] = [IF_MATCH]
    return extend_schema(
        operation_id=operation_id, summary=summary, request=body, responses=responses, **more
    )


def page_of(row: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """Return the shape of a cursor page of `row`."""
    members = {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": row(many=True),
        "__doc__": "One page, ordered by id.",
    }
    return type(row.__name__.removesuffix("Output") + "Page", (serializers.Serializer,), members)
