"""What every list of the console has in common: its scope, its bounds, its memory.

Scope: a manager meets the rows of their own projects, in lists, forms, choices, filters and
histories; a foreign id is answered like an unknown one. Nothing can be added, changed or deleted
unless an admin says so, and what is changed is written to the audit, not to Django's own log.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.core.exceptions import BadRequest
from django.db.models import DateTimeField, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from portal.admin.columns import moment
from portal.admin.filters import SUFFIXES, BoundedPaginator
from portal.admin.sites import managed_ids, project_of
from portal.errors import PortalError
from portal.models import AuditEntry

SEARCH_CHARACTERS = 200
SEARCH_TERMS = 10
VALUE_CHARACTERS = 200
HISTORY_ROWS = 200


def actor(request: HttpRequest) -> str:
    """Name the person behind a request as the audit does."""
    return f"user:{request.user.get_username()}"


class ScopedAdmin(ModelAdmin):
    """A list of rows within the viewer's projects; read-only unless said otherwise."""

    project_path = "project"
    may_add = False
    may_change = False
    may_delete = False
    editable: Sequence[str] = ()
    hidden: Sequence[str] = ()
    # More names that an address may filter by, beside those of `list_filter`.
    lookups: Sequence[str] = ()

    list_per_page = 25
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = BoundedPaginator
    list_fullwidth = True

    # --- scope -------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the viewer's projects; all of them for a superuser."""
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        return rows.filter(**{f"{self.project_path}__in": managed_ids(request)})

    def holds(self, request: HttpRequest, row: Model | None) -> bool:
        """Whether the viewer may be here, and this row is theirs."""
        if not self.admin_site.has_permission(request):
            return False
        if row is None or request.user.is_superuser:
            return True
        return project_of(row, self.project_path) in managed_ids(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the list is named at all."""
        return self.holds(request, None)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the row may be seen."""
        return self.holds(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether rows are made here."""
        return self.may_add and self.holds(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the row is edited here."""
        return self.may_change and self.holds(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the row is deleted here."""
        return self.may_delete and self.holds(request, obj)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer only related rows that the viewer may see."""
        related = self.admin_site.get_model_admin(db_field.remote_field.model)
        kwargs["queryset"] = related.get_queryset(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        raise Http404(f"There is no such {opts.verbose_name}.")

    # --- bounds ------------------------------------------------------------------------------
    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow filtering by what the list offers; else a secret is guessed letter by letter."""
        offered = [
            entry[0] if isinstance(entry, tuple | list) else getattr(entry, "parameter_name", entry)
            for entry in self.get_list_filter(request)
        ]
        for name in [*offered, *self.lookups]:
            if lookup == name or (
                lookup.startswith(f"{name}__") and lookup[len(name) + 2 :] in SUFFIXES
            ):
                return True
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search for the first few words: each one more is another scan."""
        words = search_term.replace("\x00", "")[:SEARCH_CHARACTERS].split()[:SEARCH_TERMS]
        return super().get_search_results(request, queryset, " ".join(words))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; PostgreSQL stores no NUL, so an address with one is refused."""
        if any("\x00" in value for values in request.GET.lists() for value in values[1]):
            raise BadRequest("An address holds no NUL.")
        return super().changelist_view(request, extra_context)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Show times shortly: a list is read across."""
        times = {
            column.name: column.verbose_name
            for column in self.opts.fields
            if isinstance(column, DateTimeField)
        }
        return [
            moment(entry, times[entry]) if isinstance(entry, str) and entry in times else entry
            for entry in super().get_list_display(request)
        ]

    # --- forms -------------------------------------------------------------------------------
    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        """Show every column but the secret and the unreadable."""
        if self.fields:
            return self.fields
        return [
            column.name
            for column in self.opts.fields
            if column.name not in self.hidden and not column.auto_created
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        """Let nothing be edited but what is named `editable`: derived columns and evidence stay."""
        named = flatten_fieldsets(self.get_fieldsets(request, obj))
        return [name for name in named if name not in self.editable]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or save one row; what a service refuses is said on the form's page."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except PortalError as refused:
            self.message_user(request, refused.detail, messages.ERROR)
            return redirect(request.get_full_path())

    # --- memory ------------------------------------------------------------------------------
    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> dict[str, Any]:
        """Say what a form changed, before and after; never a password."""
        return {
            name: "changed"
            if "password" in name
            else [_said(form.initial.get(name)), _said(form.cleaned_data.get(name))]
            for name in form.changed_data
        }

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """Remember that a row was made."""
        self.remember(request, "added", obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """Remember that a row was changed, and from what to what."""
        self.remember(request, "changed", obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Remember what was deleted."""
        for row in queryset:
            self.remember(request, "deleted", row, {})

    def remember(self, request: HttpRequest, verb: str, row: Model, details: Any) -> None:
        """Write one line of audit."""
        AuditEntry.objects.record(
            action=f"{self.opts.model_name}.{verb}",
            on=row,
            project_id=project_of(row, self.project_path) if self.project_path else None,
            actor=actor(request),
            user=request.user,
            details=details if isinstance(details, dict) else {},
        )

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what the audit says of one row, newest first."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            raise Http404(f"There is no such {self.opts.verbose_name}.")
        entries = AuditEntry.objects.filter(
            object_type=self.opts.model_name, object_id=str(row.pk)
        ).select_related("user")
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {row}",
            "opts": self.opts,
            "object": row,
            "entries": entries[:HISTORY_ROWS],
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/history.html", context)


class SuperuserAdmin(ScopedAdmin):
    """Rows that belong to no project and are the superusers' alone."""

    project_path = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return every row, to superusers."""
        rows = ModelAdmin.get_queryset(self, request)
        return rows if request.user.is_superuser else rows.none()

    def holds(self, request: HttpRequest, row: Model | None) -> bool:
        """Whether the viewer is a superuser."""
        return bool(request.user.is_active and request.user.is_superuser)


def _said(value: Any) -> Any:
    """Return a form's value as JSON holds it, cut short."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:VALUE_CHARACTERS]
