"""Who sits where: a signed-in user's seat in one project, and what it lets them see and do."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from portal.errors import NotAllowed, NotFound
from portal.models import (
    Annotation,
    Annotator,
    Assignment,
    Membership,
    Project,
    ReviewLease,
    Task,
    User,
)
from portal.models.members import Role
from portal.models.taskqueries import TaskQuerySet
from portal.services import members

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Seat:
    """One user's place in one project."""

    user: User
    project: Project
    role: str

    @cached_property
    def annotator(self) -> Annotator:
        """The annotator that the user is here, made on first need; NotAllowed for readers."""
        return members.annotator_for(user=self.user, project=self.project)

    @cached_property
    def known_annotator(self) -> Annotator | None:
        """The annotator that the user is here, if they ever needed to be one."""
        return Annotator.objects.filter(user=self.user, project=self.project).first()

    @property
    def role_shown(self) -> str:
        return Role(self.role).label

    @property
    def may_caption(self) -> bool:
        return self.role != Role.READER

    @property
    def may_decide(self) -> bool:
        return self.role in (Role.MANAGER, Role.EXPERT)

    @property
    def may_manage(self) -> bool:
        return self.role == Role.MANAGER

    @property
    def sees_everything(self) -> bool:
        """Whether others' captions are visible without having captioned; annotators stay blind."""
        return self.role != Role.ANNOTATOR

    def is_blind_on(self, task: Task) -> bool:
        """Whether this person must not see others' words on the task.

        They caption it, audit it, or are an expert who may yet be asked to audit it. Managers see
        everything in the admin, so for them only what they have in hand is closed.
        """
        held = Assignment.objects.live().filter(task=task, annotator__user=self.user)
        audits = ReviewLease.objects.live().filter(task=task, reviewer=self.user)
        return (
            held.exists()
            or (not task.takes_evidence and audits.exists())
            or self.unaudited.filter(pk=task.pk).exists()
        )

    @property
    def unaudited(self) -> TaskQuerySet:
        """Tasks whose blind audit may still come to this expert; nobody else has any."""
        if self.role != Role.EXPERT:
            return Task.objects.none()
        return Task.objects.awaiting_audit_by(self.user.pk, self.project.pk)

    def own_caption(self, task: Task) -> Annotation | None:
        """The caption that this person wrote for the task."""
        return Annotation.objects.filter(task=task, author__user=self.user).first()


def seat_of(user: User, slug: str) -> Seat:
    """Return the user's seat; a project that is foreign to them does not exist."""
    project = Project.objects.visible_to(user).filter(slug=slug).first()
    role = Membership.objects.role_of(user, project.pk) if project else None
    if project is None or role is None:
        raise Http404("No such project.")
    return Seat(user, project, role)


def seat_on(user: User, project: Project) -> Seat:
    """Return the user's seat in the project that a row belongs to; 404 where they have none."""
    return seat_of(user, project.slug)


def signed_in(view: View) -> View:
    """Let in who has signed in, keep the page out of caches, and turn refusals into pages."""

    @never_cache
    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotFound as missing:
            raise Http404(missing.detail) from missing
        except NotAllowed as refused:
            raise PermissionDenied(refused.detail) from refused

    return guarded


def seated(view: View) -> View:
    """Hand the view the seat that the project's slug in the address names."""

    @signed_in
    @wraps(view)
    def placed(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> HttpResponse:
        assert isinstance(request.user, User)
        return view(request, seat_of(request.user, slug), *args, **kwargs)

    return placed
