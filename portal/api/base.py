"""The base of every API view: who may, what came, and the rows that the caller may see.

Foreign and unknown are the same 404; a role that lacks the function is a 403.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.callers import Caller
from portal.api.fields import Body
from portal.api.pagination import PAGE_FILTERS
from portal.api.parsers import check_framing
from portal.api.permissions import Need, NeedsMet
from portal.api.queries import Filter, read_query
from portal.api.schema import Schema
from portal.errors import InvalidInput, NotAllowed, NotFound
from portal.models import Annotator, Project
from portal.models.projects import DEFAULT_SLUG
from portal.services import annotators, members

Row = TypeVar("Row", bound=Model)

WITH_BODY = ("POST", "PUT", "PATCH")


class PortalView(APIView):
    """A view whose methods name what they need; `filters` are those of GET."""

    needs: ClassVar[dict[str, Need]] = {}
    filters: ClassVar[dict[str, Filter]] = {}
    post_filters: ClassVar[dict[str, Filter]] = {}
    is_paged: ClassVar[bool] = False
    body_is_optional: ClassVar[bool] = False
    permission_classes: Sequence[Any] = (NeedsMet,)
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    schema = Schema()

    caller: Caller
    role: str | None = None
    query: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the frame of the call before any view code runs."""
        super().initial(request, *args, **kwargs)
        self.caller = Caller.of(request.user)
        if self._expects_body(request):
            check_framing(request)
        self.query = read_query(request.META.get("QUERY_STRING", ""), self._filters(request))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep answers out of shared caches."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    def body(self, request: Request, shape: type[Body]) -> dict[str, Any]:
        """Return the validated fields of the request's body."""
        is_left_out = self.body_is_optional and _is_bodiless(request)
        serializer = shape(data={} if is_left_out else request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def project(self, slug: str | None = None) -> Project:
        """Return the project that the call is for: the one named, the token's, or the default."""
        project = self._named(slug or self.query.get("project"))
        self._check_role(project.pk)
        return project

    def find(self, rows: "QuerySet[Row]", *, project: str = "project_id", **lookup: Any) -> "Row":
        """Return the one row of the caller's projects that fits, if their role may have it."""
        row = self.caller.visible(rows, project).filter(**lookup).first()
        if row is None:
            raise NotFound("There is nothing here that you may see.")
        owner: Any = row
        for step in project.removesuffix("_id").split("__"):
            owner = getattr(owner, step + "_id") if step == "project" else getattr(owner, step)
        self._check_role(owner)
        return row

    def annotator(self, project: Project, annotator_id: str | None) -> Annotator:
        """Return who acts: a person always as themselves, a machine for whom it names."""
        if self.caller.user:
            own = members.annotator_for(user=self.caller.user, project=project)
            if annotator_id not in (None, own.annotator_id):
                raise InvalidInput.on(
                    "annotator_id", f"You act as {own.annotator_id} here.", "not_you"
                )
            return own
        if annotator_id is None:
            raise InvalidInput.on("annotator_id", "Name the annotator.", "required")
        return annotators.find_or_register(
            project=project, annotator_id=annotator_id, may_register=project.registers_annotators
        )

    @property
    def base_url(self) -> str:
        """The portal's public address, which signed links begin with."""
        return str(settings.BASE_URL)

    def _named(self, slug: str | None) -> Project:
        token = self.caller.token
        if token:
            if slug not in (None, token.project.slug):
                raise NotFound(f"There is no project {slug} here that you may see.")
            return token.project
        mine = self.caller.projects()
        project = mine.filter(slug=slug or DEFAULT_SLUG).first()
        if project is None and slug is None and len(only := list(mine[:2])) == 1:
            project = only[0]
        if project is None:
            raise NotFound(f"There is no project {slug or DEFAULT_SLUG} here that you may see.")
        return project

    def _check_role(self, project_id: int) -> None:
        if self.caller.token:
            return
        self.role = self.caller.role_in(project_id)
        method = "GET" if self.request.method == "HEAD" else self.request.method
        if self.role not in self.needs[method or ""].roles:
            raise NotAllowed("Your role in this project does not include that.")

    def _expects_body(self, request: Request) -> bool:
        if request.method not in WITH_BODY or request.method not in self.allowed_methods:
            return False
        return not (self.body_is_optional and _is_bodiless(request))

    def _filters(self, request: Request) -> dict[str, Filter]:
        if request.method not in ("GET", "HEAD"):
            return self.post_filters
        return self.filters | (PAGE_FILTERS if self.is_paged else {})


class Late(Response):
    """An answer that is read again once the change has committed and its consequences have run."""

    def __init__(self, read: Callable[[], dict[str, Any]], *, created: bool = False) -> None:
        super().__init__(read(), status=201 if created else 200)
        self._read = read

    def read_again(self) -> Any:
        """Bring the answer up to date and return it."""
        self.data = self._read()
        return self.data


def answer(row: dict[str, Any], *, created: bool = False) -> Response:
    """Answer one row: 201 where it is new, 200 where it was there."""
    return Response(row, status=201 if created else 200)


def parse_uid(given: str) -> uuid.UUID:
    """Read a UUID out of an address; anything else is not there."""
    try:
        return uuid.UUID(given)
    except ValueError:
        raise NotFound("There is nothing here that you may see.") from None


def _is_bodiless(request: Request) -> bool:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return length == "0" and not request.META.get("HTTP_TRANSFER_ENCODING")
