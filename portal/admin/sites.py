"""The console itself: who enters, by which door, and what lies on its first page."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import sites
from django.core.exceptions import PermissionDenied
from django.core.paginator import InvalidPage
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite

from portal.models import Project

LONGEST_SEARCH = 200


class Console(UnfoldAdminSite):
    """The managers' site: open to whoever manages a project, showing the portal's rows alone."""

    index_template = "admin/dashboard.html"
    index_title = "Dashboard"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register the portal's own models; what other packages offer stays out."""
        models = [model_or_iterable] if isinstance(model_or_iterable, type) else model_or_iterable
        ours = [model for model in models if model._meta.app_label == "portal"]
        if ours:
            super().register(ours, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether this person manages anything; a role that was lost counts at once."""
        user = request.user
        return bool(user.is_active and (user.is_superuser or managed_ids(request)))

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Send people to the one sign-in page; those who are signed in lack the role."""
        if request.user.is_authenticated:
            if not self.has_permission(request):
                raise PermissionDenied("The console is for managers.")
            return redirect("admin:index")
        wanted = request.GET.get("next") or resolve_url("admin:index")
        return redirect(f"{resolve_url('pages:sign-in')}?{urlencode({'next': wanted})}")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Send people to the one page where passwords are changed."""
        return redirect("pages:password")

    def search(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Find a list by its name; a page that is none is not found."""
        if len(request.GET.get("s", "")) > LONGEST_SEARCH:
            raise Http404("Nothing is called that.")
        try:
            return super().search(request, extra_context)
        except (ValueError, InvalidPage) as missing:
            raise Http404("No such page of results.") from missing


def managed_ids(request: HttpRequest) -> frozenset[int]:
    """Return the ids of the projects that the request's user manages, asked for once a request."""
    known = getattr(request, "_managed_ids", None)
    if known is None:
        known = frozenset(Project.objects.managed_by(request.user).values_list("pk", flat=True))
        request._managed_ids = known  # type: ignore[attr-defined]
    return known


def project_of(row: Model, path: str) -> int | None:
    """Follow a path such as task__project to the id of a row's project."""
    *steps, last = path.split("__")
    for step in steps:
        row = getattr(row, step)
    return row.pk if last == "pk" else getattr(row, f"{last}_id")


site = Console()
# The theme sets a site of its own in the same way when it is ready; ours comes after it.
admin.site = sites.site = site
