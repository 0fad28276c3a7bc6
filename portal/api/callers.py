"""Who calls, a person with a session or a machine with a token, behind one face."""

from dataclasses import dataclass
from typing import TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, QuerySet

from portal.models import Annotator, Membership, Project, ServiceToken, User
from portal.models.members import Role

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Caller:
    """The one who calls: exactly one of `token` and `user`, or neither for a stranger."""

    token: ServiceToken | None = None
    user: User | None = None

    @classmethod
    def of(cls, authenticated: ServiceToken | User | AnonymousUser | None) -> "Caller":
        """Wrap what the authentication found."""
        if isinstance(authenticated, ServiceToken):
            return cls(token=authenticated)
        return cls(user=authenticated) if isinstance(authenticated, User) else cls()

    @property
    def actor(self) -> str:
        """The name that the audit remembers."""
        return f"token:{self.token.name}" if self.token else f"user:{self.user}"

    @property
    def owner(self) -> str:
        """The key under which the caller's idempotency keys and throttles are kept."""
        if self.token:
            return f"token:{self.token.pk}"
        return f"user:{self.user.pk}" if self.user else "nobody"

    def projects(self) -> QuerySet[Project]:
        """The projects that the caller may see at all."""
        if self.token:
            return Project.objects.filter(pk=self.token.project_id)
        return Project.objects.visible_to(self.user or AnonymousUser())

    def visible(self, rows: "QuerySet[Row]", project: str) -> "QuerySet[Row]":
        """Narrow `rows` to the caller's projects; `project` leads from a row to its project."""
        if self.token:
            return rows.filter(**{project: self.token.project_id})
        if self.user and self.user.is_superuser:
            return rows
        return rows.filter(**{f"{project}__in": self.projects()})

    def role_in(self, project_id: int) -> str | None:
        """The person's role in the project; None for strangers and for machines."""
        return Membership.objects.role_of(self.user, project_id) if self.user else None

    def own_annotators(self) -> QuerySet[Annotator]:
        """The annotators that this person is, one a project at most; none for machines."""
        return Annotator.objects.filter(user=self.user) if self.user else Annotator.objects.none()


CAPTIONERS = (Role.ANNOTATOR, Role.EXPERT)
